"""The legacy form of an answer: ``function_call`` in place of tool calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._core.check import check_messages
from llmgate._core.legacy import (
    chunk_as_legacy,
    completion_as_legacy,
    without_functions,
)
from llmgate._core.views import MappedDecoder
from llmgate.options import ChatParameters
from llmgate.provider.accumulate import accumulate
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, Framer, NDJSONFramer
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    CustomCall,
    FinishReason,
    Function,
    FunctionDelta,
    Message,
    ToolCall,
    ToolCallDelta,
)
from tests.legacy_functions import USER, result, tool_result

ONE, TWO = ToolCall("a", Function("f", "{}")), ToolCall("b", Function("g", "{}"))
CUSTOM = ToolCall("c", custom=CustomCall("h"), type="custom")


@pytest.mark.parametrize(
    ("message", "reason", "expected", "legacy_reason"),
    [
        (Message("hi"), "stop", Message("hi"), "stop"),
        (
            Message(tool_calls=[ONE]),
            "tool_calls",
            Message(function_call=Function("f", "{}")),
            "function_call",
        ),
        (
            Message("Hm", tool_calls=[ONE, TWO]),
            "tool_calls",
            Message("Hm", function_call=Function("f", "{}"), tool_calls=[TWO]),
            "function_call",
        ),
        (
            Message(tool_calls=[ONE]),
            "length",
            Message(function_call=Function("f", "{}")),
            "length",
        ),
        (Message(tool_calls=[CUSTOM]), "tool_calls", Message(tool_calls=[CUSTOM]), "tool_calls"),
    ],
)
def test_an_answer_is_given_in_the_form_in_which_it_was_asked(
    message: Message, reason: FinishReason, expected: Message, legacy_reason: FinishReason
) -> None:
    """A first call is the ``function_call``; what that form cannot say stays as it was."""
    answer = completion_as_legacy(Completion([Choice(message, 0, reason)], id="x"))
    assert Completion([Choice(expected, 0, legacy_reason)], id="x") == answer


class Script:
    """A decoder that gives the chunks it was made with, one list a frame."""

    def __init__(self, *steps: list[Chunk]) -> None:
        self._steps = list(steps)
        self._framer = NDJSONFramer()

    @property
    def framer(self) -> Framer:
        return self._framer

    @property
    def finished(self) -> bool:
        return not self._steps

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        return self._steps.pop(0)

    def close(self) -> Iterable[Chunk]:
        return self._steps.pop(0)


def chunk(*fragments: ToolCallDelta, reason: FinishReason | None = None, **delta: Any) -> Chunk:
    """One chunk of one choice."""
    calls = list(fragments) or None
    return Chunk([ChunkChoice(ChoiceDelta(tool_calls=calls, **delta), finish_reason=reason)])


def fragment(
    index: int, identifier: str | None, name: str | None = None, arguments: str | None = None
) -> ToolCallDelta:
    """A piece of a call."""
    has_function = name is not None or arguments is not None
    function = FunctionDelta(name, arguments) if has_function else None
    return ToolCallDelta(index, identifier, function)


STREAMS: dict[str, tuple[Chunk, Chunk]] = {
    "text": (chunk(content="hi"), chunk(content="hi")),
    "a first fragment": (
        chunk(fragment(0, "a", "f", "")),
        chunk(function_call=FunctionDelta("f", "")),
    ),
    "a later fragment": (
        chunk(fragment(0, None, None, '{"')),
        chunk(function_call=FunctionDelta(None, '{"')),
    ),
    "an id alone": (chunk(fragment(0, "a")), chunk()),
    "several fragments": (
        chunk(fragment(0, "a"), fragment(0, None, "f", "{"), fragment(0, None, None, "}")),
        chunk(function_call=FunctionDelta("f", "{}")),
    ),
    "another call": (chunk(fragment(1, "b", "g", "{}")), chunk(fragment(1, "b", "g", "{}"))),
    "both": (
        chunk(fragment(1, "b", "g", ""), fragment(0, "a", "f", "{}")),
        chunk(fragment(1, "b", "g", ""), function_call=FunctionDelta("f", "{}")),
    ),
    "a custom call": (
        chunk(ToolCallDelta(0, "c", custom={"name": "h"})),
        chunk(ToolCallDelta(0, "c", custom={"name": "h"})),
    ),
    "the end": (chunk(reason="tool_calls"), chunk(reason="function_call")),
    "another end": (chunk(reason="stop"), chunk(reason="stop")),
    "no choice": (Chunk([]), Chunk([])),
}


@pytest.mark.parametrize(("said", "expected"), STREAMS.values(), ids=STREAMS)
def test_a_stream_speaks_of_function_call(said: Chunk, expected: Chunk) -> None:
    """Chunk by chunk, whether a frame or the end of the bytes brings them."""
    decoder = MappedDecoder(Script([said], [said]), chunk_as_legacy)
    assert [expected] == list(decoder.feed(Frame(b"")))
    assert [expected] == list(decoder.close())


def test_a_legacy_stream_is_framed_and_ends_as_the_provider_s() -> None:
    """The decoder around it changes words, and nothing else."""
    script = Script([])
    decoder = MappedDecoder(script, chunk_as_legacy)
    assert (script.framer, False) == (decoder.framer, decoder.finished)
    list(decoder.feed(Frame(b"")))
    assert decoder.finished


@st.composite
def streamed_calls(draw: st.DrawFn) -> list[Chunk]:
    """An answer of one or several calls, cut into fragments in any way."""
    fragments = list[ToolCallDelta]()
    for index in range(draw(st.integers(1, 3))):
        arguments = draw(st.sampled_from(["{}", '{"a": 1}', '{"city": "Bern"}']))
        cut = draw(st.integers(0, len(arguments)))
        fragments += [
            fragment(index, f"id{index}", f"f{index}", arguments[:cut]),
            fragment(index, None, None, arguments[cut:]),
        ]
    chunks = list[Chunk]()
    while fragments:
        size = draw(st.integers(1, len(fragments)))
        chunks.append(chunk(*fragments[:size]))
        fragments = fragments[size:]
    return [*chunks, chunk(reason="tool_calls")]


@given(streamed_calls())
def test_a_legacy_stream_adds_up_to_the_legacy_answer(chunks: list[Chunk]) -> None:
    """Translating the pieces or the whole gives the same."""
    decoder = MappedDecoder(Script(chunks), chunk_as_legacy)
    assert completion_as_legacy(accumulate(chunks)) == accumulate(decoder.feed(Frame(b"")))


def test_a_legacy_answer_can_be_sent_back() -> None:
    """Ask, answer, result, ask again: the whole round of the legacy form."""
    answer = completion_as_legacy(
        Completion([Choice(Message(tool_calls=[ONE, TWO]), 0, "tool_calls")])
    )
    history: list[Any] = [USER, answer.choices[0].message, result("f"), tool_result("b")]
    sent = without_functions(ProviderCall("m", check_messages(history), ChatParameters()))
    calls: Any = sent.messages[1]
    assert ["call_1", "b"] == [call["id"] for call in calls["tool_calls"]]
