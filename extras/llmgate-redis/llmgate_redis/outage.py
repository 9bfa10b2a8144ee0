"""Knows whether Redis can be reached, and tells others when that changes; it reaches nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Change", "Outage"]


@dataclass(frozen=True)
class Change:
    """Redis could no longer be reached, or can be again.

    ``reason`` is the failure that was seen, empty when it is over; ``seconds`` how long the state
    before lasted; ``at`` the time since the epoch.
    """

    is_available: bool
    reason: str
    seconds: float
    at: float = field(default_factory=time.time)


class Outage:
    """Whether Redis is away, for all event loops of a process."""

    def __init__(self, name: str, on_change: Callable[[Change], object] | None) -> None:
        self.name, self._on_change = name, on_change
        self.is_on = False
        self.changes = 0
        """How often Redis went away or came back."""
        self._since = time.monotonic()

    def begin(self, error: BaseException) -> None:
        """Redis failed."""
        if not self.is_on:
            reason = str(error) or type(error).__name__
            self._change(Change(False, reason, self._elapsed()))

    def end(self) -> None:
        """It answered again."""
        if self.is_on:
            self._change(Change(True, "", self._elapsed()))

    def _elapsed(self) -> float:
        now = time.monotonic()
        elapsed, self._since = now - self._since, now
        return elapsed

    def _change(self, change: Change) -> None:
        self.is_on = not change.is_available
        self.changes += 1
        logger = logging.getLogger("llmgate")
        if change.is_available:
            logger.warning("%s: Redis is back after %.1f s", self.name, change.seconds)
        else:
            logger.warning("%s: Redis cannot be reached: %s", self.name, change.reason)
        if self._on_change is not None:
            self._on_change(change)
