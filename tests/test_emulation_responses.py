"""Emulated tools: calls read from responses and streams."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate.errors import StreamTruncatedError
from llmgate.provider._emulated import read_calls
from llmgate.provider.accumulate import accumulate
from llmgate.provider.emulation import ToolEmulation
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FinishReason,
    Message,
    Usage,
)
from tests.emulated_tools import make_call, named

NAMES = frozenset({"weather", "clock"})
PARIS = '{"name": "weather", "arguments": {"city": "Paris"}}'
ROME = '{"name": "weather", "arguments": {"city": "Rome"}}'


def completion_of(text: str | None, finish_reason: FinishReason = "stop") -> Completion:
    """A whole answer of one choice."""
    return Completion([Choice(Message(content=text), finish_reason=finish_reason)])


def calls_of(completion: Completion, index: int = 0) -> list[tuple[str, Any]]:
    """The names and the arguments of a choice's calls."""
    made = completion.choices[index].message.tool_calls or []
    functions = [call.function for call in made if call.function is not None]
    return [(function.name, json.loads(function.arguments)) for function in functions]


class FakeDecoder:
    """Gives a frame's chunks: frame 0 the first, and so on; the last frame ends the stream."""

    def __init__(self, chunks: Sequence[Chunk], last: Iterable[Chunk] = ()) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False
        self._chunks = chunks
        self._last = last

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        number = int(frame.data)
        self.finished = number >= len(self._chunks)
        return self._chunks[number : number + 1]

    def close(self) -> Iterable[Chunk]:
        if not self.finished:
            raise StreamTruncatedError("the stream ended before its terminator")
        return self._last


def stream(
    chunks: Sequence[Chunk], names: frozenset[str] = NAMES, last: Iterable[Chunk] = ()
) -> list[Chunk]:
    """What the emulation makes of a stream."""
    emulation = ToolEmulation(make_call(), names, "1")
    decoder = emulation.decoder(FakeDecoder(chunks, last))
    given: list[Chunk] = []
    for number in range(len(chunks) + 1):
        assert not decoder.finished
        given += decoder.feed(Frame(b"%d" % number))
    assert decoder.finished
    return [*given, *decoder.close()]


def pieces(
    texts: Iterable[str], finish_reason: FinishReason | None = "stop", index: int = 0
) -> list[Chunk]:
    """The chunks of an answer as providers send them."""
    role = ChunkChoice(ChoiceDelta(role="assistant", content=""), index)
    said = [ChunkChoice(ChoiceDelta(content=text), index) for text in texts]
    end = ChunkChoice(ChoiceDelta(), index, finish_reason=finish_reason)
    return [Chunk([choice], id="c1", model="m") for choice in (role, *said, end)]


# --- the answer ---------------------------------------------------------------------------

PARIS_CALL = ("weather", {"city": "Paris"})
ROME_CALL = ("weather", {"city": "Rome"})

CALLS: dict[str, tuple[str, str | None, list[tuple[str, Any]]]] = {
    "bare": (PARIS, None, [PARIS_CALL]),
    "with white space around": (f" \n{PARIS}\n\n", None, [PARIS_CALL]),
    "a list": (f"[{PARIS}, {ROME}]", None, [PARIS_CALL, ROME_CALL]),
    "fenced": (f"```json\n{PARIS}\n```", None, [PARIS_CALL]),
    "fenced without a language": (f"```\n{PARIS}\n```\n", None, [PARIS_CALL]),
    "fenced without an end": (f"```json\n{PARIS}", None, [PARIS_CALL]),
    "marked": (f"<tool_call>{PARIS}</tool_call>", None, [PARIS_CALL]),
    "marked, white space": (f"\n<tool_call>\n{PARIS}\n</tool_call>\n", None, [PARIS_CALL]),
    "marked and fenced": (
        f"<tool_call>\n```json\n{PARIS}\n```\n</tool_call>",
        None,
        [PARIS_CALL],
    ),
    "marked, not closed": (f"<tool_call>{PARIS}", None, [PARIS_CALL]),
    "several": (
        f"<tool_call>{PARIS}</tool_call>\n<tool_call>{ROME}</tool_call>",
        None,
        [PARIS_CALL, ROME_CALL],
    ),
    "a marked list": (
        f"<tool_call>[{PARIS},{ROME}]</tool_call>",
        None,
        [PARIS_CALL, ROME_CALL],
    ),
    "after words": (f"Let me see. \n<tool_call>{PARIS}</tool_call>", "Let me see.", [PARIS_CALL]),
    "between words": (
        f"First:\n<tool_call>{PARIS}</tool_call>\nthen <tool_call>{ROME}</tool_call> done.\n",
        "First:\nthen done.",
        [PARIS_CALL, ROME_CALL],
    ),
    "arguments first": ('{"arguments": {}, "name": "clock"}', None, [("clock", {})]),
    "without arguments": ('{"name": "clock"}', None, [("clock", {})]),
    "arguments as text": (
        '{"name": "weather", "arguments": "{\\"city\\": \\"Paris\\"}"}',
        None,
        [PARIS_CALL],
    ),
    "parameters, as Llama writes them": (
        '{"name": "weather", "parameters": {"city": "Paris"}, "type": "function"}',
        None,
        [PARIS_CALL],
    ),
    "unicode": (
        '{"name": "weather", "arguments": {"city": "Z\\u00fcrich 日本 \\ud83c\\udf27"}}',
        None,
        [("weather", {"city": "Zürich 日本 🌧"})],
    ),
    "a mark within an argument": (
        '<tool_call>{"name": "weather", "arguments": {"city": "</tool_call>"}}</tool_call>',
        None,
        [("weather", {"city": "</tool_call>"})],
    ),
    "duplicated keys, of which the last counts": (
        '{"name": "clock", "name": "weather", "arguments": {"city": "Rome", "city": "Paris"}}',
        None,
        [PARIS_CALL],
    ),
}

TEXTS = {
    "nothing": "",
    "white space": " \n",
    "words": "It is warm in Paris.\n",
    "an unknown name": '{"name": "rain", "arguments": {}}',
    "an unknown name among several": f'[{PARIS}, {{"name": "rain", "arguments": {{}}}}]',
    "no name": '{"arguments": {}}',
    "a name that is no text": '{"name": ["weather"], "arguments": {}}',
    "arguments that are a list": '{"name": "weather", "arguments": ["Paris"]}',
    "arguments that are text": '{"name": "weather", "arguments": "Paris"}',
    "arguments that are null": '{"name": "weather", "arguments": null}',
    "arguments of another name": '{"name": "weather", "input": {"city": "Paris"}}',
    "arguments beside the name": '{"name": "weather", "city": "Paris"}',
    "arguments and parameters": '{"name": "clock", "arguments": {}, "parameters": {}}',
    "cut off": PARIS[:-4],
    "cut off within a fence": f"```json\n{PARIS[:-4]}",
    "cut off within a mark": f"Well. <tool_call>{PARIS[:-1]}",
    "the second cut off": f"<tool_call>{PARIS}</tool_call>\n<tool_call>{ROME[:20]}",
    "the beginning of a mark": "One <tool_ca",
    "words within a mark": f"<tool_call>{PARIS} and so on</tool_call>",
    "no JSON within a mark": "<tool_call>weather(Paris)</tool_call>",
    "a mark and nothing": "<tool_call>",
    "words after a bare call": f"{PARIS} is what I would call.",
    "a bare call after words": f"I would call {PARIS}",
    "other JSON": '{"degrees": 21}',
    "another list": "[1] says so.",
    "code": "```python\nprint(1)\n```",
    "no number": '{"name": "weather", "arguments": {"city": NaN}}',
    "a number that is too large": '{"name": "weather", "arguments": {"city": 1e999}}',
    "half a character": '{"name": "weather", "arguments": {"city": "\\ud83c"}}',
    "nested too deeply": '{"name": "weather", "arguments": {"city": ' + "[" * 100_000,
    "a list of nothing": "[]",
}


@pytest.mark.parametrize(("text", "words", "calls"), CALLS.values(), ids=CALLS)
def test_calls_are_read_from_a_whole_answer(
    text: str, words: str | None, calls: list[tuple[str, Any]]
) -> None:
    """However the model wrote them; words beside them stay."""
    emulation = ToolEmulation(make_call(), NAMES, "1")
    completion = emulation.completion(completion_of(text))
    assert calls == calls_of(completion)
    [choice] = completion.choices
    assert (words, "tool_calls") == (choice.message.content, choice.finish_reason)
    expected = [f"call_1_0_{number}" for number in range(len(calls))]
    assert expected == [call.id for call in choice.message.tool_calls or []]
    assert (words or "", calls) == (
        "".join(chunk.choices[0].delta.content or "" for chunk in stream(pieces(text))),
        calls_of(accumulate(stream(pieces(text)))),
    )


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_no_valid_call_stays_text(text: str) -> None:
    """Nothing is lost, nothing is made up, and the finish reason stays."""
    emulation = ToolEmulation(make_call(), NAMES, "1")
    answer = completion_of(text, "length")
    assert answer is not emulation.completion(answer)
    assert answer == emulation.completion(answer)
    streamed = accumulate(stream(pieces(text.partition("\n"), "length")))
    assert (text, "length") == (streamed.text, streamed.choices[0].finish_reason)
    assert None is streamed.choices[0].message.tool_calls


def test_an_answer_without_content_stays_as_it_is() -> None:
    """Such as a refusal."""
    answer = Completion([Choice(Message(content=None, refusal="No."), finish_reason="stop")])
    assert answer == ToolEmulation(make_call(), NAMES, "1").completion(answer)


def test_a_whole_call_in_an_answer_that_was_cut_off_keeps_the_finish_reason() -> None:
    """The caller learns that there might have been more."""
    emulation = ToolEmulation(make_call(), NAMES, "1")
    completion = emulation.completion(completion_of(PARIS, "length"))
    assert [PARIS_CALL] == calls_of(completion)
    assert "length" == completion.choices[0].finish_reason
    streamed = accumulate(stream(pieces([PARIS], "length")))
    assert "length" == streamed.choices[0].finish_reason


def test_names_that_were_not_offered_are_text() -> None:
    """A choice that restricts the tools restricts what is read, too."""
    emulation = ToolEmulation.of(make_call(tool_choice=named("clock")))
    assert [] == calls_of(emulation.completion(completion_of(PARIS)))
    assert [PARIS_CALL] == calls_of(ToolEmulation.of(make_call()).completion(completion_of(PARIS)))


# --- streams ------------------------------------------------------------------------------

_MARKS = ["<tool_call>", "</tool_call>", "<tool", "_call>", "<", "```json\n", "```"]
_JSON = [PARIS, ROME, '{"name"', '"arguments"', '{"name": "rain"}', ",", "{", "[", "]"]
_fragments = st.sampled_from([*_MARKS, *_JSON, " ", "\n", "Well. ", "é🌧"])
_texts = st.lists(_fragments, max_size=8).map("".join)


@st.composite
def _cut(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and the same in pieces."""
    text = draw(_texts)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)) | {0, len(text)})
    return text, [text[start:end] for start, end in pairwise(places)]


@given(_cut())
def test_any_cutting_gives_the_words_and_calls_of_the_whole(cut: tuple[str, list[str]]) -> None:
    """What a stream says does not depend on how it was cut, and no chunk says nothing."""
    text, deltas = cut
    words, functions = read_calls(text, NAMES)
    chunks = stream(pieces(deltas))
    streamed = accumulate(chunks)
    calls = [call.function for call in streamed.choices[0].message.tool_calls or []]
    assert (words, functions) == (streamed.text, calls)
    whole = ToolEmulation(make_call(), NAMES, "1").completion(completion_of(text))
    assert whole.choices[0].finish_reason == streamed.choices[0].finish_reason
    for chunk in chunks:
        assert chunk.choices[0] != ChunkChoice(ChoiceDelta())
    if not functions:
        assert text == streamed.text


def test_words_are_passed_on_as_they_come() -> None:
    """Only white space and the beginning of a mark wait for what follows them."""
    chunks = stream(pieces(["It", " is ", "warm", " <", "b> ", "x"]))
    texts = [chunk.choices[0].delta.content for chunk in chunks]
    assert [None, "It", " is", " warm", " <b>", " x", None] == texts


def test_chunks_that_say_nothing_are_dropped() -> None:
    """While a call is held back there is the role, and then the call in the last chunk."""
    first, last = stream(pieces(PARIS))
    assert ("assistant", None) == (first.choices[0].delta.role, first.choices[0].delta.content)
    [call] = last.choices[0].delta.tool_calls or []
    assert call.function is not None
    assert ("call_1_0_0", "weather", '{"city": "Paris"}', "function") == (
        call.id,
        call.function.name,
        call.function.arguments,
        call.type,
    )
    assert "tool_calls" == last.choices[0].finish_reason


def test_chunks_that_say_anything_else_stay() -> None:
    """Log probabilities, reasoning, usage and what has no place in the shape."""
    logprobs = {"content": [{"token": "{", "logprob": -0.1}]}
    usage = Usage(3, 2, 5)
    chunks = stream(
        [
            Chunk([ChunkChoice(ChoiceDelta(content="{"), logprobs=logprobs)]),
            Chunk([ChunkChoice(ChoiceDelta(reasoning_content="Hm."))]),
            Chunk([ChunkChoice(ChoiceDelta(content=PARIS[1:]))], extra={"x": 1}),
            Chunk([ChunkChoice(ChoiceDelta())], usage=usage),
            Chunk([]),
            *pieces([])[-1:],
        ]
    )
    assert [1, 1, 0, 0, 0, 1] == [len(chunk.choices) for chunk in chunks]
    completion = accumulate(chunks)
    assert [PARIS_CALL] == calls_of(completion)
    assert (logprobs, usage, {"x": 1}) == (
        completion.choices[0].logprobs,
        completion.usage,
        completion.extra,
    )
    assert "Hm." == completion.choices[0].message.reasoning_content


def test_choices_are_held_apart() -> None:
    """One may call while another speaks, in whatever order their pieces come."""
    first, second = pieces(PARIS), pieces(["It is", " warm."] * 20, index=1)
    mixed = [chunk for pair in zip(first, second, strict=False) for chunk in pair]
    mixed += first[len(second) :] + second[len(first) :]
    completion = accumulate(stream(mixed))
    assert [PARIS_CALL] == calls_of(completion)
    assert "It is warm." * 20 == completion.choices[1].message.content
    assert ["tool_calls", "stop"] == [choice.finish_reason for choice in completion.choices]


def test_a_choice_without_a_finish_reason_gives_what_was_held_at_the_end() -> None:
    """Some hosts end a stream with the terminator alone."""
    spoken = [Chunk([ChunkChoice(ChoiceDelta(content="One "))], id="c1", usage=Usage(1, 1, 2))]
    *_, last = stream([*pieces(PARIS, index=1)[:-1], *spoken])
    assert [" "] == [choice.delta.content for choice in last.choices]
    completion = accumulate(stream([*pieces(PARIS, index=1)[:-1], *spoken]))
    assert "One " == completion.text
    assert [PARIS_CALL] == calls_of(completion, 1)
    assert None is completion.choices[1].finish_reason
    assert Usage(1, 1, 2) == completion.usage


def test_what_the_other_decoder_gives_last_is_read_likewise() -> None:
    """Its last chunks come when the bytes end."""
    completion = accumulate(stream(pieces(PARIS[:9])[:-1], last=pieces([PARIS[9:]])))
    assert PARIS[:9] + PARIS[9:] == completion.text
    completion = accumulate(stream([], last=pieces([PARIS])))
    assert [PARIS_CALL] == calls_of(completion)


def test_what_comes_after_the_finish_reason_is_passed_on() -> None:
    """It belongs to no call."""
    late = Chunk([ChunkChoice(ChoiceDelta(content='{"na'))])
    assert ["Yes.", None, '{"na'] == [
        chunk.choices[0].delta.content for chunk in stream([*pieces(["Yes."]), late])[1:]
    ]


def test_a_stream_that_breaks_off_raises_the_other_decoders_error() -> None:
    """Half a call is never passed off as an answer."""
    decoder = ToolEmulation(make_call(), NAMES, "1").decoder(FakeDecoder(pieces(PARIS)))
    assert isinstance(decoder.framer, SSEFramer)
    chunks = [*decoder.feed(Frame(b"0")), *decoder.feed(Frame(b"1"))]
    assert [None] == [chunk.choices[0].delta.content for chunk in chunks]
    with pytest.raises(StreamTruncatedError):
        list(decoder.close())
