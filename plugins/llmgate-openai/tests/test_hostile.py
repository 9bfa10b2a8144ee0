"""Any JSON in any place: an answer or one of llmgate's errors, and never another exception."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgate.errors import DecodeError, LLMGateError, ProviderError
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate_openai import ChatDecoder, chat_error, decode

Outcome = TypeVar("Outcome")

_FUNCTION = {"name": "f", "arguments": '{"x":1}'}
_LOGPROBS = {"content": [{"token": "x", "logprob": -0.1, "bytes": [1], "top_logprobs": []}]}
_USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 1},
    "prompt_cache_hit_tokens": 1,
}
_MESSAGE = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"type": "text", "text": "x"}],
    "refusal": None,
    "reasoning": "Hm",
    "tool_calls": [
        {"id": "a", "type": "function", "index": 0, "function": _FUNCTION},
        {"id": "b", "type": "custom", "index": 1, "custom": {"name": "g", "input": "x"}},
    ],
    "function_call": _FUNCTION,
    "annotations": [{"type": "url_citation"}],
    "audio": {"id": "a", "data": "AAAA", "transcript": "x", "expires_at": 1},
}
_ENVELOPE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1784728648,
    "model": "gpt-5",
    "usage": _USAGE,
    "system_fingerprint": "fp",
    "service_tier": "default",
    "x_groq": {"id": "1", "usage": _USAGE},
}
_CHOICE = {"index": 0, "finish_reason": "stop", "logprobs": _LOGPROBS}
_WHOLE = {**_ENVELOPE, "choices": [{**_CHOICE, "message": _MESSAGE}]}


def _event(delta: Any, finish: Any = None) -> dict[str, Any]:
    choice = {**_CHOICE, "finish_reason": finish, "delta": delta}
    return {**_ENVELOPE, "choices": [choice]}


_STREAM: list[Any] = [
    _event({"role": "assistant", "content": ""}),
    {"choices": [{"index": 0, "delta": {"content": "x"}}], "id": "1", "created": 1},
    _event(_MESSAGE),
    _event({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
    _event({"tool_calls": [{"function": {"name": "h", "arguments": "{}"}}, {"id": "c"}]}),
    _event({}, "tool_calls"),
    {"choices": [], "usage": _USAGE},
]
_ERROR: dict[str, Any] = {
    "error": {"message": "m", "type": "server_error", "code": "c", "metadata": {"reasons": []}}
}

_TEXTS = st.sampled_from(
    ["", " ", "x", "[DONE]", "stop", "function", "custom", "error", "0", "{}", "\ud83d", "\ude00"]
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from([10**30, -(10**400), 0.0, 0.5, 1e308, float("inf"), float("nan")])
    | _TEXTS
    | st.text(max_size=3)
)
_KEYS = (
    st.sampled_from(["index", "id", "type", "function", "custom", "name", "arguments", "content"])
    | st.sampled_from(["text", "delta", "message", "error", "code", "status", "choices", "role"])
    | st.sampled_from(["extra", "thinking", "usage", "input", "data"])
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if is_object(value):
        items = [*value.items()]
    elif is_array(value):
        items = [*enumerate(value)]
    return [path, *[place for key, item in items for place in _places(item, (*path, key))]]


@st.composite
def _spoilt(draw: st.DrawFn, value: Any) -> Any:
    """The value with up to three of its parts replaced, or taken away."""
    spoilt = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(spoilt)))
        if not path:
            return draw(_JSON)
        holder = spoilt
        for step in path[:-1]:
            holder = holder[step]
        if draw(st.integers(0, 4)):
            holder[path[-1]] = draw(_JSON)
        else:
            del holder[path[-1]]
    return spoilt


_LIMITS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def _outcome(attempt: Callable[[], Outcome]) -> Outcome | LLMGateError:
    """What it gives, or llmgate's error; any other exception fails the test."""
    try:
        return attempt()
    except LLMGateError as error:
        return error


@_LIMITS
@given(_spoilt(_WHOLE))
def test_a_spoilt_reply_is_an_answer_or_an_error_of_ours(payload: Any) -> None:
    """What is read can be written again, and what is not tells which body it was."""
    body = json.dumps(payload).encode()
    outcome = _outcome(lambda: decode(HttpResponse(200, {}, body), "7"))
    if isinstance(outcome, DecodeError):
        assert body == outcome.frame
    elif isinstance(outcome, LLMGateError):
        assert ProviderError in type(outcome).__mro__
    else:
        assert outcome.choices
        assert outcome.model_dump_json()
        calls = [call for choice in outcome.choices for call in choice.message.tool_calls or []]
        assert all(call.id for call in calls)


@_LIMITS
@given(_spoilt(_STREAM))
def test_a_spoilt_stream_is_an_answer_or_an_error_of_ours(events: Any) -> None:
    """Whatever came before an error is still an answer that can be written."""
    decoder, answer = ChatDecoder("7"), Accumulator()
    spoilt = events if is_array(events) else [events]

    def read() -> None:
        for data in [*[json.dumps(event).encode() for event in spoilt], b"[DONE]"]:
            for chunk in decoder.feed(Frame(data)):
                answer.add(chunk)
        assert () == decoder.close()

    _ = _outcome(read)
    assert answer.completion().model_dump_json()


@_LIMITS
@given(_spoilt(_ERROR), st.sampled_from([400, 401, 402, 404, 408, 429, 500, 503, 599]))
def test_a_spoilt_error_is_an_error_of_ours(payload: Any, status: int) -> None:
    """Whatever the body, it is one of the typed errors, and its text can be shown."""
    data = json.dumps(payload).encode()
    assert str(chat_error(HttpResponse(status, {}, data))).isprintable()
    with pytest.raises(ProviderError) as caught:
        _ = ChatDecoder("7").feed(Frame(data, "error"))
    assert caught.value.in_stream


@_LIMITS
@given(st.lists(st.binary(max_size=40), max_size=6), st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_an_error_of_ours(events: list[bytes], body: bytes) -> None:
    """Noise is refused."""
    decoder = ChatDecoder("7")
    for data in (body, b"data: " + body, *events):
        for frame in (*decoder.framer.feed(data), *decoder.framer.close(), Frame(data)):
            _ = _outcome(partial(decoder.feed, frame))
    _ = _outcome(decoder.close)
    _ = _outcome(lambda: decode(HttpResponse(200, {}, body), "7"))
    assert chat_error(HttpResponse(500, {}, body)).message
