"""Time limits where more than one call, or more than a server, has a part in it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from llmgate import Client, Timeout
from llmgate.errors import DeadlineExceededError
from llmgate.hooks import Event
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest
from llmgate_azure import AzureOpenAI
from tests.faults.calls import HI, KEY, SLACK, limits
from tests.faults.deadlines_checks import LIMIT
from tests.faults.dialect import TEXT, Dialect
from tests.faults.server import STREAM_HEAD, FaultServer, framed, hang, reply, then
from tests.faults.table import (
    Case,
    Outcome,
    Player,
    Scene,
    calling,
    check_always,
    serving,
)
from tests.machine import Delay

__all__ = ["CASES", "answer"]

ASYNC = ((False, False), (False, True))


def assert_late(outcome: Outcome, phase: str = "total", limit: float = LIMIT) -> None:
    """The call took as long as it might, and says so."""
    check_always(outcome)
    assert isinstance(outcome.error, DeadlineExceededError), f"the error is {outcome.error!r}"
    assert phase == outcome.error.phase
    took = f"it took {outcome.seconds:.2f} s"
    assert outcome.seconds >= limit - 0.02, took
    assert outcome.own_seconds <= limit + SLACK, took


def answer(player: Player) -> bytes:
    """The whole answer, as the player is to have it."""
    return player.dialect.streamed() if player.stream else player.dialect.reply()


# --- one call after or beside another -----------------------------------------------------


async def exhausted_pool(player: Player) -> None:
    """Who waits for a connection waits no longer than he may; those before and after him go on."""
    slow = then(b"", answer(player), pause=LIMIT + 0.3, last=lambda _: asyncio.sleep(0))
    async with (
        serving(player.dialect.serve(slow, answer(player))) as server,
        calling(player, server.url, {"limit": 1}) as client,
    ):
        first = asyncio.ensure_future(player.call(client, server))
        await asyncio.sleep(0.05)
        second = await player.call(client, server, timeout=LIMIT)
        third = await player.call(client, server)
        outcomes = [await first, third]
    assert_late(second, "pool")
    assert [TEXT, TEXT] == [outcome.text for outcome in outcomes]
    assert 2 == len(server.requests)


async def kept_connection(player: Player) -> None:
    """A connection that has served well does not answer any more."""
    async with (
        serving(player.dialect.serve(answer(player), hang)) as server,
        calling(player, server.url, {}) as client,
    ):
        assert TEXT == (await player.call(client, server)).text
        assert_late(await player.call(client, server, timeout=LIMIT))


async def calls_side_by_side(player: Player) -> None:
    """Each of twenty calls has its own limit."""
    async with (
        serving(player.dialect.serve(hang)) as server,
        calling(player, server.url, {}) as client,
    ):
        given = [0.1 + 0.01 * number for number in range(20)]
        outcomes = await asyncio.gather(
            *(player.call(client, server, timeout=seconds) for seconds in given)
        )
    for seconds, outcome in zip(given, outcomes, strict=True):
        assert isinstance(outcome.error, DeadlineExceededError), f"{outcome.error!r}"
        assert_late(outcome, outcome.error.phase, seconds)  # some have not yet been connected


# --- who reads slowly ---------------------------------------------------------------------


async def slow_reader(player: Player) -> None:
    """The reader's time is a part of ``total``, even where the next piece is there already; it is
    no silence of the server's."""
    pieces = [framed(event) for event in player.dialect.events]
    step = then(STREAM_HEAD, *pieces, pause=0.01, last=player.dialect.hold)
    async with (
        serving(player.dialect.serve(step)) as server,
        calling(player, server.url, {}) as client,
    ):
        patient = await _read(player, client, limits(idle=0.1, first_token=1.0), pause=0.15)
        hasty = await _read(player, client, limits(total=0.2), pause=0.3)
    assert isinstance(patient, str)
    assert TEXT == patient
    assert isinstance(hasty, DeadlineExceededError)
    assert "total" == hasty.phase


async def _read(player: Player, client: Client, timeout: Timeout, pause: float) -> Any:
    """The text, or the error, of a stream whose reader sleeps once, and blocks his loop at that."""
    texts = list[str]()
    try:
        if player.sync:
            await asyncio.to_thread(_read_blocking, player, client, timeout, pause, texts)
            return "".join(texts)
        stream = await client.acompletion(player.dialect.model, HI, stream=True, timeout=timeout)
        async for text in stream.text():
            if not texts:
                time.sleep(pause / 2)  # noqa: ASYNC251 - as a careless reader does
                await asyncio.sleep(pause / 2)
            texts.append(text)
    except DeadlineExceededError as error:
        return error
    return "".join(texts)


def _read_blocking(
    player: Player, client: Client, timeout: Timeout, pause: float, texts: list[str]
) -> None:
    stream = client.completion(player.dialect.model, HI, stream=True, timeout=timeout)
    for text in stream.text():
        if not texts:
            time.sleep(pause)
        texts.append(text)


async def blocked_loop(player: Player) -> None:
    """While somebody else holds up the loop, the pieces of a stream lie there: no silence."""
    pieces = [framed(event) for event in player.dialect.events]
    step = then(STREAM_HEAD, *pieces, pause=0.08, last=player.dialect.hold)
    async with (
        serving(player.dialect.serve(step)) as server,
        calling(player, server.url, {}) as client,
    ):
        options: Any = {"timeout": limits(idle=0.15, first_token=0.6)}
        call = asyncio.ensure_future(player.call(client, server, **options))
        await asyncio.sleep(0.1)
        time.sleep(0.3)  # noqa: ASYNC251 - this is what it is about
        outcome = await call
    assert outcome.error is None, f"{outcome.error!r}"
    assert TEXT == outcome.text


# --- credentials that do not come ---------------------------------------------------------


def without_credentials(dialect: Dialect, url: str) -> Any:
    """The provider, whose ``authorize`` never returns."""
    provider: Any = dialect.make(url)

    async def authorize(_: HttpRequest, __: Signing) -> HttpRequest:
        await asyncio.Event().wait()
        raise AssertionError

    provider.authorize = authorize
    return provider


@asynccontextmanager
async def calling_with(player: Player, provider: Any, **settings: Any) -> AsyncGenerator[Client]:
    """A client of this provider."""
    client = Client(providers={player.dialect.name: provider}, max_retries=0, **settings)
    try:
        yield client
    finally:
        await player.close(client)


async def hanging_credentials(player: Player) -> None:
    """``authorize`` is within the limit, and nothing was sent."""
    async with serving(player.dialect.serve(hang)) as server:
        provider = without_credentials(player.dialect, server.url)
        async with calling_with(player, provider) as client:
            outcome = await player.call(client, server, timeout=LIMIT)
            first = await player.call(client, server, timeout=limits(first_token=LIMIT))
    assert_late(outcome)
    assert_late(first, "first_token")
    assert isinstance(outcome.error, DeadlineExceededError)
    assert ["DeadlineExceededError"] == [each.error for each in outcome.error.attempts]
    assert 0 == server.connections


async def hanging_token_provider(player: Player) -> None:
    """Azure's, awaited or on a thread; neither holds up the loop."""
    released = threading.Event()

    async def awaited() -> str:
        await asyncio.Event().wait()
        return KEY

    def blocking() -> str:
        released.wait(5)
        return KEY

    async with serving(player.dialect.serve(hang)) as server:
        for token_provider in (awaited, blocking):
            provider = AzureOpenAI(base_url=server.url, token_provider=token_provider)
            async with calling_with(player, provider) as client:
                assert_late(await player.call(client, server, timeout=LIMIT))
    released.set()
    assert 0 == server.connections


async def end_of_the_loop(player: Player) -> None:
    """A thread of a token provider that never returns does not keep ``asyncio.run`` from ending."""
    released = threading.Event()

    def blocking() -> str:
        released.wait(5)
        return KEY

    def program() -> float:
        provider = AzureOpenAI(base_url="http://127.0.0.1:9", token_provider=blocking)

        async def call() -> Outcome:
            async with Client(providers={"azure": provider}, max_retries=0) as client:
                return await player.call(client, server, timeout=LIMIT)

        began, delay = time.monotonic(), Delay()
        assert_late(asyncio.run(call()))
        return time.monotonic() - began - delay.seconds

    async with serving(player.dialect.serve(hang)) as server:
        took = await asyncio.to_thread(program)
    released.set()
    assert took < LIMIT + SLACK, f"it took {took:.2f} s"


# --- many requests to one answer ----------------------------------------------------------

PROCESSING: dict[str, Any] = {
    "id": "p1",
    "model": "acme/chat",
    "status": "processing",
    "output": None,
    "urls": {},
}


async def polls(player: Player) -> None:
    """A prediction that never ends is asked for until the limit, and then cancelled."""
    for timeout, phase in ((LIMIT, "total"), (limits(first_token=LIMIT), "first_token")):
        cancelled = list[str]()

        def aside(seen: Any, _: str, cancelled: list[str] = cancelled) -> bytes | None:
            if not seen.target.endswith("/cancel"):
                return None
            cancelled.append(seen.target)
            return reply(body={})

        async with (
            serving(FaultServer(reply(201, body=PROCESSING), aside=aside)) as server,
            calling(player, server.url, {}) as client,
        ):
            outcome = await player.call(client, server, timeout=timeout)
        assert_late(outcome, phase)
        assert len(server.requests) > 3
        assert 1 == len(cancelled), "the prediction was not cancelled, or more than once"
        attempts = getattr(outcome.error, "attempts", ())
        assert len(attempts) >= len(server.requests) - 1


async def hanging_farewell(player: Player) -> None:
    """What is sent when the time is over is waited for a moment only."""
    async with (
        serving(FaultServer(reply(201, body=PROCESSING), hang)) as server,
        calling(player, server.url, {}) as client,
    ):
        outcome = await player.call(client, server, timeout=LIMIT)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.own_seconds < LIMIT + 0.1 + SLACK


# --- what is not awaited ------------------------------------------------------------------


async def hanging_hook(player: Player) -> None:
    """A hook that does not return holds up no call."""
    released = threading.Event()

    def hook(_: Event) -> None:
        released.wait(3)

    async with (
        serving(player.dialect.serve(answer(player), hang)) as server,
        calling(player, server.url, {"hooks": [hook]}) as client,
    ):
        outcome = await player.call(client, server)
        late = await player.call(client, server, timeout=LIMIT)
        released.set()
    assert TEXT == outcome.text
    assert outcome.own_seconds < 0.1 + SLACK
    assert_late(late)


async def swallowed(player: Player) -> None:
    """Credentials that take a cancellation for an error of theirs do not outlive the limit."""
    counted = list[int]()

    async def authorize(request: HttpRequest, _: Signing) -> HttpRequest:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            counted.append(1)
        return request

    async with serving(player.dialect.serve(hang)) as server:
        provider: Any = player.dialect.make(server.url)
        provider.authorize = authorize
        async with calling_with(player, provider) as client:
            outcome = await player.call(client, server, timeout=LIMIT)
    check_always(outcome)
    assert isinstance(outcome.error, DeadlineExceededError), f"the error is {outcome.error!r}"
    assert counted
    assert outcome.own_seconds < LIMIT + 0.2 * len(counted) + SLACK


Play = Callable[[Player], Awaitable[None]]
STREAMED = ((False, True), (True, True))

CASES: tuple[Case | Scene, ...] = (
    Scene("an exhausted pool", exhausted_pool),
    Scene("a kept connection falls silent", kept_connection),
    Scene("twenty calls, each with a limit of its own", calls_side_by_side),
    Scene("a slow reader", slow_reader, ways=STREAMED),
    Scene("a loop that somebody else holds up", blocked_loop, ways=((False, True),)),
    Scene("credentials that do not come", hanging_credentials),
    Scene("a token provider that hangs", hanging_token_provider, providers=("azure",)),
    Scene(
        "a token provider that hangs, at the end of the loop",
        end_of_the_loop,
        providers=("azure",),
        ways=ASYNC,  # the loop of those who do not await ends with the process
    ),
    # only Replicate's answers are asked for again and again
    Scene("a prediction that never ends", polls, providers=("replicate",)),
    Scene("a farewell that is not answered", hanging_farewell, providers=("replicate",)),
    Scene("a hook that does not return", hanging_hook),
    Scene("a cancellation that is swallowed", swallowed),
)
