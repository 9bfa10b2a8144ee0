"""When the next call may go after a provider asked for a pause, or for a slower pace; it never
waits.

If all calls that wait for the end of a pause went at once, they would be rejected again. So they go
one after the other, faster and faster, or as evenly as the provider's headers say.
"""

from __future__ import annotations

import math

__all__ = ["Pacing"]

_DOUBLED = 0.5
"""Seconds in which the number of calls that were let through since the pause doubles."""


class Pacing:
    """What a provider has asked of a group of calls; times are seconds of one clock."""

    def __init__(self) -> None:
        self.held_until = 0.0
        """The time before which the provider wants no call."""
        self.next_release = 0.0
        """When the next call may go; those behind it go later, each at its own time."""
        self.moved = 0.0
        """Seconds by which all waiting calls were delayed, by all pauses so far."""
        self.is_paced = False
        """Whether ``release`` must be called for calls."""
        self._released = 0
        self._gap = self._paced_until = 0.0

    def release(self, now: float, calls: float, interval: float) -> None:
        """Let so many calls go next, and those behind them at least an interval later."""
        start = max(self.next_release, now)
        if start < self._paced_until:
            gap = self._gap
        elif self.next_release < now:  # nobody is waiting any more
            self.is_paced, self._released = False, 0
            return
        else:
            gap = max(interval, _DOUBLED * math.log2(1 + 1 / (self._released + 1)))
            self._released = max(0, self._released + int(calls))
        self.next_release = start + calls * gap

    def hold(self, now: float, seconds: float) -> float:
        """Let no call go for so long; returns by how much waiting calls are delayed, in their
        order."""
        before = max(self.held_until, now)
        shift = now + seconds - before
        if shift <= 0:
            return 0.0
        self.held_until, self.is_paced = now + seconds, True
        self.next_release = max(self.next_release, before) + shift
        self.moved += shift
        return shift

    def pace(self, now: float, gap: float, seconds: float) -> None:
        """Let one further call go per gap, for so long; a gap of 0 ends this."""
        self._gap, self._paced_until = gap, now + seconds
        if gap:
            self.is_paced = True
            self.next_release = max(self.next_release, now + gap)
