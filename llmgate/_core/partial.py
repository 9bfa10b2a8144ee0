"""Values from the text of a stream while it arrives: partial values of a type, and finished items.

Readers take pieces of text and return values; they do not know how the stream is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    Protocol,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from llmgate._core.parsing import check_ending, locate, validate, validate_value
from llmgate._core.source import text_of
from llmgate._text.hints import AsyncOnly
from llmgate._text.json import is_array, is_object
from llmgate.errors import OutputValidationError

if TYPE_CHECKING:
    from llmgate._core.stream import Stream
    from llmgate.types import Chunk, Completion

Value = TypeVar("Value")


class Reader(Protocol):
    """Makes values from the text of a stream."""

    def feed(self, text: str) -> Iterable[Any]:
        """The values that a piece of the text completes."""
        ...

    def end(self, text: str) -> Iterable[Any]:
        """The values that the end of the text completes."""
        ...


class ValueIterator(AsyncOnly, Generic[Value]):
    """The values in a stream's first choice, as they arrive."""

    def __init__(
        self, stream: Stream, reader: Reader, completion: Callable[[], Completion]
    ) -> None:
        """``completion`` returns the completion of the stream's chunks."""
        self._stream, self._reader, self._completion = stream, reader, completion
        self._ready = list[Value]()
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Value:
        if not self._ready:
            self._ready = (await self.next_values())[::-1]
        if not self._ready:
            raise StopAsyncIteration
        return self._ready.pop()

    async def next_values(self) -> list[Value]:
        """The next values, at least one; none at the end.

        Raises:
            OutputError: when the text is not a valid value of the type.
        """
        values = list[Value]()
        while not (values or self._is_over):
            batch = await self._stream.next_batch()
            try:
                values = self._values_of(batch)
            except OutputValidationError as error:
                self._is_over = True
                await self._stream.aclose()
                raise locate(error, self._completion()) from None
        return values

    def _values_of(self, batch: list[Chunk]) -> list[Value]:
        if batch:
            return [*self._reader.feed("".join(map(text_of, batch)))]
        self._is_over = True
        completion = self._completion()
        for choice in completion.choices[:1]:
            if not (choice.message.tool_calls or choice.message.function_call):
                check_ending(choice, completion)
                return [*self._reader.end(choice.message.content or "")]
        return []


# --- the items of a list ------------------------------------------------------------------


class ItemReader:
    """The finished items of a list: the whole value, or the first list in an object."""

    def __init__(self, kind: Any) -> None:
        self._kind = get_args(kind)[0] if get_origin(kind) is list else kind
        self._count = self._depth = self._at = 0
        self._text = ""
        self._list_depth: int | None = None
        self._is_quoted = self._is_over = False

    def feed(self, text: str) -> Iterator[Any]:
        """The items that a piece of the text completes."""
        self._text += text
        while not self._is_over and (mark := self._next_mark()):
            yield from self._passed(mark)

    def end(self, text: str) -> Iterator[Any]:
        """Nothing: all items were returned already, or the text is not a list."""
        if not self._is_over:
            validate(text, list)  # which says what is wrong with it
            raise OutputValidationError("part of the list was read before", text=text)
        yield from ()

    def _next_mark(self) -> str:
        """The next character of the list's structure; the position is then just after it."""
        found = (_IN_TEXT if self._is_quoted else _OUTSIDE).search(self._text, self._at)
        if found is None:
            is_escape = self._text.endswith("\\", self._at)  # its second half has not come
            self._at = len(self._text) - is_escape
            return ""
        self._at = found.end()
        return found[0]

    def _passed(self, mark: str) -> Iterator[Any]:
        if mark[0] == "\\":
            return
        if mark == '"':
            self._is_quoted = not self._is_quoted
        elif mark in "[{":
            self._depth += 1
            if self._list_depth is None and mark == "[":
                self._list_depth = self._depth
                self._cut()
        elif self._depth == self._list_depth:
            self._is_over = mark == "]"
            yield from self._item(self._cut()[:-1])
        if mark in "]}":
            self._depth -= 1

    def _cut(self) -> str:
        """Take the text up to here off the rest."""
        text, self._text, self._at = self._text[: self._at], self._text[self._at :], 0
        return text

    def _item(self, text: str) -> Iterator[Any]:
        if text.strip() or not self._is_over:  # otherwise it is the end of an empty list
            place, self._count = f"[{self._count}]", self._count + 1
            yield validate(text, self._kind, place)


_IN_TEXT = re.compile(r'"|\\.', re.DOTALL)
_OUTSIDE = re.compile(r'[\[\]{},"]')


# --- partial values -----------------------------------------------------------------------


_NOT_YET: Any = object()
"""Stands for a value of which nothing is usable yet."""


class PartialReader:
    """Values of a type with the fields so far; the last one is complete and validated.

    Objects have their own classes, but are made without validation: a field that has not come has
    its default, or None. Complete values are validated; a string may still be incomplete.
    """

    def __init__(self, kind: Any) -> None:
        self._kind, self._type = kind, getattr(kind, "_type", kind)  # that of a TypeAdapter
        self._text = ""
        self._last: Any = _NOT_YET
        self._whole: dict[tuple[str | int, ...], Any] = {}

    def feed(self, text: str) -> Iterator[Any]:
        """The value so far, if the piece adds to it."""
        from pydantic_core import from_json  # noqa: PLC0415 - pydantic is there, for the type

        self._text += text
        try:
            data = from_json(_json_in(self._text), allow_partial="trailing-strings")
        except ValueError:  # not JSON, or not yet: the end reports it
            return
        value = self._partial(self._type, data, ())
        if value is not _NOT_YET and (self._last is _NOT_YET or value != self._last):
            self._last = value
            yield value

    def end(self, text: str) -> Iterator[Any]:
        """The whole value."""
        yield validate(text, self._kind)

    def _complete(self, kind: Any, data: Any, place: tuple[str | int, ...]) -> Any:
        """A value that is complete. Its errors are reported at the end."""
        if place not in self._whole:
            try:
                self._whole[place] = validate_value(data, kind)
            except OutputValidationError:
                self._whole[place] = _NOT_YET
        return self._whole[place]

    def _partial(self, kind: Any, data: Any, place: tuple[str | int, ...]) -> Any:
        """A value that may still grow."""
        if get_origin(kind) is Annotated:
            return self._partial(get_args(kind)[0], data, place)
        if kind in (Any, object) or (kind is str and isinstance(data, str)):
            return data
        if isinstance(data, int | float | NoneType):
            may_grow = self._text[-1] in _OF_NUMBERS and place not in self._whole
            return _NOT_YET if may_grow else self._complete(kind, data, place)
        if get_origin(kind) in (Union, UnionType):
            options = [option for option in get_args(kind) if _may_be(option, data)]
            return self._partial(options[0], data, place) if len(options) == 1 else _NOT_YET
        if is_array(data):
            return self._list(kind, data, place)
        if is_object(data):
            return self._object(kind, data, place)
        return _NOT_YET

    def _list(self, kind: Any, data: list[Any], place: tuple[str | int, ...]) -> Any:
        if get_origin(kind) is not list:
            return [] if kind is list else _NOT_YET
        (item,) = get_args(kind)
        items = [self._complete(item, each, (*place, n)) for n, each in enumerate(data[:-1])]
        if data:
            items.append(self._partial(item, data[-1], (*place, len(data) - 1)))
        return [each for each in items if each is not _NOT_YET]

    def _object(self, kind: Any, data: dict[str, Any], place: tuple[str | int, ...]) -> Any:
        if get_origin(kind) is dict:
            return self._fields(data, lambda _: get_args(kind)[1], place)
        hints = _field_types(kind)
        if hints is None:
            return data if kind is dict else _NOT_YET
        return _made(kind, self._fields(data, hints.get, place))

    def _fields(
        self, data: dict[str, Any], type_of: Callable[[str], Any], place: tuple[str | int, ...]
    ) -> dict[str, Any]:
        found, last = dict[str, Any](), next(reversed(data), None)
        for name, each in data.items():
            kind = type_of(name)
            if kind is not None:
                read = self._partial if name == last else self._complete
                found[name] = read(kind, each, (*place, name))
        return {name: each for name, each in found.items() if each is not _NOT_YET}


_OF_NUMBERS = frozenset("0123456789.eE+-")


def _json_in(text: str) -> str:
    """The text without the opening code fence, if it begins with one."""
    return text.partition("\n")[2] if text.lstrip().startswith("```") else text


def _may_be(kind: Any, data: Any) -> bool:
    """Whether a value can still become one of this type."""
    if get_origin(kind) is Annotated:
        return _may_be(get_args(kind)[0], data)
    if isinstance(data, str):
        return kind is str
    if is_array(data):
        return get_origin(kind) is list
    hints = _field_types(kind)
    if hints is None:
        return get_origin(kind) is dict
    fixed = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    return all(name in hints for name in data) and all(
        data[name] in allowed for name, allowed in fixed.items() if name in data
    )


def _field_types(kind: Any) -> Mapping[str, Any] | None:
    """The types of an object's fields by their names in JSON; None for any other type."""
    kind = get_origin(kind) or kind
    if hasattr(kind, "model_fields"):
        return {
            _json_name(name, each): _with_metadata(each) for name, each in kind.model_fields.items()
        }
    if is_dataclass(kind) or is_typeddict(kind):
        return get_type_hints(kind)
    return None


def _json_name(name: str, field: Any) -> str:
    alias = field.validation_alias
    return alias if isinstance(alias, str) else name


def _with_metadata(field: Any) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _made(kind: Any, values: dict[str, Any]) -> Any:
    """An object with these values, and with defaults or None for the missing ones."""
    own = get_origin(kind) or kind
    if hasattr(own, "model_fields"):
        named = {name: _json_name(name, each) for name, each in own.model_fields.items()}
        known = {name: values[json] for name, json in named.items() if json in values}
        missing = {n: None for n, each in own.model_fields.items() if each.is_required()}
        return kind.model_construct(_fields_set={*known}, **{**missing, **known})
    if is_typeddict(own):
        return values
    made = object.__new__(own)
    for each in fields(own):
        object.__setattr__(made, each.name, values.get(each.name, _default_of(each)))
    return made


def _default_of(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default
