"""Calls that a store of limits refuses or paces, for tests of both stores."""

from __future__ import annotations

import time

import pytest

from llmgate import RateLimitError
from llmgate.middlewares.limit_store import LimitStore, Share

PATIENT = 5.0
ONE: dict[str, float] = {"requests": 1, "tokens": 0}


async def refused(store: LimitStore, share: Share, tokens: float = 0) -> RateLimitError:
    """What a call is told that may not wait."""
    with pytest.raises(RateLimitError) as caught:
        await store.admit([share], {"requests": 1, "tokens": tokens}, 0)
    return caught.value


async def paced(store: LimitStore, share: Share) -> float:
    """When the store has begun to refuse calls."""
    while True:
        try:
            await store.admit([share], ONE, 0)
        except RateLimitError:
            return time.monotonic()
