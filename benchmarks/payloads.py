"""What the upstream answers and what is asked of it, made from nothing; it opens no socket.

An answer is chosen by the first part of the URL's path, so that a client is pointed at one by its
base URL alone. The bytes are the same in every run.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import Any, Literal, NamedTuple, TypeAlias

from benchmarks.families import (
    FAMILIES,
    anthropic_events,
    bedrock_events,
    family_events,
    gemini_events,
    responses_events,
)
from benchmarks.texts import CITY, SENTENCE, fragments, prose, response_head, words

__all__ = [
    "ANSWERS",
    "MODELS",
    "SCHEMA",
    "Answer",
    "Dialect",
    "table",
    "with_calls",
]

Dialect: TypeAlias = Literal["openai", "anthropic", "responses", "gemini", "bedrock"]
JSON: TypeAlias = dict[str, Any]

MODELS: dict[Dialect, str] = {
    "openai": "gpt-4.1-mini",
    "anthropic": "claude-haiku-4-5",
    "responses": "gpt-4.1-mini",
    "gemini": "gemini-2.5-flash",
    "bedrock": "amazon.nova-lite-v1:0",
}
_CREATED = 1_764_000_000


class Answer(NamedTuple):
    """An HTTP response in the pieces that are written one by one, and the text that it says."""

    writes: tuple[bytes, ...]
    text: str
    chunks: int = 1
    pause: int = 0
    """Microseconds before every write but the first."""
    wait: int = 0
    """Microseconds before the first write."""


def with_calls(messages: list[JSON], count: int) -> list[JSON]:
    """The conversation with so many calls and their results before its last message."""
    *before, last = messages
    for at in range(count):
        call = {**_WEATHER, "id": f"{_WEATHER['id']}{at}"}
        result = {"role": "tool", "tool_call_id": call["id"], "content": _FORECAST}
        before += [{"role": "assistant", "content": None, "tool_calls": [call]}, result]
    return [*before, last]


_FORECAST = '{"days":[{"wind":"NW 8","rain":12},{"wind":"NW 6","rain":3},{"wind":"W 4","rain":0}]}'
_ITEMS: JSON = {"type": "array", "items": {"type": "string"}}
_FIELDS: JSON = {
    "city": {"title": "City", "type": "string"},
    "days": {"title": "Days", "type": "integer"},
    "wind": {"title": "Wind", "type": "number"},
    "warnings": {"title": "Warnings", **_ITEMS},
}
_OBJECT: JSON = {
    "title": "Forecast",
    "type": "object",
    "properties": _FIELDS,
    "required": [*_FIELDS],
    "additionalProperties": False,
}
SCHEMA: JSON = {
    "type": "json_schema",
    "json_schema": {"name": "Forecast", "schema": _OBJECT, "strict": True},
}
"""What ``benchmarks.drivers.forecast.Forecast`` stands for."""
_FORECAST_ANSWER = '{"city":"Tromsø","days":3,"wind":8.5,"warnings":["storm","high water"]}'


# --- OpenAI ---------------------------------------------------------------------------------

_OPENAI_USAGE: JSON = {
    "prompt_tokens": 31,
    "completion_tokens": 18,
    "total_tokens": 49,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_WEATHER: JSON = {
    "id": "call_Y2hhcnQ5wXh0b3dlcg",
    "type": "function",
    "function": {"name": "forecast", "arguments": CITY},
}


def _openai_body(message: JSON, finish_reason: str = "stop") -> JSON:
    choice: JSON = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None}
    return {
        "id": "chatcmpl-BnQ5vX0kq7Jm2sT8yLrWc4HdUe1Za",
        "object": "chat.completion",
        "created": _CREATED,
        "model": "gpt-4.1-mini-2025-04-14",
        "choices": [{**choice, "finish_reason": finish_reason}],
        "usage": _OPENAI_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_7d3a19c2be",
    }


def _openai_text(text: str) -> JSON:
    return _openai_body({"content": text, "refusal": None, "annotations": []})


def _openai_chunk(
    delta: JSON | None, finish_reason: str | None = None, padding: str | None = None
) -> bytes:
    choice: JSON = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk: JSON = {
        "id": "chatcmpl-BnQ5vX0kq7Jm2sT8yLrWc4HdUe1Za",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": "gpt-4.1-mini-2025-04-14",
        "service_tier": "default",
        "system_fingerprint": "fp_7d3a19c2be",
        "choices": [] if delta is None else [choice],
        "usage": _OPENAI_USAGE if delta is None else None,
    }
    if padding is not None:
        chunk["obfuscation"] = padding
    return b"data: " + _encoded(chunk) + b"\n\n"


def _openai_stream(
    deltas: Iterable[JSON], finish_reason: str, *, padded: bool = False
) -> list[bytes]:
    """The events of a stream; the last write also holds the terminator."""
    paddings = _paddings() if padded else repeat(None)
    parts: list[tuple[JSON | None, str | None]] = [(delta, None) for delta in deltas]
    parts += [({}, finish_reason), (None, None)]
    events = [
        _openai_chunk(delta, reason, padding)
        for (delta, reason), padding in zip(parts, paddings, strict=False)
    ]
    events[-1] += b"data: [DONE]\n\n"
    return events


def _paddings() -> Iterator[str]:
    """What OpenAI adds to every chunk so that its length tells nothing: other letters each time."""
    letters = random.Random(5)
    while True:
        length = letters.randrange(16)
        yield "".join(letters.choices(string.ascii_letters + string.digits, k=length))


def _openai_words(count: int, *, padded: bool = False) -> list[bytes]:
    first: JSON = {"role": "assistant", "content": "", "refusal": None}
    deltas = [first, *({"content": word} for word in words(count))]
    return _openai_stream(deltas, "stop", padded=padded)


def _openai_calls(count: int) -> list[bytes]:
    start = {**_WEATHER, "index": 0, "function": {"name": "forecast", "arguments": ""}}
    first: JSON = {"role": "assistant", "content": None, "tool_calls": [start]}
    rest: list[JSON] = [
        {"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]}
        for fragment in fragments(count)
    ]
    return _openai_stream([first, *rest], "tool_calls")


# --- Anthropic ------------------------------------------------------------------------------


def _anthropic_body(content: list[JSON], stop_reason: str | None) -> JSON:
    return {
        "id": "msg_01LqTn4vYc8RkWb2Xs7Gd5Zf",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 31,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 18,
            "service_tier": "standard",
        },
    }


def _anthropic_event(kind: str, **fields: Any) -> bytes:
    data = _encoded({"type": kind, **fields})
    return f"event: {kind}\n".encode() + b"data: " + data + b"\n\n"


def _anthropic_words(pieces: list[str]) -> list[bytes]:
    def delta(word: str) -> bytes:
        piece = {"type": "text_delta", "text": word}
        return _anthropic_event("content_block_delta", index=0, delta=piece)

    return _anthropic_stream(list(map(delta, pieces)), {"type": "text", "text": ""})


def _anthropic_stream(deltas: list[bytes], block: JSON) -> list[bytes]:
    """The events of a message with one block, whose deltas these are."""
    start = _anthropic_event("message_start", message=_anthropic_body([], None))
    start += _anthropic_event("content_block_start", index=0, content_block=block)
    start += _anthropic_event("ping")
    end = _anthropic_event("content_block_stop", index=0)
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    end += _anthropic_event("message_delta", delta=ending, usage={"output_tokens": len(deltas)})
    end += _anthropic_event("message_stop")
    return [start, *deltas, end]


# --- HTTP -----------------------------------------------------------------------------------


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _whole(body: JSON, text: str) -> Answer:
    data = _encoded(body)
    head = response_head("Content-Type: application/json", f"Content-Length: {len(data)}")
    return Answer((head + data,), text)


def _streamed(
    events: list[bytes],
    text: str,
    chunks: int,
    pause: int | None = None,
    held: int = 0,
    kind: str = "text/event-stream; charset=utf-8",
) -> Answer:
    """A stream whose events are HTTP chunks; in one write, or with a pause one write for each.

    With ``held`` the first events come at once, and the others after the pause.
    """
    framed = [b"%x\r\n" % len(event) + event + b"\r\n" for event in events]
    framed[-1] += b"0\r\n\r\n"
    head = response_head(f"Content-Type: {kind}", "Transfer-Encoding: chunked")
    if pause is None:
        framed = [b"".join(framed)]
    elif held:
        framed = [b"".join(framed[:held]), b"".join(framed[held:])]
    return Answer((head + framed[0], *framed[1:]), text, chunks, pause or 0)


class _Answers(Mapping[str, Answer]):
    """Answers by name, each made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Answer]]) -> None:
        self._makers = makers
        self._made: dict[str, Answer] = {}

    def __getitem__(self, name: str) -> Answer:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def _short() -> Answer:
    return _whole(_openai_text(SENTENCE), SENTENCE)


def _long() -> Answer:
    text = prose(18_400)
    return _whole(_openai_text(text), text)


def _tool() -> Answer:
    message: JSON = {"content": None, "tool_calls": [_WEATHER]}
    return _whole(_openai_body(message, "tool_calls"), CITY)


def _anthropic_short() -> Answer:
    content: list[JSON] = [{"type": "text", "text": SENTENCE}]
    return _whole(_anthropic_body(content, "end_turn"), SENTENCE)


def _openai(count: int, pause: int | None = None, held: int = 0, *, padded: bool = False) -> Answer:
    events = _openai_words(count, padded=padded)
    return _streamed(events, "".join(words(count)), count, pause, held)


def _said(
    events_of: Callable[[list[str]], list[bytes]],
    count: int,
    kind: str = "text/event-stream; charset=utf-8",
) -> Answer:
    """So many words in the events that are made of them."""
    pieces = words(count)
    return _streamed(events_of(pieces), "".join(pieces), count, kind=kind)


def _anthropic_kind(kind: str, block: JSON, count: int) -> Answer:
    pieces = fragments(count) if kind == "input_json" else words(count)
    events = _anthropic_stream(anthropic_events(kind, pieces), block)
    return _streamed(events, "".join(pieces), count)


_BLOCKS: Mapping[str, JSON] = {
    "padded": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
    "input_json": {"type": "tool_use", "id": "toolu_1", "name": "forecast", "input": {}},
}


def _arguments(count: int) -> Answer:
    return _streamed(_openai_calls(count), "".join(fragments(count)), count)


_LENGTHS = (10, 100, 300, 1_000, 2_000, 5_000, 10_000)

ANSWERS: Mapping[str, Answer] = _Answers(
    {
        "openai-short": _short,
        "openai-late": lambda: _short()._replace(wait=60_000_000),
        "openai-long": _long,
        "openai-tool": _tool,
        "openai-json": lambda: _whole(_openai_text(_FORECAST_ANSWER), _FORECAST_ANSWER),
        "openai-calls-1000": partial(_arguments, 1_000),
        "anthropic-short": _anthropic_short,
        **{f"openai-stream-{count}": partial(_openai, count) for count in _LENGTHS},
        **{
            f"anthropic-stream-{count}": partial(_said, _anthropic_words, count)
            for count in _LENGTHS
        },
        "openai-stream-1000-each": partial(_openai, 1_000, pause=0),
        "openai-stream-1000-paced": partial(_openai, 1_000, pause=200),
        "openai-stream-300-spaced": partial(_openai, 300, pause=6_000),
        "openai-stream-20-held": partial(_openai, 20, pause=2_000_000, held=3),
        "openai-stream-1000-padded": partial(_openai, 1_000, padded=True),
        **{
            f"openai-{name}-300": partial(_said, partial(family_events, name), 300)
            for name in FAMILIES
        },
        **{
            f"anthropic-{kind}-300": partial(_anthropic_kind, kind, block, 300)
            for kind, block in _BLOCKS.items()
        },
        "responses-stream-300": partial(_said, responses_events, 300),
        "gemini-stream-300": partial(_said, gemini_events, 300),
        "bedrock-stream-300": partial(
            _said, bedrock_events, 300, "application/vnd.amazon.eventstream"
        ),
        "openai-stream-1000-held": partial(_openai, 1_000, pause=4_000_000, held=3),
    }
)


def table() -> bytes:
    """All answers as upstream.c reads them: for each a line of numbers, then the bytes."""
    parts: list[bytes] = []
    for name, answer in ANSWERS.items():
        sizes = " ".join(str(len(write)) for write in answer.writes)
        line = f"{name} {answer.wait} {answer.pause} {len(answer.writes)} {sizes}\n"
        parts += [line.encode(), *answer.writes]
    return b"".join(parts)
