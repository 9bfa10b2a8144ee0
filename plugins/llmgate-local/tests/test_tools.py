"""Calls that the real SmolLM2 makes, whose chat template knows no tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import jsonschema
import pytest

from llmgate import Client, Completion
from llmgate.errors import UnsupportedError

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("in_silence")]

Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Completion]]
MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]


def calls_of(completion: Completion, index: int = 0) -> list[tuple[str, Any]]:
    """The names and arguments of a choice's calls."""
    made = completion.choices[index].message.tool_calls or []
    functions = [call.function for call in made if call.function is not None]
    return [(function.name, json.loads(function.arguments)) for function in functions]


ENUM: dict[str, Any] = {"enum": ["a", "b"]}
NULL: dict[str, Any] = {"type": "null"}


def arguments(*required: str, **properties: Any) -> dict[str, Any]:
    """The schema of a function's arguments."""
    return {"type": "object", "properties": properties, "required": list(required)}


SCHEMAS: dict[str, dict[str, Any] | None] = {
    "no parameters": None,
    "text": arguments("city", city={"type": "string", "maxLength": 8}),
    "enums": {**arguments("ä", "y", ä=ENUM, y={"const": 3}), "additionalProperties": False},
    "nested": arguments("a", a=arguments("b", b=arguments("c", c={"type": "boolean"}))),
    "a list": arguments("a", a={"type": "array", "items": ENUM, "minItems": 1, "maxItems": 2}),
    "definitions": {
        **arguments("a", a={"$ref": "#/$defs/A"}),
        "$defs": {"A": arguments("k", k={"$ref": "#/$defs/K"}), "K": ENUM},
    },
    "optional": arguments(a=ENUM, b={"type": "integer", "minimum": 1, "maximum": 9}),
    "nullable": arguments("a", a={"type": ["null", "boolean"]}, b={"anyOf": [ENUM, NULL]}),
    "a pattern": arguments("a", a={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"}),
    "alternatives": arguments(
        "a", a={"oneOf": [arguments("x", x={"const": 1}), arguments("y", y={"const": 2})]}
    ),
    "a tuple": arguments("a", a={"type": "array", "prefixItems": [ENUM, {"type": "boolean"}]}),
}


def tool(schema: dict[str, Any] | None, name: str = "act") -> dict[str, Any]:
    """A function with arguments of that schema."""
    function = {"name": name, **({} if schema is None else {"parameters": schema})}
    return {"type": "function", "function": function}


def named(name: str) -> dict[str, Any]:
    """The choice of one function."""
    return {"type": "function", "function": {"name": name}}


def check_call(completion: Completion, schemas: dict[str, Any], index: int = 0) -> None:
    """A choice is one call of one of these functions, valid by its schema."""
    [(name, made)] = calls_of(completion, index)
    jsonschema.validate(made, schemas[name] or {})
    assert isinstance(made, dict)
    choice = completion.choices[index]
    assert ("tool_calls", None) == (choice.finish_reason, choice.message.content)


@pytest.mark.parametrize(
    "names",
    [("text", "definitions"), pytest.param([*SCHEMAS], marks=pytest.mark.exhaustive)],
    ids=["some", "all"],
)
async def test_a_forced_call_is_valid_by_its_schema(ask: Ask, names: Sequence[str]) -> None:
    """Whatever the schema; each is described to the model, which answers in four slots at once."""
    schemas = [SCHEMAS[name] for name in names]
    answers = await asyncio.gather(
        *(
            ask("Go.", tools=[tool(schema)], tool_choice="required", max_tokens=100)
            for schema in schemas
        )
    )
    for schema, answer in zip(schemas, answers, strict=True):
        check_call(answer, {"act": schema})
        assert "tools" in answer.report
        assert "tool_choice" in answer.report


@pytest.mark.exhaustive
async def test_a_forced_call_is_valid_in_a_stream_and_in_every_choice(
    ask: Ask, client: Client
) -> None:
    """Two functions whose definitions bear the same name stay apart."""
    schemas = {
        "first": {**arguments("a", a={"$ref": "#/$defs/A"}), "$defs": {"A": ENUM}},
        "second": {**arguments("a", a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "boolean"}}},
    }
    tools = [tool(schema, name) for name, schema in schemas.items()]
    options: dict[str, Any] = {"tools": tools, "max_tokens": 100, "temperature": 1.5, "n": 2}
    stream = await client.acompletion(
        MODEL, HELLO, stream=True, tool_choice="required", seed=3, **options
    )
    chunks = [chunk async for chunk in stream]
    assert 4 == len(chunks), "for each choice its role and its call, and nothing between"
    streamed = await stream.completion()
    whole = await ask(tool_choice=named("second"), **options)
    for index in (0, 1):
        check_call(streamed, schemas, index)
        check_call(whole, schemas, index)
        assert "second" == calls_of(whole, index)[0][0]
    for answer in (streamed, whole):
        ids = [call.id for choice in answer.choices for call in choice.message.tool_calls or []]
        assert 2 == len(set(ids))


async def test_arguments_may_be_of_a_schema_that_refers_to_itself(ask: Ask) -> None:
    """llama.cpp takes it; where such arguments end is the model's choice."""
    schema = arguments("a", a={"anyOf": [ENUM, {"$ref": "#"}]})
    answer = await ask(tools=[tool(schema)], tool_choice="required", max_tokens=2)
    assert "length" == answer.choices[0].finish_reason


@pytest.mark.exhaustive
async def test_a_call_and_its_result_are_part_of_the_conversation(client: Client) -> None:
    """The answer's message is appended as it is; what is put into words stands in the report."""
    tools: list[Any] = [tool(arguments("city", city={"enum": ["Paris"]}), "weather")]
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = await client.acompletion(
        MODEL, messages, tools=tools, tool_choice="required", max_tokens=60
    )
    [call] = first.choices[0].message.tool_calls or []
    result = {"role": "tool", "tool_call_id": call.id, "content": "It is 21 degrees."}
    messages += [first.choices[0].message, result]
    second = await client.acompletion(MODEL, messages, tools=tools, temperature=0, max_tokens=8)
    assert second.text
    assert "messages[1].tool_calls" in second.report
    assert "messages[2]" in second.report
    legacy = await client.acompletion(
        MODEL,
        messages[:1],
        functions=[tools[0]["function"]],
        function_call={"name": "weather"},
        max_tokens=60,
    )
    called = legacy.choices[0].message.function_call
    assert called is not None
    assert ("weather", {"city": "Paris"}) == (called.name, called.parse_arguments())


async def test_no_call_is_forced_that_might_be_invalid(ask: Ask) -> None:
    """What llama.cpp does not enforce is refused with its path, unless the model may choose."""
    schema = arguments("n", n={"type": "number", "minimum": 1})
    with pytest.raises(UnsupportedError, match=r"tools\[0\].function.parameters.properties.n.min"):
        await ask(tools=[tool(schema)], tool_choice="required")
    assert "tools" in (await ask(tools=[tool(schema)], max_tokens=1)).report


async def test_a_call_that_is_cut_off_is_text_and_says_so(ask: Ask) -> None:
    """Half a call is never passed off as one."""
    answer = await ask(tools=[tool(None)], tool_choice="required", max_tokens=5)
    assert ("length", None) == (
        answer.choices[0].finish_reason,
        answer.choices[0].message.tool_calls,
    )
    assert answer.text
