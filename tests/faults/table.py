"""The table of faults: what a case is, how it is played, and what is right whatever happens.

A family is a module with ``CASES``. Most cases are a :class:`Case`: what the server does, and what
the caller is to see, with and without streaming, awaited and not. What is no single call is a
:class:`Scene`. It knows no fault by itself.
"""

from __future__ import annotations

import asyncio
import pickle
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmgate import Client, Completion, Stream
from llmgate._core import sync as _sync
from llmgate.errors import LLMGateError
from llmgate.types import Chunk
from tests.faults.calls import HI, KEY, SLACK, chain, is_ours
from tests.faults.dialect import TEXT, Dialect
from tests.faults.dialects import DIALECTS
from tests.faults.peer import Step
from tests.faults.server import FaultServer
from tests.machine import Delay, undisturbed, wait_for_async

__all__ = [
    "EVENTS",
    "EVERYONE",
    "STREAMING",
    "TERMINATED",
    "Case",
    "Check",
    "Outcome",
    "Player",
    "Scene",
    "Steps",
    "answers",
    "calling",
    "check_always",
    "client_for",
    "either",
    "raises",
    "serving",
    "together",
]

STREAMING = tuple(DIALECTS)
"""All dialects, for what is about streams."""
EVERYONE = tuple(name for name in STREAMING if name != "responses")
"""The providers, each by one dialect of its own."""
EVENTS = tuple(name for name in EVERYONE if DIALECTS[name].framing == "events")
"""The providers whose streams are server-sent events."""
TERMINATED = tuple(name for name, dialect in DIALECTS.items() if dialect.has_terminator)
"""The providers whose streams say themselves that they are over."""


@dataclass
class Outcome:
    """What a caller saw of one call, and what the server did."""

    dialect: Dialect
    server: FaultServer
    streamed: bool = False
    seconds: float = 0.0
    delay: float = 0.0
    """How many of them the machine may have kept it waiting for a processor."""
    answer: Completion | None = None
    chunks: list[Chunk] = field(default_factory=list[Chunk])
    error: BaseException | None = None

    @property
    def own_seconds(self) -> float:
        """What of its seconds a promise is about, which is none about the machine."""
        return self.seconds - self.delay

    @property
    def text(self) -> str:
        """The text of the answer, or as much as was delivered of it."""
        if self.answer is not None:
            return self.answer.text
        deltas = (choice.delta.content for chunk in self.chunks for choice in chunk.choices)
        return "".join(text for text in deltas if text)


Check: TypeAlias = Callable[[Outcome], None]
Steps: TypeAlias = Callable[[Dialect], Iterable[Step]]
_CALLERS = ThreadPoolExecutor(64, thread_name_prefix="caller")
"""Threads for those who do not await; asyncio's own are few, and to queue for one takes time."""


# --- how a call is made -------------------------------------------------------------------


@dataclass(frozen=True)
class Player:
    """One provider and one way to call it, in which a case is played."""

    dialect: Dialect
    sync: bool
    stream: bool

    @property
    def name(self) -> str:
        """Such as ``acompletion, streamed``."""
        return f"{'completion' if self.sync else 'acompletion'}{', streamed' * self.stream}"

    async def call(self, client: Client, server: FaultServer, **options: Any) -> Outcome:
        """One call to its end; whatever it raises is part of the outcome."""
        outcome = Outcome(self.dialect, server, self.stream)
        options = {"model": self.dialect.model, "messages": HI, **options}
        began, delay = time.monotonic(), Delay()
        try:
            if self.sync:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(_CALLERS, self._call_sync, client, outcome, options)
            else:
                await self._call_async(client, outcome, options)
        except Exception as error:  # noqa: BLE001 - this is what the table is about
            outcome.error = error
        outcome.seconds, outcome.delay = time.monotonic() - began, delay.seconds
        return outcome

    async def _call_async(self, client: Client, outcome: Outcome, options: Any) -> None:
        answer: Any = await client.acompletion(stream=self.stream, **options)
        if isinstance(answer, Stream):
            async for chunk in answer:
                outcome.chunks.append(chunk)
            answer = await answer.completion()
        outcome.answer = answer

    def _call_sync(self, client: Client, outcome: Outcome, options: Any) -> None:
        answer: Any = client.completion(stream=self.stream, **options)
        if not isinstance(answer, Completion):
            for chunk in answer:
                outcome.chunks.append(chunk)
            answer = answer.completion()
        outcome.answer = answer

    async def close(self, client: Client) -> None:
        """Close a client on the loop where its calls were made."""
        if self.sync:
            await asyncio.to_thread(_sync.run, client.aclose)
        else:
            await client.aclose()


def client_for(dialect: Dialect, url: str, **settings: Any) -> Client:
    """A client whose provider of that dialect is at this address, and which tries only once."""
    if "retry" not in settings:
        settings.setdefault("max_retries", 0)
    settings.setdefault("timeout", 60.0)
    return Client(providers={dialect.name: dialect.make(url)}, **settings)


@asynccontextmanager
async def calling(player: Player, url: str, settings: Mapping[str, Any]) -> AsyncGenerator[Client]:
    """Such a client, closed afterwards."""
    client = client_for(player.dialect, url, **settings)
    try:
        yield client
    finally:
        await player.close(client)


@asynccontextmanager
async def serving(server: FaultServer) -> AsyncGenerator[FaultServer]:
    """A server, whose end the loop does not wait for idly."""
    with_thread = server.__enter__()
    try:
        yield with_thread
    finally:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(_CALLERS, server.__exit__, None, None, None)


# --- what a case is -----------------------------------------------------------------------


def _where_it_listens(server: FaultServer) -> AbstractContextManager[str]:
    return nullcontext(server.url)


@dataclass(frozen=True)
class Case:
    """A line of the table: one call, what the server does, what the caller is to see.

    ``unary`` and ``stream`` give the server's steps; one may be left out. ``within`` bounds the
    call's seconds. ``requests`` is the most that may reach the server. ``address`` is entered for
    the base URL, where that is not simply the server's.
    """

    name: str
    check: Check
    unary: Steps | None = None
    stream: Steps | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    server: Mapping[str, Any] = field(default_factory=dict[str, Any])
    address: Callable[[FaultServer], AbstractContextManager[str]] = _where_it_listens
    within: float = 3.0
    requests: int = 1
    providers: tuple[str, ...] = EVERYONE
    timed: bool = False
    """Whether what comes of it hangs on fractions of a second, as where ``within`` is as short; see
    :func:`~tests.machine.undisturbed`."""

    @property
    def players(self) -> list[tuple[bool, bool]]:
        """The ways to play it: sync and not, of each kind that it has steps for."""
        kinds = [kind for kind, steps in ((False, self.unary), (True, self.stream)) if steps]
        return [(sync, streamed) for sync in (False, True) for streamed in kinds]

    def steps(self, streamed: bool) -> Steps:
        """What the server does in answer to such a call, which the case must have."""
        steps = self.stream if streamed else self.unary
        assert steps is not None
        return steps

    async def play(self, player: Player) -> None:
        """Make the call, and look at what came of it."""
        is_timed = self.timed or self.within <= 1.0
        await (undisturbed(lambda: self._play(player)) if is_timed else self._play(player))

    async def _play(self, player: Player) -> None:
        steps = self.steps(player.stream)(player.dialect)
        served = player.dialect.serve(*steps, **self.server)
        async with serving(served) as server:
            with self.address(server) as url:
                async with calling(player, url, self.settings) as client:
                    outcome = await player.call(client, server, **self.options)
            check_always(outcome)
            self.check(outcome)
            assert outcome.own_seconds <= self.within + SLACK, f"it took {outcome.seconds:.2f} s"
            assert len(server.requests) <= self.requests, f"{len(server.requests)} requests"
            assert await wait_for_async(lambda: server.open_connections == 0, 1.0), "left open"


@dataclass(frozen=True)
class Scene:
    """A line of the table that is more than one call: a coroutine that is handed the player."""

    name: str
    scene: Callable[[Player], Awaitable[None]]
    providers: tuple[str, ...] = EVERYONE
    ways: tuple[tuple[bool, bool], ...] = (
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    )
    """Which (sync, streamed) it is played in."""
    timed: bool = False
    """As a :class:`Case`'s."""

    @property
    def players(self) -> list[tuple[bool, bool]]:
        """The ways to play it."""
        return list(self.ways)

    async def play(self, player: Player) -> None:
        """Run it."""
        await (undisturbed(lambda: self.scene(player)) if self.timed else self.scene(player))


def together(name: str, *cases: Case, providers: tuple[str, ...] = EVERYONE) -> Scene:
    """One line for several cases of a kind, which are played at the same time.

    Only the first of each kind is also played without await, or there would be too many at once.
    """

    async def scene(player: Player) -> None:
        fitting = [
            case
            for case in cases
            if (player.sync, player.stream) in case.players
            and player.dialect.name in case.providers
        ]
        if player.sync:
            del fitting[1:]
        outcomes = await asyncio.gather(
            *(case.play(player) for case in fitting), return_exceptions=True
        )
        wrong = {
            case.name: failure
            for case, failure in zip(fitting, outcomes, strict=True)
            if failure is not None
        }
        if wrong:
            raise AssertionError(f"{wrong}") from next(iter(wrong.values()))

    ways = tuple(dict.fromkeys(way for case in cases for way in case.players))
    return Scene(name, scene, providers, ways)


# --- what is right ------------------------------------------------------------------------


def check_always(outcome: Outcome) -> None:
    """What holds for every call: an answer or an error of ours, and no key in either."""
    error = outcome.error
    if error is None:
        assert outcome.answer is not None
        assert KEY not in repr(outcome.answer)
        return
    assert outcome.answer is None, "an answer, and an error"
    assert isinstance(error, LLMGateError), f"a foreign exception: {error!r}"
    assert is_ours(error), f"a foreign exception hangs on it: {[*chain(error)]}"
    said = [line for each in chain(error) for line in traceback.format_exception_only(each)]
    shown = [repr(error), str(error), str(vars(error)), *said]
    assert not any(KEY in text for text in shown), "the key is in the error"
    assert str(error).isprintable(), "a line or a terminal could be forged"
    assert str(error) == str(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own


def answers(text: str = TEXT) -> Check:
    """The caller has the whole answer."""

    def check(outcome: Outcome) -> None:
        if outcome.error is not None:
            raise AssertionError(f"no answer, but {outcome.error!r}") from outcome.error
        assert text == outcome.text
        assert outcome.answer is not None
        assert outcome.answer.choices[0].finish_reason in ("stop", None)

    return check


def raises(*kinds: type[LLMGateError], partial: str | None = None, **attributes: Any) -> Check:
    """The caller has an error of one of these kinds, with these attributes.

    ``partial`` is the text that a truncated stream leaves behind, which was also delivered.
    """

    def check(outcome: Outcome) -> None:
        assert outcome.error is not None, f"no error, but the answer {outcome.text!r}"
        assert type(outcome.error) in kinds, f"the error is {outcome.error!r}"
        for name, expected in attributes.items():
            assert expected == getattr(outcome.error, name), name
        if partial is not None:
            kept: Completion | None = getattr(outcome.error, "partial", None)
            assert partial == ("" if kept is None else kept.text)
            assert partial == outcome.text

    return check


def either(*checks: Check) -> Check:
    """One of several outcomes, where each would be honest."""

    def check(outcome: Outcome) -> None:
        failures = list[str]()
        for each in checks:
            try:
                each(outcome)
            except AssertionError as failure:
                failures.append(str(failure))
            else:
                return
        raise AssertionError("; ".join(failures))

    return check
