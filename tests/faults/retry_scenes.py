"""Retries over many calls: the budget, the jitter, kept connections, and waits of hours."""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
import time
from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

from llmgate import Client, Completion, RetryPolicy, Stream
from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    OverloadedError,
    RateLimitError,
    ReadError,
)
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, with_transport
from tests import virtual_time
from tests.faults.calls import AT_ONCE, HI, limits
from tests.faults.dialect import TEXT
from tests.faults.server import FaultServer, close, hang, reply, reset
from tests.faults.table import (
    Case,
    Player,
    Scene,
    calling,
    check_always,
    client_for,
    serving,
)

__all__ = ["CASES"]

EXCEPT_REPLICATE = ("openai", "azure", "anthropic", "cohere")
ASYNC = ((False, False), (False, True))
EAGER = RetryPolicy(max_retries=5, wait=lambda _: 0.0)


def whole(player: Player) -> bytes:
    """The whole answer, as the player is to have it."""
    return player.dialect.streamed() if player.stream else player.dialect.reply()


# --- the budget ---------------------------------------------------------------------------


async def many_failing(player: Player) -> None:
    """Fifty calls against what always fails, at once and then one by one."""
    dialect = player.dialect
    failing = [dialect.error(503)]
    if player.stream and dialect.name in EXCEPT_REPLICATE:  # its failed prediction has failed
        failing.append(dialect.streamed(dialect.stream_error))
    for step in failing:
        for at_once in (True, False):
            async with (
                serving(dialect.serve(step)) as server,
                calling(player, server.url, {"retry": EAGER}) as client,
            ):
                calls = (player.call(client, server) for _ in range(50))
                if at_once:
                    outcomes = await asyncio.gather(*calls)
                else:
                    outcomes = [await call for call in calls]
            assert 50 < len(server.requests) <= 100, f"{len(server.requests)} requests"
            for outcome in outcomes:
                assert isinstance(outcome.error, LLMGateError)
                assert not isinstance(outcome.error, InvalidRequestError)


async def recovered(player: Player) -> None:
    """A budget that was spent keeps no call from being made, and fills again with successes."""
    dialect = player.dialect
    steps = [dialect.error(503)] * 27 + [whole(player)] * 5 + [dialect.error(503), whole(player)]
    async with (
        serving(dialect.serve(*steps)) as server,
        calling(player, server.url, {"retry": EAGER}) as client,
    ):
        for tries in (6, 6, 6, 6, 1, 1, 1):
            before = len(server.requests)
            outcome = await player.call(client, server)
            check_always(outcome)
            assert isinstance(outcome.error, OverloadedError)
            assert tries == len(server.requests) - before
        for _ in range(6):  # the first five fill it, and the sixth is tried again
            assert TEXT == (await player.call(client, server)).text
    assert 34 == len(server.requests)


# --- kept connections ---------------------------------------------------------------------


async def taken_and_left(player: Player) -> None:
    """A kept connection that ends after the server took the request: one request, one attempt."""
    answer = whole(player)
    async with (
        serving(player.dialect.serve(answer, close, answer)) as server,
        calling(player, server.url, {"max_retries": 0}) as client,
    ):
        outcomes = [await player.call(client, server) for _ in range(3)]
    for outcome in outcomes:
        check_always(outcome)
    broken = outcomes.pop(1).error
    assert isinstance(broken, ReadError), f"{broken!r}"
    assert not broken.unprocessed
    assert [TEXT, TEXT] == [outcome.text for outcome in outcomes]
    steps = 2 if player.dialect.name == "replicate" and player.stream else 1
    assert steps == len(broken.attempts)
    assert 3 == len(server.requests)


async def same_connection(player: Player) -> None:
    """A refusal that was read to its end leaves its connection to the next attempt."""
    async with (
        serving(player.dialect.serve(player.dialect.error(503), whole(player))) as server,
        calling(player, server.url, {"retry": AT_ONCE}) as client,
    ):
        assert TEXT == (await player.call(client, server)).text
    assert 1 == server.connections


# --- what may have been done --------------------------------------------------------------


async def predictions(player: Player) -> None:
    """A prediction that may have been made is not made again; one that was not surely is."""
    steps: dict[str, tuple[Any, int]] = {
        "closed": (close, 1),
        "reset": (reset, 1),
        "500": (reply(500), 1),
        "502": (reply(502), 1),
        "504": (reply(504), 1),
        "409": (reply(409), 1),
        "408": (reply(408), 3),
        "429": (reply(429), 3),
        "503": (reply(503), 3),
        "529": (reply(529), 3),
    }
    for name, (step, tries) in steps.items():
        async with (
            serving(FaultServer(step)) as server,  # without an aside: it is about the first request
            calling(player, server.url, {"retry": AT_ONCE}) as client,
        ):
            outcome = await player.call(client, server)
        check_always(outcome)
        assert outcome.error is not None, name
        assert tries == len(server.requests), f"{name}: {len(server.requests)} requests"


async def never_left(player: Player) -> None:
    """A request that never left is sent again, whatever it does: nobody was there."""
    async with (
        serving(player.dialect.serve(hang)) as server,
        calling(player, "http://127.0.0.1:9/v1", {"retry": AT_ONCE}) as client,
    ):
        outcome = await player.call(client, server)
    check_always(outcome)
    assert isinstance(outcome.error, ConnectError)
    assert 3 == len(outcome.error.attempts)


# --- numbers that are none ----------------------------------------------------------------

NO_COUNTS: tuple[Any, ...] = (-1, 1.0, 1.5, True, "2", math.nan, math.inf, [], {}, -(10**400), b"1")


async def no_counts(player: Player) -> None:
    """They are refused where they are given."""
    async with (
        serving(player.dialect.serve(hang)) as server,
        calling(player, server.url, {}) as client,
    ):
        for count in NO_COUNTS:
            outcome = await player.call(client, server, max_retries=count)
            check_always(outcome)
            assert isinstance(outcome.error, InvalidRequestError), (count, outcome.error)
            assert "max_retries" == outcome.error.path
            for make in (
                lambda count=count: RetryPolicy(max_retries=count),
                lambda count=count: client_for(player.dialect, server.url, max_retries=count),
            ):
                assert _is_refused(make), count
    assert 0 == server.connections


def _is_refused(make: Callable[[], object]) -> bool:
    try:
        make()
    except InvalidRequestError:
        return True
    return False


# --- in virtual time ----------------------------------------------------------------------


def canned(player: Player, *replies: Canned | LLMGateError) -> tuple[Any, CannedTransport]:
    """The provider, whose requests are answered with these in memory; and what answers them.

    What prepares a stream is answered beside them.
    """
    waiting = iter(replies)

    def answer(request: HttpRequest) -> Canned:
        if player.dialect.name == "replicate" and player.stream and request.method == "POST":
            urls = {"stream": "https://stream.invalid/1"}
            prediction = {**player.dialect.answer, "status": "starting", "output": None}
            return Canned(201, {}, json.dumps({**prediction, "urls": urls}).encode())
        found = next(waiting)
        if isinstance(found, LLMGateError):
            raise found
        return found

    transport = CannedTransport(answer)
    return with_transport(player.dialect.make("http://canned.invalid/v1"), transport), transport


def good(player: Player) -> Canned:
    """The whole answer."""
    if player.stream:
        return Canned(200, {"content-type": "text/event-stream"}, player.dialect.events)
    return Canned(200, {}, json.dumps(dict(player.dialect.answer)).encode())


def bad(status: int, **headers: str) -> Canned:
    """A refusal."""
    return Canned(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


async def ask(
    player: Player, replies: Sequence[Canned | LLMGateError], **settings: Any
) -> tuple[Completion | LLMGateError, float]:
    """What came of a call, and how long it took by the loop's clock."""
    provider, _ = canned(player, *replies)
    began = asyncio.get_running_loop().time()
    found: Completion | LLMGateError
    async with Client(providers={player.dialect.name: provider}, **settings) as client:
        try:
            answer = await client.acompletion(player.dialect.model, HI, stream=player.stream)
            found = await answer.completion() if isinstance(answer, Stream) else answer
        except LLMGateError as error:
            found = error
    return found, asyncio.get_running_loop().time() - began


def in_virtual_time(play: Callable[[Player], Any]) -> Callable[[Player], Any]:
    """The scene on a loop whose clock jumps."""

    async def scene(player: Player) -> None:
        await asyncio.to_thread(virtual_time.run, lambda: play(player))

    scene.__doc__ = play.__doc__
    return scene


async def full_jitter(player: Player) -> None:
    """The waits are drawn evenly between nothing and a bound that doubles; and they are waited."""
    waits: list[list[float]] = [[], [], []]
    for _ in range(150):
        replies = [bad(503), bad(503), bad(503), good(player)]
        answer, took = await ask(player, replies, max_retries=3)
        assert isinstance(answer, Completion)
        found = [attempt.wait for attempt in answer.attempts[-3:]]
        assert math.isclose(sum(found), took, abs_tol=1e-6)
        for kept, wait in zip(waits, found, strict=True):
            kept.append(wait)
    for kept, most in zip(waits, (0.5, 1.0, 2.0), strict=True):
        assert 0 <= min(kept) < 0.15 * most
        assert 0.85 * most < max(kept) <= most
        assert 0.35 * most < mean(kept) < 0.65 * most


async def hours(player: Player) -> None:
    """What the server asks for is waited where it fits, to the second; in each form of a date."""
    now = time.time()
    moment = time.gmtime(now + 300)
    asked = {
        "300": "300",
        "IMF-fixdate": email.utils.formatdate(now + 300, usegmt=True),
        "RFC 850": time.strftime("%A, %d-%b-%y %H:%M:%S GMT", moment),
        "asctime": time.strftime("%a %b %d %H:%M:%S %Y", moment),
    }
    for name, text in asked.items():
        answer, took = await ask(player, [bad(429, retry_after=text), good(player)])
        assert isinstance(answer, Completion), (name, answer)
        assert 298 < took < 302, (name, took)
    day = limits()
    answer, took = await ask(player, [bad(503, retry_after="86400"), good(player)], timeout=day)
    assert isinstance(answer, Completion)
    assert 86400 == round(took)


async def not_for_ever(player: Player) -> None:
    """Asked to wait for ever, it fails even where there is no limit at all."""
    for text in ("inf", "1e400", "Sun, 22 Nov 99999 12:00:10 GMT"):
        error, took = await ask(player, [bad(429, retry_after=text)], timeout=limits())
        assert isinstance(error, RateLimitError)
        assert (math.inf, 0) == (error.retry_after, took)


async def defaults(player: Player) -> None:
    """Without settings: two retries, and two minutes of silence."""
    error, took = await ask(player, [bad(503)] * 3)
    assert isinstance(error, OverloadedError)
    assert 3 == len([each for each in error.attempts if each.status == 503])
    assert took <= 1.5
    error, took = await ask(player, [Canned(200, {}, [b" "], hang=True)])
    assert isinstance(error, DeadlineExceededError)
    assert ("idle", 120) == (error.phase, round(took))


CASES: tuple[Case | Scene, ...] = (
    Scene("fifty calls against what always fails: at most 100 requests", many_failing),
    Scene("a spent budget fills again", recovered, providers=EXCEPT_REPLICATE),
    # its stream begins with a request that succeeds, and so the budget fills meanwhile
    Scene(
        "a spent budget of predictions fills again",
        recovered,
        providers=("replicate",),
        ways=((False, False), (True, False)),
    ),
    Scene("a kept connection that ends after the server took the request", taken_and_left),
    Scene("the next attempt takes the same connection", same_connection),
    # no other provider's request makes something that is billed by itself
    Scene("a prediction that may have been made", predictions, providers=("replicate",)),
    Scene("a request that never left", never_left),
    Scene("what is not a number of retries", no_counts),
    Scene("waits with full jitter", in_virtual_time(full_jitter), ways=ASYNC),
    Scene("waits of minutes and of a day", in_virtual_time(hours), ways=ASYNC),
    Scene("a wait for ever", in_virtual_time(not_for_ever), ways=ASYNC),
    Scene("what holds without settings", in_virtual_time(defaults), ways=ASYNC),
)
