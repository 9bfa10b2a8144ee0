"""What of a response's payloads is in none of the completion and the report made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate.report import Report
from llmgate.types import Completion

__all__ = ["lost"]


def lost(completion: Completion, report: Report, payloads: Iterable[Any]) -> set[tuple[str, str]]:
    """The paths and values that are neither in the completion nor in the report.

    A text is kept where it is a part of another, as its pieces are; a flag where its name is.
    """
    kept = [*_leaves(completion.model_dump())]
    names = {name for path, _ in kept for name in path}
    values = {repr(value) for _, value in kept}
    texts = [value for _, value in kept if isinstance(value, str)]
    for deviation in report:
        texts += [str(deviation.path), repr(deviation.given), str(deviation.reason)]
        names.update(str(deviation.path).split("."))
    text = "\0".join(texts)

    def is_kept(path: tuple[str, ...], value: Any) -> bool:
        if isinstance(value, bool):
            return path[-1] in names
        if isinstance(value, str):
            return any(form in text for form in (value, value.strip(), json.dumps(value)[1:-1]))
        return value is None or repr(value) in values or str(value) in text

    leaves = (leaf for payload in payloads for leaf in _leaves(payload))
    return {(".".join(path), repr(value)) for path, value in leaves if not is_kept(path, value)}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every text, number and flag, with the names that lead to it."""
    if is_object(value):
        for name, child in value.items():
            yield from _leaves(child, (*path, name))
    elif is_array(value):
        for child in value:
            yield from _leaves(child, path)
    else:
        yield path, value
