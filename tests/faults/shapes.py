"""JSON values spoilt in one place after the other, and what an odd answer must still be good for.

It knows no provider; where an answer holds its text is found by looking for it.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any, TypeAlias

from llmgate.provider.http import is_array, is_object
from llmgate.types import Completion
from tests.faults.dialect import TEXT, Dialect
from tests.faults.table import Check, Outcome

__all__ = [
    "MISSING",
    "Path",
    "get_in",
    "path_of",
    "paths_in",
    "sayings",
    "set_in",
    "usable",
]

Path: TypeAlias = tuple[str | int, ...]

MISSING = object()
"""Stands for a key or an item that is not there."""


def paths_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places in a JSON value, but for the whole of it."""
    items: list[tuple[Any, Any]] = []
    if is_object(value):
        items = [*value.items()]
    elif is_array(value):
        items = [*enumerate(value)]
    for key, item in items:
        yield (*path, key)
        yield from paths_in(item, (*path, key))


def path_of(value: Any, wanted: Any) -> Path:
    """Where a value stands."""
    found = (path for path in paths_in(value) if get_in(value, path) == wanted)
    return next(found)


def get_in(value: Any, path: Path) -> Any:
    """What stands there."""
    for step in path:
        value = value[step]
    return value


def set_in(value: Any, path: Path, new: Any) -> Any:
    """A copy with something else there, or nothing."""
    if not path:
        return new
    spoilt = copy.deepcopy(value)
    holder = get_in(spoilt, path[:-1])
    if new is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return spoilt


def sayings(dialect: Dialect) -> list[Path]:
    """The places that lead to the text of an answer, from the outermost."""
    whole = path_of(dict(dialect.answer), TEXT)
    return [whole[: end + 1] for end in range(len(whole))]


def usable(*texts: str) -> Check:
    """An answer with one of these texts, that can be shown, stored, copied, sent and read again."""

    def check(outcome: Outcome) -> None:
        answer = outcome.answer
        assert answer is not None, f"no answer, but {outcome.error!r}"
        assert outcome.text in (texts or (TEXT,)), f"the text is {outcome.text[:80]!r}"
        assert outcome.text.encode().decode() == outcome.text
        assert json.loads(answer.model_dump_json().encode()) is not None
        assert repr(answer)
        again = Completion.model_validate(answer.model_dump())
        assert again.text == answer.text
        assert pickle.loads(pickle.dumps(answer)).text == answer.text  # noqa: S301 - our own
        assert copy.deepcopy(answer).text == answer.text

    return check
