"""Completions of truncated streams can be sent back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._core.check import check_messages
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
from tests.accumulated import TIME, call, chunk, message_of, text

STOP = chunk(reason="stop")


# --- answers that were cut ---

PARTIAL: dict[str, tuple[list[Chunk], Message]] = {
    "a text": ([text("It is su")], Message("It is su")),
    "a call without its arguments' end": (
        [text("Hm"), call(0, "b", "time", "{}"), call(1, "a", "weather", '{"city": "Be')],
        Message("Hm", tool_calls=[TIME]),
    ),
    "a call without a name": ([text("Hm"), call(0, "a")], Message("Hm")),
    "a call whose arguments are no object": ([call(0, "a", "f", "5")], Message()),
    "a whole call": ([call(0, "b", "time", "{}")], Message(tool_calls=[TIME])),
    "half a legacy call": (
        [chunk(ChoiceDelta(content="Hm", function_call=FunctionDelta("f", "{")))],
        Message("Hm"),
    ),
    "a whole legacy call": (
        [chunk(ChoiceDelta(function_call=FunctionDelta("f", "{}")))],
        Message(function_call=Function("f", "{}")),
    ),
    "half a custom call": (
        [
            chunk(
                ChoiceDelta(tool_calls=[ToolCallDelta(0, "c", custom={"name": "sh", "input": "l"})])
            )
        ],
        Message(tool_calls=[ToolCall("c", custom=CustomCall("sh", "l"), type="custom")]),
    ),
    "a custom call without a name": (
        [chunk(ChoiceDelta(tool_calls=[ToolCallDelta(0, "c", custom={"input": "l"})]))],
        Message(),
    ),
}


@pytest.mark.parametrize(("chunks", "expected"), PARTIAL.values(), ids=PARTIAL)
def test_half_an_answer_is_valid_as_a_message(chunks: list[Chunk], expected: Message) -> None:
    """As long as no finish reason came, a call that is not whole is left out: it could neither be
    made nor be sent back."""
    partial = message_of(*chunks)
    assert expected == partial
    check_messages([{"role": "user", "content": "Hi"}, partial])


def test_a_whole_answer_keeps_what_the_model_wrote() -> None:
    """With a finish reason, arguments that are no JSON are the model's doing, and are kept."""
    chunks = [call(0, "a", "f", '{"a'), chunk(ChoiceDelta(function_call=FunctionDelta("g", "{")))]
    message = message_of(*chunks, chunk(reason="length"))
    assert [ToolCall("a", Function("f", '{"a'))] == message.tool_calls
    assert Function("g", "{") == message.function_call


@st.composite
def prefixes(draw: st.DrawFn) -> list[Chunk]:
    """Any beginning of an answer of text, reasoning and calls."""
    arguments = draw(st.sampled_from(["", "{}", '{"city": "Bern", "days": [1, 2]}']))
    places = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=4)))
    cuts = [arguments[a:b] for a, b in zip([0, *places], [*places, len(arguments)], strict=True)]
    chunks = [
        chunk(ChoiceDelta(role="assistant", content="", reasoning_content="Let me see")),
        text("I look"),
        call(0, "a"),
        call(0, name="weather"),
        *(call(0, arguments=cut) for cut in cuts),
        call(1, "b", "time"),
        STOP,
    ]
    return chunks[: draw(st.integers(1, len(chunks)))]


@given(prefixes())
def test_an_answer_cut_anywhere_can_be_sent_back(chunks: list[Chunk]) -> None:
    """What is in ``.partial`` of a cut stream is accepted as a message of the next request."""
    check_messages([{"role": "user", "content": "Hi"}, message_of(*chunks)])
