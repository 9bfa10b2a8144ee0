"""What a stranger's code may give where something else is expected, and what it may raise."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from llmgate.provider.framing import Frame, SSEFramer
from llmgate.types import Choice, ChoiceDelta, Chunk, ChunkChoice, Completion, Message

__all__ = [
    "FRAMES",
    "GARBAGE",
    "NO_FRAMERS",
    "PIECES",
    "RAISED",
    "REQUESTS",
    "completion",
    "said",
]

AnyChunk: Any = Chunk
AnyChoice: Any = ChunkChoice
AnyDelta: Any = ChoiceDelta
"""To be made of what a type checker would refuse."""


def completion(text: str) -> Completion:
    """An answer."""
    return Completion(choices=[Choice(message=Message(content=text), finish_reason="stop")])


def said(text: Any) -> Any:
    """A piece of one."""
    return AnyChunk(choices=[AnyChoice(delta=AnyDelta(content=text))])


# --- what is raised -----------------------------------------------------------------------


class MuteError(Exception):
    """Has no words."""

    def __str__(self) -> str:
        raise ValueError


RAISED: tuple[BaseException, ...] = (
    RuntimeError("a\nb\x1b[31m"),
    KeyError("no"),
    StopIteration(5),
    GeneratorExit(),
    asyncio.CancelledError("no"),
    RecursionError(),
    MemoryError(),
    AssertionError(),
    TimeoutError("no"),
    NotImplementedError(),
    OSError(5, "no"),
    StopAsyncIteration(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
    ExceptionGroup("no", [ValueError()]),
    MuteError(),
    EOFError(),
    ImportError("no"),
    SyntaxError("no"),
    Warning("no"),
)


GARBAGE: tuple[Any, ...] = (
    None,
    5,
    "text",
    b"bytes",
    [],
    {},
    {"a": 1},
    object(),
    math.nan,
    Chunk,
    SimpleNamespace(send=5, feed=5, open=5),
)


REQUESTS: Mapping[str, tuple[Any, ...]] = {
    "url": (
        *(
            None,
            5,
            b"http://x",
            "",
            "x",
            "ftp://x/",
            "http://",
            "http://[::1",
            "file:///etc/passwd",
        ),
        *("http://a b/", "http://a/\r\nX: y", "http://\x00/", "http://127.0.0.1:99999/", "//x"),
    ),
    "method": (None, 5, "", "G ET", "GET\r\nX: y", "\xe9"),
    "headers": (
        *(None, 5, "text", [("a", "b")], {1: "b"}, {"a": None}, {"a": 5}, {"a": b"b"}, {"": "b"}),
        *({"a\r\nb": "c"}, {"a": "b\r\nc"}, {"content-length": "-1"}, {"host": "\ud800"}),
    ),
    "body": (None, "text", 5, [1], {"a": 1}, object(), bytearray(b"x")),
    "delay": (None, "1", math.nan, -1, -math.inf, [], 1j),
    "on_abandon": (5, "text", object()),
    "stream": (None, "yes", 5, []),
    "idempotent": (None, "yes", []),
}

# --- what their decoders do ---------------------------------------------------------------

NO_CHOICES: tuple[Any, ...] = (None, 5, "text", [None], [5], [{}], {})
PIECES: tuple[Any, ...] = (
    *(None, 5, "text", [None], [5], ["text"], [{}], [Chunk], [completion("x")], object()),
    *([AnyChunk(choices=value)] for value in NO_CHOICES),
    *([AnyChunk(choices=[AnyChoice(delta=value)])] for value in NO_CHOICES),
    *([said(value)] for value in (5, b"x", [1], {"a": 1}, object())),
    *(
        [AnyChunk(choices=[AnyChoice(delta=AnyDelta(**{name: value}))])]
        for name in ("tool_calls", "function_call", "audio", "annotations", "provider_data", "role")
        for value in (5, "text", [None], [5])
    ),
    *(
        [replace(said("x"), **{name: 5}) for _ in (1,)]
        for name in ("usage", "extra", "id", "model")
    ),
    [AnyChunk(choices=[AnyChoice(delta=AnyDelta(content="x"), index="x")])],
    [AnyChunk(choices=[AnyChoice(delta=AnyDelta(content="x"), finish_reason=5)])],
)


AnyFrame: Any = Frame
FRAMES: tuple[Any, ...] = (None, 5, "text", [None], [5], ["text"], [b"x"], [AnyFrame("text")], [()])
NO_FRAMERS: tuple[Any, ...] = (None, 5, "text", object(), SSEFramer)
