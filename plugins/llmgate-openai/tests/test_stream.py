"""Streams: what each event becomes, when a stream is whole, and what else it may say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import Accumulator, accumulate
from llmgate.provider.framing import Frame
from llmgate.types import Chunk, ChunkChoice, Completion
from llmgate_openai import ChatDecoder

_DONE = b"[DONE]"


def _event(delta: Any = None, *, finish: Any = None, choice: int = 0, **rest: Any) -> bytes:
    """One event, with one choice unless ``rest`` says otherwise."""
    said: Any = {} if delta is None else delta
    chosen = {"index": choice, "delta": said, "finish_reason": finish}
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1784728648,
        "model": "gpt-5",
        "choices": [chosen],
        "usage": None,
    }
    return json.dumps({**envelope, **rest}).encode()


def _chunks(*events: bytes | Frame, choices: int = 1) -> list[Chunk]:
    decoder = ChatDecoder("7", choices=choices)
    read: list[Chunk] = []
    for event in events:
        read += decoder.feed(event if isinstance(event, Frame) else Frame(event))
    return [*read, *decoder.close()]


def _only(chunks: Iterable[Chunk]) -> ChunkChoice:
    (chunk,) = chunks
    (choice,) = chunk.choices
    return choice


def _first(*events: bytes) -> Completion:
    return accumulate(_chunks(*events, _event(finish="stop"), _DONE))


# --- what an event says ---------------------------------------------------------------------

_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

_SAID: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text": ([{"content": "Pa"}, {"content": "ris"}], {"content": "Paris"}),
    "role in every event": (
        [{"role": "assistant", "content": "Pa"}, {"role": "assistant", "content": "ris"}],
        {"content": "Paris", "role": "assistant"},
    ),
    "a null role": ([{"role": None, "content": "x"}], {"content": "x", "role": "assistant"}),
    "empty text": ([{"role": "assistant", "content": ""}], {"content": ""}),
    "no text": ([{"role": "assistant", "content": None}], {"content": None}),
    "a null delta": ([{"content": "x"}, None], {"content": "x"}),
    "a refusal": (
        [{"content": None, "refusal": "I "}, {"refusal": "can't"}],
        {"content": None, "refusal": "I can't"},
    ),
    "reasoning_content": (
        [{"reasoning_content": "Hm"}, {"reasoning_content": "m"}, {"content": "4"}],
        {"content": "4", "reasoning_content": "Hmm"},
    ),
    "reasoning": (
        [{"reasoning": "Hm"}, {"reasoning": "m", "content": ""}, {"content": "4"}],
        {"content": "4", "reasoning_content": "Hmm"},
    ),
    "both names of reasoning, which say the same": (
        [{"reasoning": "Hmm", "reasoning_content": "Hmm"}],
        {"reasoning_content": "Hmm"},
    ),
    "content in parts": (
        [
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
            {"content": [{"type": "thinking", "thinking": "m"}, {"type": "text", "text": "4"}]},
            {"content": "2"},
        ],
        {"content": "42", "reasoning_content": "Hmm"},
    ),
    "annotations": (
        [{"content": "x", "annotations": [{"type": "url_citation"}]}, {"annotations": [{"n": 2}]}],
        {"annotations": [{"type": "url_citation"}, {"n": 2}]},
    ),
    "audio": (
        [
            {"audio": {"id": "audio_1", "transcript": "He"}},
            {"audio": {"data": "AAAA"}},
            {"audio": {"data": "BBBB", "transcript": "llo"}},
            {"audio": {"expires_at": 9}},
        ],
        {"audio": {"id": "audio_1", "transcript": "Hello", "data": "AAAABBBB", "expires_at": 9}},
    ),
    "fields that nobody knows": (
        [{"content": "x", "channel": "final"}],
        {"content": "x", "extra": {"channel": "final"}},
    ),
}


@pytest.mark.parametrize("kind", _SAID)
def test_deltas_make_the_message(kind: str) -> None:
    """Every kind of delta, alone and in pieces, ends in its field of the message."""
    deltas, expected = _SAID[kind]
    message = _first(*map(_event, deltas)).choices[0].message
    assert expected == {name: getattr(message, name) for name in expected}


def test_the_envelope_and_the_usage_are_read() -> None:
    """Id, model, tier and usage are in the answer; the usage chunk has no choice."""
    events = [
        _event({"content": "x"}, service_tier="default", system_fingerprint="fp"),
        _event(finish="stop"),
        _event(choices=[], usage=_USAGE),
    ]
    answer = accumulate(_chunks(*events, _DONE))
    assert ("chatcmpl-1", "gpt-5", 1784728648) == (answer.id, answer.model, answer.created)
    assert ("default", "fp") == (answer.service_tier, answer.system_fingerprint)
    assert answer.usage is not None
    assert 5 == answer.usage.total_tokens


@pytest.mark.parametrize(
    "events",
    [
        [_event({"content": "x"}), _event(finish="stop", usage=_USAGE)],
        [_event({"content": "x"}, usage={"prompt_tokens": 1}), _event(finish="stop", usage=_USAGE)],
        [_event({"content": "x"}), _event(finish="stop", x_groq={"id": "1", "usage": _USAGE})],
        [_event({"content": "x"}), _event(finish="stop"), _event(choices=None, usage=_USAGE)],
        [_event({"content": "x"}, usage=_USAGE), _event(finish="stop", usage={})],
    ],
    ids=["with the finish", "with every event", "Groq's own", "choices null", "empty at last"],
)
def test_the_last_usage_counts(events: list[bytes]) -> None:
    """Wherever a host puts its usage, it is read once, and running totals are never added up."""
    usage = accumulate(_chunks(*events, _DONE)).usage
    assert usage is not None
    assert (3, 2, 5) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


def test_logprobs_are_joined() -> None:
    """The logprobs of all events are those of the answer."""
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    events = [
        _event(choices=[{**choice, "logprobs": {"content": [{"token": token}], "refusal": None}}])
        for token in "ab"
    ]
    expected = {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    assert expected == _first(*events).choices[0].logprobs


def test_what_has_no_place_is_in_extra() -> None:
    """Unknown fields of the event and of the choice are kept; padding is not."""
    choice: Any = {"index": 0, "delta": {"content": "x"}, "content_filter_results": {"hate": {}}}
    (chunk,) = ChatDecoder("7").feed(
        Frame(_event(choices=[choice], moderation={"input": 1}, obfuscation="aB3"))
    )
    assert {"moderation": {"input": 1}} == chunk.extra
    assert {"content_filter_results": {"hate": {}}} == chunk.choices[0].extra


def test_the_answer_so_far_is_not_read_twice() -> None:
    """Perplexity repeats the whole message beside each delta."""
    choices = [
        {"index": 0, "delta": {"content": piece}, "message": {"content": so_far}}
        for piece, so_far in (("Pa", "Pa"), ("ris", "Paris"), ("", "Paris"))
    ]
    answer = _first(*[_event(choices=[choice]) for choice in choices])
    assert "Paris" == answer.choices[0].message.content
    assert {} == answer.choices[0].extra


def test_a_message_stands_in_for_a_delta() -> None:
    """A host that streams its answer in one event may call it a message."""
    choice = {"index": 0, "message": {"content": "Paris"}, "finish_reason": "stop"}
    assert "Paris" == accumulate(_chunks(_event(choices=[choice]))).choices[0].message.content


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("model_length", "length"),
        ("insufficient_system_resource", "other"),
    ],
)
def test_finish_reasons(native: str, expected: str) -> None:
    """OpenAI's word for the reason, ``other`` where it has none, and always the host's own."""
    choice = accumulate(_chunks(_event({"content": "x"}), _event(finish=native))).choices[0]
    assert (expected, native) == (choice.finish_reason, choice.native_finish_reason)


def test_the_reason_of_the_host_behind_a_host_is_kept() -> None:
    """OpenRouter gives both."""
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}
    event = _event(choices=[{**choice, "native_finish_reason": "end_turn"}])
    read = _only(_chunks(event))
    assert ("stop", "end_turn") == (read.finish_reason, read.native_finish_reason)


@pytest.mark.parametrize(
    "envelope",
    [
        {"created": None},
        {"created": 1784728648.5},
        {"id": None},
        {"model": None},
        {"object": ""},
        {"choices": None},
        {"choices": []},
    ],
)
def test_an_envelope_may_be_bare(envelope: dict[str, Any]) -> None:
    """What some hosts leave out, or send as null, ends no stream."""
    assert "x" == _first(_event({"content": "x"}), _event(**envelope)).choices[0].message.content


# --- the quick way --------------------------------------------------------------------------

_PLAIN: list[Any] = [
    _event({"content": "Pa"}),
    _event({"content": "ris"}, obfuscation="aB3"),
    _event({"role": "assistant", "content": "", "refusal": None}),
    _event({"content": None, "reasoning_content": "Hm"}),
    _event({"role": None, "content": "x"}),
    _event({"content": "x"}, service_tier="default", system_fingerprint="fp"),
    _event({"content": "x"}, usage=_USAGE),
    _event({"content": "x"}, x_groq={"id": "1"}),
    _event({"content": "x", "channel": "final"}),
    _event({"content": "x"}, choice=1),
    _event({"content": "x"}, created=1.5),
    _event({"tool_calls": [{"index": 4, "id": "a", "function": {"name": "f", "arguments": ""}}]}),
    _event({"tool_calls": [{"index": 4, "function": {"arguments": "{"}}]}),
    _event({"tool_calls": [{"index": 4, "function": {"arguments": "}", "name": None}}]}),
    _event({"tool_calls": [{"index": 4, "function": {"arguments": ""}}], "content": None}),
    _event({"tool_calls": [{"index": 5, "function": {"name": "g", "arguments": "{}"}}]}),
    _event({"tool_calls": [{"index": 5, "function": {"arguments": ""}}]}, choice=1),
    _event({}),
    _event(finish="tool_calls"),
]


class _GeneralDecoder(ChatDecoder):
    """A decoder that takes the second way for every choice."""

    def _choice(self, item: Any) -> ChunkChoice:
        return self._unusual_choice(item)


def test_both_ways_give_the_same() -> None:
    """Pieces of text and of arguments are read without looking for what they do not have."""
    quick, general = ChatDecoder("7"), _GeneralDecoder("7")
    read = [list(quick.feed(Frame(event))) for event in _PLAIN]
    assert [list(general.feed(Frame(event))) for event in _PLAIN] == read
    assert list(general.feed(Frame(_DONE))) == list(quick.feed(Frame(_DONE)))


# --- its end --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "choices"),
    [
        ([], 1),
        ([_event({"role": "assistant", "content": ""})], 1),
        ([_event({"content": "x"})], 1),
        ([_event({"content": "x"}, finish="")], 1),
        ([_event({"content": "x"}), _event({"content": "y"}, choice=1), _event(finish="stop")], 1),
        ([_event({"content": "x"}), _event(finish="stop")], 2),
        ([_event(choices=[], usage=_USAGE)], 1),
    ],
)
def test_half_an_answer_is_never_passed_off_as_a_whole_one(
    events: list[bytes], choices: int
) -> None:
    """Without the terminator, every choice that was asked for must have its finish reason."""
    with pytest.raises(StreamTruncatedError):
        _chunks(*events, choices=choices)


def test_a_finish_reason_without_the_end_mark_is_an_end() -> None:
    """Some hosts never send ``[DONE]``."""
    answer = accumulate(_chunks(_event({"content": "x"}), _event(finish="stop")))
    assert "stop" == answer.choices[0].finish_reason


def test_the_end_mark_without_a_finish_reason_is_an_end() -> None:
    """Some hosts never say why; then nobody knows, and nothing is invented."""
    choice = accumulate(_chunks(_event({"content": "x"}), _DONE)).choices[0]
    assert (None, None) == (choice.finish_reason, choice.native_finish_reason)


@pytest.mark.parametrize("mark", [_DONE, b" [DONE] ", b"[DONE]\n"])
def test_the_end_mark_finishes(mark: bytes) -> None:
    """After it nothing is read; white space around it does not hide it."""
    decoder = ChatDecoder("7")
    _ = decoder.feed(Frame(_event({"content": "x"})))
    assert not decoder.finished
    assert () == decoder.feed(Frame(mark))
    assert decoder.finished
    assert () == decoder.close()


@pytest.mark.parametrize("events", [[], [_event(choices=[], usage=_USAGE)], [b"{}"]])
def test_an_end_mark_without_an_answer_is_none(events: list[bytes]) -> None:
    """A stream of nothing is no answer."""
    with pytest.raises(DecodeError):
        _chunks(*events, _DONE)


def test_signs_of_life_are_nothing() -> None:
    """Events of white space keep a connection alive."""
    assert "x" == _first(b"  ", _event({"content": "x"}), b"\t").choices[0].message.content


# --- events that are read without a parser ---


_TEXTS = (" the", "\n", 'a "b"', "é", "", "\U0001f600", "\ud83d", "x", "\ude00", "y", "\ud83d", "!")


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_a_template_changes_nothing(*, ascii_only: bool, padded: bool) -> None:
    """Texts with escapes, lone surrogates and padding: as if each event stood alone."""
    envelope = json.loads(_event())
    read: list[str | None] = []
    decoder = ChatDecoder("7")
    for number, text in enumerate(_TEXTS):
        envelope["choices"][0]["delta"] = {"content": text}
        more = {"obfuscation": "aB9"[: number % 3 + 1]} if padded else {}
        data = json.dumps({**envelope, **more}, ensure_ascii=ascii_only)
        for chunk in decoder.feed(Frame(data.encode("utf-8", "replace"))):
            read.append(chunk.choices[0].delta.content)
            assert ("chatcmpl-1", "gpt-5", []) == (chunk.id, chunk.model, [*chunk.extra])
    assert 12 == len(read)
    joined = "".join(text or "" for text in read)
    surrogates = "\ufffdx\ufffdy\ufffd!" if ascii_only else "?x?y?!"
    assert f' the\na "b"é\U0001f600{surrogates}' == joined


def test_half_a_character_in_an_odd_event_is_not_lost() -> None:
    """The event after it has the bytes of a template, but its text is not all that it says."""
    events = [_event({"content": text}) for text in ("a", "b", "x", "y")]
    odd = _event({"content": "c\ud83d"}, odd=1)
    texts = [
        chunk.choices[0].delta.content
        for chunk in _chunks(events[0], events[1], odd, events[2], events[3], _DONE)
    ]
    assert ["a", "b", "c", "\ufffdx", "y"] == texts


def test_a_template_is_for_its_own_choice() -> None:
    """Of two answers that come in turn, each keeps its texts."""
    events = [_event({"content": f"{n}"}, choice=n % 2) for n in range(9)]
    chunks = _chunks(*events, _DONE, choices=2)
    said = [(chunk.choices[0].index, chunk.choices[0].delta.content) for chunk in chunks]
    assert [(n % 2, f"{n}") for n in range(9)] == said


def test_a_template_is_not_for_whole_messages() -> None:
    """The first message of a choice stands for its delta, and the next ones for nothing."""
    whole = _event().replace(b'"delta": {}', b'"message": {"content": "Hi"}')
    assert ["Hi", None, None] == [
        _only([chunk]).delta.content for chunk in _streamed([whole, whole, whole])
    ]


def test_an_event_in_an_unusual_way_does_not_lend_its_choice() -> None:
    """What comes after it belongs to the choice that it names."""
    first, other = _event({"content": "a"}), _event({"content": "b"}, choice=1)
    stream = [first, first, b"id: 1\ndata: " + other, first]
    assert [0, 0, 1, 0] == [_only([chunk]).index for chunk in _streamed(stream)]


def _streamed(events: list[bytes]) -> list[Chunk]:
    """The chunks of events that the decoder's own framer cuts, fed one by one."""
    decoder = ChatDecoder("7")
    return [
        chunk
        for event in events
        for frame in decoder.framer.feed(
            (event if event.startswith(b"id:") else b"data: " + event) + b"\n\n"
        )
        for chunk in decoder.feed(frame)
    ]


@pytest.mark.parametrize("more", [[], [_event({"content": "x"}, usage=[]), _event(choices=[])]])
def test_what_a_decoder_adds_is_what_its_chunks_add_up_to(more: list[bytes]) -> None:
    """It need not have them read again."""
    events = [*_PLAIN, *more, _event({"refusal": "no"}, id=5), _DONE]
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    chunks = [chunk for event in events for chunk in decoder.feed(Frame(event))]
    expected = accumulate(chunks)
    assert accumulator.completion() == expected
    assert accumulator.completion().model_dump() == expected.model_dump()


_FILTERS = {"hate": {"filtered": False, "severity": "safe"}}


def _filtered(text: str, choice: int = 0, **more: Any) -> bytes:
    given = {"index": choice, "delta": {"content": text}, "content_filter_results": _FILTERS}
    return _event(choices=[{**given, **more}], provider="Azure", obfuscation=text * 3)


def test_what_repeats_beside_a_text_is_read_as_if_it_came_alone() -> None:
    """An event like the one before is read by its text; each chunk is as from a decoder of its own,
    and nobody who changes one changes another."""
    events = [
        *(_filtered("a"), _filtered("b"), _filtered("c", 1), _filtered("d", 1), _filtered("e")),
        *(_filtered("f", logprobs={"content": []}), _filtered("g"), _filtered("h", spans=[1])),
        *(_filtered("i", spans=[2]), _filtered("j", spans=[2])),
        *(_event({"content": "k", "role": "assistant"}), _event({"content": "l", "role": "tool"})),
        *(_event({"content": "m", "role": "assistant"}), _event({"content": 1})),
        *(_event({"content": "n"}, usage=_USAGE), _event({"content": "o"}, x=1)),
        *(_event({"content": "p"}, x=1), _event({"content": "q"}, id=5), _event({"content": "r"})),
    ]
    for event in list(events):
        try:
            ChatDecoder("7").feed(Frame(event))
        except DecodeError:
            events.remove(event)
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    read = [*decoder.feed(Frame(events[0])), *decoder.feed(Frame(events[1]))]
    read[0].choices[0].extra.content_filter_results["hate"] = read[0].extra["provider"] = None
    assert [*ChatDecoder("7").feed(Frame(events[1]))] == read[1:]
    alone = [chunk for event in events for chunk in ChatDecoder("7").feed(Frame(event))]
    together = [read[1], *(chunk for each in events[2:] for chunk in decoder.feed(Frame(each)))]
    assert alone[1:] == together
    assert [each.model_dump() for each in alone[1:]] == [each.model_dump() for each in together]
    assert accumulator.completion() == accumulate(alone)


def test_what_the_end_adds_is_added() -> None:
    """The id of a call whose host gave none."""
    call = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    accumulator = Accumulator()
    decoder = ChatDecoder("7", accumulator=accumulator)
    for event in (_event({"tool_calls": [call]}), _DONE):
        decoder.feed(Frame(event))
    (made,) = accumulator.completion().choices[0].message.tool_calls or []
    assert made.id == "call_7_0_0"


def test_a_message_without_content_is_no_whole_response() -> None:
    """A stream of nothing but that is truncated."""
    with pytest.raises(StreamTruncatedError):
        _chunks(json.dumps({"choices": [{"message": {"finish_reason": {}}}]}).encode())
