"""Nothing holds up the loop: no step of a call takes over 20 ms of processor time.

One thing can: a JSON value is read, and written, in one go by a parser that cannot be interrupted.
What that may take is bounded by the size, and the bound is said in ``docs/reliability.md``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, LLMGateError
from llmgate.testing import Canned, CannedTransport, load_corpus, with_transport
from llmgate.testing.recordings import RecordedExchange
from tests.faults.calls import HI, MODEL, client_of
from tests.faults.server import (
    COMPLETION,
    END,
    LAST,
    STREAM_HEAD,
    FaultServer,
    chunk,
    event,
    framed,
    reply,
    stream,
)
from tests.fuzz.vendors import VENDORS
from tests.lag import Lag, longest_step, watching

STEP = 0.020 if sys.gettrace() is None else 0.100
"""How long a step may take; all is slower where its coverage is measured."""

SECONDS_A_MB = 0.020
"""What reading or writing one JSON value may take beside that. Where it is text without escapes it
takes a thirtieth of it, and where it is very many small objects two thirds."""

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev"


def call(url: str, messages: Any = HI) -> Callable[[], Coroutine[Any, Any, object]]:
    """A call that is answered whole."""

    async def work() -> None:
        async with client_of(url, timeout=60) as client:
            await client.acompletion(MODEL, messages)

    return work


def read(url: str) -> Callable[[], Coroutine[Any, Any, object]]:
    """A call whose stream is read, chunk by chunk and then as a whole."""

    async def work() -> None:
        async with client_of(url, timeout=60) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            async for _ in answer:
                pass
            await answer.completion()

    return work


# --- the watchdog -------------------------------------------------------------------------


def test_the_watchdog_barks() -> None:
    """A step that is busy is seen, and one that waits is not."""

    async def busy() -> None:
        await asyncio.sleep(0.05)
        end = time.thread_time() + 0.03
        while time.thread_time() < end:
            pass

    assert 0.03 <= longest_step(busy, 1).seconds < 0.05
    assert longest_step(lambda: asyncio.sleep(0.05)).seconds < 0.01


def test_the_watchdog_leaves_nothing_behind() -> None:
    """Callbacks are run as before."""
    before = asyncio.Handle.__dict__["_run"]
    with watching() as lag:
        asyncio.run(asyncio.sleep(0))
    assert before is asyncio.Handle.__dict__["_run"]
    assert lag.steps > 0


# --- what is recorded ---------------------------------------------------------------------


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recordings are not on this machine")
@pytest.mark.parametrize("name", VENDORS)
def test_no_recording_holds_up_the_loop(name: str) -> None:
    """Every recorded reply of every provider, whole and streamed, errors too."""
    recorded = [
        each
        for folder in VENDORS[name].folders
        for each in load_corpus(CORPUS / folder, expect=None)
    ]

    async def work() -> None:
        for exchange in recorded:
            with suppress(LLMGateError):
                await replayed(name, exchange)
            await asyncio.sleep(0)  # nothing waits for a network here

    lag = longest_step(work)
    assert lag.seconds < STEP, lag


async def replayed(name: str, exchange: RecordedExchange) -> None:
    """Have a client make a call that is answered so."""
    vendor, last = VENDORS[name], exchange.replies[-1]
    opening = vendor.opening if exchange.is_stream else ()
    replies = [Canned(each.status, each.headers, each.body) for each in (*opening, last)]
    provider = with_transport(vendor.provider, CannedTransport(replies))
    async with Client(providers={name: provider}, max_retries=0) as client:
        asked = f"{name}/{vendor.model}"
        if exchange.is_stream:
            await (await client.acompletion(asked, HI, stream=True)).completion()
        else:
            await client.acompletion(asked, HI)


# --- what is large ------------------------------------------------------------------------

WORDS = ["a piece of text "] * 10_000
TOGETHER = framed(b"".join(event(chunk(word)) for word in WORDS) + END)
TALK = [{"role": role, "content": "a word " * 30} for role in ("user", "assistant")] * 500
CALLS: list[Any] = [
    message
    for number in range(250)
    for message in (
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": f"c{number}",
                    "type": "function",
                    "function": {"name": "f", "arguments": json.dumps({"a": "y" * 300})},
                }
            ],
        },
        {"role": "tool", "tool_call_id": f"c{number}", "content": "z" * 400},
    )
]


@pytest.mark.parametrize(
    "answer", [stream(*WORDS), STREAM_HEAD + TOGETHER + LAST], ids=["apart", "together"]
)
def test_a_long_stream(answer: bytes) -> None:
    """10,000 chunks that are all there at once are read a few at a time."""
    with FaultServer(answer) as server:
        lag = longest_step(read(server.url))
    assert lag.seconds < STEP, lag


@pytest.mark.parametrize("messages", [TALK, CALLS], ids=["talk", "calls"])
def test_a_long_history(messages: list[Any]) -> None:
    """200 kB of messages are checked and written."""
    assert len(json.dumps(messages)) > 200_000
    with FaultServer(reply(body=COMPLETION)) as server:
        lag = longest_step(call(server.url, messages))
    assert lag.seconds < STEP, lag


def body_of(text: str = "", **more: Any) -> bytes:
    """A completion with this text."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return reply(body={**COMPLETION, "choices": [choice], **more})


LARGE: dict[str, tuple[Callable[[], bytes], Callable[[str], Any], int]] = {
    "an answer of 20 MB": (lambda: body_of("x" * 20_000_000), call, 20),
    "an answer of 20 MB with escapes": (lambda: body_of('"a"\n\u00e9' * 1_000_000), call, 20),
    "an answer of 20 MB in small objects": (
        lambda: body_of(x=[{"a": number, "b": "yy"} for number in range(700_000)]),
        call,
        20,
    ),
    "an event of 10 MB": (lambda: stream("x" * 10_000_000), read, 10),
    "an event of 10 MB with escapes": (lambda: stream('a "b"\n' * 1_200_000), read, 10),
    "a prompt of 20 MB": (
        lambda: reply(body=COMPLETION),
        lambda url: call(url, [{"role": "user", "content": "x" * 20_000_000}]),
        20,
    ),
}


@pytest.mark.parametrize(("answer", "work", "size"), LARGE.values(), ids=LARGE)
def test_a_large_value(answer: Callable[[], bytes], work: Callable[[str], Any], size: int) -> None:
    """It takes what the parser takes, in proportion to its size."""
    limit, found = STEP + size * SECONDS_A_MB, list[Lag]()
    with FaultServer(answer()) as server:
        while len(found) < 3 and not any(lag.seconds < limit for lag in found):
            found.append(longest_step(work(server.url), 2))  # others use the processor's caches
    assert min(lag.seconds for lag in found) < limit, found
