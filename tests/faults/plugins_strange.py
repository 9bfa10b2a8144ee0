"""A stranger's provider, whose parts are replaced one by one, beside an unharmed neighbour."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any

from llmgate import Client
from llmgate.errors import (
    LLMGateError,
    StreamTruncatedError,
    describe_value,
)
from llmgate.provider import Provider
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import HttpRequest, HttpResponse
from tests.faults.dialect import TEXT
from tests.faults.plugins_values import (
    completion,
    said,
)
from tests.faults.server import LAST, STREAM_HEAD, FaultServer, framed, reply
from tests.faults.table import Outcome, Player, Scene, check_always, serving

__all__ = [
    "BOTH",
    "ONE",
    "STREAMED",
    "WHOLE",
    "WIRE",
    "Reader",
    "Stranger",
    "each",
    "fails",
    "giving",
    "ours",
    "raising",
    "raising_later",
    "scene",
]

ONE = ("openai",)
"""Whose neighbour the stranger is makes no difference here."""
WHOLE = ((False, False), (True, False))
STREAMED = ((False, True), (True, True))
BOTH = (*WHOLE, *STREAMED)

# --- a stranger, of whom one part is replaced ---------------------------------------------


class Stranger(Provider):
    """A good provider but for what is handed over in place of a method."""

    protocol = 2
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

    def complete(self, call: Any) -> Generator[HttpRequest, HttpResponse, Any]:
        answered = yield HttpRequest("POST", self.url, body=b"{}")
        return completion(answered.body.decode())

    def stream(self, call: Any) -> Generator[HttpRequest, HttpResponse, Any]:
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
            client = Client(providers=providers, max_retries=0, timeout=20.0)
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


def each(
    make: Callable[[Any], Any], values: Iterable[Any], *parts: str
) -> dict[str, dict[str, Any]]:
    """A variant for each of the values, of which these parts are made."""
    return {
        f"{make.__name__} {number} {describe_value(value)}": dict.fromkeys(parts, make(value))
        for number, value in enumerate(values)
    }
