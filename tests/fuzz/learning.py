"""Streams in which much of what a framer learns is almost true, and the oracle for them.

Whatever a decoder teaches its framer, it gives what it would give had the framer learned nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any
from zlib import crc32

from llmgate.errors import LLMGateError
from llmgate.provider import Decoder, framing
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.framing import MAX_FRAME, Frame, SSEFramer
from llmgate.provider.templated_sse import FrameTemplate
from llmgate.types import Chunk
from tests.fuzz.oracles import FindingError, timed

__all__ = ["PARTS", "learning_oracle", "scripted", "scripts"]


class Unteachable(SSEFramer):
    """A framer that gives every event as it is."""

    __slots__ = ()

    def learn(self, template: FrameTemplate, frame: Frame) -> None:
        """Nothing."""


# --- the oracle ---------------------------------------------------------------------------


def learning_oracle(opens: Sequence[Callable[[], Decoder[Chunk]]]) -> Callable[[bytes], None]:
    """Each stream gives the same whether its framer learns or not, however it is cut."""

    def check(data: bytes) -> None:
        random = Random(crc32(data))
        limit = random.choice((MAX_FRAME, MAX_FRAME, 300, 90))
        plain, window = getattr(framing, "_WINDOW"), random.choice((40, 400, 16 * 1024))  # noqa: B009
        setattr(framing, "_WINDOW", window)  # noqa: B010 - a short stream is to have long runs
        try:
            for open_ in opens:
                for pieces in _cuts(data, random):
                    learned = _outcome(open_(), SSEFramer(limit), pieces)
                    parsed = _outcome(open_(), Unteachable(limit), pieces)
                    if learned != parsed and repr(learned) != repr(parsed):  # as NaN is not
                        sizes = [len(piece) for piece in pieces]
                        raise FindingError(
                            f"{learned!r} where all is parsed: {parsed!r}; cut into {sizes}"
                        )
        finally:
            setattr(framing, "_WINDOW", plain)  # noqa: B010

    return timed(check)


def _outcome(
    decoder: Decoder[Chunk], framer: SSEFramer, pieces: Iterable[bytes]
) -> tuple[Any, ...]:
    """The chunks, what they add up to, and the error."""
    opened: Any = decoder
    opened.framer = framer
    answer, chunks = Accumulator(), list[Chunk]()
    error: tuple[Any, ...] = ()
    try:
        for made in _batches(decoder, pieces):
            for chunk in made:
                chunks.append(chunk)
                answer.add(chunk)
    except LLMGateError as failure:
        error = type(failure), failure.message, failure.code, getattr(failure, "frame", None)
    try:
        return chunks, error, answer.completion()
    except LLMGateError as failure:
        return chunks, error, failure.message


def _batches(decoder: Decoder[Chunk], pieces: Iterable[bytes]) -> Iterator[Iterable[Chunk]]:
    for piece in (*pieces, b""):
        for frame in decoder.framer.feed(piece) if piece else decoder.framer.close():
            yield decoder.feed(frame)
            if decoder.finished:
                return
    yield decoder.close()


def _cuts(data: bytes, random: Random) -> Iterator[list[bytes]]:
    """At once, event by event, in small pieces of one size, and anywhere."""
    yield [data] if data else []
    yield [block + b"\n\n" for block in data.split(b"\n\n")]
    size = random.choice((1, 3, 50))
    if len(data) < 4000 * size:
        yield [data[at : at + size] for at in range(0, len(data), size)]
    places = sorted(random.choices(range(len(data) + 1), k=random.choice((1, 4, 30))))
    yield [data[a:b] for a, b in pairwise([0, *places, len(data)]) if a < b]


# --- the streams --------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """What a vendor's streams are made of: events of text to be filled in, and any others."""

    opening: bytes
    texts: Sequence[bytes]
    others: Sequence[bytes]


_INSIDES: Sequence[bytes] = (
    *(b"a", b"", b" the", b"\xc3\xa9", rb"\"", rb"\\", rb"\u00e9", rb"\ud83d\ude00", b"\xff"),
    *(rb"\ud83d", rb"\ude00", rb"x\ud83d", rb"\ude00y", b"\\", b'"', b"\n", b"\r", b"\t", b"\x7f"),
    *(
        b"\n\n",
        b'","text":"b',
        b'","content":"b',
        b'","index":1,"x":"',
        b"x" * 150,
        b"}\n\ndata: {",
    ),
    *(rb"\"}", b'"}', rb"\"},\"finish_reason\":null}],\"obfuscation\":\"", b"obfuscation"),
    *(rb"\n\ndata: {\"choices\":", b'"text":', rb"\"text\":\"b", b"\xed\xa0\xbd", b"\xef\xbb\xbf"),
)
"""What may stand where a text does: insides of JSON texts, and some that are none."""


def _openai(delta: bytes, more: bytes = b"", choice: bytes = b"", index: bytes = b"0") -> bytes:
    head = b'"id":"c1","object":"chat.completion.chunk","created":1,"model":"m"'
    delta = b'{"index":%s,"delta":{%s}%s,"finish_reason":null}' % (index, delta, choice)
    return b'{%s,"choices":[%s]%s}' % (head, delta, more)


def _data(frame: bytes, before: bytes = b"data: ") -> bytes:
    return before + frame + b"\n\n"


_SAID = _openai(b'"content":"@"')
_PADDED = _openai(b'"content":"@"', b',"obfuscation":"aZ9"')
_ERROR = b'{"error":{"message":"no","type":"server_error"}}'
_ANYTHING: Sequence[bytes] = (
    *(b": comment\n\n", b"\n", b"\n\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"data: ", b"data:\n\n"),
    *(b"event: x\n", b"id: 1\n", b"retry: 1\n\n", b"data\n\n", b"}", b'"', b"data: {}\n\n"),
    *(b"data: [DONE]\n\n", b"data: [1]\n\n", b"event: error\n", _data(_ERROR), b"data: oops\n\n"),
    *(b'"}\n\n', b'"}}\n\n', b"data: \n\n", b"event:error\ndata: x\n\n"),
)
_OPENAI = Parts(
    _data(_openai(b'"role":"assistant","content":""')),
    (
        *map(_data, (_SAID, _SAID, _PADDED, _PADDED, _SAID.replace(b'"content":', b'"content": '))),
        _data(_PADDED.replace(b"aZ9", b"")),
        _data(_PADDED.replace(b"aZ9", b"-")),
        _data(_PADDED.replace(b"aZ9", b"other")),
        _data(_openai(b'"content":"@"', index=b"1")),
        _data(_openai(b'"content":"@"', index=b"1"), b"id: 7\ndata: "),
        _data(_SAID, b"id: 7\ndata: "),
        _data(_SAID, b"data:"),
        _data(_SAID, b"event: x\ndata: "),
        _data(_SAID.replace(b"c1", b"c2")),
        _data(_SAID.replace(b"c1", b"c2"), b"data:"),
        _data(_openai(b'"content":"@"', b',"usage":null')),
        _data(_openai(b'"content":"@"', b',"usage":{"prompt_tokens":1,"completion_tokens":2}')),
        _data(_openai(b'"content":"@"', b',"x":1')),
        _data(_openai(b'"content":"@"', b',"x":"content"')),
        _data(_openai(b'"content":"@"', choice=b',"logprobs":null')),
        _data(_openai(b'"role":"assistant","content":"@"')),
        _data(_openai(b'"reasoning_content":"@"')),
        _data(_openai(b'"reasoning_content":"@","content":"a"')),
        _data(_openai(b'"reasoning":"","content":"@"')),
        _data(_openai(b'"content":"b","content":"@"')),
        _data(_openai(rb'"content":"b","c\u006fntent":"@"')),
        _data(_openai(rb'"content":"@","c\u006fntent":"b"')),
        _data(_openai(b"", choice=b',"message":{"content":"@"}', index=b"2")),
        _data(_openai(b"", choice=b',"message":{"role":"x","content":"@"}')),
        _data(b'{"choices":[{"index":3,"message":{"content":"@"}}]}'),
        _data(b'{"choices":[{"index":0,"delta":{"content":"@"}}]}'),
        _data(b'{"choices":[{"delta":{"content":"@"}}]}'),
        _data(b'{"choices":[{"delta":{"content":"@"}}],"error":null}'),
        _data(b'{"choices":[{"index":0,"delta":{"content":"@"}}],"id":"@"}'),
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"@"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"@"}}]}\nevent: error\n\n',
        _data(_openai(b'"tool_calls":[{"index":0,"id":"t","function":{"name":"@"}}]')),
        _data(_openai(b'"tool_calls":[{"index":0,"function":{"arguments":"@"}}]')),
        _data(_openai(b'"content":[{"type":"text","text":"@"}]')),
    ),
    (
        *_ANYTHING,
        _data(_openai(b"").replace(b"null", b'"stop"')),
        _data(_openai(b"", index=b"1").replace(b"null", b'"stop"')),
        _data(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'),
        _SAID[:-20],
        b"data: " + _SAID.partition(b"@")[0],
        _SAID.partition(b"@")[2] + b"\n\n",
        _data(_SAID.partition(b"@")[0] + _SAID.partition(b"@")[2][1:]),  # one quote for two
    ),
)


def _named(kind: str, **fields: Any) -> bytes:
    text = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {text}\n\n".encode()


def _delta(kind: str, index: int = 0, **fields: Any) -> bytes:
    return _named("content_block_delta", index=index, delta={"type": kind, **fields})


def _begins(index: int, **block: Any) -> bytes:
    return _named("content_block_start", index=index, content_block=block)


_SPOKEN = _delta("text_delta", text="@")
_ANTHROPIC = Parts(
    _named("message_start", message={"id": "m1", "model": "m", "usage": {"input_tokens": 1}})
    + _begins(0, type="text", text=""),
    (
        *(_SPOKEN, _SPOKEN, _SPOKEN, _delta("text_delta", 1, text="@")),
        _SPOKEN.replace(b":", b": ").replace(b"data:  ", b"data: "),
        _SPOKEN.partition(b"\n")[2],
        _SPOKEN.partition(b"\n")[2].replace(b"data: ", b"data:"),
        b"id: 1\n" + _SPOKEN,
        b"id: 1\n" + _delta("text_delta", 1, text="@"),
        _SPOKEN.replace(b"data: ", b"id: 1\ndata: "),
        _SPOKEN.replace(b"event: content_block_delta", b"event: x"),
        _delta("text_delta", text="@", x=1),
        _named("content_block_delta", index=0, delta={"type": "text_delta", "text": "@"}, x="y"),
        _named("content_block_delta", index=0, delta={"type": "text_delta", "text": "@"}, text=1),
        _SPOKEN.replace(b'"text":', rb'"t\u0065xt":'),
        _SPOKEN.replace(b'"text":', rb'"text":"b","t\u0065xt":'),
        _SPOKEN.replace(b'"text":', b'"text":"b","text":'),
        _SPOKEN.replace(b'"index":0', b'"index":0,"index":1'),
        _delta("thinking_delta", thinking="@"),
        _delta("input_json_delta", partial_json="@"),
        _delta("new_delta", text="@"),
        _delta("text_delta", text="@").replace(b"}}", b'},"delta":{"type":"text_delta"}}'),
    ),
    (
        *_ANYTHING,
        _begins(0, type="text", text=""),
        _begins(0, type="text", text="so"),
        _begins(1, type="text", text=""),
        _begins(0, type="tool_use", id="t", name="f", input={}),
        _begins(1, type="thinking", thinking=""),
        _named("content_block_stop", index=0),
        _named("content_block_stop", index=1),
        _named("ping"),
        _named("new_event", x=1),
        _named("error", error={"type": "overloaded_error", "message": "no"}),
        _delta("citations_delta", citation={"type": "char_location", "cited_text": "x"}),
        _delta("signature_delta", signature="s"),
        _named("message_start", message={"id": "m2", "model": "n"}),
        _named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
        _named("message_stop"),
        _SPOKEN[:-9],
        _SPOKEN.partition(b"@")[0],
        _SPOKEN.partition(b"@")[2],
        _SPOKEN.partition(b"@")[0] + _SPOKEN.partition(b"@")[2][1:],
    ),
)
PARTS: Mapping[str, Parts] = {"openai": _OPENAI, "anthropic": _ANTHROPIC}


def scripted(parts: Parts, script: bytes) -> bytes:
    """The stream that a script of bytes stands for, so that changing a byte changes an event."""
    stream, steps = bytearray(parts.opening), iter(script)
    for step in steps:
        number = next(steps, 0)
        match step % 8:
            case 0 | 1 | 2 | 3:  # one of the first forms, and more often than not a plain text
                form = parts.texts[number % 2 if step % 8 else number % len(parts.texts)]
                stream += form.replace(b"@", _INSIDES[step // 8])
            case 4:
                form = parts.texts[step // 8 % len(parts.texts)]
                stream += form.replace(b"@", _INSIDES[number % len(_INSIDES)]) * 2
            case 5:
                stream += parts.others[number % len(parts.others)]
            case 6 if step & 8:
                stream += bytes([number])
            case 6:
                del stream[len(stream) - number % len(stream) % 60 :]
            case _ if number & 1:
                stream += stream[-number:]
            case _:
                stream = bytearray(bytes(stream).replace(b"\n", b"\r\n" if number & 2 else b"\r"))
    return bytes(stream)


def scripts() -> Iterable[bytes]:
    """Something to begin with."""
    yield b""
    yield bytes([2, 0, 10, 1] * 10)
    yield from (bytes([2, 0, 2, 0, 0, n, 2, 0, 4, n, 2, 0, 5, n, 2, 0]) for n in range(40))
