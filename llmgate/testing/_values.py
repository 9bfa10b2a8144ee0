"""JSON values, wherever they stand in a body: to be walked, parsed, looked for and changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from llmgate.errors import LLMGateError
from llmgate.provider.http import decode_json, encode_json, is_array, is_object


def nodes_of(value: Any) -> Iterator[Any]:
    """A JSON value, and every value in it."""
    yield value
    children: Any = value
    if isinstance(value, dict):
        children = list(children.values())
    if isinstance(children, list):
        for child in children:  # pyright: ignore[reportUnknownVariableType]
            yield from nodes_of(child)


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of every object in a JSON value."""
    for node in nodes_of(value):
        if is_object(node):
            yield from node.items()


def text_of(value: Any) -> str:
    """A JSON value as text, as it is sent."""
    return encode_json(value).decode()


def parsed(value: Any) -> Any:
    """What a text says as JSON; what is no JSON, and no text, is left as it is."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return decode_json(value.encode() if isinstance(value, str) else value)
    except LLMGateError:
        return value


def says(text: str, body: Any) -> bool:
    """Whether a text stands in a body, in one piece or in several of the same name."""
    texts: dict[str, str] = {}
    for name, value in fields_of(body):
        if isinstance(value, str):
            texts[name] = texts.get(name, "") + value
    return text_of(text)[1:-1] in text_of(body) or any(text in said for said in texts.values())


def occurs(value: Any, body: Any) -> bool:
    """Whether a value stands somewhere in a body; a list may stand there item by item."""
    if any(is_same(value, node) for node in nodes_of(body)):
        return True
    items: Any = value
    return isinstance(value, list) and all(occurs(item, body) for item in items)


def is_same(one: Any, other: Any) -> bool:
    """JSON's equality: True is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def value_at(value: Any, path: str) -> Any:
    """What stands at a path such as ``messages[1].name``; None where nothing does."""
    for step in re.findall(r"\w+", path):
        if is_object(value):
            value = value.get(step)
        elif is_array(value) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def differences(expected: Any, found: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where a value is not as expected; fields that are not expected may be anything."""
    if is_object(expected) and is_object(found):
        for name, value in expected.items():
            yield from differences(value, found.get(name), f"{path}.{name}" if path else name)
    elif is_array(expected) and is_array(found) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif not is_same(expected, found):
        yield path, expected, found


_COUNTS = re.compile("usage|tokens|count|billed|meta", re.IGNORECASE)


def without_counts(value: Any) -> Any:
    """A JSON value without the fields whose names say that they count something."""
    if is_object(value):
        return {
            name: without_counts(child) for name, child in value.items() if not _COUNTS.search(name)
        }
    return [without_counts(child) for child in value] if is_array(value) else value
