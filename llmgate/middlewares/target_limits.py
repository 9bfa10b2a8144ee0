"""How much one target of a router may be sent, so that others are asked before it is too much."""

from __future__ import annotations

from llmgate.middlewares.limit_definition import Limit
from llmgate.middlewares.limits import Limits
from llmgate.middlewares.turns import MemoryLimits

__all__ = ["TargetLimits"]


class TargetLimits(Limits):
    """The limits of one target, in this process; they wait for a turn, as all limits do.

    Args:
        requests: How many a minute; None for any number.
        tokens: Likewise.
    """

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self._memory = MemoryLimits()
        super().__init__(Limit(requests=requests, tokens=tokens), store=self._memory)

    def delay(self, model: str) -> float:
        """Seconds until the target may be sent another call; none or less where it may be now."""
        return self._memory.delay_of(0, model)
