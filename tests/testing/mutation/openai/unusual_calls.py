"""Streams of tool calls of OpenAI's imitators, in forms that are not quite its own."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from tests.testing.mutation.openai.streams import DONE, calls, chunk, fragment
from tests.testing.mutation.openai.values import WITH_TOOLS
from tests.testing.mutation.writing import event_stream

__all__ = ["CALLS"]


def calling(name: str, expected: list[tuple[str, Any]], *events: Any, **more: Any) -> Any:
    """A stream of fragments of calls."""
    ended = (*events, chunk("tool_calls"))
    return event_stream(name, WITH_TOOLS, *ended, done=DONE, tool_calls=expected, **more)


def in_message(**fields: Any) -> dict[str, Any]:
    """A completion whose message has these."""
    return {"choices": [{"message": fields}]}


CALLS = [
    calling(
        "a call of which nothing is said but its name",
        [("time", {})],
        calls(fragment(0, None, "time")),
        completion=in_message(tool_calls=[{"id": "call_call_0_0", "type": "function"}]),
    ),
    calling(
        "an empty object first",
        [("weather", {"city": "A"})],
        calls(fragment(0, "{}", "weather", id="a")),
        calls(fragment(0, '{"city": "A"}')),
    ),
    calling(
        "arguments so far, each time",
        [("weather", {"city": "A"})],
        calls(fragment(0, '{"city"', "weather", id="a")),
        calls(fragment(0, '{"city": "A"')),
        calls(fragment(0, '{"city": "A"}')),
    ),
    calling(
        "a nested object that begins alike",
        [("weather", {"a": {"a": {"a": 1}}})],
        calls(fragment(0, '{"a": ', "weather", id="a")),
        calls(fragment(0, '{"a": {"a": 1}}}')),
    ),
    calling(
        "an array that begins alike",
        [("weather", {"a": [{"a": [1]}]})],
        calls(fragment(0, '{"a": [', "weather", id="a")),
        calls(fragment(0, '{"a": [1]}]}')),
    ),
    calling(
        "a name in pieces",
        [("weather", {"a": 1})],
        calls(fragment(0, "", "wea", id="a")),
        calls(fragment(0, "", "ther")),
        calls(fragment(0, '{"a": 1}')),
    ),
    calling(
        "a name that is repeated",
        [("weather", {"a": 1})],
        calls(fragment(0, '{"a"', "weather", id="a")),
        calls(fragment(0, ": 1}", "weather")),
    ),
    calling(
        "an id that is repeated",
        [("weather", {"a": 1}), ("time", {})],
        calls(fragment(None, '{"a"', "weather", id="a"), fragment(None, "{", "time", id="b")),
        calls(fragment(None, ": 1}", id="a")),
        calls(fragment(None, "}", id="b")),
    ),
    calling(
        "an id that comes late, without an index",
        [("weather", {"a": 1})],
        calls(fragment(None, '{"a"', "weather")),
        calls(fragment(None, ": 1}", id="a")),
        completion=in_message(tool_calls=[{"id": "a"}]),
    ),
    calling(
        "the same call twice, without arguments",
        [("time", {}), ("time", {})],
        calls(fragment(0, "", "time", id="a")),
        calls(fragment(0, "", "time", id="b")),
    ),
    calling(
        "another name at one index",
        [("weather", {"a": 1}), ("time", {})],
        calls(fragment(0, '{"a": 1}', "weather", id="a")),
        calls(fragment(0, "{}", "time", id="b")),
    ),
    calling(
        "another id alone",
        [("weather", {"a": 1})],
        calls(fragment(0, '{"a"', "weather", id="a")),
        calls(fragment(0, ": 1}", id="b")),
        completion=in_message(tool_calls=[{"id": "a"}]),
    ),
    calling(
        "an index that comes late",
        [("weather", {"a": 1})],
        calls(fragment(None, '{"a"', "weather", id="a")),
        calls(fragment(3, ": 1}", id="a")),
    ),
    calling(
        "odd indexes and types",
        [("weather", {"a": 1})],
        calls({**fragment(0, '{"a": 1}', "weather", id="a"), "index": "0", "type": 5}),
        report=[
            "response.choices.delta.tool_calls.index converted",
            "response.choices.delta.tool_calls.type dropped",
            "stream_options.include_usage injected",
        ],
    ),
    calling(
        "a custom call whose name comes alone",
        [("run", "ls")],
        calls({"index": 0, "id": "c", "type": "custom", "custom": {"name": "run"}}),
        calls({"index": 0, "custom": {"input": "ls"}}),
        completion=in_message(tool_calls=[{"type": "custom", "id": "c"}]),
    ),
    calling(
        "a custom call whose name is repeated",
        [("run", "ls")],
        calls({"index": 0, "id": "c", "custom": {"name": "run", "input": "l"}}),
        calls({"index": 0, "custom": {"name": "run", "input": "s"}}),
    ),
    calling(
        "a name that comes late, without an index",
        [("time", {})],
        calls(fragment(None, "", id="a")),
        calls({"function": {"name": "time", "arguments": "{}"}}),
    ),
    calling(
        "fields of a function",
        [("time", {})],
        calls(
            {
                "index": 0,
                "id": "a",
                "function": {"name": "time", "arguments": "{}", "x_signature": "s"},
            }
        ),
        completion=in_message(tool_calls=[{"function": {"x_signature": "s"}}]),
    ),
    calling(
        "arguments that do not grow",
        [("weather", {"a": 1})],
        calls(fragment(0, '{"a"', "weather", id="a")),
        calls(fragment(0, '{"a"')),
        calls(fragment(0, '{"a": 1}')),
    ),
    calling(
        "a name with each fragment",
        [("weather", {"a": 1})],
        calls(fragment(None, '{"a"', "weather")),
        calls(fragment(None, ": 1}", "weather")),
    ),
    calling(
        "fields of a call",
        [("time", {})],
        calls(fragment(0, "{}", "time", id="a", x_signature="s")),
        completion=in_message(tool_calls=[{"id": "a", "x_signature": "s"}]),
    ),
    event_stream(
        "a call without a name",
        WITH_TOOLS,
        calls(fragment(0, "{}", id="a")),
        chunk("tool_calls"),
        done=DONE,
        error=errors.DecodeError,
    ),
]
