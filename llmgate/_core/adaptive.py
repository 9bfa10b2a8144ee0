"""How many calls of a batch run at once. It learns from their attempts, and makes no call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from llmgate.errors import LLMGateError, OverloadedError, RateLimitError
from llmgate.types import Attempt


class AdaptiveLimit:
    """How many calls run at once: more while all goes well, half as many when a provider limits.

    As in TCP: one more for each full round without a rejection, half after a rejection, and only
    one halving for all calls that were under way at that time.
    """

    def __init__(self, highest: int) -> None:
        self._highest = highest
        self.limit = float(min(highest, 8))
        self.running = 0
        self._is_rising = True
        self._unaffected = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        while self.running >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)
        self.running += 1

    async def __aexit__(self, *_: object) -> None:
        self.running -= 1
        self._wake()

    def learn(self, attempts: Iterable[Attempt], error: LLMGateError | None) -> None:
        """Learn from a finished call: its attempts, and its error if it failed."""
        if self._unaffected:
            self._unaffected -= 1
        is_refusal = isinstance(error, RateLimitError | OverloadedError)
        if is_refusal or any(attempt.status in _REFUSALS for attempt in attempts):
            if not self._unaffected:
                self.limit = max(1.0, self.limit / 2)
                self._unaffected = self.running + 1
                self._is_rising = False
        elif self._is_rising:  # doubles with each round
            self.limit = min(self._highest, self.limit + 1)
        else:
            self.limit = min(self._highest, self.limit + 1 / self.limit)
        self._wake()

    def _wake(self) -> None:
        free = int(self.limit) - self.running
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


_REFUSALS = frozenset({429, 503, 529})
