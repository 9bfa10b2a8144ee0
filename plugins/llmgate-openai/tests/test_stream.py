"""Streams: what each event becomes, when a stream is whole, and what else it may say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from llmgate.accumulate import accumulate
from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.framing import Frame
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
    """A decoder that takes the general way for every event."""

    def _plain_choice(self, choice: Any) -> ChunkChoice | None:
        return None


def _no_chunk(payload: Any, choices: Any) -> None:
    """The quick way for no event."""


def test_the_quick_way_gives_what_the_general_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of text and of arguments are read without looking for what they do not have."""
    quick, general = ChatDecoder("7"), _GeneralDecoder("7")
    read = [list(quick.feed(Frame(event))) for event in _PLAIN]
    monkeypatch.setattr("llmgate_openai.stream._plain_chunk", _no_chunk)
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
    """Without the end mark, every choice that was asked for must have its finish reason."""
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


# --- errors inside --------------------------------------------------------------------------

_ERRORS: list[tuple[Frame, type[ProviderError], int | None, str | None]] = [
    (
        Frame(b'{"error":{"message":"m","type":"server_error","code":null}}'),
        ServerError,
        500,
        "server_error",
    ),
    (Frame(b'{"error":{"message":"m","code":"server_is_overloaded"}}'), OverloadedError, 503, None),
    (Frame(b'{"error":{"message":"m","code":"rate_limit_exceeded"}}'), RateLimitError, 429, None),
    (Frame(b'{"error":{"message":"m","code":"invalid_api_key"}}'), AuthenticationError, 401, None),
    (Frame(b'{"error":{"message":"m","code":"content_filter"}}'), ContentFilterError, 400, None),
    (Frame(b'{"error":{"message":"m","code":429}}'), RateLimitError, 429, "429"),
    (Frame(b'{"error":{"message":"m","code":"502"}}'), ServerError, 502, "502"),
    (Frame(b'{"error":{"message":"m","status_code":400}}'), BadRequestError, 400, None),
    (Frame(b'{"error":"m","status":503}'), OverloadedError, 503, None),
    (Frame(b'{"error":"m"}'), ProviderError, None, None),
    (Frame(b'{"error":["m"]}'), ProviderError, None, None),
    (Frame(b'{"error":true}'), ProviderError, None, None),
    (Frame(b'{"object":"error","message":"m","code":400}'), BadRequestError, 400, "400"),
    (Frame(b'{"message":"m","type":"server_error"}', "error"), ServerError, 500, None),
    (Frame(b'{"error":{"message":"m"}}', "error"), ProviderError, None, None),
    (Frame(b'"m"', "error"), ProviderError, None, None),
    (Frame(b"[1]", "error"), ProviderError, None, None),
    (Frame(b"null", "error"), ProviderError, None, None),
    (Frame(b"m", "error"), ProviderError, None, None),
    (Frame(b'"m"'), ProviderError, None, None),
    (Frame(b"upstream connect error"), ProviderError, None, None),
    (Frame(b"<html>Bad gateway</html>"), ProviderError, None, None),
    (Frame(b"\xff\xfe"), ProviderError, None, None),
    (
        Frame(_event(choices=[{"index": 0, "error": {"message": "m", "code": 502}}])),
        ServerError,
        502,
        None,
    ),
]


@pytest.mark.parametrize(("frame", "kind", "status", "code"), _ERRORS)
def test_errors_inside_a_stream_are_typed(
    frame: Frame, kind: type[ProviderError], status: int | None, code: str | None
) -> None:
    """In whichever shape: the class and status follow from the codes, and it says where it was."""
    decoder = ChatDecoder("7")
    _ = decoder.feed(Frame(_event({"content": "x"})))
    with pytest.raises(ProviderError) as caught:
        _ = decoder.feed(frame)
    assert kind is type(caught.value)
    assert (status, True) == (caught.value.status, caught.value.in_stream)
    assert caught.value.message
    if code is not None:
        assert code == caught.value.code


@pytest.mark.parametrize("error", [None, {}, "", [], False, 0])
def test_an_empty_error_is_none(error: Any) -> None:
    """A field that says nothing ends no stream."""
    assert "x" == _first(_event({"content": "x"}, error=error)).choices[0].message.content


# --- what is no event -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"choices":',
        b"[]",
        b"[1]",
        b"null",
        b"5",
        b"true",
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b'{"choices":{}}',
        b'{"choices":""}',
        b'{"choices":0}',
        b'{"choices":[null]}',
        b'{"choices":["x"]}',
        b'{"choices":[[]]}',
        b'{"created":1e400,"choices":[]}',
        b'{"usage":5,"choices":[]}',
        b'{"usage":{"prompt_tokens":"3"},"choices":[]}',
        b'{"usage":{"prompt_tokens":NaN},"choices":[]}',
        _event(id=5),
        _event(model=["m"]),
        _event(created="now"),
        _event(service_tier=1),
        _event(choices=[{"index": "0", "delta": {}}]),
        _event(choices=[{"index": [], "delta": {}}]),
        _event(choices=[{"index": 0.5, "delta": {}}]),
        _event(choices=[{"index": 0, "delta": "x"}]),
        _event(choices=[{"index": 0, "delta": [["content", "x"]]}]),
        _event(choices=[{"index": 0, "delta": {}, "logprobs": [1]}]),
        _event({"content": 5}),
        _event({"content": {"text": "x"}}),
        _event({"content": [5]}),
        _event({"content": [{"type": "text", "text": ["x"]}]}),
        _event({"content": [{"type": "thinking", "thinking": 5}]}),
        _event({"role": 5}),
        _event({"refusal": ["x"]}),
        _event({"reasoning_content": 5}),
        _event({"audio": "x"}),
        _event({"annotations": {}}),
        _event({"function_call": "f"}),
        _event({"function_call": {"name": 5}}),
        _event({"content": "x"}, finish=5),
        _event({"content": "x"}, finish=["stop"]),
    ],
    ids=lambda data: data[:60].decode("ascii", "replace"),
)
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    """Every wrong type is a DecodeError that holds the event, whatever came before."""
    decoder = ChatDecoder("7")
    _ = decoder.feed(Frame(_event({"content": "x"})))
    with pytest.raises(DecodeError) as caught:
        _ = decoder.feed(Frame(data))
    assert data == caught.value.frame
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","score":NaN}]}',
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","score":1e400}]}',
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","score":%s}]}' % (b"9" * 400),
        b'{"choices":[],"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}',
        b'  {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}  ',
        b'{"choices":[{"index":0.0,"delta":{"content":"x"},"finish_reason":"stop"}]}',
    ],
)
def test_odd_json_is_read(data: bytes) -> None:
    """Not a number, infinities, huge numbers, keys that come twice, white space."""
    assert "x" == accumulate(_chunks(data)).choices[0].message.content


# --- half characters ------------------------------------------------------------------------


def _raw(text: str, key: str = "content", **rest: str) -> bytes:
    """An event whose text is these JSON escapes."""
    finish = rest.get("finish", "null")
    return b'{"choices":[{"index":0,"delta":{"%s":"%s"},"finish_reason":%s}]}' % (
        key.encode(),
        text.encode(),
        finish.encode(),
    )


@pytest.mark.parametrize("key", ["content", "refusal", "reasoning_content"])
@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([r"\ud83d\ude00"], "😀"),
        ([r"a\ud83d", r"\ude00b"], "a😀b"),
        ([r"a\uD83D", r"\uDE00\ud83d", r"\ude00"], "a😀😀"),
        ([r"\ud83d", "x"], "\ufffdx"),
        ([r"a\ude00b"], "a\ufffdb"),
        ([r"\ud83da"], "\ufffda"),
        ([r"\ud83d", ""], "\ufffd"),
        ([r"x\ud83d"], "x\ufffd"),
        ([r"\ud83d\ud83d", r"\ude00"], "\ufffd😀"),
    ],
)
def test_half_characters_are_joined_or_replaced(key: str, pieces: list[str], expected: str) -> None:
    """A character that was cut in two comes whole where both halves came, and as U+FFFD else."""
    answer = accumulate(_chunks(*[_raw(piece, key) for piece in pieces], _DONE))
    text = getattr(answer.choices[0].message, key)
    assert expected == text
    assert text.encode()


def test_half_characters_of_arguments_are_joined() -> None:
    """Arguments come in pieces as text does."""
    start = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,%s}]}}]}'
    events = [
        start % rb'"id":"a","function":{"name":"f","arguments":"{\"x\":\"\ud83d"}',
        start % rb'"function":{"arguments":"\ude00\"}"}',
    ]
    calls = _first(*events).choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert '{"x":"😀"}' == calls[0].function.arguments


def test_half_a_token_is_no_text_that_goes_on() -> None:
    """A token of the logprobs may be half a character; the next is another token."""
    choice = rb'{"choices":[{"delta":{"content":"x"},"logprobs":{"content":[{"token":"%s"}]}}]}'
    answer = _first(choice % rb"\ud83d", choice % rb"\ude00")
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert ["\ufffd", "\ufffd"] == [item["token"] for item in logprobs["content"]]


def test_half_characters_do_not_hide_broken_json() -> None:
    """What is no JSON stays a DecodeError, with halves or without, however deep it is."""
    for data in (rb'{"x":"\ud83d"', b'{"a":' * 100_000 + rb'"\ud83d"', rb'{"x":"\ud83d\q"}'):
        with pytest.raises(LLMGateError) as caught:
            _chunks(data)
        assert DecodeError is type(caught.value)


def test_half_characters_in_a_bare_text() -> None:
    """An event that is no object is refused, also where it holds half a character."""
    with pytest.raises(DecodeError):
        _chunks(rb'["\ud83d"]')
