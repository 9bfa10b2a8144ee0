"""What limits and a cache in Redis cost a call, in processor time of the client and of Redis.

.venv/bin/python -m benchmarks.fleets redis://127.0.0.1:6379      (a server that has nothing else)
"""

from __future__ import annotations

import argparse
import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from llmgate import Client
from llmgate.middleware import Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.limits import Limit, Limits
from llmgate.testing import FakeProvider
from llmgate_redis import RedisLimits, RedisStore

__all__: list[str] = []

_AT_ONCE = (1, 10, 100)
_CALLS, _ROUNDS = 200, 25
_MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]


def main() -> None:
    """Print one row for each number of calls at once."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    asyncio.run(_compare(options.parse_args().url))


async def _compare(url: str) -> None:
    name = f"llmgate-benchmark-{uuid.uuid4().hex[:8]}"
    store = RedisLimits(url, outage="closed", namespace=name, timeout=5)
    limits = Limits(Limit(requests=1e9, tokens=1e9, concurrency=1000), store=store)
    cache, memory = Cache(RedisStore(url, namespace=name, timeout=5)), Cache()
    clients = [_client(), _client(limits), _client(memory), _client(cache)]
    print("µs of the client's processor time a call, least of 25 rounds; in Redis, µs a script")
    print(f"{'at once':>8} {'bare':>8} {'limits':>8} {'hit, memory':>12} {'hit, Redis':>11}")
    for at_once in _AT_ONCE:
        bare, limited, known, shared = await _measured(clients, at_once)
        print(f"{at_once:8} {bare:8.0f} {limited - bare:+8.0f} {known:12.0f} {shared:11.0f}")
    print(f"in Redis: {await _script_time(url):.0f} µs a script")
    assert store.unchecked == cache.failures == 0, "Redis was away"
    await limits.aclose()
    await cache.aclose()


def _client(*middleware: Middleware) -> Client:
    provider = FakeProvider(["word"] * 200_000)
    return Client(providers={"fake": provider}, middleware=middleware)


async def _measured(clients: Sequence[Client], at_once: int) -> list[float]:
    """Microseconds a call for each client, in turns, so that a busy machine disturbs all alike."""
    for client in clients:
        await _cost(client, at_once)
    rounds = [[await _cost(client, at_once) for client in clients] for _ in range(_ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]


async def _cost(client: Client, at_once: int) -> float:
    async def some() -> None:
        for _ in range(_CALLS // at_once):
            await client.acompletion("fake/m", _MESSAGES)

    began = time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.process_time() - began) / (_CALLS // at_once * at_once) * 1e6


async def _script_time(url: str) -> float:
    make: Any = Redis
    client = make.from_url(url)
    found = await client.info("commandstats")
    await client.aclose()
    return float(found["cmdstat_evalsha"]["usec_per_call"])


if __name__ == "__main__":
    main()
