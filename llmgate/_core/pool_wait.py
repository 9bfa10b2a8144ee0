"""Notifies a listener that a request waits long for a connection. It knows no pool and no hook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["LONG_WAIT", "after_long_wait", "on_pool_wait"]

LONG_WAIT = 1.0
"""Seconds of waiting for a connection after which it is said."""

_listener: ContextVar[Callable[[], None] | None] = ContextVar("llmgate_pool_wait", default=None)


@contextmanager
def on_pool_wait(listener: Callable[[], None]) -> Generator[None]:
    """Have ``listener`` called once, while its request waits within this, if that takes long."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def after_long_wait() -> asyncio.TimerHandle | None:
    """What a transport starts where a request begins to wait, and cancels where it has waited;
    None where nobody listens."""
    listener = _listener.get()
    if listener is None:
        return None
    return asyncio.get_running_loop().call_later(LONG_WAIT, listener)
