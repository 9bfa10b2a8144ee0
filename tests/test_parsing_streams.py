"""Partial values and items of a list, from a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from llmgate import (
    Client,
    OutputValidationError,
)
from llmgate._core.partial import PartialReader
from llmgate.types import (
    Completion,
)
from tests.parsed_calls import (
    CALL,
    QUESTION,
    Gives,
    Item,
    Order,
    Point,
    Size,
    client_of,
    items,
    partials,
    said,
)

# --- streams: partial values ---


class Colour(Enum):
    RED = "red"


class Event(BaseModel):
    kind: Literal["event"]
    day: date
    note: Annotated[str, Field(max_length=100)] = "none"
    colour: Colour | None = None
    guests: list[Item] = []
    scores: dict[str, int] = {}
    more: Any = None
    odd: Item | Point | None = Field(None, alias="strange")


class Talk(BaseModel):
    kind: Literal["talk"]
    title: str


def test_a_partial_value_grows() -> None:
    """It is of the type, and what has not come is its default, or None."""
    event = {
        "kind": "event",
        "day": "2026-11-30",
        "note": "a note",
        "colour": "red",
        "guests": [{"name": "Ann", "price": 1.5}, {"name": "Bob"}],
        "scores": {"a": 1, "b": 2},
        "more": [1, {"x": None}],
        "strange": {"x": 1, "labels": ["l"]},
    }
    found = partials(Event, json.dumps(event))
    assert all(isinstance(value, Event) for value in found)
    assert found[0].kind is None
    assert found[0].note == "none"
    assert any(value.note == "a no" and value.day == date(2026, 11, 30) for value in found)
    assert any(value.colour is Colour.RED and not value.guests for value in found)
    assert any(
        [guest.name for guest in value.guests] == ["Ann", "Bo"] and value.guests[0].price == 1.5
        for value in found
    )
    assert any(value.scores == {"a": 1} for value in found)
    assert found[-1].odd == Point(1, ["l"])
    [whole] = PartialReader(Event).end(json.dumps(event))
    assert whole == Event.model_validate(event)
    assert found == [value for index, value in enumerate(found) if value != found[index - 1]]


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Point, '{"x": 1, "labels": ["a", "b', Point(1, ["a", "b"])),
        (Size, '{"width": 1, "heig', {"width": 1}),
        (dict[str, str], '{"a": "b', {"a": "b"}),
        (list[int], "[1, 2, 3", [1, 2]),
        (list[date], '["2026-01-01", "no date", "2026', [date(2026, 1, 1)]),
        (str, '"Hel', "Hel"),
        (Any, '{"a": [1', {"a": [1]}),
        (dict, '{"a": "b', {"a": "b"}),
        (list, "[1", []),
        (TypeAdapter(list[Item]), '[{"name": "a', [Item(name="a")]),
        (Event | Talk, '{"kind": "talk", "title": "On', Talk(kind="talk", title="On")),
        (list[int] | str, '"a', "a"),
        (list[int] | str, "[1, 2", [1]),
        (Item, '{"other": 1, "price": 1, "n2', Item.model_construct(name=None, price=1.0)),
        (int | str, "12 ", 12),
        (bool | None, "null", None),
        (dict[str, int] | int, '{"a": 1, "b": 2', {"a": 1}),
        (Item | None, '{"name": "a', Item(name="a")),
        (Optional[Annotated[Item, "note"]], '{"name": "a', Item(name="a")),  # noqa: UP045 - it has no |
        (Box[Item], '{"content": {"name": "a', Box[Item](content=Item(name="a"))),
        (Item, '```json\n{"name": "a', Item(name="a")),
    ],
)
def test_partial_values_of_many_types(kind: Any, text: str, expected: Any) -> None:
    """As far as they can be known."""
    assert partials(kind, text)[-1] == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Item, "Sure: "),
        (int, "12"),
        (Item, "[1"),
        (Sequence[int], "[1"),
        (int, '{"a": 1'),
        (Event | Talk, '{"kind": "other'),
        (Item | Box[int], '{"nothing": 1'),
        (int | str, "{"),
    ],
)
def test_where_nothing_can_be_given_yet(kind: Any, text: str) -> None:
    """There is no partial value; what is wrong is said at the end."""
    assert partials(kind, text) == []


async def test_partials_of_a_stream() -> None:
    """They end with the whole value, or with what is wrong with it."""
    text = '{"number": 1, "items": [{"name": "a nut"}]}'
    async with client_of(text, "nonsense", [CALL]) as client:
        stream = await client.acompletion("fake/m", QUESTION, response_format=Order, stream=True)
        found = [value async for value in stream.partials(Order)]
        assert found[0].items is None
        assert found[-1] == Order(number=1, items=[Item(name="a nut")])
        stream = await client.acompletion("fake/m", QUESTION, response_format=Order, stream=True)
        with pytest.raises(OutputValidationError, match="Invalid JSON") as raised:
            [value async for value in stream.partials(Order)]
        assert raised.value.usage is not None
        assert raised.value.provider == "fake"
        stream = await client.acompletion("fake/m", QUESTION, response_format=Order, stream=True)
        assert [value async for value in stream.partials(Order)] == []


async def test_a_stream_without_a_choice() -> None:
    """Has no values."""
    async with Client(middleware=[Gives(Completion([]))]) as client:
        stream = await client.acompletion("a/m", QUESTION, response_format=Item, stream=True)
        assert [value async for value in stream.partials(Item)] == []


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            Item,
            [{"name": 'a "b" \\'}, {"name": "c[,]{}"}],
            [Item(name='a "b" \\'), Item(name="c[,]{}")],
        ),
        (list[Item], [{"name": "a"}], [Item(name="a")]),
        (int, [], []),
        (int, [1, 2, 3], [1, 2, 3]),
        (TypeAdapter(list[int]), [[1], [], [2, 3]], [[1], [], [2, 3]]),
        (list[list[int]], [[1], [], [2, 3]], [[1], [], [2, 3]]),
        (str, {"title": "t", "names": ["a", "b"], "more": ["c"]}, ["a", "b"]),
    ],
)
def test_the_items_of_a_list(kind: Any, value: Any, expected: Any, size: int) -> None:
    """However they come."""
    assert items(kind, json.dumps(value), size) == expected
    assert items(kind, json.dumps(value, indent=2), size) == expected


async def test_items_that_come_at_once() -> None:
    """They are given one after the other."""
    async with Client(middleware=[Gives(said("[1, 2, 3]"))]) as client:
        stream = await client.acompletion("a/m", QUESTION, stream=True)
        assert [item async for item in stream.items(int)] == [1, 2, 3]


async def test_an_item_is_given_when_it_is_finished() -> None:
    """One by one, as the stream comes."""
    async with client_of('{"value": [{"name": "a b"}, {"name": "c"}]}') as client:
        stream = await client.acompletion(
            "fake/m", QUESTION, response_format=list[Item], stream=True
        )
        found = stream.items(Item)
        assert await anext(found) == Item(name="a b")
        assert stream.usage is None
        assert [item async for item in found] == [Item(name="c")]
        assert stream.usage is not None


@pytest.mark.parametrize(
    ("text", "path", "reason", "count"),
    [
        ('{"value": [{"name": "a"}, {"nam": "c"}, {"name": "d"}]}', "[1].name", "required", 1),
        ('{"value": [1', "", "Invalid JSON", 0),
        ("nothing", "", "Invalid JSON", 0),
        ('{"value": {"name": "a"}}', "", "valid array", 0),
    ],
)
async def test_items_that_are_wrong(text: str, path: str, reason: str, count: int) -> None:
    """The error says which; the stream is closed."""
    found = list[Any]()
    async with client_of(text) as client:
        stream = await client.acompletion(
            "fake/m", QUESTION, response_format=list[Item], stream=True
        )
        with pytest.raises(OutputValidationError, match=reason) as raised:  # noqa: PT012 - they come before it
            async for item in stream.items(Item):
                found.append(item)
        assert not stream.is_open
    assert (raised.value.path, len(found)) == (path, count)
    assert raised.value.provider == "fake"


async def test_a_list_whose_beginning_was_read() -> None:
    """It is said so, rather than that nothing came."""
    async with client_of('["a b"]') as client:
        stream = await client.acompletion(
            "fake/m", QUESTION, response_format=list[str], stream=True
        )
        await anext(stream)
        with pytest.raises(OutputValidationError, match="before"):
            [item async for item in stream.items(str)]
