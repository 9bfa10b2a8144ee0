"""Decides whose turn it is among the calls of this process that have limits.

It uses the clock of :func:`time.monotonic`; it knows no responses.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import NamedTuple

from llmgate.middlewares.limit_definition import AMOUNTS
from llmgate.middlewares.limit_groups import Group
from llmgate.middlewares.limit_store import Amounts, Share, refusal

__all__ = ["MemoryLimits", "Turn"]


class MemoryLimits:
    """The state of limits in this process, for any number of threads and event loops.

    One thread at a time decides or counts. The lock is reentrant, since a stream that is
    garbage-collected may leave its groups at any moment.
    """

    amounts = frozenset(AMOUNTS)

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], Group] = {}
        self._most_groups = _MAX_GROUPS
        self._lock = RLock()
        self._found: tuple[Sequence[Share], list[Group]] = (), []
        """The shares whose groups were looked up last; only tuples, since others may change."""

    async def admit(
        self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None
    ) -> Turn:
        """Wait for the turn of a call, first come, first served.

        Raises:
            RateLimitError: when that would take longer than ``max_wait``; then nothing is used.
        """
        with self._lock:
            turn = self.admit_at_once(shares, amounts)
            if turn is not None:
                return turn
            turn = Turn()
            turn.groups, turn.amounts, turn.lock = self._groups_of(shares), amounts, self._lock
            delay = turn.book(max_wait)
        await turn.wait(delay, max_wait)
        return turn

    def admit_at_once(self, shares: Sequence[Share], amounts: Amounts) -> Turn | None:
        """The turn of a call that may be made now; None if it has to wait.

        Raises:
            RateLimitError: when too little is left to spend; then nothing is used.
        """
        with self._lock:
            before, groups = self._found
            if shares is not before:
                groups = self._groups_of(shares)
            now = time.monotonic()
            for each in groups:
                if not each.is_free(now):
                    return None
            turn = Turn()
            turn.groups, turn.amounts, turn.lock = groups, amounts, self._lock
            if "spend" in amounts:
                turn.reserve(amounts["spend"])
            requests, tokens = amounts["requests"], amounts["tokens"]
            for each in groups:
                each.use(now, requests, tokens)
                if each.most_running:
                    each.running += 1
                    turn.entered = groups
            return turn

    def end(self, admission: Turn, used: Amounts | None, has_room: bool) -> None:
        """End a call: count what it has used, or nothing if that is None, and let calls go on that
        wait for it to end."""
        with self._lock:
            if used is None:
                admission.count_nothing()
            else:
                admission.count(used)
            if has_room:
                admission.pace(0.0, 0.0)
            admission.make_room()

    def delay_of(self, number: int, name: str) -> float:
        """Seconds until a group's next call may be made; 0 or less if it may be made now."""
        group = self._groups.get((number, name))
        return 0.0 if group is None else group.delay(time.monotonic())

    async def aclose(self) -> None:
        """Forget everything."""
        with self._lock:
            self._groups.clear()
            self._found = (), []

    def _groups_of(self, shares: Sequence[Share]) -> list[Group]:
        known = self._groups
        try:
            found = [known[share.number, share.name] for share in shares]
        except KeyError:
            found = self._made_for(shares)
        if type(shares) is tuple:
            self._found = shares, found
        return found

    def _made_for(self, shares: Sequence[Share]) -> list[Group]:
        """The groups of a call, one of which is new. If there are many groups, the idle ones are
        forgotten first: a new group would have the same state. If most are in use, the next such
        cleanup comes when there are twice as many, so that its cost per call is constant."""
        known = self._groups
        if len(known) >= self._most_groups:
            for key in [key for key, group in known.items() if group.is_idle()]:
                del known[key]
            self._found = (), []
            self._most_groups = max(_MAX_GROUPS, 2 * len(known))
        found = list[Group]()
        for share in shares:
            key = (share.number, share.name)
            group = known.get(key)
            if group is None:
                group = known[key] = Group(share.limit, share.name)
            found.append(group)
        return found


_MAX_GROUPS = 10_000
_ROUNDED = 0.001


class _Due(NamedTuple):
    """When a waiting call is due in a group, apart from delays by the provider's pauses; minus
    infinity if it waits for other calls to end."""

    group: Group
    without_moves: float

    def at(self) -> float:
        return self.without_moves + self.group.moved

    def lined_up(self, now: float) -> _Due:
        """The same, or behind the calls that wait for the provider, if it has not waited there
        itself."""
        group = self.group
        if self.at() > group.held_until - _ROUNDED or group.next_release <= now:
            return self
        at = group.next_release
        group.release(now, 1, group.interval)
        return _Due(group, at - group.moved)


class Turn:
    """One call's share of its groups. Its fields are set from outside: an ``__init__`` would double
    the cost of counting a call."""

    groups: Sequence[Group]
    amounts: Amounts
    lock: RLock
    entered: Sequence[Group] = ()
    """The groups in which it counts as a running call."""
    _periods: Mapping[Group, float] | None = None
    _dues: Sequence[_Due] = ()

    def book(self, max_wait: float | None) -> float:
        """Book the turn, so that later calls wait longer; returns the seconds until the turn.

        Raises:
            RateLimitError: when that would take too long; then nothing is used.
        """
        now, delay = time.monotonic(), 0.0
        for each in self.groups:
            seconds = each.delay(now)
            delay = max(delay, seconds)
            if max_wait is not None:
                if seconds > max_wait:
                    raise refusal(each.limit, each.name, each.reason(now, seconds), seconds)
                if max_wait == 0 and each.is_full():
                    raise refusal(each.limit, each.name, "concurrency")
        amounts = self.amounts
        if "spend" in amounts:
            self.reserve(amounts["spend"])
        if delay > 0:
            self._dues = [
                _Due(each, now + max(0.0, each.delay(now)) - each.moved) for each in self.groups
            ]
        for each in self.groups:
            each.use(now, amounts["requests"], amounts["tokens"])
        return delay

    async def wait(self, delay: float, max_wait: float | None) -> None:
        """Wait until the turn has come, and then until fewer calls run.

        Raises:
            RateLimitError: when that takes too long; then nothing is used.
        """
        until = math.inf if max_wait is None else time.monotonic() + max_wait
        self.entered = entered = list[Group]()
        try:
            await self._wait_until_due(delay, until)
            for each in self.groups:
                if each.most_running:
                    await self._enter(each, until)
                    entered.append(each)
            await self._wait_until_due(self._still_to_wait(until), until)
        except BaseException:
            self.give_back()
            self.leave()
            raise

    async def _wait_until_due(self, delay: float, until: float) -> None:
        """Wait for so long, and longer if the provider has delayed all calls meanwhile.

        Raises:
            RateLimitError: when that takes too long.
        """
        while delay > 0:
            await asyncio.sleep(delay)
            delay = self._still_to_wait(until)

    def _still_to_wait(self, until: float) -> float:
        """Seconds until the turn comes in all groups, with the provider's pauses. A call that has
        waited for something else goes behind those that wait for the provider."""
        with self.lock:
            now = time.monotonic()
            dues = self._dues or [_Due(each, -math.inf) for each in self.groups]
            self._dues = [each.lined_up(now) for each in dues]
        last = max(self._dues, key=_Due.at)
        delay = last.at() - now
        if delay > 0 and now + delay > until:
            raise refusal(last.group.limit, last.group.name, "the provider", delay)
        return delay

    def reserve(self, spend: float) -> None:
        """Reserve the estimated spending in all groups, or in none.

        Raises:
            RateLimitError: when not enough is left.
        """
        now = time.time()
        limited = [each for each in self.groups if each.most_spend]
        for each in limited:
            each.begin_period(now)
            used = each.spent + each.reserved
            if used + spend > each.most_spend:
                raise refusal(each.limit, each.name, "spend", each.period_end - now, used)
        for each in limited:
            each.reserved += int(spend)
        self._periods = {each: each.period_end for each in limited}

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used, as far as it is known."""
        with self.lock:
            self.count(amounts)

    def count(self, used: Amounts) -> None:
        """The same, for a caller that holds the lock."""
        thought = self.amounts
        requests = used["requests"] - thought["requests"] if "requests" in used else 0
        tokens = used["tokens"] - thought["tokens"] if "tokens" in used else 0
        if requests or tokens:
            now = time.monotonic()
            for each in self.groups:
                each.use(now, requests, tokens)
        if self._periods:
            self._spend(used.get("spend", thought["spend"]))

    def give_back(self) -> None:
        """Nothing was used."""
        with self.lock:
            self.count_nothing()

    def count_nothing(self) -> None:
        """The same, for a caller that holds the lock."""
        for each in self.groups:
            each.use(0.0, -self.amounts["requests"], -self.amounts["tokens"])
        if self._periods:
            self._spend(0)

    def _spend(self, spend: float) -> None:
        """Count what was spent, in the period in which it was reserved."""
        periods, self._periods = self._periods or {}, None
        for each, period_end in periods.items():
            if each.period_end == period_end:
                each.reserved -= int(self.amounts["spend"])
                each.spent += int(spend)

    def hold_back(self, seconds: float) -> None:
        """Let no call through for so long."""
        with self.lock:
            now = time.monotonic()
            for each in self._of_provider():
                each.hold(now, seconds)

    def pace(self, gap: float, seconds: float) -> None:
        """Let one further call through per gap, for so many seconds; a gap of 0 ends this."""
        if not gap:
            for each in self.groups:
                if each.is_paced:
                    break
            else:
                return
        with self.lock:
            now = time.monotonic()
            for each in self._of_provider():
                each.pace(now, gap, seconds)

    def _of_provider(self) -> Sequence[Group]:
        """The groups to which a provider's own limits apply."""
        return [each for each in self.groups if each.limit.is_of_model] or self.groups

    def leave(self) -> None:
        """The call is over: calls that wait for it to end may go on."""
        if self.entered:
            with self.lock:
                self.make_room()

    def make_room(self) -> None:
        """The same, for a caller that holds the lock."""
        entered, self.entered = self.entered, ()
        for group in entered:
            if group.most_running:
                group.running -= 1
                if group.waiting:
                    _wake(group)

    async def _enter(self, group: Group, until: float) -> None:
        """Wait until another call may run, behind those that have waited longer."""
        seconds = None if until == math.inf else until - time.monotonic()
        loop = asyncio.get_running_loop()
        entry = (loop, loop.create_future())
        with self.lock:
            if not group.is_full() and not group.waiting:
                group.running += 1
                return
            group.waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await entry[1]
        except BaseException as error:
            with self.lock:
                if entry in group.waiting:
                    group.waiting.remove(entry)
                else:  # it was let in, but has gone
                    group.running -= 1
                    _wake(group)
            if not isinstance(error, TimeoutError):
                raise
        else:
            return
        raise refusal(group.limit, group.name, "concurrency")


def _wake(group: Group) -> None:
    """Let in as many calls as may run."""
    while group.waiting and not group.is_full():
        loop, future = group.waiting.popleft()
        group.running += 1
        try:
            loop.call_soon_threadsafe(_let_in, future)
        except RuntimeError:  # its loop was closed, and its waiting call with it
            group.running -= 1


def _let_in(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
