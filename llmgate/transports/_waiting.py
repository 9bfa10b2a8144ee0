"""What a transport reports of a waiting request: the phase that was interrupted, and a long wait
for a connection. It knows no pool, no deadline and no hook.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, Token

_PHASE = "_llmgate_phase"

LONG_WAIT = 1.0
"""Seconds of waiting for a connection after which it is reported."""

_listener: ContextVar[Callable[[], None] | None] = ContextVar("llmgate_pool_wait", default=None)


def listen_for_pool_wait(listener: Callable[[], None]) -> Token[Callable[[], None] | None]:
    """Until ``stop_listening``, call ``listener`` once when a request waits for long. (A context
    manager would cost twice as much.)"""
    return _listener.set(listener)


def stop_listening(token: Token[Callable[[], None] | None]) -> None:
    """Restore the previous listener."""
    _listener.reset(token)


def after_long_wait() -> asyncio.TimerHandle | None:
    """The timer that a transport starts when a request begins to wait, and cancels when the wait is
    over; None if nobody listens."""
    listener = _listener.get()
    if listener is None:
        return None
    return asyncio.get_running_loop().call_later(LONG_WAIT, listener)


def mark_phase(cancelled: asyncio.CancelledError, phase: str) -> None:
    """Attach to a cancellation the phase that it interrupted, for the deadline's error."""
    if not hasattr(cancelled, _PHASE):
        setattr(cancelled, _PHASE, phase)


def phase_of(cancelled: asyncio.CancelledError) -> str | None:
    """The phase that a cancellation interrupted; None if no transport has marked it."""
    phase: str | None = getattr(cancelled, _PHASE, None)
    return phase
