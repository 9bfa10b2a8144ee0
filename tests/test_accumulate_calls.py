"""Tool calls that are accumulated from fragments."""

from __future__ import annotations

import pytest

from llmgate.types import (
    ChoiceDelta,
    Chunk,
    CustomCall,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
)
from tests.accumulated import TIME, call, chunk, message_of

CALLED = chunk(reason="tool_calls")
WEATHER = ToolCall("a", Function("weather", '{"city": "Bern"}'))
CALLS: dict[str, tuple[list[Chunk], list[ToolCall]]] = {
    "at once": ([call(0, "a", "weather", '{"city": "Bern"}')], [WEATHER]),
    "in pieces": (
        [
            call(0, "a", "weather", ""),
            call(0, None, None, '{"city"'),
            call(0, arguments=': "Bern"}'),
        ],
        [WEATHER],
    ),
    "interleaved": (
        [
            call(0, "a", "weather"),
            call(1, "b", "time"),
            call(0, arguments='{"city": '),
            call(1, arguments="{}"),
            call(0, arguments='"Bern"}'),
        ],
        [WEATHER, TIME],
    ),
    "in another order": (
        [call(1, "b", "time", "{}"), call(0, "a", "weather", '{"city": "Bern"}')],
        [WEATHER, TIME],
    ),
    "with gaps in the indexes": (
        [call(3, "a", "weather", '{"city": "Bern"}'), call(7, "b", "time")],
        [WEATHER, TIME],
    ),
    "a late id and name": (
        [call(0, None, None, '{"city": "Bern"}'), call(0, name="weather"), call(0, "a")],
        [WEATHER],
    ),
    "ids and names repeated": (
        [call(0, "a", "weather", '{"city": '), call(0, "a", "weather", '"Bern"}')],
        [WEATHER],
    ),
    "without an id": (
        [call(0, None, "f", "{}"), call(1, "", "g", "{}")],
        [ToolCall("call_0", Function("f")), ToolCall("call_1", Function("g"))],
    ),
    "without arguments": ([call(0, "b", "time")], [TIME]),
    "with empty arguments": ([call(0, "b", "time", ""), call(0, arguments=" ")], [TIME]),
    "with arguments that are no JSON": (
        [call(0, "a", "f", '{"a": '), call(0, arguments="oops")],
        [ToolCall("a", Function("f", '{"a": oops'))],
    ),
    "a custom tool": (
        [
            chunk(
                ChoiceDelta(tool_calls=[ToolCallDelta(0, "c", custom={"name": "sh", "input": "l"})])
            ),
            chunk(ChoiceDelta(tool_calls=[ToolCallDelta(0, custom={"input": "s"}, type="custom")])),
        ],
        [ToolCall("c", custom=CustomCall("sh", "ls"), type="custom")],
    ),
    "of a type of their own": (
        [
            chunk(
                ChoiceDelta(
                    tool_calls=[ToolCallDelta(0, "a", FunctionDelta("f"), type="builtin_function")]
                )
            )
        ],
        [ToolCall("a", Function("f"), type="builtin_function")],
    ),
    "with keys that OpenAI does not have": (
        [
            chunk(
                ChoiceDelta(
                    tool_calls=[
                        ToolCallDelta(
                            0,
                            "a",
                            FunctionDelta("f", "{}", {"signature": "x"}),
                            extra={"meta": {"thinking": "y"}},
                        )
                    ]
                )
            ),
            chunk(
                ChoiceDelta(
                    tool_calls=[
                        ToolCallDelta(
                            0,
                            function=FunctionDelta(extra={"signature": "X"}),
                            extra={"meta": {"thinking": "Y"}},
                        )
                    ]
                )
            ),
        ],
        [
            ToolCall(
                "a", Function("f", "{}", {"signature": "xX"}), extra={"meta": {"thinking": "yY"}}
            )
        ],
    ),
}


@pytest.mark.parametrize(("chunks", "expected"), CALLS.values(), ids=CALLS)
def test_fragments_add_up_to_tool_calls(chunks: list[Chunk], expected: list[ToolCall]) -> None:
    """By their index, whatever the order; the model's text is kept verbatim."""
    assert expected == message_of(*chunks, CALLED).tool_calls


def test_fragments_add_up_to_a_legacy_call() -> None:
    """``function_call`` comes in pieces, too."""
    message = message_of(
        chunk(ChoiceDelta(function_call=FunctionDelta("f", ""))),
        chunk(ChoiceDelta(function_call=FunctionDelta(None, '{"a"'))),
        chunk(ChoiceDelta(function_call=FunctionDelta(None, ":1}"))),
        chunk(reason="function_call"),
    )
    assert Message(function_call=Function("f", '{"a":1}')) == message
