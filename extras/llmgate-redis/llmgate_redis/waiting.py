"""Calls of one event loop that wait until Redis lets them through, the first one first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from llmgate.errors import RateLimitError
from llmgate.middlewares.limit_store import Admission, Amounts, refusal
from llmgate_redis.ledger import Decision, Ledger
from llmgate_redis.request import Request

__all__ = ["Admitted", "Unchecked", "Waiting", "spread"]

_FIRST_POLL, _LONGEST_POLL = 0.01, 0.25
"""Seconds after which is asked again whether another process has ended a call."""
_SHORTEST = 0.001


class Admitted:
    """A call that Redis let through."""

    def __init__(self, ledger: Ledger, request: Request) -> None:
        self._ledger, self._request = ledger, request

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used."""

        self._ledger.from_anywhere(self._ledger.settle, self._request, beside(amounts))

    def give_back(self) -> None:
        """Nothing was used."""
        self._ledger.from_anywhere(self._ledger.give_back, self._request)

    def hold_back(self, seconds: float) -> None:
        """Let nobody through for so long."""
        self._ledger.from_anywhere(self._ledger.pause, self._request, seconds)

    def pace(self, gap: float, seconds: float) -> None:
        """Let one further call through in each gap."""
        self._ledger.from_anywhere(self._ledger.pace, self._request, gap, seconds)

    def leave(self) -> None:
        """The call is over."""
        self._ledger.from_anywhere(self._ledger.end, self._request)


def beside(amounts: Amounts) -> Callable[[str, float], float]:
    """What was used beside what was thought, of an amount by its name."""
    return lambda name, estimate: amounts.get(name, estimate) - estimate


class Unchecked:
    """A call that was let through while Redis was away; Redis gets later what it spent."""

    def __init__(self, ledger: Ledger, request: Request, inner: Admission) -> None:
        self._ledger, self._request, self._inner = ledger, request, inner

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used."""
        self._inner.settle(amounts)
        self._ledger.from_anywhere(self._ledger.spend, self._request, beside(amounts))

    def give_back(self) -> None:
        """Nothing was used."""
        self._inner.give_back()

    def hold_back(self, seconds: float) -> None:
        """Let nobody through for so long."""
        self._inner.hold_back(seconds)

    def pace(self, gap: float, seconds: float) -> None:
        """Let one further call through in each gap."""
        self._inner.pace(gap, seconds)

    def leave(self) -> None:
        """The call is over."""
        self._inner.leave()


@dataclass
class _Line:
    """Those that wait for the same groups. The first one asks; ``last`` is the response it had."""

    last: Decision
    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Waiting:
    """Lets the calls of one event loop through, by what Redis says."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lines = dict[tuple[str, ...], _Line]()

    async def admit(self, request: Request, max_wait: float | None) -> Admitted:
        """Wait for the turn of a call.

        Raises:
            RateLimitError: when that would take too long.
            RedisUnavailableError: when Redis is away.
        """
        delay = await self._turn(request, max_wait) or self._ledger.pause_left(request)
        admitted = Admitted(self._ledger, request)
        self._ledger.begin(request)
        try:
            while delay > 0:
                await asyncio.sleep(delay)
                delay = self._ledger.pause_left(request)
        except BaseException:
            admitted.give_back()
            admitted.leave()
            raise
        return admitted

    async def _turn(self, request: Request, max_wait: float | None) -> float:
        """How long before its time a call is admitted, in seconds."""
        until = None if max_wait is None else asyncio.get_running_loop().time() + max_wait
        line = self._lines.get(request.place)
        if line is None or max_wait == 0:
            decision = await self._decide(request, until)
            if decision.is_admitted:
                return decision.delay or 0.0
            line = self._lines.setdefault(request.place, _Line(decision))
        return await self._wait_in_line(line, request, until)

    async def _wait_in_line(self, line: _Line, request: Request, until: float | None) -> float:
        line.length += 1
        self._ledger.waiting += 1
        try:
            async with asyncio.timeout_at(until), line.first:
                return await self._wait_as_first(line, request, until)
        except TimeoutError:
            raise _refusal(request, line.last) from None
        finally:
            line.length -= 1
            self._ledger.waiting -= 1
            if not line.length:
                self._lines.pop(request.place, None)

    async def _wait_as_first(self, line: _Line, request: Request, until: float | None) -> float:
        poll = _FIRST_POLL
        while True:
            decision = await self._decide(request, until)
            if decision.is_admitted:
                return decision.delay or 0.0
            line.last = decision
            if decision.delay is None:
                leases = request.groups[decision.group].leases
                await self._ledger.room(leases, poll * spread())
                poll = min(poll * 1.5, _LONGEST_POLL)
            else:
                await asyncio.sleep(max(decision.delay - self._ahead(request), _SHORTEST))

    async def _decide(self, request: Request, until: float | None) -> Decision:
        """Ask for a call, now.

        Raises:
            RateLimitError: when it would have to wait for too long, or too little is left to spend.
        """
        left = None if until is None else max(0.0, until - asyncio.get_running_loop().time())
        ahead = self._ahead(request)
        decision = await self._ledger.decide(request, ahead if left is None else min(ahead, left))
        if decision.spent is not None:
            raise _refusal(request, decision)
        if decision.is_admitted or left is None:
            return decision
        if (left == 0) if decision.delay is None else (decision.delay > left):
            raise _refusal(request, decision)
        return decision

    def _ahead(self, request: Request) -> float:
        """How long before its time a call may be admitted, which then waits here. What it books is
        lost where this process ends meanwhile: no more than a part of a lease. A lease itself is
        not taken before its time, since others could use it."""
        return 0.0 if request.leases else self._ledger.lease / 2


def spread() -> float:
    """A factor of 0.5 to 1.5, another one in each process, so that they do not ask in step."""
    return 0.5 + random.random()  # noqa: S311 - no secret


def _refusal(request: Request, decision: Decision) -> RateLimitError:
    share = request.groups[decision.group].share
    return refusal(share.limit, share.name, decision.which, decision.delay, decision.spent)
