"""What the calls of a group have used of one limit, and when the next one may be made.

It uses the clock of :func:`time.monotonic`, and waits for nothing; it has no lock.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from llmgate.middlewares.limit_definition import Limit
from llmgate.middlewares.pacing import Pacing

__all__ = ["Group"]


class Group(Pacing):
    """What the calls of a group have used of one limit."""

    def __init__(self, limit: Limit, name: str) -> None:
        super().__init__()
        self.limit, self.name = limit, name
        self.next_request = 0.0
        """When the next request would be due if they came evenly (GCRA's theoretical arrival
        time)."""
        self.tokens_at = 0.0
        """The same for tokens: when all used tokens will have been earned back."""
        self.most_running = limit.concurrency or 0
        self.running = 0
        self.waiting = deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]()
        self.spent = 0
        self.reserved = 0
        self.period_end = 0.0
        """When the current spending period ends, in seconds since the epoch."""
        self.most_spend = limit.most_spend
        self.interval = limit.per / limit.requests if limit.requests else 0.0
        self._token = limit.per / limit.tokens if limit.tokens else 0.0
        burst = limit.burst or max(1.0, (limit.requests or 0.0) / 10)
        self._early, self._token_early = (burst - 1) * self.interval, limit.per / 10

    def delay(self, now: float) -> float:
        """Seconds until another call may be made; 0 or less if it may be made now."""
        until = self.next_release
        if self.interval and self.next_request - self._early > until:
            until = self.next_request - self._early
        if self._token and self.tokens_at - self._token_early > until:
            until = self.tokens_at - self._token_early
        return until - now

    def is_free(self, now: float) -> bool:
        """Whether another call may start now."""
        if self.waiting or self.next_release > now or self.running >= self.most_running > 0:
            return False
        return self.next_request - self._early <= now and self.tokens_at - self._token_early <= now

    def is_full(self) -> bool:
        """Whether the maximum number of calls is running."""
        return self.running >= self.most_running > 0

    def reason(self, now: float, delay: float) -> str:
        """Which of the amounts causes this delay."""
        if self.held_until > now:
            return "the provider"
        if self.interval and delay == self.next_request - self._early - now:
            return "requests"
        return "the provider" if delay == self.next_release - now else "tokens"

    def use(self, now: float, requests: float, tokens: float) -> None:
        """Count what is used, or less if the estimate was too high."""
        if self.interval and requests:
            start = self.next_request if self.next_request > now else now  # max() takes longer
            self.next_request = start + requests * self.interval
        if self._token and tokens:
            start = self.tokens_at if self.tokens_at > now else now
            self.tokens_at = start + tokens * self._token
        if self.is_paced and requests:
            self.release(now, requests, self.interval)

    def hold(self, now: float, seconds: float) -> float:
        """Admit no call for so long. Waiting calls are delayed by the returned seconds, in their
        order."""
        shift = super().hold(now, seconds)
        if self.next_request - self._early > now:
            self.next_request += shift
        if self.tokens_at - self._token_early > now:
            self.tokens_at += shift
        return shift

    def begin_period(self, now: float) -> None:
        """Forget what was spent in a period that is over, or in one too far ahead after the clock
        was set back; ``now`` is in seconds since the epoch."""
        if now >= self.period_end or now < self.period_end - 2 * self.limit.per:
            self.spent = self.reserved = 0
            self.period_end = self.limit.period_end(now)

    def is_idle(self) -> bool:
        now = time.monotonic()
        is_used_up = max(self.next_request, self.tokens_at, self.next_release) > now
        is_spent = (self.spent or self.reserved) and time.time() < self.period_end
        return not (self.running or self.waiting or is_used_up or is_spent)
