"""Python types as response formats, and the values of responses to those that were wrapped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Annotated, Any, Generic, Literal, NotRequired, Optional, TypedDict, TypeVar
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, WithJsonSchema

from llmgate import Client
from llmgate._core import formats
from llmgate._core.check import check_parameters
from llmgate._core.formats import VALUE, WRAPPED, format_of
from llmgate._core.remembered import deep_copy
from llmgate._core.unwrapping import ChunkUnwrapper, unwrapped
from llmgate._core.views import MappedDecoder
from llmgate.errors import InvalidRequestError
from llmgate.options import ChatCall
from llmgate.testing import FakeProvider
from llmgate.tools import parse_answer
from llmgate.types import Choice, ChoiceDelta, Chunk, ChunkChoice, Completion, Message


class Item(BaseModel):
    """Something to be bought."""

    name: str = Field(description="Its name.", examples=["nut"])
    price: float = 0.0


class Order(BaseModel):
    kind: Literal["order"] = "order"
    item: Item = Field(description="What is bought.")
    more: list[Item] | None = None


class Refund(BaseModel):
    kind: Literal["refund"] = "refund"


class Node(BaseModel):
    children: list[Node] = []
    parent: Node | None = None
    twin: Annotated[Node, Field(description="It.")] | None = None


class Tree(BaseModel):
    root: Node = Field(description="Its root.")


class Loose(BaseModel):
    anything: Any


class Open(BaseModel):
    counts: dict[str, int]


class Closed(BaseModel, extra="forbid"):
    pass


class Mail(BaseModel):
    to: Annotated[str, Field(pattern=".+@.+")]
    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    link: Annotated[str, Field(json_schema_extra={"format": "uri"})]


@dataclass
class Pair:
    left: int


class Size(TypedDict):
    width: int
    height: NotRequired[int]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Opaque:
    """Something that no JSON describes."""


class Nothing(BaseModel):
    """What no value is; a default is none of its bounds."""

    odd: Annotated[str, Field(min_length=3, max_length=2)] | None = None
    even: dict[str, int] = {"minimum": 2, "maximum": 1}


def schema_of(kind: Any) -> dict[str, Any]:
    """The schema that is sent for a type."""
    made: Any = format_of(kind).parameter
    assert {"response_format": made} == check_parameters({"response_format": made})
    return made["json_schema"]["schema"]  # type: ignore[no-any-return] # JSON


def is_strict(kind: Any) -> bool:
    """Whether a type is sent as a strict format."""
    made: Any = format_of(kind).parameter
    return made["json_schema"].get("strict") is True


# --- schemas ---


def test_a_class_is_sent_as_a_strict_format() -> None:
    """Each object lists all its properties and no others, as hosts demand of a strict schema; what
    says nothing of the values is left out."""
    item = {
        "title": "Item",
        "description": "Something to be bought.",
        "type": "object",
        "properties": {
            "name": {"title": "Name", "description": "Its name.", "type": "string"},
            "price": {"title": "Price", "type": "number"},
        },
        "required": ["name", "price"],
        "additionalProperties": False,
    }
    expected = {"name": "Item", "schema": item, "strict": True}
    assert ({"type": "json_schema", "json_schema": expected}, ()) == format_of(Item)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Item, "Item"),
        (Box[int], "Box_int_"),
        (Pair, "Pair"),
        (Size, "Size"),
        (type("N" * 100, (BaseModel,), {}), "N" * 64),
        (int, "int"),
        (list[Item], "response"),
        (Item | None, "response"),
        (TypeAdapter(Item), "response"),
    ],
)
def test_a_format_has_a_name_that_openai_takes_for_one(kind: Any, name: str) -> None:
    """That of the class, if there is one."""
    made: Any = format_of(kind).parameter
    assert ("json_schema", name) == (made["type"], made["json_schema"]["name"])


WRAPPED_TYPES: tuple[Any, ...] = (
    *(list[Item], Item | Refund, Optional[Item], Literal["a", "b"], Colour, int, bool, str),  # noqa: UP045 - as many write it
    *(Annotated[list[int], Field(min_length=1)], TypeAdapter(list[Item]), list[Size], Size | None),
    Annotated[Order | Refund, Field(discriminator="kind")],
)


@pytest.mark.parametrize("kind", WRAPPED_TYPES)
def test_a_value_that_is_no_object_is_put_into_one(kind: Any) -> None:
    """Hosts take an object at the root alone; the report says so."""
    schema = schema_of(kind)
    assert ("object", [VALUE], False) == (
        schema["type"],
        schema["required"],
        schema["additionalProperties"],
    )
    assert {VALUE} == schema["properties"].keys()
    assert [WRAPPED] == [each.reason for each in format_of(kind).deviations]
    assert is_strict(kind)


def test_the_definitions_of_a_wrapped_schema_are_at_its_root() -> None:
    """Where its references look for them."""
    schema = schema_of(list[Item])
    assert {"items": {"$ref": "#/$defs/Item"}, "type": "array"} == schema["properties"][VALUE]
    assert ["name", "price"] == schema["$defs"]["Item"]["required"]


def test_a_union_that_names_its_kinds_is_one_of_them() -> None:
    """``oneOf`` and ``discriminator`` are not allowed in a strict schema, and say no more."""
    schema = schema_of(Annotated[Order | Refund, Field(discriminator="kind")])
    references = [{"$ref": "#/$defs/Order"}, {"$ref": "#/$defs/Refund"}]
    assert {"anyOf": references} == schema["properties"][VALUE]


def test_what_stands_beside_a_reference_is_joined_with_it() -> None:
    """A reference in a strict schema stands alone; a type that contains itself has an end."""
    item = schema_of(Order)["properties"]["item"]
    assert ("What is bought.", ["name", "price"]) == (item["description"], item["required"])
    assert "$ref" not in item
    root = schema_of(Tree)["properties"]["root"]
    assert "Its root." == root["description"]
    assert {"$ref": "#/$defs/Node"} in root["properties"]["twin"]["anyOf"]


def test_a_type_that_contains_itself_has_an_object_at_its_root() -> None:
    """And no reference, which some hosts do not take there."""
    schema = schema_of(Node)
    assert "object" == schema["type"]
    assert "Node" in schema["$defs"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (dict[str, int], "no properties of any name"),
        (Open, "no properties of any name"),
        (Loose, "no schema that allows anything"),
        (list[Any], "no schema that allows anything"),
        (dict[str, Any], "no properties of any name"),
        (Annotated[int, WithJsonSchema({"type": "object"})], "no properties of any name"),
        (tuple[int, str], "no prefixItems"),
        (Mail, "no format"),
        (set[int], "no uniqueItems"),
        (Annotated[str, Field(min_length=1)], "no minLength"),
    ],
)
def test_what_no_strict_schema_can_say_is_sent_as_it_is(kind: Any, reason: str) -> None:
    """The report says that the host may depart from it, and why."""
    assert not is_strict(kind)
    deviation = format_of(kind).deviations[-1]
    assert "response_format" == deviation.path
    assert deviation.reason.endswith(reason)
    assert "may depart" in deviation.reason


def test_an_object_without_properties_is_strict_where_it_is_closed() -> None:
    """It has none, and allows none."""
    assert (True, {}) == (is_strict(Closed), schema_of(Closed)["properties"])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Opaque, "no schema for Opaque: "),
        (
            Nothing,
            r".+ of Nothing contradicts itself: properties\.odd\.anyOf\[0\] has minLength 3",
        ),
        (
            Annotated[int, Field(gt=1, lt=1)],
            r".+ contradicts itself: the value has exclusiveMinimum 1",
        ),
        (object(), "no schema for response: "),
        (Any, "the schema of response allows anything|the schema of Any allows anything"),
        (object, "the schema of object allows anything"),
        (Annotated[int, []], None),
    ],
)
def test_a_type_without_a_schema_is_refused(kind: Any, reason: str | None) -> None:
    """The error is ours, and names the parameter. An annotation that cannot be hashed is none."""
    if reason is None:
        assert format_of(kind) == format_of(Annotated[int, []])
        return
    with pytest.raises(InvalidRequestError, match=f"response_format: ({reason})"):
        format_of(kind)


def test_the_schema_of_a_class_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a hundred times as long as the rest of a call. What may be changed is a copy."""
    made = format_of(Item)
    monkeypatch.setattr(formats, "schema_of", None)
    assert made is format_of(Item)
    parameters = check_parameters({"response_format": made.parameter})
    sent: Any = deep_copy(ChatCall("m", [], parameters)).parameters
    sent["response_format"]["json_schema"]["schema"].clear()
    assert "type" in schema_of(Item)


# --- values ---

ITEMS = '[{"name": "a", "price": 1}, {"name": "}", "price": {}}]'
WHOLE: dict[str, tuple[str | None, str | None]] = {
    "a value": ('{"value": 5}', "5"),
    "a list": (f'{{"value": {ITEMS}}}', ITEMS),
    "an object": ('{"value":{"a":{}}}', '{"a":{}}'),
    "white space": ('\n {\n  "value" :\n  [1,\n 2] \n}\n', "[1,\n 2]"),
    "null": ('{"value": null}', "null"),
    "another object": ('{"a": 1}', '{"a": 1}'),
    "an object with more": ('{"value": 1, "note": "x"}', '{"value": 1, "note": "x"}'),
    "a mere list": ("[1]", "[1]"),
    "a text": ("I cannot.", "I cannot."),
    "what was cut": ('{"value": [1', '{"value": [1'),
    "nothing": (None, None),
    "empty text": ("", ""),
}


@pytest.mark.parametrize(("content", "expected"), WHOLE.values(), ids=WHOLE)
def test_the_value_of_a_whole_response(content: str | None, expected: str | None) -> None:
    """It is the response, as the model wrote it; what is no such object stays."""
    completion = Completion([Choice(Message(content)), Choice(Message("x"), 1)], id="i")
    taken = unwrapped(completion)
    assert [expected, "x"] == [choice.message.content for choice in taken.choices]
    assert "i" == taken.id


def streamed(pieces: Iterable[str], end: bool = True) -> tuple[str, list[str]]:
    """The text of a stream of these pieces, and its parts."""
    deltas = [ChunkChoice(ChoiceDelta(piece)) for piece in pieces]
    if end:
        deltas.append(ChunkChoice(ChoiceDelta(), finish_reason="stop"))
    chunks = iter([Chunk([delta]) for delta in deltas])
    script: Any = Mock(framer="framer", finished=True)
    script.feed.side_effect = lambda frame: [next(chunks)]  # pyright: ignore[reportUnknownLambdaType] # no frame
    script.close.side_effect = lambda: [*chunks]
    decoder = MappedDecoder(script, ChunkUnwrapper().chunk)
    assert (script.framer, True) == (decoder.framer, decoder.finished)
    made = [*decoder.feed(Mock()), *decoder.close()]
    texts = [chunk.choices[0].delta.content or "" for chunk in made]
    return "".join(texts), texts


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text('}{":\n a', max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
    indent=st.none() | st.integers(0, 2),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_the_value_of_a_stream_is_that_of_the_whole(
    value: Any, indent: int | None, cuts: list[int]
) -> None:
    """However it is cut."""
    text = json.dumps({"value": value}, indent=indent)
    places = sorted({0, *cuts, len(text)})
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert value == json.loads(streamed(pieces)[0])


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["I can", "not {"], "I cannot {"),
        (["[1, ", "2]"], "[1, 2]"),
        (['{"val', "id"], '{"valid'),
        (['{"value', '": [1, {"a": 2', "}"], '[1, {"a": 2'),
        (['{"v'], '{"v'),
        ([" "], " "),
    ],
)
def test_a_stream_of_something_else(pieces: list[str], expected: str) -> None:
    """It passes as it is; nothing is held back at the end but what ends the object."""
    assert expected == streamed(pieces)[0]


def test_what_is_certain_is_delivered_at_once() -> None:
    """A stream of a value is a stream still."""
    assert ["", "[1", ",2]", "", ""] == streamed(['{"value": ', "[1", ",2]", "}"])[1]
    assert "[1" == streamed(['{"value": [1'], end=False)[0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_has_the_value_of_its_type(stream: bool) -> None:
    """From the type to the parsed value; each report says how it was asked for."""
    provider = FakeProvider([f'{{"value": {ITEMS}}}', '{"name": "a", "price": 2}'])
    messages: Any = [{"role": "user", "content": "Hi"}]
    async with Client(providers={"fake": provider}) as client:
        for kind, expected, reasons in (
            (list[Any], json.loads(ITEMS), 2),
            (Item, Item(name="a", price=2), 0),
        ):
            response: Any = await client.acompletion(
                "fake/fake-1", messages, response_format=kind, stream=stream
            )
            completion = await response.completion() if stream else response
            assert expected == parse_answer(completion.text, kind)
            assert reasons == len([*completion.report])
    sent = json.loads(provider.transport.requests[0].body or b"{}")
    assert "json_schema" == sent["with"]["response_format"]["type"]


async def test_a_dictionary_is_sent_as_it_was_given() -> None:
    """Whatever it asks for, and nothing is taken out of the response."""
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array"}}}
    provider = FakeProvider(['{"value": 1}'])
    history: Any = [{"role": "model", "content": "Hi"}]  # so that the report has an entry
    async with Client(providers={"fake": provider}) as client:
        completion = await client.acompletion(
            "fake/fake-1",
            history,
            response_format=form,
        )
    assert '{"value": 1}' == completion.text
    assert form == json.loads(provider.transport.requests[0].body or b"")["with"]["response_format"]
