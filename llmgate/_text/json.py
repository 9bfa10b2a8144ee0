"""JSON values: reading, writing, and telling their kinds apart with types to match.

It knows no provider and no shape of a response.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from operator import is_
from typing import Any, SupportsIndex, TypeGuard

from llmgate.errors import DecodeError, InvalidRequestError, excerpt

INTEGER_LIMIT = 2**63
"""Integers that a provider sends must be smaller than this in magnitude: sums of larger ones can
grow beyond what Python turns into text."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a JSON value is a number, which a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    """Whether a value is a dictionary of some kind."""
    return isinstance(value, Mapping)


def encode_json(value: Any) -> bytes:
    """JSON in UTF-8.

    The values of a :class:`~llmgate.provider.ProviderCall` are checked already; this raises
    ``InvalidRequestError`` only for what a plugin put there itself.
    """
    try:
        return _writer()(_with_written(value) if is_object(value) else value)
    except TypeError:  # what only the slower writer takes: large integers, and great depth
        pass
    from pydantic_core import PydanticSerializationError, to_json  # noqa: PLC0415 - first use

    try:
        return to_json(value)
    except (PydanticSerializationError, ValueError) as error:
        failure = InvalidRequestError(f"the request cannot be written as JSON: {error}")
    raise failure


class WrittenList(list[Any]):
    """A list that many calls repeat, with its JSON. What is in it must not be changed; where
    something was added or removed, it is written anew. A copy of it is a plain list."""

    __slots__ = ("_items", "_json")

    def __init__(self, items: list[Any], json: bytes) -> None:
        super().__init__(items)
        self._items, self._json = tuple(items), json

    def json(self) -> bytes | None:
        """Its JSON, as long as its items are those with which it was made."""
        is_same = len(self) == len(self._items) and all(map(is_, self, self._items))
        return self._json if is_same else None

    def __copy__(self) -> list[Any]:
        return [*self]

    def __reduce_ex__(self, _: SupportsIndex) -> tuple[Any, ...]:
        return list, ([*self],)


def _with_written(value: dict[str, Any]) -> dict[str, Any]:
    """An object with what was written before in place of the values that say so."""
    written = {n: part.json() for n, part in value.items() if isinstance(part, WrittenList)}
    if not written:
        return value
    from orjson import Fragment  # noqa: PLC0415 - first use

    return value | {name: Fragment(json) for name, json in written.items() if json is not None}


def plain_json(value: Any) -> bytes | None:
    """The JSON of a value; None where it holds a subclass, a dataclass, or what only the slower
    writer takes. A tuple is written as a list, a UUID and a member of an enumeration as their
    values, and what is not a number as null."""
    dumps, refused = _plain_writer()
    try:
        return dumps(value, None, refused)  # by place: names cost as much as a short message
    except TypeError:
        return None


def sorted_json(value: Any) -> bytes:
    """JSON with the keys of its objects in order, the same for equal values; what is no JSON is in
    it as its text. It is to be compared, and not read."""
    try:
        return _sorting_writer()(value)
    except TypeError:  # keys that are no text, large integers, great depth
        from json import dumps  # noqa: PLC0415 - seldom

        return dumps(value, sort_keys=True, default=str).encode()


def decode_json(data: bytes | str) -> Any:
    """A JSON value; a byte order mark and white space around it are accepted.

    Raises:
        DecodeError: for what is no JSON, or is nested too deeply; ``frame`` holds it.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")  # which the parser then refuses
    try:
        return json_reader()(data.removeprefix(_BYTE_ORDER_MARK))
    except ValueError as error:
        reason = str(error)
    raise DecodeError(f"the response is not JSON ({reason}): {excerpt(data)}", frame=data)


@cache
def _writer() -> Callable[[Any], bytes]:
    """The quickest writer there is; it is not paid for by ``import llmgate``."""
    from orjson import dumps  # noqa: PLC0415 - first use

    return dumps


@cache
def _plain_writer() -> tuple[Callable[[Any, None, int], bytes], int]:
    """The same, and the option with which it takes less for JSON."""
    import orjson  # noqa: PLC0415 - first use

    refused = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
    return orjson.dumps, refused | orjson.OPT_PASSTHROUGH_SUBCLASS


@cache
def _sorting_writer() -> Callable[[Any], bytes]:
    import orjson  # noqa: PLC0415 - first use

    return partial(orjson.dumps, default=str, option=orjson.OPT_SORT_KEYS)


def write_own_json(value: Any) -> bytes:
    """JSON for :func:`read_own_json`; what is no JSON is in it as its text."""
    from json import dumps  # noqa: PLC0415 - for those who keep something

    raw = dumps(value, default=str).encode()
    if _UNUSUAL.search(raw) is None:
        with suppress(ValueError):  # lone surrogates, great depth
            _quick_reader()(raw)
            return raw
    return b" " + raw


def read_own_json(raw: bytes) -> Any:
    """What :func:`write_own_json` wrote, by the quickest reader that reads it as it was."""
    if not raw.startswith(b" "):
        return _quick_reader()(raw)
    from json import loads  # noqa: PLC0415 - seldom

    return loads(raw)


_UNUSUAL = re.compile(rb"[0-9]{19}|NaN|Infinity")
"""What the quickest reader reads as something else, or not at all."""


@cache
def _quick_reader() -> Callable[[bytes], Any]:
    from orjson import loads  # noqa: PLC0415 - first use

    return loads


@cache
def json_reader() -> Callable[[bytes], Any]:
    """A reader that also takes what others refuse: NaN, and integers of any size."""
    from pydantic_core import from_json  # noqa: PLC0415 - first use

    return from_json


def parse_arguments(arguments: str) -> dict[str, Any]:
    """The arguments of a call as a dictionary; empty text stands for none.

    Raises:
        DecodeError: when the model wrote no JSON object.
    """
    value: Any = decode_json(arguments) if arguments.strip() else {}
    if not is_object(value):
        raise DecodeError(f"the arguments are not a JSON object: {excerpt(arguments)}")
    return value
