"""Streams of chat completions: what an event says, and how a stream ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    StreamTruncatedError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.types import Completion
from llmgate_openai import ChatDecoder
from tests.integration.openai_events import TERMINATOR, USAGE, chunks_of, event_of, only_choice


def first_completion(*events: bytes) -> Completion:
    return accumulate(chunks_of(*events, event_of(finish="stop"), TERMINATOR))


# --- what an event says ---------------------------------------------------------------------


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
    message = first_completion(*map(event_of, deltas)).choices[0].message
    assert expected == {name: getattr(message, name) for name in expected}


def test_the_envelope_and_the_usage_are_read() -> None:
    """Id, model, tier and usage are in the answer; the usage chunk has no choice."""
    events = [
        event_of({"content": "x"}, service_tier="default", system_fingerprint="fp"),
        event_of(finish="stop"),
        event_of(choices=[], usage=USAGE),
    ]
    answer = accumulate(chunks_of(*events, TERMINATOR))
    assert ("chatcmpl-1", "gpt-5", 1784728648) == (answer.id, answer.model, answer.created)
    assert ("default", "fp") == (answer.service_tier, answer.system_fingerprint)
    assert answer.usage is not None
    assert 5 == answer.usage.total_tokens


@pytest.mark.parametrize(
    "events",
    [
        [event_of({"content": "x"}), event_of(finish="stop", usage=USAGE)],
        [
            event_of({"content": "x"}, usage={"prompt_tokens": 1}),
            event_of(finish="stop", usage=USAGE),
        ],
        [event_of({"content": "x"}), event_of(finish="stop", x_groq={"id": "1", "usage": USAGE})],
        [event_of({"content": "x"}), event_of(finish="stop"), event_of(choices=None, usage=USAGE)],
        [event_of({"content": "x"}, usage=USAGE), event_of(finish="stop", usage={})],
    ],
    ids=["with the finish", "with every event", "Groq's own", "choices null", "empty at last"],
)
def test_the_last_usage_counts(events: list[bytes]) -> None:
    """Wherever a host puts its usage, it is read once, and running totals are never added up."""
    usage = accumulate(chunks_of(*events, TERMINATOR)).usage
    assert usage is not None
    assert (3, 2, 5) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


def test_logprobs_are_joined() -> None:
    """The logprobs of all events are those of the answer."""
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    events = [
        event_of(choices=[{**choice, "logprobs": {"content": [{"token": token}], "refusal": None}}])
        for token in "ab"
    ]
    expected = {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    assert expected == first_completion(*events).choices[0].logprobs


def test_what_has_no_place_is_in_extra() -> None:
    """Unknown fields of the event and of the choice are kept; padding is not."""
    choice: Any = {"index": 0, "delta": {"content": "x"}, "content_filter_results": {"hate": {}}}
    (chunk,) = ChatDecoder("7").feed(
        Frame(event_of(choices=[choice], moderation={"input": 1}, obfuscation="aB3"))
    )
    assert {"moderation": {"input": 1}} == chunk.extra
    assert {"content_filter_results": {"hate": {}}} == chunk.choices[0].extra


def test_the_answer_so_far_is_not_read_twice() -> None:
    """Perplexity repeats the whole message beside each delta."""
    choices = [
        {"index": 0, "delta": {"content": piece}, "message": {"content": so_far}}
        for piece, so_far in (("Pa", "Pa"), ("ris", "Paris"), ("", "Paris"))
    ]
    answer = first_completion(*[event_of(choices=[choice]) for choice in choices])
    assert "Paris" == answer.choices[0].message.content
    assert {} == answer.choices[0].extra


def test_a_message_stands_in_for_a_delta() -> None:
    """A host that streams its answer in one event may call it a message."""
    choice = {"index": 0, "message": {"content": "Paris"}, "finish_reason": "stop"}
    assert "Paris" == accumulate(chunks_of(event_of(choices=[choice]))).choices[0].message.content


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
    choice = accumulate(chunks_of(event_of({"content": "x"}), event_of(finish=native))).choices[0]
    assert (expected, native) == (choice.finish_reason, choice.native_finish_reason)


def test_the_reason_of_the_host_behind_a_host_is_kept() -> None:
    """OpenRouter gives both."""
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}
    event = event_of(choices=[{**choice, "native_finish_reason": "end_turn"}])
    read = only_choice(chunks_of(event))
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
    assert (
        "x"
        == first_completion(event_of({"content": "x"}), event_of(**envelope))
        .choices[0]
        .message.content
    )


# --- its end --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "choices"),
    [
        ([], 1),
        ([event_of({"role": "assistant", "content": ""})], 1),
        ([event_of({"content": "x"})], 1),
        ([event_of({"content": "x"}, finish="")], 1),
        (
            [
                event_of({"content": "x"}),
                event_of({"content": "y"}, choice=1),
                event_of(finish="stop"),
            ],
            1,
        ),
        ([event_of({"content": "x"}), event_of(finish="stop")], 2),
        ([event_of(choices=[], usage=USAGE)], 1),
    ],
)
def test_half_an_answer_is_never_passed_off_as_a_whole_one(
    events: list[bytes], choices: int
) -> None:
    """Without the terminator, every choice that was asked for must have its finish reason."""
    with pytest.raises(StreamTruncatedError):
        chunks_of(*events, choices=choices)


def test_a_finish_reason_without_the_end_mark_is_an_end() -> None:
    """Some hosts never send ``[DONE]``."""
    answer = accumulate(chunks_of(event_of({"content": "x"}), event_of(finish="stop")))
    assert "stop" == answer.choices[0].finish_reason


def test_the_end_mark_without_a_finish_reason_is_an_end() -> None:
    """Some hosts never say why; then nobody knows, and nothing is invented."""
    choice = accumulate(chunks_of(event_of({"content": "x"}), TERMINATOR)).choices[0]
    assert (None, None) == (choice.finish_reason, choice.native_finish_reason)


@pytest.mark.parametrize("mark", [TERMINATOR, b" [DONE] ", b"[DONE]\n"])
def test_the_end_mark_finishes(mark: bytes) -> None:
    """After it nothing is read; white space around it does not hide it."""
    decoder = ChatDecoder("7")
    _ = decoder.feed(Frame(event_of({"content": "x"})))
    assert not decoder.finished
    assert () == decoder.feed(Frame(mark))
    assert decoder.finished
    assert () == decoder.close()


@pytest.mark.parametrize("events", [[], [event_of(choices=[], usage=USAGE)], [b"{}"]])
def test_an_end_mark_without_an_answer_is_none(events: list[bytes]) -> None:
    """A stream of nothing is no answer."""
    with pytest.raises(DecodeError):
        chunks_of(*events, TERMINATOR)


def test_signs_of_life_are_nothing() -> None:
    """Events of white space keep a connection alive."""
    assert (
        "x" == first_completion(b"  ", event_of({"content": "x"}), b"\t").choices[0].message.content
    )


# --- events that are read without a parser ---


def test_a_message_without_content_is_no_whole_response() -> None:
    """A stream of nothing but that is truncated."""
    with pytest.raises(StreamTruncatedError):
        chunks_of(json.dumps({"choices": [{"message": {"finish_reason": {}}}]}).encode())
