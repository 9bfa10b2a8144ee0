"""What a transport tells of a request that waits: the phase that was interrupted, and a long wait
for a connection. It knows no pool, no deadline and no hook.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, Token

_PHASE = "_llmgate_phase"

LONG_WAIT = 1.0
"""Seconds of waiting for a connection after which it is said."""

_listener: ContextVar[Callable[[], None] | None] = ContextVar("llmgate_pool_wait", default=None)


def listen_for_pool_wait(listener: Callable[[], None]) -> Token[Callable[[], None] | None]:
    """Have ``listener`` called once, while a request waits, if that takes long, until
    ``stop_listening``. (A context manager would take as long again as both.)"""
    return _listener.set(listener)


def stop_listening(token: Token[Callable[[], None] | None]) -> None:
    """Have what listened before listen again."""
    _listener.reset(token)


def after_long_wait() -> asyncio.TimerHandle | None:
    """What a transport starts where a request begins to wait, and cancels where it has waited;
    None where nobody listens."""
    listener = _listener.get()
    if listener is None:
        return None
    return asyncio.get_running_loop().call_later(LONG_WAIT, listener)


def mark_phase(cancelled: asyncio.CancelledError, phase: str) -> None:
    """Attach to a cancellation the phase that it interrupted, for the deadline's error."""
    if not hasattr(cancelled, _PHASE):
        setattr(cancelled, _PHASE, phase)


def phase_of(cancelled: asyncio.CancelledError) -> str | None:
    """The phase that a cancellation interrupted; None where no transport has said it."""
    phase: str | None = getattr(cancelled, _PHASE, None)
    return phase
