"""Providers that break the contract where it meets the world: credentials, transports, refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from llmgate import Client
from llmgate.errors import (
    DeadlineExceededError,
    OverloadedError,
    PluginError,
    ProviderError,
    RequestError,
)
from llmgate.provider.http import HttpRequest, HttpResponse
from tests.faults.calls import KEY, SLACK
from tests.faults.plugins_strange import (
    BOTH,
    ONE,
    WIRE,
    Stranger,
    each,
    fails,
    giving,
    ours,
    raising,
    raising_later,
    scene,
)
from tests.faults.plugins_values import (
    GARBAGE,
    RAISED,
)
from tests.faults.server import FaultServer, reply
from tests.faults.table import Player, Scene, check_always, serving

__all__ = ["CASES"]


class Carrier:
    """A transport whose ``open`` does this, and whose reply is like that."""

    def __init__(self, opening: Any = None, **reply_parts: Any) -> None:
        self.opening = opening
        good = {"status": 200, "headers": dict[str, str](), "read": _nothing, "close": giving(None)}
        self.parts: dict[str, Any] = {**good, **reply_parts}

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
    return {"transport": giving(carrier)}


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
    "raises": {"transport": raising(OSError("no"))},
    "raises an error of ours": {"transport": raising(RequestError("no"))},
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
            assert outcome.own_seconds <= 1.0 + SLACK  # an error with many attempts takes its time


SIGNED: tuple[Any, ...] = (
    *(*GARBAGE, HttpRequest, HttpResponse(200)),
    *(replace(HttpRequest("GET", "http://x"), url=url) for url in (None, "", 5)),  # type: ignore[arg-type]
)


def signing(value: Any) -> Callable[..., Any]:
    """An ``authorize`` that gives it."""

    async def authorize(_: Any, __: Any) -> Any:
        return value

    return authorize


def leaking(kind: type[Exception]) -> Callable[..., Any]:
    """An ``authorize`` that fails and tells the key."""
    return raising_later(kind(KEY, {"key": KEY}))


REFUSALS = {
    **each(raising, RAISED, "error"),
    **each(giving, ERRORS, "error"),
}

CASES: tuple[Scene, ...] = (
    Scene("a flow without end", endless, ONE),
    scene(
        "credentials that raise",
        fails(PluginError),
        each(raising_later, RAISED, "authorize"),
        BOTH,
    ),
    scene(
        "credentials that raise with the key in their words",
        fails(PluginError),
        each(leaking, (ValueError, KeyError, OSError), "authorize"),
        BOTH,
    ),
    scene("credentials that are none", ours, each(signing, SIGNED, "authorize"), BOTH),
    scene(
        "credentials that are not awaited",
        fails(PluginError),
        each(giving, SIGNED, "authorize"),
        BOTH,
    ),
    Scene("a refusal that is not explained", lambda player: refusing(player, REFUSALS), ONE),
    scene("what is not a transport", ours, TRANSPORTS, BOTH),
)
