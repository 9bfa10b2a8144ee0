"""What calls with something in common have used of a limit, and whose turn it is.

It decides by the clock of :func:`time.monotonic`, for one process; it knows no response.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgate.errors import InvalidRequestError, RateLimitError, describe_value, excerpt

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.options import ChatCall

__all__ = ["Group", "Limit", "Turn"]

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
        for name in ("requests", "tokens", "concurrency", "per", "burst"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                reason = f"expected a number above 0, got {describe_value(value)}"
                raise InvalidRequestError(reason, path=f"limit.{name}")
        if self.requests is None and self.tokens is None and self.concurrency is None:
            reason = "one of requests, tokens and concurrency has to be given"
            raise InvalidRequestError(reason, path="limit")

    def group_of(self, call: AnyCall) -> str | None:
        """The group of a call; None where this limit is not for it."""
        if callable(self.by):
            return self.by(call)
        if self.by in ("", "model"):
            return call.model if self.by else ""
        label = call.labels.get(self.by)
        return None if label is None else str(label)


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
            per = f"{limit.requests:g} requests in {limit.per:g} s"
            delays.append((self.next_request - early - now, per))
        if limit.tokens is not None:
            per = f"{limit.tokens:g} tokens in {limit.per:g} s"
            delays.append((self.tokens_at - limit.per / 10 - now, per))
        return max(delays)

    def use(self, now: float, requests: int, tokens: float) -> None:
        """Count what is used, or was used less."""
        limit = self.limit
        if limit.requests is not None:
            start = max(self.next_request, now)
            self.next_request = start + requests * limit.per / limit.requests
        if limit.tokens is not None:
            start = max(self.tokens_at, now)
            self.tokens_at = start + tokens * limit.per / limit.tokens

    def is_idle(self) -> bool:
        now = time.monotonic()
        is_used_up = max(self.next_request, self.tokens_at, self.held_until) > now
        return not (self.running or self.waiting or is_used_up)


class Turn:
    """One call's share of its groups."""

    def __init__(self, groups: list[Group], tokens: float) -> None:
        self._groups, self._tokens = groups, tokens
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
                raise _refusal(each, which, seconds)
            if max_wait == 0 and _is_full(each):
                raise _refusal(each)
        for each in self._groups:
            each.use(now, 1, self._tokens)
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

    def settle(self, requests: int, tokens: float | None) -> None:
        """Count what was really used; ``requests`` beside the first one, ``tokens`` if known."""
        now = time.monotonic()
        more = 0.0 if tokens is None else tokens - self._tokens
        for each in self._groups:
            each.use(now, requests, more)

    def give_back(self) -> None:
        """Nothing was used."""
        for each in self._groups:
            each.use(0.0, -1, -self._tokens)

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


def _refusal(group: Group, which: str = "", delay: float | None = None) -> RateLimitError:
    which = which or f"{group.limit.concurrency} calls at once"
    name = f" for {excerpt(group.name, 80)!r}" if group.name else ""
    later = "" if delay is None else f": there is room in {delay:.3g} s"
    reason = f"the limit of {which}{name} is reached{later}"
    return RateLimitError(reason, retry_after=delay, retryable=False)


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
    raise _refusal(group)


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
