"""Who is told at once that a call is retried: what holds other calls back needs not await its end.

Nobody is told unless a middleware asks for it, around the handler that makes the call.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeAlias

from llmgate.errors import LLMGateError

__all__ = ["TOLD", "Tell", "tell_of_retry"]

Tell: TypeAlias = Callable[[LLMGateError], None]

TOLD: ContextVar[tuple[Tell, ...]] = ContextVar("llmgate_told_of_retries", default=())
"""What neither wait nor raise. A task that is started for a call has those of the call."""


def tell_of_retry(error: LLMGateError) -> None:
    """Tell them with which error an attempt has failed that is followed by another one."""
    for tell in TOLD.get():
        tell(error)
