"""Providers that break the contract in their flows, decoders and framers, value by value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from llmgate.errors import PluginError
from llmgate.provider.http import HttpRequest
from tests.faults.dialect import TEXT
from tests.faults.plugins_strange import (
    BOTH,
    STREAMED,
    WHOLE,
    Reader,
    Stranger,
    each,
    fails,
    giving,
    ours,
    raising,
    scene,
)
from tests.faults.plugins_values import (
    FRAMES,
    GARBAGE,
    NO_FRAMERS,
    PIECES,
    RAISED,
    REQUESTS,
    completion,
)
from tests.faults.table import Scene

__all__ = ["CASES"]


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


BEGINS = ("complete", "stream")


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


CASES: tuple[Scene, ...] = (
    scene("a method that raises", fails(PluginError), each(raising, RAISED, *BEGINS), BOTH),
    scene(
        "a flow that raises at once",
        fails(PluginError),
        each(raising_at_once, RAISED, *BEGINS),
        BOTH,
    ),
    scene(
        "a flow that raises after the reply",
        fails(PluginError),
        each(raising_at_last, RAISED, *BEGINS),
        BOTH,
    ),
    scene("what is no flow", fails(PluginError), each(giving, GARBAGE, *BEGINS), BOTH),
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
    scene("what is no request", fails(PluginError), each(yielding, GARBAGE, *BEGINS), BOTH),
    *(
        scene(
            f"a request whose {field} is none",
            ours,
            {f"{value!r:.60}": dict.fromkeys(BEGINS, asking(**{field: value})) for value in values},
            BOTH,
        )
        for field, values in REQUESTS.items()
    ),
    scene("what is no answer", fails(PluginError), each(ending_with, GARBAGE, "complete"), WHOLE),
    scene("what is no decoder", fails(PluginError), each(ending_with, GARBAGE, "stream"), STREAMED),
    scene("a decoder that raises", fails(PluginError), each(raising, RAISED, "feed"), STREAMED),
    scene("pieces that are none", ours, each(feeding, PIECES, "feed"), STREAMED),
    scene(
        "a decoder that raises at the end",
        ours,
        each(raising, RAISED, "close"),
        STREAMED,
    ),
    scene("a framer that raises", fails(PluginError), each(Framer, RAISED, "framer"), STREAMED),
    scene("frames that are none", fails(PluginError), each(Framer, FRAMES, "framer"), STREAMED),
    scene(
        "what is no framer",
        fails(PluginError),
        {f"{value!r:.40}": {"framer": value} for value in NO_FRAMERS},
        STREAMED,
    ),
)
