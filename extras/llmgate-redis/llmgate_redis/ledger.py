"""One event loop's account with Redis: asks for calls at once, tells what they used in batches."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from llmgate.middlewares.pacing import Pacing
from llmgate_redis.changes import Changes
from llmgate_redis.link import Link, RedisUnavailableError, Script
from llmgate_redis.request import Group, Request

__all__ = ["Decision", "Ledger"]

_ADMIT, _SETTLE = Script("admit.lua"), Script("settle.lua")
_MOST_AT_ONCE = 64
"""Calls that one script decides of: Redis serves nobody else meanwhile."""
_DELAY = 0.005
"""Seconds for which changes are gathered."""
_MOST_PAUSES = 1_000
_MOST_REFUSALS = 3
"""How often a batch is sent that a script fails on: somebody else has written to its keys."""
_write = json.JSONEncoder(separators=(",", ":")).encode


class Decision(NamedTuple):
    """What Redis says of a call: ``delay`` seconds to wait. Where it is not admitted, ``group``
    is the number of the group that refuses it by its limit of ``which``, ``delay`` is None where
    nobody knows how long, and ``spent`` is what is spent and reserved of a budget."""

    is_admitted: bool
    delay: float | None
    group: int = 0
    which: str = ""
    spent: float | None = None


class _Asked(NamedTuple):
    request: Request
    ahead: float
    answer: asyncio.Future[Decision]


class Ledger:
    """Calls of one event loop: what Redis decides of them, their leases, and what they used.

    A batch of changes has a number, and Redis takes each number once: one of which nobody knows
    whether it arrived is sent again when Redis is back.
    """

    def __init__(self, link: Link, prefix: str, lease: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._link, self.lease = link, lease
        self._id = uuid.uuid4().hex
        self._key = f"{prefix}p:{self._id}"
        self._ids, self._numbers = count(), count()
        self._asked = list[_Asked]()
        self._tasks = set[asyncio.Task[None]]()
        self.changes = Changes()
        self._refusals = 0
        self._unsent: tuple[int, list[str], list[Any]] | None = None
        self._sending: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._open = dict[str, tuple[Request, float]]()
        self._renewing: asyncio.TimerHandle | None = None
        self._full = dict[str, asyncio.Event]()
        self._pauses = dict[str, Pacing]()
        self._most_pauses = _MOST_PAUSES
        self._paced = dict[str, float]()
        self.waiting = 0
        """Calls that wait for others to end: changes are sent at once."""
        link.on_return = self._returned

    # --- calls that ask ---

    def new_id(self) -> str:
        """An id for a call, which no other one has."""
        return f"{self._id}:{next(self._ids):x}"

    async def decide(self, request: Request, ahead: float) -> Decision:
        """Ask for a call, which may be admitted so many seconds ahead of its time.

        Raises:
            RedisUnavailableError: when Redis is away. Where it may have admitted the call all the
                same, leases and reservations are given back, and rates count it.
        """
        asked = _Asked(request, ahead, self._loop.create_future())
        self._asked.append(asked)
        if len(self._asked) == 1:
            _ = self._start(self._ask_all())  # with those that ask before it begins
        try:
            return await asked.answer
        except asyncio.CancelledError:
            answer = asked.answer
            if not (answer.cancelled() or answer.exception()) and answer.result().is_admitted:
                self._undo(request)  # the answer had come, and was not yet read
            raise

    async def _ask_all(self) -> None:
        asked, self._asked = self._asked, []
        for first in range(_MOST_AT_ONCE, len(asked), _MOST_AT_ONCE):
            _ = self._start(self._ask(asked[first : first + _MOST_AT_ONCE]))
        await self._ask(asked[:_MOST_AT_ONCE])

    async def _ask(self, batch: Sequence[_Asked]) -> None:
        keys = dict[str, int]()
        calls = [each.request.asked(keys, self.lease * 1000, each.ahead * 1000) for each in batch]
        try:
            decisions = await self._link.run(_ADMIT, [*keys], _write(calls))
        except BaseException as error:
            for each in batch:
                self._end_leases(each.request)  # it may have been admitted all the same
                if not each.answer.done():
                    each.answer.set_exception(RedisUnavailableError(str(error)))
            if not isinstance(error, RedisUnavailableError):
                raise
            return
        for each, decision in zip(batch, decisions, strict=True):
            if not each.answer.done():
                each.answer.set_result(_decision(decision))
            elif decision[0]:  # whoever asked was cancelled meanwhile
                self._undo(each.request)

    # --- calls that run ---

    def begin(self, request: Request) -> None:
        """A call was admitted: its leases are renewed until it ends."""
        if request.leases or request.budgets:
            self._open[request.id] = (request, self._loop.time())
            if self._renewing is None:
                self._renewing = self._loop.call_later(self.lease / 3, self._renew)

    def settle(self, request: Request, used: Callable[[str, float], float]) -> None:
        """Count what a call used: of an amount by its name, beside what was thought."""
        for group in request.groups:
            for rate in group.rates:
                more = used(rate.name, request.amounts[rate.name])
                if more:
                    self.changes.use(group.usage, rate.name, more * rate.unit)
        self.spend(request, used)

    def spend(self, request: Request, used: Callable[[str, float], float]) -> None:
        """Count what a call spent, also where it was admitted without Redis."""
        for budget in request.budgets:
            amount = budget.estimate + int(used("spend", budget.estimate))
            if amount:
                self.changes.spend(budget.totals, amount, budget.end)
        self._send_soon()

    def give_back(self, request: Request) -> None:
        """A call used nothing."""
        self.settle(request, lambda _, estimate: -estimate)

    def pause(self, request: Request, seconds: float) -> None:
        """Let no call of these groups through for so long."""
        now = self._loop.time()
        if len(self._pauses) > self._most_pauses:
            self._pauses = {
                usage: each for usage, each in self._pauses.items() if each.next_release > now
            }
            self._most_pauses = max(_MOST_PAUSES, 2 * len(self._pauses))
        for group in request.of_provider:
            pacing = self._pauses.setdefault(group.usage, Pacing())
            pacing.hold(now, seconds)
            self.changes.pause(group.usage, pacing.held_until)
        self._send_soon(now=True)

    def pace(self, request: Request, gap: float, seconds: float) -> None:
        """Let one further call of these groups through in each gap; a gap of 0 ends that."""
        now, is_new = self._loop.time(), False
        for group in request.of_provider:
            if gap or self._paced.get(group.usage, 0.0) > now:
                is_new = True
                self.changes.pace(group.usage, gap, now + seconds)
                if len(self._paced) > _MOST_PAUSES:
                    self._paced.clear()
                self._paced[group.usage] = now + seconds
        if is_new:
            self._send_soon()

    def pause_left(self, request: Request) -> float:
        """Seconds until a call may go, as far as this process knows of pauses that came after it
        was admitted: behind those that wait for the same."""
        if not self._pauses:
            return 0.0
        now, at = self._loop.time(), 0.0
        for group in request.groups:
            pacing = self._pauses.get(group.usage)
            if pacing is not None and pacing.held_until > now:
                at = max(at, pacing.next_release)
                pacing.release(now, 1, _interval(group))
        return at - now

    def end(self, request: Request) -> None:
        """A call is over."""
        self._open.pop(request.id, None)
        self._end_leases(request)

    def _undo(self, request: Request) -> None:
        self.give_back(request)
        self._end_leases(request)

    def _end_leases(self, request: Request) -> None:
        for leases in request.leases:
            self.changes.of_lease("leave", leases, request.id)
        for budget in request.budgets:
            member = request.reservation(budget)
            self.changes.of_lease("release", budget.totals, budget.reservations, member)
        self._send_soon()

    def from_anywhere(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do something now, or soon where this is another thread; never where the loop is gone:
        then leases end by themselves."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            work(*arguments)
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(work, *arguments)

    async def room(self, leases: str, seconds: float) -> None:
        """Wait until a call of this process has ended one of these leases, at most so long."""
        event = self._full.setdefault(leases, asyncio.Event())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            if not event.is_set():  # others that wait for it ask again by themselves
                self._full.pop(leases, None)

    # --- what is sent in batches ---

    def _renew(self) -> None:
        """Renew the leases of all calls that have run for a while."""
        self._renewing = None
        if self._open:
            self._renewing = self._loop.call_later(self.lease / 3, self._renew)
        if self._link.is_away:
            return
        now = self._loop.time()
        for request, began in self._open.values():
            if now - began >= self.lease / 4:
                self._keep_leases(request)
        self._send_soon(now=True)

    def _keep_leases(self, request: Request) -> None:
        milliseconds = self.lease * 1000
        for leases in request.leases:
            self.changes.of_lease("renew", leases, request.id, milliseconds)
        for budget in request.budgets:
            keys, member = (budget.totals, budget.reservations), request.reservation(budget)
            self.changes.of_lease("reserve", *keys, member, milliseconds)

    def _returned(self) -> None:
        """Redis is back, and may have forgotten everything."""
        for request, _ in self._open.values():
            self._keep_leases(request)
        self._send_soon(now=True)

    def _send_soon(self, *, now: bool = False) -> None:
        if isinstance(self._sending, asyncio.Task) or self._link.is_away:
            return
        is_urgent = now or self.waiting > 0
        if self._sending is not None:
            if not is_urgent:
                return
            self._sending.cancel()
        self._sending = self._loop.call_later(0 if is_urgent else _DELAY, self._start_sending)

    def _start_sending(self) -> None:
        self._sending = self._start(self._send())

    async def _send(self) -> None:
        """Send one batch."""
        try:
            if self._unsent is None and self.changes:
                taken = self.changes.take(self._loop.time(), time.time())
                self._unsent = (next(self._numbers), *taken)
            if self._unsent is not None:
                number, keys, operations = self._unsent
                await self._link.run(_SETTLE, [self._key, *keys], number, _write(operations))
                self._unsent = None
                self._wake(keys)
        except RedisUnavailableError as error:
            self._refused(error)
        finally:
            self._sending = None
            if self.changes:
                self._send_soon()

    def _refused(self, error: RedisUnavailableError) -> None:
        """A batch is sent again when Redis is back, unless it is what Redis cannot take."""
        cause = error.__cause__
        is_refused = type(cause) is ResponseError and "script: " in str(cause)
        self._refusals = self._refusals + 1 if is_refused else 0
        if self._refusals >= _MOST_REFUSALS:
            self._unsent, self._refusals = None, 0
            logging.getLogger("llmgate").error("a batch of usage is lost: %s", cause)

    def _wake(self, keys: Sequence[str]) -> None:
        """Those that wait for the end of a lease may ask again."""
        for key in keys:
            event = self._full.pop(key, None)
            if event is not None:
                event.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """Send what is left."""
        if self._renewing is not None:
            self._renewing.cancel()
        while True:
            if isinstance(self._sending, asyncio.TimerHandle):
                self._sending.cancel()
                self._start_sending()
            if not self._tasks:
                break
            await asyncio.wait([*self._tasks])


def _interval(group: Group) -> float:
    """Seconds between two requests by the limit of a group; 0 where they are not limited."""
    return next((rate.unit / 1000 for rate in group.rates if rate.name == "requests"), 0.0)


def _decision(given: Sequence[Any]) -> Decision:
    if given[0]:
        return Decision(True, given[1] / 1000)
    _, group, which, delay, *spent = given
    seconds = None if delay < 0 else delay / 1000
    return Decision(False, seconds, group - 1, _text(which), float(spent[0]) if spent else None)


def _text(given: bytes | str) -> str:
    return given if isinstance(given, str) else given.decode()
