"""What holds while Redis is away: everything, nothing, or limits of this process's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from llmgate.errors import InvalidRequestError, RateLimitError, describe_value
from llmgate.middlewares.limit_definition import Limit
from llmgate.middlewares.limit_store import Admission, Amounts, Share
from llmgate.middlewares.turns import MemoryLimits
from llmgate_redis.link import RedisUnavailableError

__all__ = ["FREE", "Without"]

_RETRY_AFTER = 1.0


class Without:
    """Lets calls through without Redis, by ``"open"``, ``"closed"`` or ``"local/N"``."""

    def __init__(self, policy: str) -> None:
        given = _POLICY.fullmatch(str(policy))
        if given is None:
            reason = f"expected 'open', 'closed' or 'local/N', got {describe_value(policy)}"
            raise InvalidRequestError(reason, path="outage")
        self._is_closed = policy == "closed"
        self._processes = int(given[1] or 0)
        self._local = MemoryLimits()
        self._divided: dict[int, tuple[Limit, Limit]] = {}

    async def admit(
        self,
        shares: Sequence[Share],
        amounts: Amounts,
        max_wait: float | None,
        error: RedisUnavailableError,
    ) -> Admission:
        """A call that may be made though nobody knows what others do.

        Raises:
            RateLimitError: where that is not allowed, or by a limit of this process's own.
        """
        if self._is_closed:
            reason = f"the limits are not known: {error.message}"
            raise RateLimitError(reason, retry_after=_RETRY_AFTER, retryable=False) from error
        if not self._processes:
            return FREE
        parts = [share._replace(limit=self._part(share)) for share in shares]
        return await self._local.admit(parts, amounts, max_wait)

    def _part(self, share: Share) -> Limit:
        """What one of so many processes may use of a limit, at least one call."""
        whole, part = self._divided.get(share.number, (None, share.limit))
        if whole is share.limit:
            return part
        limit, n = share.limit, self._processes
        part = replace(
            limit,
            requests=None if limit.requests is None else limit.requests / n,
            tokens=None if limit.tokens is None else limit.tokens / n,
            spend=None if limit.spend is None else Decimal(str(limit.spend)) / n,
            concurrency=None if limit.concurrency is None else max(1, limit.concurrency // n),
            burst=None if limit.burst is None else max(1, limit.burst // n),
        )
        self._divided[share.number] = (limit, part)
        return part


_POLICY = re.compile(r"open|closed|local/([1-9]\d{0,5})", re.ASCII)


class _Free:
    """A call that nobody counts."""

    def settle(self, amounts: Amounts) -> None:
        pass

    def give_back(self) -> None:
        pass

    def hold_back(self, seconds: float) -> None:
        pass

    def pace(self, gap: float, seconds: float) -> None:
        pass

    def leave(self) -> None:
        pass


FREE = _Free()
