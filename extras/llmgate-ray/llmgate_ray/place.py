"""Which of how many workers one is, and its share of what all of them may use. It makes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from llmgate.middlewares.limits import Limit

__all__ = ["WorkerPlace"]


@dataclass(frozen=True)
class WorkerPlace:
    """One of the workers of a batch.

    ``number`` is its place among them, from 0, and ``count`` is how many there are. A worker that
    takes the place of one that was lost has the same number.
    """

    number: int
    count: int

    def share_of(self, limit: Limit) -> Limit:
        """This worker's part of a limit that all of them are to keep together.

        The parts are equal, but for what cannot be divided: a ``concurrency`` of 10 is 4, 3 and 3
        for three workers. Each may run at least one call at a time.
        """
        concurrency = None
        if limit.concurrency is not None:
            whole, rest = divmod(limit.concurrency, self.count)
            concurrency = max(1, whole + (self.number < rest))
        return replace(
            limit,
            requests=None if limit.requests is None else limit.requests / self.count,
            tokens=None if limit.tokens is None else limit.tokens / self.count,
            spend=None if limit.spend is None else Decimal(str(limit.spend)) / self.count,
            concurrency=concurrency,
            burst=None if limit.burst is None else max(1, limit.burst // self.count),
        )
