"""The limits of one of a router's targets, so that others are asked before they are exceeded."""

from __future__ import annotations

from llmgate.middlewares.limit_definition import Limit
from llmgate.middlewares.limits import Limits
from llmgate.middlewares.turns import MemoryLimits

__all__ = ["TargetLimits"]


class TargetLimits(Limits):
    """The limits of one target, in this process; calls wait for their turn, as with all limits.

    Args:
        requests: Requests per minute; None for no limit.
        tokens: Tokens per minute, likewise.
    """

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self._memory = MemoryLimits()
        super().__init__(Limit(requests=requests, tokens=tokens), store=self._memory)

    def delay(self, model: str) -> float:
        """Seconds until the target may receive another call; 0 or less if it may now."""
        return self._memory.delay_of(0, model)
