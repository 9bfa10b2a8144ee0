"""What calls with something in common have used of a limit, and whose turn it is, in this process.

It decides by the clock of :func:`time.monotonic`; it knows no response.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from threading import RLock

from llmgate.middlewares.limit_definition import AMOUNTS, Limit
from llmgate.middlewares.limit_store import Amounts, Share, refusal

__all__ = ["Group", "MemoryLimits", "Turn"]


class Group:
    """What calls with something in common have used of one limit."""

    def __init__(self, limit: Limit, name: str) -> None:
        self.limit, self.name = limit, name
        self.next_request = 0.0
        """When the next request would be due if they came evenly (GCRA's theoretical arrival
        time)."""
        self.tokens_at = 0.0
        """When all tokens that were used will have been earned; the same of tokens."""
        self.held_until = 0.0
        self.most_running = limit.concurrency or 0
        self.running = 0
        self.waiting = deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]()
        self.spent = 0
        self.reserved = 0
        self.period_end = 0.0
        """Of what is spent and reserved, in seconds since the epoch."""
        self.most_spend = limit.most_spend
        self._request = limit.per / limit.requests if limit.requests else 0.0
        self._token = limit.per / limit.tokens if limit.tokens else 0.0
        burst = limit.burst or max(1.0, (limit.requests or 0.0) / 10)
        self._early, self._token_early = (burst - 1) * self._request, limit.per / 10

    def delay(self, now: float) -> float:
        """Seconds until another call may be made; none or less where it may be made now."""
        until = self.held_until
        if self._request and self.next_request - self._early > until:
            until = self.next_request - self._early
        if self._token and self.tokens_at - self._token_early > until:
            until = self.tokens_at - self._token_early
        return until - now

    def is_full(self) -> bool:
        """Whether as many calls run as may."""
        return self.running >= self.most_running > 0

    def reason(self, now: float, delay: float) -> str:
        """Which of the limits has this delay."""
        if self._request and delay == self.next_request - self._early - now:
            return "requests"
        return "the provider" if delay == self.held_until - now else "tokens"

    def use(self, now: float, requests: float, tokens: float) -> None:
        """Count what is used, or was used less."""
        if self._request and requests:
            start = self.next_request if self.next_request > now else now  # max() takes longer
            self.next_request = start + requests * self._request
        if self._token and tokens:
            start = self.tokens_at if self.tokens_at > now else now
            self.tokens_at = start + tokens * self._token

    def begin_period(self, now: float) -> None:
        """Forget what was spent in a period that is over, or that a clock gave which was far ahead
        and was set right; ``now`` is since the epoch."""
        if now >= self.period_end or now < self.period_end - 2 * self.limit.per:
            self.spent = self.reserved = 0
            self.period_end = self.limit.period_end(now)

    def is_idle(self) -> bool:
        now = time.monotonic()
        is_used_up = max(self.next_request, self.tokens_at, self.held_until) > now
        is_spent = (self.spent or self.reserved) and time.time() < self.period_end
        return not (self.running or self.waiting or is_used_up or is_spent)


class MemoryLimits:
    """The state of limits in this process, for any number of threads and event loops.

    One of them at a time decides or counts. The lock may be taken again by its holder, since a
    stream that the garbage collector finds leaves its groups at any moment.
    """

    amounts = frozenset(AMOUNTS)

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], Group] = {}
        self._most_groups = _MOST_GROUPS
        self._lock = RLock()

    async def admit(
        self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None
    ) -> Turn:
        """Wait for the turn of a call, first come, first served.

        Raises:
            RateLimitError: when that would take longer than ``max_wait``; nothing is used then.
        """
        with self._lock:
            turn = Turn(self._groups_of(shares), amounts, self._lock)
            delay = turn.book(max_wait)
            has_to_wait = delay > 0 or turn.is_crowded()
        if has_to_wait:
            await turn.wait(delay, max_wait)
        return turn

    def delay_of(self, number: int, name: str) -> float:
        """Seconds until a group's next call may be made; none or less where it may be now."""
        group = self._groups.get((number, name))
        return 0.0 if group is None else group.delay(time.monotonic())

    async def aclose(self) -> None:
        """Forget everything."""
        with self._lock:
            self._groups.clear()

    def _groups_of(self, shares: Sequence[Share]) -> list[Group]:
        """The groups of a call. Where there are many, those go before new ones are made of which
        nothing is known that a new one would not say as well. Where most of them are in use, that
        is looked at again when there are twice as many, so that it takes the same for each call
        however many there are."""
        known = self._groups
        if len(known) >= self._most_groups and any(
            (each.number, each.name) not in known for each in shares
        ):
            for key in [key for key, group in known.items() if group.is_idle()]:
                del known[key]
            self._most_groups = max(_MOST_GROUPS, 2 * len(known))
        found = list[Group]()
        for share in shares:
            key = (share.number, share.name)
            group = known.get(key)
            if group is None:
                group = known[key] = Group(share.limit, share.name)
            found.append(group)
        return found


_MOST_GROUPS = 10_000


class Turn:
    """One call's share of its groups."""

    __slots__ = ("_amounts", "_entered", "_groups", "_lock", "_periods")

    def __init__(self, groups: list[Group], amounts: Amounts, lock: RLock) -> None:
        self._groups, self._amounts, self._lock = groups, amounts, lock
        self._entered: list[Group] = []
        self._periods: dict[Group, float] | None = None

    def book(self, max_wait: float | None) -> float:
        """Book the turn, so that whoever comes later waits longer; the seconds until then.

        Raises:
            RateLimitError: when that would take too long; nothing is used then.
        """
        now, delay = time.monotonic(), 0.0
        for each in self._groups:
            seconds = each.delay(now)
            delay = max(delay, seconds)
            if max_wait is not None:
                if seconds > max_wait:
                    raise refusal(each.limit, each.name, each.reason(now, seconds), seconds)
                if max_wait == 0 and each.is_full():
                    raise refusal(each.limit, each.name, "concurrency")
        amounts = self._amounts
        if "spend" in amounts:
            self._periods = self._reserve(amounts["spend"])
        for each in self._groups:
            each.use(now, amounts["requests"], amounts["tokens"])
        return delay

    def is_crowded(self) -> bool:
        """Whether it has to wait for other calls to end; where it has not, it runs from now on."""
        for each in self._groups:
            if each.waiting or each.running >= each.most_running > 0:
                return True
        for each in self._groups:
            if each.most_running:
                each.running += 1
                self._entered.append(each)
        return False

    async def wait(self, delay: float, max_wait: float | None) -> None:
        """Wait until the turn has come, and then until fewer run.

        Raises:
            RateLimitError: when that takes too long; nothing is used then.
        """
        until = math.inf if max_wait is None else time.monotonic() + max_wait
        try:
            while delay > 0:
                await asyncio.sleep(delay)
                delay = self._held_back(until)
            for each in self._groups:
                if each.most_running:
                    await self._enter(each, until)
                    self._entered.append(each)
        except BaseException:
            self.give_back()
            self.leave()
            raise

    def _held_back(self, until: float) -> float:
        """How much longer a provider wants to be left alone, which it may have said meanwhile."""
        now, last = time.monotonic(), max(self._groups, key=lambda each: each.held_until)
        seconds = last.held_until - now
        if last.held_until > until and seconds > 0:
            raise refusal(last.limit, last.name, "the provider", seconds)
        return seconds

    def _reserve(self, spend: float) -> dict[Group, float]:
        """Set aside what is thought to be spent, of all or of none.

        Raises:
            RateLimitError: where there is not so much left.
        """
        now = time.time()
        limited = [each for each in self._groups if each.most_spend]
        for each in limited:
            each.begin_period(now)
            used = each.spent + each.reserved
            if used + spend > each.most_spend:
                raise refusal(each.limit, each.name, "spend", each.period_end - now, used)
        for each in limited:
            each.reserved += int(spend)
        return {each: each.period_end for each in limited}

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used, where it is known."""
        thought = self._amounts
        requests = amounts.get("requests", thought["requests"]) - thought["requests"]
        tokens = amounts.get("tokens", thought["tokens"]) - thought["tokens"]
        with self._lock:
            if requests or tokens:
                now = time.monotonic()
                for each in self._groups:
                    each.use(now, requests, tokens)
            if self._periods:
                self._spend(amounts.get("spend", thought["spend"]))

    def give_back(self) -> None:
        """Nothing was used."""
        with self._lock:
            for each in self._groups:
                each.use(0.0, -self._amounts["requests"], -self._amounts["tokens"])
            if self._periods:
                self._spend(0)

    def _spend(self, spend: float) -> None:
        """Count what was spent, in the period in which it was set aside."""
        periods, self._periods = self._periods or {}, None
        for each, period_end in periods.items():
            if each.period_end == period_end:
                each.reserved -= int(self._amounts["spend"])
                each.spent += int(spend)

    def hold_back(self, seconds: float) -> None:
        """Let nobody through for so long."""
        until = time.monotonic() + seconds
        with self._lock:
            for each in self._groups:
                each.held_until = max(each.held_until, until)

    def leave(self) -> None:
        """The call is over: those that wait for it to end may go on."""
        if not self._entered:
            return
        with self._lock:
            while self._entered:
                group = self._entered.pop()
                group.running -= 1
                if group.waiting:
                    _wake(group)

    async def _enter(self, group: Group, until: float) -> None:
        """Wait until another call may run, behind those that have waited for longer."""
        seconds = None if until == math.inf else until - time.monotonic()
        loop = asyncio.get_running_loop()
        entry = (loop, loop.create_future())
        with self._lock:
            if not group.is_full() and not group.waiting:
                group.running += 1
                return
            group.waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await entry[1]
        except BaseException as error:
            with self._lock:
                if entry in group.waiting:
                    group.waiting.remove(entry)
                else:  # it was let in, and is gone
                    group.running -= 1
                    _wake(group)
            if not isinstance(error, TimeoutError):
                raise
        else:
            return
        raise refusal(group.limit, group.name, "concurrency")


def _wake(group: Group) -> None:
    """Let in as many as may run."""
    while group.waiting and not group.is_full():
        loop, future = group.waiting.popleft()
        group.running += 1
        try:
            loop.call_soon_threadsafe(_let_in, future)
        except RuntimeError:  # its loop was closed, and with it whoever waited
            group.running -= 1


def _let_in(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
