"""Completions as values of Python types, and their repair."""

from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, field_validator

from llmgate import (
    Client,
    InvalidRequestError,
    OutputError,
    OutputRefusedError,
    OutputTruncatedError,
    OutputValidationError,
    Stream,
    StreamTruncatedError,
    UnsupportedError,
)
from llmgate.errors import DeadlineExceededError
from llmgate.middleware import ChatCall, Handler, Middleware
from llmgate.options import Output
from llmgate.provider import Support
from llmgate.testing import Canned, FakeProvider
from llmgate.types import (
    Choice,
    Completion,
    CompletionTokensDetails,
    Function,
    Message,
    PromptTokensDetails,
    ToolCall,
    Usage,
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
    said,
)

# --- whole responses ---


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (
            Order,
            '{"number": 1, "items": [{"name": "nut"}]}',
            Order(number=1, items=[Item(name="nut")]),
        ),
        (Point, '{"x": 1}', Point(1)),
        (Size, '{"width": 1}', {"width": 1}),
        (list[Item], '{"value": [{"name": "nut"}]}', [Item(name="nut")]),
        (list[Item], '[{"name": "nut"}]', [Item(name="nut")]),
        (Item | Size, '{"value": {"width": 2}}', {"width": 2}),
        (TypeAdapter(dict[str, int]), '{"a": 1}', {"a": 1}),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (Annotated[int, Field(gt=1), {"not": "hashable"}], '{"value": 2}', 2),
        (Item, '```json\n{"name": "nut"}\n```', Item(name="nut")),
    ],
)
async def test_a_response_is_parsed(kind: Any, text: str, value: Any) -> None:
    """The value is in the completion and in its message, and the text stays."""
    async with client_of(text) as client:
        completion = await client.acompletion("fake/m", QUESTION, response_format=kind)
    assert completion.parsed == value
    assert completion.choices[0].message.parsed == value


def test_without_async() -> None:
    """The same."""
    with client_of(
        '{"name": "nut"}', '{"name": "nut"}', '{"value": [1, 2]}', '{"name": "nut"}'
    ) as client:
        assert client.completion("fake/m", QUESTION, response_format=Item).parsed.name == "nut"
        stream = client.completion("fake/m", QUESTION, response_format=Item, stream=True)
        assert stream.completion().parsed == Item(name="nut")
        stream = client.completion("fake/m", QUESTION, response_format=list[int], stream=True)
        assert [*stream.items(int)] == [1, 2]
        stream = client.completion("fake/m", QUESTION, response_format=Item, stream=True)
        assert [*stream.partials(Item)][-1] == Item(name="nut")


async def test_a_value_is_no_part_of_the_json() -> None:
    """Nor of a history; copies and pickles have it."""
    async with client_of('{"name": "nut"}') as client:
        completion = await client.acompletion("fake/m", QUESTION, response_format=Item)
    assert "parsed" not in json.dumps(completion.model_dump())
    assert "parsed" not in completion.choices[0].message
    for copied in (copy.copy(completion), copy.deepcopy(completion), replace(completion)):
        assert copied.parsed == Item(name="nut")
    loaded: Completion[Item] = pickle.loads(pickle.dumps(completion))  # noqa: S301 - made here
    assert loaded.parsed == Item(name="nut")
    assert TypeAdapter(Completion).validate_python(completion.model_dump()).parsed is None


async def test_formats_in_openais_own_form_are_not_parsed() -> None:
    """As ever; nor is a response without a choice."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    async with client_of("no JSON") as client:
        completion = await client.acompletion("fake/m", QUESTION, response_format=schema)
    assert completion.parsed is None
    assert Completion([]).parsed is None


async def test_what_calls_tools_is_no_value_yet() -> None:
    """``parsed`` is None then."""
    call = ToolCall("c1", Function("weather"))
    async with client_of([call]) as client:
        completion = await client.acompletion("fake/m", QUESTION, response_format=Item)
    assert completion.parsed is None


async def test_every_choice_is_parsed() -> None:
    """Each has its own value."""
    choices = [Choice(Message('{"name": "a"}')), Choice(Message('{"name": "b"}'), index=1)]
    async with Client(middleware=[Gives(Completion(choices))]) as client:
        completion = await client.acompletion("openai/m", QUESTION, response_format=Item, n=2)
    assert [each.message.parsed.name for each in completion.choices] == ["a", "b"]


class Picky(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def fail(cls, name: str) -> str:
        """Fails as no validator should."""
        raise KeyError(name)


@pytest.mark.parametrize(
    ("kind", "text", "path", "reason"),
    [
        (Order, '{"number": 1, "items": [{"name": 2}]}', "items[0].name", "valid string"),
        (list[Item], '[{"name": "a"}, {}]', "[1].name", "Field required"),
        (Item, '{"name": "nut"', "", "Invalid JSON"),
        (Item, "", "", "Invalid JSON"),
        (Item, "Sure! Here it is.", "", "Invalid JSON"),
        (Picky, '{"name": "nut"}', "", "nut"),
    ],
)
async def test_what_does_not_fit_is_an_error(kind: Any, text: str, path: str, reason: str) -> None:
    """With the text, the place, the usage, and all that is known of the response."""
    async with client_of(text) as client:
        with pytest.raises(OutputValidationError, match=reason) as raised:
            await client.acompletion("fake/m", QUESTION, response_format=kind)
    error = raised.value
    assert (error.text, error.path, error.provider) == (text, path, "fake")
    assert error.usage is not None
    assert error.usage.prompt_tokens == 1
    assert error.completion is not None
    assert error.completion.text == text
    assert len(error.attempts) == 1
    assert error.__cause__ is None


async def read(client: Client, how: str) -> None:
    """Make a call, and read what comes of it in one of four ways."""
    if how == "whole":
        await client.acompletion("a/m", QUESTION, response_format=Item, repair=1)
        return
    stream = await client.acompletion("a/m", QUESTION, response_format=Item, stream=True)
    if how == "stream":
        await stream.completion()
    else:
        [_ async for _ in (stream.partials(Item) if how == "partials" else stream.items(Item))]


@pytest.mark.parametrize(
    ("completion", "kind", "text"),
    [
        (said('{"na', finish_reason="length"), OutputTruncatedError, '{"na'),
        (said(None, finish_reason="length"), OutputTruncatedError, ""),
        (said(None, refusal="I will not."), OutputRefusedError, "I will not."),
        (said("{", finish_reason="content_filter"), OutputRefusedError, "{"),
        (said(None, finish_reason="content_filter"), OutputRefusedError, ""),
    ],
)
@pytest.mark.parametrize("how", ["whole", "stream", "partials", "items"])
async def test_refusals_and_truncation(
    completion: Completion, kind: type[OutputError], text: str, how: str
) -> None:
    """They are errors of their own, and no repair is tried."""
    gives = Gives(completion)
    async with Client(middleware=[gives]) as client:
        with pytest.raises(kind) as raised:
            await read(client, how)
    assert raised.value.text == text
    assert raised.value.usage == Usage(1, 2, 3)
    assert len(gives.calls) == 1


# --- repair ---


async def test_a_repair_asks_once_more() -> None:
    """With the response and what is wrong; usage and attempts are of both."""
    provider = FakeProvider(['{"name": 1}', '{"name": "nut"}'])
    async with Client(providers={"fake": provider}) as client:
        completion = await client.acompletion("fake/m", QUESTION, response_format=Item, repair=1)
    assert completion.parsed == Item(name="nut")
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 1 + 3
    assert len(completion.attempts) == 2
    assert "asked once more" in str(completion.report)
    second = json.loads(provider.transport.requests[1].body)["conversation"]
    assert [each["role"] for each in second] == ["user", "assistant", "user"]
    assert second[1]["content"] == '{"name": 1}'
    assert "name: Input should be a valid string" in second[2]["content"]


async def test_a_repair_that_fails() -> None:
    """The error has the usage of both; what a response lacks is not repeated."""
    gives = Gives(said(None), replace(said("{}"), usage=None), said("{}"))
    async with Client(middleware=[gives]) as client:
        with pytest.raises(OutputValidationError, match="Field required") as raised:
            await client.acompletion("a/m", QUESTION, response_format=Item, repair=2)
    assert raised.value.usage == Usage(2, 4, 6)
    assert [len(call.messages) for call in gives.calls] == [1, 2, 4]
    gives = Gives(replace(said("{}"), usage=None), replace(said("{}"), usage=None))
    async with Client(middleware=[gives]) as client:
        with pytest.raises(OutputValidationError) as raised:
            await client.acompletion("a/m", QUESTION, response_format=Item, repair=1)
    assert raised.value.usage is None


async def test_a_repair_has_what_is_left_of_the_time() -> None:
    """The deadline is one."""

    class Slow(Middleware):
        async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
            time.sleep(0.15)  # noqa: ASYNC251 - as a busy loop does
            return await handler(call)

    async with client_of("{}", "{}", middleware=[Slow()]) as client:
        with pytest.raises(DeadlineExceededError):
            await client.acompletion(
                "fake/m", QUESTION, response_format=Item, repair=1, timeout=0.2
            )


@pytest.mark.parametrize(
    "options",
    [
        {"repair": 1},
        {"repair": 1, "response_format": {"type": "json_object"}},
        {"repair": -1, "response_format": Item},
        {"repair": True, "response_format": Item},
    ],
)
async def test_a_repair_that_means_nothing(options: dict[str, Any]) -> None:
    """It is refused before anything is sent."""
    async with client_of() as client:
        with pytest.raises(InvalidRequestError, match="repair") as raised:
            await client.acompletion("fake/m", QUESTION, **options)
    assert raised.value.path == "repair"


async def test_middleware_sees_the_type() -> None:
    """And texts, which it may store."""
    gives = Gives(said('{"name": "nut"}'))
    async with Client(middleware=[gives]) as client:
        await client.acompletion("a/m", QUESTION, response_format=Item, repair=2)
    assert gives.calls[0].output == Output(Item, 2)


async def test_what_middleware_gives_stays_as_it_is() -> None:
    """A cache may give it to others."""
    stored = said('{"name": "nut"}')
    async with Client(middleware=[Gives(stored, stored)]) as client:
        completion = await client.acompletion("a/m", QUESTION, response_format=Item)
    assert completion.parsed == Item(name="nut")
    assert stored.parsed is None


def test_usage_is_summed() -> None:
    """With its details; what is no count is left out."""
    first = Usage(1, 2, 3, PromptTokensDetails(1), extra={"cost": 1})
    second = Usage(1, 1, 2, PromptTokensDetails(2, 3, extra={"odd": 1}), CompletionTokensDetails(4))
    expected = Usage(2, 3, 5, PromptTokensDetails(3, 3), CompletionTokensDetails(4))
    assert first + second == expected
    assert second + first == expected


# --- models that take no schema ---


class WithoutSchemas(FakeProvider):
    """A provider of which some models take no schema, and some no tools either."""

    def abilities(self, model: str, parameters: Any) -> Mapping[str, Support] | None:
        """What the model takes."""
        table = {"temperature": Support.NATIVE}
        if model != "plain":
            table |= {"tools": Support.NATIVE, "tool_choice": Support.TRANSLATED}
        return table


@pytest.mark.parametrize("stream", [False, True])
async def test_a_schema_by_a_forced_tool(stream: bool) -> None:
    """Its arguments are the text, and the report says so."""
    provider = WithoutSchemas([[CALL]])
    async with Client(providers={"fake": provider}) as client:
        result: Any = await client.acompletion(
            "fake/m", QUESTION, response_format=Item, stream=stream
        )
        completion = await result.completion() if stream else result
    assert completion.parsed == Item(name="nut")
    assert completion.text == '{"name": "nut"}'
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.tool_calls is None
    [deviation] = completion.report
    assert (deviation.kind, deviation.path) == ("emulated", "response_format")
    sent = json.loads(provider.transport.requests[0].body)["with"]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "Item"}}
    assert sent["tools"][0]["function"]["parameters"]["required"] == ["name", "price"]
    assert "response_format" not in sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["plain", "tools"])
async def test_a_schema_in_words(stream: bool, model: str) -> None:
    """Where no tool can be forced, as the model has none, or others were given."""
    provider = WithoutSchemas(['```json\n{"name": "nut"}\n```'])
    options: Any = {"tools": [weather]} if model == "tools" else {}
    async with Client(providers={"fake": provider}) as client:
        result: Any = await client.acompletion(
            f"fake/{model}", QUESTION, response_format=Item, stream=stream, **options
        )
        completion = await result.completion() if stream else result
    assert completion.parsed == Item(name="nut")
    assert [each.kind for each in completion.report] == ["emulated"]
    first = json.loads(provider.transport.requests[0].body)["conversation"][0]
    assert first["role"] == "system"
    assert '"price"' in first["content"]


def weather(city: str) -> str:
    """The weather."""
    return city


async def test_a_list_by_a_forced_tool() -> None:
    """It is taken out of its object; a call that is none of ours, or text, stays."""
    call = ToolCall("c1", Function("response", '{"value": [1]}'))
    async with Client(providers={"fake": WithoutSchemas([[call], '{"value": [2]}'])}) as client:
        first = await client.acompletion("fake/m", QUESTION, response_format=list[int])
        second = await client.acompletion("fake/m", QUESTION, response_format=list[int])
    assert (first.parsed, second.parsed) == ([1], [2])


async def test_a_forced_tool_whose_stream_breaks_off() -> None:
    """It is truncated, as any stream is."""
    answer = Canned(body=[b'{"say": "x"}\n'])
    async with Client(providers={"fake": WithoutSchemas([answer])}) as client:
        stream = await client.acompletion("fake/m", QUESTION, response_format=Item, stream=True)
        with pytest.raises(StreamTruncatedError):
            await stream.completion()


async def test_a_schema_in_openais_form_is_refused_as_ever() -> None:
    """Nothing is emulated for it."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    async with Client(providers={"fake": WithoutSchemas()}) as client:
        with pytest.raises(UnsupportedError):
            await client.acompletion("fake/m", QUESTION, response_format=schema)
