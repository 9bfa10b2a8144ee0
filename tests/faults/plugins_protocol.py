"""Providers that are handed over and break the contract, method by method, value by value."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from llmgate import Client
from llmgate.errors import (
    DeadlineExceededError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    RequestError,
    StreamTruncatedError,
    shown,
)
from llmgate.framing import Frame, SSEFramer
from llmgate.provider import Provider
from llmgate.types import Choice, ChoiceDelta, Chunk, ChunkChoice, Completion, Message
from llmgate.wire import HttpReply, HttpRequest
from tests.faults.calls import KEY, SLACK
from tests.faults.dialects import TEXT
from tests.faults.server import LAST, STREAM_HEAD, FaultServer, framed, reply
from tests.faults.table import Outcome, Player, Scene, check_always, serving

__all__ = ["CASES"]

ONE = ("openai",)
"""Whose neighbour the stranger is makes no difference here."""
WHOLE = ((False, False), (True, False))
STREAMED = ((False, True), (True, True))

# --- a stranger, of whom one part is replaced ---------------------------------------------


class Stranger(Provider):
    """A good provider but for what is handed over in place of a method."""

    name = "stranger"

    def __init__(self, url: str, **parts: Any) -> None:
        self.url = url
        self.parts = parts

    def __getattribute__(self, name: str) -> Any:
        parts: Mapping[str, Any] = object.__getattribute__(self, "__dict__").get("parts", {})
        if name not in parts:
            return object.__getattribute__(self, name)
        part = parts[name]
        if name == "transport":
            return part(self)
        return partial(part, self) if name in ("complete", "stream") else part

    def complete(self, call: Any) -> Generator[HttpRequest, HttpReply, Any]:
        answered = yield HttpRequest("POST", self.url, body=b"{}")
        return completion(answered.body.decode())

    def stream(self, call: Any) -> Generator[HttpRequest, HttpReply, Any]:
        yield HttpRequest("POST", self.url, body=b"{}", stream=True)
        return Reader(**self.parts)


class Reader:
    """Its decoder, likewise."""

    def __init__(self, **parts: Any) -> None:
        self.framer: Any = parts.get("framer", SSEFramer())
        self.finished: Any = False
        for name in ("feed", "close"):
            if name in parts:
                setattr(self, name, parts[name])

    def feed(self, frame: Frame) -> Iterable[Any]:
        self.finished = frame.data == b"end"
        return [] if self.finished else [said(frame.data.decode())]

    def close(self) -> Iterable[Any]:
        raise StreamTruncatedError("it ended without its end")


def completion(text: str) -> Completion:
    return Completion(choices=[Choice(message=Message(content=text), finish_reason="stop")])


def said(text: Any) -> Chunk:
    return Chunk(choices=[ChunkChoice(delta=ChoiceDelta(content=text))])


WIRE = reply(200, body=TEXT.encode())
STREAM = STREAM_HEAD + framed(b"data: Hello\n\n") + framed(b"data: end\n\n") + LAST


async def play(
    player: Player, check: Callable[[str, Outcome], None], variants: Mapping[str, Mapping[str, Any]]
) -> None:
    """Ask each variant of the stranger once, and the neighbour in between and at the end."""
    dialect = player.dialect
    whole = dialect.streamed() if player.stream else dialect.reply()
    step = STREAM if player.stream else WIRE
    async with serving(FaultServer(step)) as server, serving(dialect.serve(whole)) as neighbour:
        for name, parts in variants.items():
            providers: dict[str, Any] = {
                "stranger": Stranger(server.url, **parts),
                dialect.name: dialect.make(neighbour.url),
            }
            client = Client(providers=providers, max_retries=0, timeout=2.0)
            outcome = await player.call(client, server, model="stranger/x")
            try:
                check_always(outcome)
                check(name, outcome)
                beside = await player.call(client, neighbour)
                assert TEXT == beside.text, f"the neighbour: {beside.error!r}"
            except AssertionError as failure:
                raise AssertionError(f"{name}: {failure}") from failure
            finally:
                await player.close(client)


def fails(*kinds: type[LLMGateError]) -> Callable[[str, Outcome], None]:
    """With one of these errors, which names the stranger."""

    def check(_: str, outcome: Outcome) -> None:
        assert isinstance(outcome.error, kinds), f"it is {outcome.error or outcome.text!r}"
        assert outcome.error.provider in ("stranger", None)
        assert "stranger" in str(outcome.error)

    return check


def ours(_: str, outcome: Outcome) -> None:
    """An answer, or an error of ours."""
    assert outcome.error is None or isinstance(outcome.error, LLMGateError)


def scene(
    name: str,
    check: Callable[[str, Outcome], None],
    variants: Mapping[str, Mapping[str, Any]],
    ways: tuple[tuple[bool, bool], ...],
) -> Scene:
    """One line, for all these variants."""
    return Scene(name, lambda player: play(player, check, variants), ONE, ways)


# --- what is raised -----------------------------------------------------------------------


class MuteError(Exception):
    """Has no words."""

    def __str__(self) -> str:
        raise ValueError


RAISED: tuple[BaseException, ...] = (
    *(RuntimeError("a\nb\x1b[31m"), KeyError("no"), StopIteration(5), GeneratorExit()),
    *(asyncio.CancelledError("no"), RecursionError(), MemoryError(), AssertionError()),
    *(TimeoutError("no"), NotImplementedError(), OSError(5, "no"), StopAsyncIteration()),
    *(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), ExceptionGroup("no", [ValueError()])),
    *(MuteError(), EOFError(), ImportError("no"), SyntaxError("no"), Warning("no")),
)


def raising(error: BaseException) -> Callable[..., Any]:
    """A method that raises it."""

    def method(*_: Any) -> Any:
        raise error

    return method


def raising_later(error: BaseException) -> Callable[..., Any]:
    """A method that is awaited and raises it."""

    async def method(*_: Any) -> Any:
        raise error

    return method


def giving(value: Any) -> Callable[..., Any]:
    """A method that returns it."""
    return lambda *_: value


def raising_at_once(error: BaseException) -> Callable[..., Any]:
    """A flow that raises it before its first request."""

    def flow(*_: Any) -> Any:
        raise error
        yield

    return flow


def raising_at_last(error: BaseException) -> Callable[..., Any]:
    """A flow that raises it after its reply."""

    def flow(stranger: Stranger, call: Any) -> Any:
        yield HttpRequest("POST", stranger.url, body=b"{}", stream=call.stream)
        raise error

    return flow


def ending_with(value: Any) -> Callable[..., Any]:
    """A flow that returns it after its reply."""

    def flow(stranger: Stranger, call: Any) -> Any:
        yield HttpRequest("POST", stranger.url, body=b"{}", stream=call.stream)
        return value

    return flow


def yielding(value: Any) -> Callable[..., Any]:
    """A flow that yields it in place of a request."""

    def flow(*_: Any) -> Any:
        yield value
        return completion(TEXT)

    return flow


def asking(**fields: Any) -> Callable[..., Any]:
    """A flow whose request has these fields."""

    def flow(stranger: Stranger, call: Any) -> Any:
        good = HttpRequest("POST", stranger.url, body=b"{}", stream=call.stream)
        yield replace(good, **fields)
        return Reader() if call.stream else completion(TEXT)

    return flow


def each(
    make: Callable[[Any], Any], values: Iterable[Any], *parts: str
) -> dict[str, dict[str, Any]]:
    """A variant for each of the values, of which these parts are made."""
    return {
        f"{make.__name__} {number} {shown(value)}": dict.fromkeys(parts, make(value))
        for number, value in enumerate(values)
    }


BEGINS = ("complete", "stream")
GARBAGE: tuple[Any, ...] = (None, 5, "text", b"bytes", [], {}, {"a": 1}, object(), math.nan, Chunk)


async def awaited(*_: Any) -> Any:
    """A coroutine in place of a flow."""
    return completion(TEXT)


async def awaited_often(*_: Any) -> Any:
    """An asynchronous generator in place of a flow."""
    yield HttpRequest("GET", "http://127.0.0.1:9")


def stubborn(stranger: Stranger, call: Any) -> Any:
    """A flow that goes on when it is to be closed."""
    with suppress(GeneratorExit):
        for _ in range(3):
            yield HttpRequest("POST", stranger.url, body=b"{}", stream=call.stream, delay=0.3)
    yield None


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
    "method": (None, 5, "", "G ET", "GET\r\nX: y", "\xe9", "CONNECT"),
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

PIECES: tuple[Any, ...] = (
    *(None, 5, "text", [None], [5], ["text"], [{}], [Chunk], [completion("x")], object()),
    *([Chunk(choices=value)] for value in (None, 5, "text", [None], [5], [{}])),
    *([Chunk(choices=[ChunkChoice(delta=value)])] for value in (None, 5, "text", {})),
    *([said(value)] for value in (5, b"x", [1], {"a": 1}, object())),
    *(
        [Chunk(choices=[ChunkChoice(delta=ChoiceDelta(**{name: value}))])]
        for name in ("tool_calls", "function_call", "audio", "annotations", "provider_data", "role")
        for value in (5, "text", [None], [5])
    ),
    *(
        [replace(said("x"), **{name: 5}) for _ in (1,)]
        for name in ("usage", "extra", "id", "model")
    ),
    [Chunk(choices=[ChunkChoice(delta=ChoiceDelta(content="x"), index="x")])],
    [Chunk(choices=[ChunkChoice(delta=ChoiceDelta(content="x"), finish_reason=5)])],
)


def feeding(value: Any) -> Callable[..., Any]:
    """A method that gives it for each frame."""
    return lambda *_: value


class Framer:
    """Gives this for whatever comes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def feed(self, _: bytes) -> Any:
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value

    def close(self) -> Any:
        return self.feed(b"")


FRAMES: tuple[Any, ...] = (None, 5, "text", [None], [5], ["text"], [b"x"], [Frame("text")], [()])  # type: ignore[arg-type]
NO_FRAMERS: tuple[Any, ...] = (None, 5, "text", object(), SSEFramer)

# --- what carries them, and what signs them -----------------------------------------------


class Carrier:
    """A transport whose ``open`` does this, and whose reply is like that."""

    def __init__(self, opening: Any = None, **reply_parts: Any) -> None:
        self.opening = opening
        self.parts = {"status": 200, "headers": {}, "read": _nothing, "close": lambda: None}
        self.parts |= reply_parts

    async def open(self, *_: Any) -> Any:
        if isinstance(self.opening, BaseException):
            raise self.opening
        return SimpleNamespace(**self.parts) if self.opening is None else self.opening

    async def aclose(self) -> None:
        pass


async def _nothing() -> bytes:
    return b""


def reading(value: Any) -> Callable[..., Any]:
    """A ``read`` that gives it."""

    async def read() -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    return read


def carried(carrier: Any) -> dict[str, Any]:
    """The part that stands for a transport."""
    return {"transport": lambda _: carrier}


TRANSPORTS: Mapping[str, Mapping[str, Any]] = {
    **{f"is {value!r:.40}": carried(value) for value in GARBAGE[1:]},
    **{f"opens {number}": carried(Carrier(error)) for number, error in enumerate(RAISED)},
    **{f"opens {value!r:.40}": carried(Carrier(value)) for value in (5, "text", object())},
    **{f"status {value!r}": carried(Carrier(status=value)) for value in (None, "200", -1, 1000)},
    **{f"headers {value!r}": carried(Carrier(headers=value)) for value in (None, 5, "x", [1])},
    **{f"reads {value!r:.40}": carried(Carrier(read=reading(value))) for value in (None, 5, [1])},
    **{
        f"reads {number}": carried(Carrier(read=reading(error)))
        for number, error in enumerate(RAISED)
    },
    "closes with a bang": carried(Carrier(close=raising(OSError("no")))),
}
ERRORS: tuple[Any, ...] = (*GARBAGE, ProviderError, ValueError("no"))


async def refusing(player: Player, variants: Mapping[str, Mapping[str, Any]]) -> None:
    """A refusal that the stranger cannot explain is explained by its status."""
    async with serving(FaultServer(reply(503, body={"a": 1}))) as server:
        for name, parts in variants.items():
            provider = Stranger(server.url, **parts)
            client = Client(providers={"stranger": provider}, max_retries=0, timeout=3.0)
            outcome = await player.call(client, server, model="stranger/x")
            await player.close(client)
            check_always(outcome)
            assert isinstance(outcome.error, OverloadedError), f"{name}: {outcome.error!r}"
            assert 503 == outcome.error.status


def for_ever(stranger: Stranger, call: Any) -> Any:
    """A flow of requests without end."""
    while True:
        yield HttpRequest("POST", stranger.url, body=call.model.encode())


async def endless(player: Player) -> None:
    """A flow without end is ended by the time, over the wire and where nothing is ever waited
    for."""
    async with serving(FaultServer(WIRE)) as server:
        for parts in ({}, carried(Carrier())):
            provider = Stranger(server.url, complete=for_ever, stream=for_ever, **parts)
            client = Client(providers={"stranger": provider}, max_retries=0)
            outcome = await player.call(client, server, model="stranger/x", timeout=0.2)
            await player.close(client)
            check_always(outcome)
            assert isinstance(outcome.error, DeadlineExceededError), f"{outcome.error!r}"
            assert outcome.seconds <= 1.0 + SLACK  # an error with many attempts takes its time


SIGNED: tuple[Any, ...] = (
    *(*GARBAGE, HttpRequest, HttpReply(200)),
    *(replace(HttpRequest("GET", "http://x"), url=url) for url in (None, "", 5)),  # type: ignore[arg-type]
)


def signing(value: Any) -> Callable[..., Any]:
    """An ``authorize`` that gives it."""

    async def authorize(_: Any) -> Any:
        return value

    return authorize


def leaking(kind: type[Exception]) -> Callable[..., Any]:
    """An ``authorize`` that fails and tells the key."""
    return raising_later(kind(KEY, {"key": KEY}))


BOTH = (*WHOLE, *STREAMED)
REFUSALS = {
    **each(raising, RAISED, "error"),
    **each(giving, ERRORS, "error"),
}

CASES: tuple[Scene, ...] = (
    scene("a method that raises", fails(RequestError), each(raising, RAISED, *BEGINS), BOTH),
    scene(
        "a flow that raises at once",
        fails(RequestError),
        each(raising_at_once, RAISED, *BEGINS),
        BOTH,
    ),
    scene(
        "a flow that raises after the reply",
        fails(DecodeError),
        each(raising_at_last, RAISED, *BEGINS),
        BOTH,
    ),
    scene("what is no flow", fails(RequestError), each(giving, GARBAGE, *BEGINS), BOTH),
    scene(
        "a coroutine, and others in place of a flow",
        ours,
        {
            "awaited": dict.fromkeys(BEGINS, awaited),
            "awaited often": dict.fromkeys(BEGINS, awaited_often),
            "stubborn": dict.fromkeys(BEGINS, stubborn),
        },
        BOTH,
    ),
    scene("what is no request", fails(RequestError), each(yielding, GARBAGE, *BEGINS), BOTH),
    *(
        scene(
            f"a request whose {field} is none",
            ours,
            {f"{value!r:.60}": dict.fromkeys(BEGINS, asking(**{field: value})) for value in values},
            BOTH,
        )
        for field, values in REQUESTS.items()
    ),
    scene("what is no answer", fails(DecodeError), each(ending_with, GARBAGE, "complete"), WHOLE),
    scene("what is no decoder", fails(DecodeError), each(ending_with, GARBAGE, "stream"), STREAMED),
    Scene("a flow without end", endless, ONE),
    scene("a decoder that raises", fails(DecodeError), each(raising, RAISED, "feed"), STREAMED),
    scene("pieces that are none", ours, each(feeding, PIECES, "feed"), STREAMED),
    scene(
        "a decoder that raises at the end",
        ours,
        each(raising, RAISED, "close"),
        STREAMED,
    ),
    scene("a framer that raises", fails(DecodeError), each(Framer, RAISED, "framer"), STREAMED),
    scene("frames that are none", fails(DecodeError), each(Framer, FRAMES, "framer"), STREAMED),
    scene(
        "what is no framer",
        fails(DecodeError),
        {f"{value!r:.40}": {"framer": value} for value in NO_FRAMERS},
        STREAMED,
    ),
    scene(
        "credentials that raise",
        fails(RequestError),
        each(raising_later, RAISED, "authorize"),
        BOTH,
    ),
    scene(
        "credentials that raise with the key in their words",
        fails(RequestError),
        each(leaking, (ValueError, KeyError, OSError), "authorize"),
        BOTH,
    ),
    scene("credentials that are none", ours, each(signing, SIGNED, "authorize"), BOTH),
    scene(
        "credentials that are not awaited",
        fails(RequestError),
        each(giving, SIGNED, "authorize"),
        BOTH,
    ),
    Scene("a refusal that is not explained", lambda player: refusing(player, REFUSALS), ONE),
    scene("what is no transport", ours, TRANSPORTS, BOTH),
)
