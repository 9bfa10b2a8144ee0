"""When the next call may go after a provider asked for a pause, or for less; it waits for nobody.

All that wait for the end of a pause would be refused again if they went at once. They go one after
the other, faster and faster, or as evenly as the provider's headers say.
"""

from __future__ import annotations

import math

__all__ = ["Pacing"]

_DOUBLED = 0.5
"""Seconds in which twice as many calls are let through as in all the time since the pause."""


class Pacing:
    """What a provider has asked for, of calls with something in common; times are seconds of one
    clock."""

    def __init__(self) -> None:
        self.held_until = 0.0
        """Before which the provider wants no call."""
        self.next_release = 0.0
        """When the next call may go; the ones behind it go later, each at a time of its own."""
        self.moved = 0.0
        """Seconds by which all that wait were moved, by one pause after the other."""
        self.is_paced = False
        """Whether ``release`` has to be called for calls."""
        self._released = 0
        self._gap = self._paced_until = 0.0

    def release(self, now: float, calls: float, interval: float) -> None:
        """Let so many calls go next, those behind them later by an interval at least."""
        start = max(self.next_release, now)
        if start < self._paced_until:
            gap = self._gap
        elif self.next_release < now:  # nobody waits any longer
            self.is_paced, self._released = False, 0
            return
        else:
            gap = max(interval, _DOUBLED * math.log2(1 + 1 / (self._released + 1)))
            self._released = max(0, self._released + int(calls))
        self.next_release = start + calls * gap

    def hold(self, now: float, seconds: float) -> float:
        """Let no call go for so long; how much later those go that wait, in their order."""
        before = max(self.held_until, now)
        shift = now + seconds - before
        if shift <= 0:
            return 0.0
        self.held_until, self.is_paced = now + seconds, True
        self.next_release = max(self.next_release, before) + shift
        self.moved += shift
        return shift

    def pace(self, now: float, gap: float, seconds: float) -> None:
        """Let one further call go in each gap, for so long; a gap of 0 ends that."""
        self._gap, self._paced_until = gap, now + seconds
        if gap:
            self.is_paced = True
            self.next_release = max(self.next_release, now + gap)
