"""What calls with something in common have used of a limit, and whose turn it is, in this process.

It decides by the clock of :func:`time.monotonic`; it knows no response.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.middlewares.limit_store import Amounts, Share, refusal

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.options import ChatCall

__all__ = ["Group", "Limit", "MemoryLimits", "Turn"]

AnyCall: TypeAlias = "ChatCall | EmbeddingCall"
By: TypeAlias = "str | Callable[[AnyCall], str | None]"


@dataclass(frozen=True)
class Limit:
    """What may be used by all calls that have something in common.

    ``by`` is what they have in common: ``"model"``, the name of a label (``"tenant"``), a function
    that names a group for a call (None for a call that is not limited), or ``""`` for all calls.
    ``requests`` and ``tokens`` are how many may be used in ``per`` seconds, evenly; ``burst`` is
    how many requests may come at once after a pause (a tenth of them unless it is given), and
    tokens may be saved up for a tenth of ``per``. ``concurrency`` is how many calls may run at
    once, a stream until its end.
    """

    requests: float | None = None
    tokens: float | None = None
    concurrency: int | None = None
    per: float = 60.0
    burst: int | None = None
    by: By = "model"

    def __post_init__(self) -> None:
        for name in (*_AMOUNTS, "per", "burst"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                reason = f"expected a number above 0, got {describe_value(value)}"
                raise InvalidRequestError(reason, path=f"limit.{name}")
        if not self.amounts:
            reason = "one of requests, tokens and concurrency has to be given"
            raise InvalidRequestError(reason, path="limit")

    @property
    def amounts(self) -> frozenset[str]:
        """The names of what is limited."""
        return frozenset(name for name in _AMOUNTS if getattr(self, name) is not None)

    def group_of(self, call: AnyCall) -> str | None:
        """The group of a call; None where this limit is not for it."""
        if callable(self.by):
            return self.by(call)
        if self.by in ("", "model"):
            return call.model if self.by else ""
        label = call.labels.get(self.by)
        return None if label is None else str(label)


_AMOUNTS = ("requests", "tokens", "concurrency")


@dataclass
class Group:
    """What calls with something in common have used of one limit."""

    limit: Limit
    name: str
    next_request: float = 0.0
    """When the next request would be due if they came evenly (GCRA's theoretical arrival time)."""
    tokens_at: float = 0.0
    """When all tokens that were used will have been earned; the same of tokens."""
    held_until: float = 0.0
    running: int = 0
    waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = field(
        default_factory=deque[Any]
    )

    def delay(self, now: float) -> tuple[float, str]:
        """Seconds until another call may be made, and which of the limits says so."""
        delays = [(self.held_until - now, "the provider")]
        limit = self.limit
        if limit.requests is not None:
            burst = limit.burst or max(1.0, limit.requests / 10)
            early = (burst - 1) * limit.per / limit.requests
            delays.append((self.next_request - early - now, "requests"))
        if limit.tokens is not None:
            delays.append((self.tokens_at - limit.per / 10 - now, "tokens"))
        return max(delays)

    def use(self, now: float, amounts: Amounts) -> None:
        """Count what is used, or was used less."""
        limit = self.limit
        if limit.requests is not None:
            start = max(self.next_request, now)
            self.next_request = start + amounts["requests"] * limit.per / limit.requests
        if limit.tokens is not None:
            start = max(self.tokens_at, now)
            self.tokens_at = start + amounts["tokens"] * limit.per / limit.tokens

    def is_idle(self) -> bool:
        now = time.monotonic()
        is_used_up = max(self.next_request, self.tokens_at, self.held_until) > now
        return not (self.running or self.waiting or is_used_up)


class MemoryLimits:
    """The state of limits in this process, for any number of threads and event loops."""

    amounts = frozenset(_AMOUNTS)

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], Group] = {}

    async def admit(
        self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None
    ) -> Turn:
        """Wait for the turn of a call, first come, first served.

        Raises:
            RateLimitError: when that would take longer than ``max_wait``; nothing is used then.
        """
        turn = Turn([self._group(share) for share in shares], amounts)
        await turn.take(max_wait)
        return turn

    async def aclose(self) -> None:
        """Forget everything."""
        self._groups.clear()

    def _group(self, share: Share) -> Group:
        key = (share.number, share.name)
        group = self._groups.get(key)
        if group is None:
            self._forget_idle()
            group = self._groups[key] = Group(share.limit, share.name)
        return group

    def _forget_idle(self) -> None:
        """Groups of which nothing is known that a new one would not say as well."""
        if len(self._groups) >= _MOST_GROUPS:
            for key in [key for key, group in self._groups.items() if group.is_idle()]:
                del self._groups[key]


_MOST_GROUPS = 10_000


class Turn:
    """One call's share of its groups."""

    def __init__(self, groups: list[Group], amounts: Amounts) -> None:
        self._groups, self._amounts = groups, amounts
        self._entered = list[Group]()

    async def take(self, max_wait: float | None) -> None:
        """Wait for the turn, which is booked at once, so that whoever comes later waits longer.

        Raises:
            RateLimitError: when that would take too long; nothing is used then.
        """
        now = time.monotonic()
        delay = 0.0
        for each in self._groups:
            seconds, which = each.delay(now)
            delay = max(delay, seconds)
            if max_wait is None:
                continue
            if seconds > max_wait:
                raise refusal(each.limit, each.name, which, seconds)
            if max_wait == 0 and _is_full(each):
                raise refusal(each.limit, each.name, "concurrency")
        for each in self._groups:
            each.use(now, self._amounts)
        try:
            while delay > 0:
                await asyncio.sleep(delay)
                delay = max(each.held_until for each in self._groups) - time.monotonic()
            for each in self._groups:
                if each.limit.concurrency is not None:
                    await _enter(each, max_wait)
                    self._entered.append(each)
        except BaseException:
            self.give_back()
            self.leave()
            raise

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used, where it is known."""
        now = time.monotonic()
        more = {
            name: amounts.get(name, estimate) - estimate for name, estimate in self._amounts.items()
        }
        for each in self._groups:
            each.use(now, more)

    def give_back(self) -> None:
        """Nothing was used."""
        less = {name: -estimate for name, estimate in self._amounts.items()}
        for each in self._groups:
            each.use(0.0, less)

    def hold_back(self, seconds: float) -> None:
        """Let nobody through for so long."""
        until = time.monotonic() + seconds
        for each in self._groups:
            each.held_until = max(each.held_until, until)

    def leave(self) -> None:
        """The call is over: those that wait for it to end may go on."""
        while self._entered:
            group = self._entered.pop()
            group.running -= 1
            _wake(group)


def _is_full(group: Group) -> bool:
    most = group.limit.concurrency
    return most is not None and group.running >= most


async def _enter(group: Group, max_wait: float | None) -> None:
    """Wait until another call may run, behind those that have waited for longer."""
    if not _is_full(group) and not group.waiting:
        group.running += 1
        return
    loop = asyncio.get_running_loop()
    entry = (loop, loop.create_future())
    group.waiting.append(entry)
    try:
        async with asyncio.timeout(max_wait):
            await entry[1]
    except BaseException as error:
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
    while group.waiting and not _is_full(group):
        loop, future = group.waiting.popleft()
        group.running += 1
        try:
            loop.call_soon_threadsafe(_let_in, future)
        except RuntimeError:  # its loop was closed, and with it whoever waited
            group.running -= 1


def _let_in(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
