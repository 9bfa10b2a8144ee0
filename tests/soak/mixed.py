"""A load of calls of every kind through all middleware at once, and what is held at its end.

It measures and judges nothing; see ``soaking``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from llmgate import Client, LLMGateError, RetryPolicy
from llmgate.hooks import Event
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.limits import Limit, Limits
from llmgate.middlewares.routing import Cooldown, Router
from llmgate.store import MemoryStore
from tests.faults.calls import MODEL, client_of
from tests.soak.soaking import Growth, measured, said, together, warm

__all__ = ["mixed"]

_OTHER = f"{MODEL}-mini"
"""Where a call goes whose first model is slow or fails; the server keeps nobody of it waiting."""


def mixed(url: str, calls: int, seed: int = 1) -> Growth:
    """Calls through a cache, a router that hedges, and limits, with a hook. A third are streams,
    one in ten is cancelled, one in ten fails everywhere, one in twenty is slow, many are equal."""
    chance = random.Random(seed)
    router = Router(cooldown=Cooldown(failures=10**9), hedge_after=0.05)
    limits = Limits(
        Limit(requests=1e9, tokens=1e12, concurrency=15, by=""),
        Limit(concurrency=10, spend=1e6, per=1e9, by="tenant"),
    )
    count = _Counted()

    async def run(growth: Growth) -> None:
        async with client_of(
            url,
            middleware=[Cache(MemoryStore(max_bytes=500_000, max_entries=500)), router, limits],
            hooks=[count],
            prices={"openai/*": {"input": 1, "output": 2}},
            retry=RetryPolicy(1, wait=lambda _: 0.0),
        ) as client:
            for number in range(10):
                if number == 1:
                    warm(growth)
                await together(calls // 10, lambda: _one(client, chance))
                growth.calls += calls // 10
            growth.held = [*_left(router, limits), *_tasks()]

    with measured("all middleware", url) as growth:
        asyncio.run(run(growth))
    if count.started != count.ended:
        growth.held.append(f"{count.started} calls began, {count.ended} ended")
    return growth


class _Counted:
    """A hook that counts what begins and ends."""

    def __init__(self) -> None:
        self.started = self.ended = 0

    def __call__(self, event: Event) -> None:
        self.started += type(event).__name__ == "CallStarted"
        self.ended += type(event).__name__ == "CallEnded"


async def _one(client: Client, chance: random.Random) -> None:
    draw, number = chance.random(), chance.randrange(2_000)
    text = f"Hi {number}"
    if draw < 0.1:
        text = f"fail {number}"
    elif draw < 0.15:
        text = f"slow {number}"
    asking = asyncio.ensure_future(_ask(client, text, number, is_stream=chance.random() < 1 / 3))
    if chance.random() < 0.1:
        await asyncio.sleep(chance.choice((0, 0.0005, 0.002)))
        asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking


async def _ask(client: Client, text: str, number: int, *, is_stream: bool) -> None:
    labels = {"tenant": number % 50}
    try:
        answer: Any = await client.acompletion(
            [MODEL, _OTHER], said(text), stream=is_stream, labels=labels
        )
        if is_stream:
            async for _ in answer:
                pass
    except LLMGateError:
        assert text.startswith("fail")
    else:
        assert not text.startswith("fail")


def _left(router: Router, limits: Limits) -> list[str]:
    """Places of limits, reservations and turns of targets that nobody has given back."""
    groups: list[Any] = [*vars(limits._store)["_groups"].values()]
    of_group: dict[str, Callable[[Any], int]] = {
        "running": lambda group: group.running,
        "waiting": lambda group: len(group.waiting),
        "reserved": lambda group: group.reserved,
    }
    found = [
        f"{look(group)} {name} of {group.name!r}"
        for group in groups
        for name, look in of_group.items()
        if look(group)
    ]
    states = [state for model in (MODEL, _OTHER) for state in router.states(model)]
    return [*found, *(f"{state.busy} calls at {state.target}" for state in states if state.busy)]


def _tasks() -> list[str]:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [f"the task {task.get_name()}" for task in others]
