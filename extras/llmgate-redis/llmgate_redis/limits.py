"""The state of limits that the processes of a fleet share, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.middlewares.limit_store import Admission, Amounts, Share
from llmgate_redis.ledger import Ledger
from llmgate_redis.link import Links, RedisUnavailableError, Server, forget_closed
from llmgate_redis.outage import Change, Outage
from llmgate_redis.request import Request, group_of
from llmgate_redis.waiting import Unchecked, Waiting
from llmgate_redis.without import FREE, Without

__all__ = ["RedisLimits"]


class RedisLimits:
    """Limits that hold for all processes together: ``Limits(…, store=RedisLimits(…))``.

    A call is admitted by one script, all or nothing, and what it used is counted by another one,
    for many calls at once. The processes give their limits in the same order, since that is how
    Redis tells them apart. Times are those of the server's clock; when a period of ``spend`` ends,
    each process knows by its own.

    A call that runs has a lease, which its process renews; one that was killed holds nothing when
    its leases are over. Every key ends when nothing is left to remember.

    Args:
        server: ``redis://host:port/0`` (``rediss://`` for TLS), or a function that makes a client
            of redis-py's: ``redis.asyncio.Redis``, of a Sentinel, or ``RedisCluster``.
        outage: What holds while Redis is away: ``"open"``, every call may be made; ``"closed"``,
            none; ``"local/4"``, each process may use a quarter of each limit.
        namespace: What keys begin with, as a tag: all of them are in one slot of a cluster.
        timeout: Seconds that Redis has for one decision.
        lease: Seconds for which a call counts whose process does not say that it still runs.
        on_change: Called when Redis goes away, and when it is back.

    Raises:
        InvalidRequestError: naming what is wrong.
    """

    amounts = frozenset({"requests", "tokens", "concurrency", "spend"})

    def __init__(
        self,
        server: Server,
        *,
        outage: str,
        namespace: str = "llmgate",
        timeout: float = 0.05,
        lease: float = 30.0,
        on_change: Callable[[Change], object] | None = None,
    ) -> None:
        times: dict[str, Any] = {"timeout": timeout, "lease": lease}
        for name, value in times.items():
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
                reason = f"expected a number of seconds above 0, got {describe_value(value)}"
                raise InvalidRequestError(reason, path=name)
        self._without = Without(outage)
        self._prefix, self._lease = f"{{{namespace}}}:", float(lease)
        self._outage = Outage(f"RedisLimits {namespace!r}", on_change)
        self.unchecked = 0
        """Calls of which was decided without Redis."""
        self._links = Links(server, timeout, self._outage)
        self._desks: dict[asyncio.AbstractEventLoop, tuple[Ledger, Waiting]] = {}

    @property
    def is_available(self) -> bool:
        """False while Redis is away."""
        return not self._outage.is_on

    @property
    def changes(self) -> int:
        """How often Redis went away, or came back."""
        return self._outage.changes

    async def admit(
        self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None
    ) -> Admission:
        """Wait until a call may be made; see :class:`~llmgate.middlewares.limit_store.LimitStore`.

        Raises:
            RateLimitError: when it would have to wait for longer, and while Redis is away where
                ``outage`` says so.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        if not shares:
            return FREE
        ledger, waiting = self._desk(loop)
        groups = [group_of(share, amounts, self._prefix) for share in shares]
        request = Request(ledger.new_id(), groups, amounts)
        try:
            return await waiting.admit(request, max_wait)
        except RedisUnavailableError as error:
            self.unchecked += 1
            left = None if max_wait is None else max(0.0, max_wait - (loop.time() - began))
            admission = await self._without.admit(shares, amounts, left, error)
        return Unchecked(ledger, request, admission) if request.budgets else admission

    async def aclose(self) -> None:
        """Tell Redis what is left to tell, and close the connections of this event loop."""
        desk = self._desks.pop(asyncio.get_running_loop(), None)
        if desk is not None:
            await desk[0].aclose()
        await self._links.aclose()

    def _desk(self, loop: asyncio.AbstractEventLoop) -> tuple[Ledger, Waiting]:
        desk = self._desks.get(loop)
        if desk is None:
            forget_closed(self._desks)
            ledger = Ledger(self._links.current(), self._prefix, self._lease)
            desk = self._desks[loop] = (ledger, Waiting(ledger))
        return desk
