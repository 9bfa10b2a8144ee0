"""What is still to be written to Redis: by keys, in one batch at a time; it sends nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeAlias, TypeVar

__all__ = ["Changes"]

_MOST = 20_000
"""Ends of leases that are remembered while Redis is away; others end by themselves."""
_Operation: TypeAlias = list[Any]
_Value = TypeVar("_Value")


class Changes:
    """Changes that wait to be sent. What is used and spent is added up, so that it takes as much
    room after an hour without Redis as there are groups, and nothing of it is lost."""

    def __init__(self) -> None:
        self._used: dict[str, dict[str, float]] = {}
        self._paused: dict[str, float] = {}
        self._paced: dict[str, tuple[float, float]] = {}
        self._spent: dict[str, tuple[int, float]] = {}
        self._leases = deque[_Operation](maxlen=_MOST)

    def __bool__(self) -> bool:
        return bool(self._used or self._leases or self._spent or self._paused or self._paced)

    def use(self, usage: str, rate: str, milliseconds: float) -> None:
        """A call took up more of a rate than was counted, or less."""
        rates = self._used.setdefault(usage, {})
        rates[rate] = rates.get(rate, 0.0) + milliseconds

    def pause(self, usage: str, until: float) -> None:
        """Nobody may be let through before a time of the event loop's clock."""
        self._paused[usage] = max(self._paused.get(usage, 0.0), until)

    def pace(self, usage: str, gap: float, until: float) -> None:
        """One call may go in each gap of seconds before a time of the event loop's clock."""
        self._paced[usage] = (gap, until)

    def spend(self, totals: str, amount: int, period_end: float) -> None:
        """So much of a budget was spent, in a period that ends at a time since the epoch."""
        spent, _ = self._spent.get(totals, (0, 0.0))
        self._spent[totals] = (spent + amount, period_end)

    def of_lease(self, *operation: Any) -> None:
        """A lease, or a reservation, is renewed or ends; see ``settle.lua``."""
        self._leases.append([*operation])

    def take(self, now: float, epoch: float) -> tuple[list[str], list[_Operation]]:
        """The keys and changes of the next batch, which are no longer here (see ``settle.lua``).

        Args:
            now: The time of the event loop's clock.
            epoch: The time since the epoch.
        """
        keys = dict[str, int]()
        taken = list[_Operation]()

        def number(key: str) -> int:
            return keys.setdefault(key, len(keys) + 2)

        for usage, rates in _taken(self._used):
            taken.append(["use", number(usage), [[*rate] for rate in rates.items()]])
        for usage, until in _taken(self._paused):
            taken.append(["pause", number(usage), max(0.0, until - now) * 1000])
        for usage, (gap, until) in _taken(self._paced):
            taken.append(["pace", number(usage), gap * 1000, max(0.0, until - now) * 1000])
        for totals, (amount, end) in _taken(self._spent):
            left = max(0.0, end - epoch) * 1000 + _GRACE
            taken.append(["spend", number(totals), amount, left])
        while self._leases and len(taken) < _BATCH:
            taken.append(_numbered(self._leases.popleft(), number))
        return [*keys], taken


_BATCH = 500
"""Changes of each kind in one batch: Redis serves nobody else while it counts them."""
_GRACE = 60_000.0
"""Milliseconds for which a budget's key outlives its period."""


def _taken(waiting: dict[str, _Value]) -> list[tuple[str, _Value]]:
    """As many as fit into a batch, which are removed."""
    return [(key, waiting.pop(key)) for key in [*islice(waiting, _BATCH)]]


def _numbered(operation: _Operation, number: Callable[[str], int]) -> _Operation:
    """A change of a lease with numbers in place of its keys."""
    keys = 2 if operation[0] in ("reserve", "release") else 1
    numbers = [number(key) for key in operation[1 : 1 + keys]]
    return [operation[0], *numbers, *operation[1 + keys :]]
