"""What a call has cost that gave nothing."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from llmgate.errors import (
    BadRequestError,
    ConnectError,
    DecodeError,
    LLMGateError,
    RateLimitError,
    ReadError,
)
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.routing import Router
from llmgate.testing import Canned
from tests.spend.calls import COST, DAY, ESTIMATE, HI, USED, Gate, ask, client_of, spent


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (BadRequestError("no", status=400), 0),
        (RateLimitError("slow down", status=429), 0),
        (ConnectError("refused"), 0),
        (ReadError("it broke"), ESTIMATE),
        (DecodeError("nonsense", status=200), ESTIMATE),
        (Canned.json({"say": "a", "end": "done"}), ESTIMATE),
    ],
    ids=["refused", "limited", "not connected", "broken", "unreadable", "without usage"],
)
async def test_what_failed_costs_what_it_may_be_billed(
    answer: Any, kept: int, clock: list[float]
) -> None:
    """Nothing where it was refused or never sent; otherwise what was thought."""
    limits = Limits(Limit(spend=1, per=DAY))
    client = client_of(limits, answers=[answer])
    if isinstance(answer, LLMGateError):
        with pytest.raises(type(answer)):
            await ask(client)
    else:
        await ask(client)
    assert (kept, 0) == spent(limits)


async def test_what_was_cancelled_costs_what_was_thought_once_it_was_sent(
    clock: list[float],
) -> None:
    """Before that it costs nothing."""
    for gated, kept in ((True, 0), (False, ESTIMATE)):
        limits = Limits(Limit(spend=1, per=DAY), Limit(requests=60, burst=60))
        gate = Gate()
        if not gated:
            gate.opened.set()
        client = client_of(limits, gate, answers=[Canned(body=[], hang=True)])
        call = asyncio.create_task(ask(client))
        for _ in range(20):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (kept, 0) == spent(limits)
        store: Any = limits._store
        assert gated == (store._groups[1, "fake/m"].next_request <= time.monotonic())


async def test_a_hedge_that_lost_is_counted_as_well(clock: list[float]) -> None:
    """It may be billed."""
    limits = Limits(Limit(spend=1, per=DAY))
    answers = [Canned(body=[], hang=True), USED]
    client = client_of(Router(), limits, answers=answers, max_retries=1)
    await ask(client, hedge_after=0.01)
    assert (COST + ESTIMATE, 0) == spent(limits)


async def test_streams_are_counted_at_their_end(clock: list[float]) -> None:
    """By their usage; one that was left before it said anything, as it was thought."""
    limits = Limits(Limit(spend=1, per=DAY))
    lines = [b'{"say": "a"}\n', b'{"end": "done", "tokens": {"in": 10, "out": 5}}\n']
    answers = [Canned(body=lines), Canned(body=[], hang=True)]
    client = client_of(limits, answers=answers)
    stream = await client.acompletion("fake/m", HI, max_tokens=5, stream=True)
    assert (0, ESTIMATE) == spent(limits)
    await stream.completion()
    assert (COST, 0) == spent(limits)
    stream = await client.acompletion("fake/m", HI, max_tokens=5, stream=True)
    _, reserved = spent(limits)  # it has learnt from the first one
    await stream.aclose()
    assert ESTIMATE < reserved
    assert (COST + reserved, 0) == spent(limits)


async def test_embeddings_are_counted(clock: list[float]) -> None:
    """By what they read."""
    limits = Limits(Limit(spend=1, per=DAY))
    client = client_of(limits)
    embeddings = await client.aembedding("fake/m", ["Hi"])
    assert embeddings.usage is not None
    assert (embeddings.usage.prompt_tokens * 1_000_000, 0) == spent(limits)


async def test_what_a_cache_gives_costs_nothing(clock: list[float]) -> None:
    """Neither behind the limits nor before them."""
    for place in (0, 1):
        limits, cache = Limits(Limit(spend=1, per=DAY)), Cache()
        client = client_of(*((cache, limits) if place == 0 else (limits, cache)))
        assert "miss" == (await ask(client)).cache
        hit = await ask(client)
        assert ("hit", Decimal(0)) == (hit.cache, hit.cost)
        assert (COST, 0) == spent(limits)
