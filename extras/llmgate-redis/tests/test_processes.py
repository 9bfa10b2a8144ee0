"""Three processes and one server: no limit is passed, and one that is killed holds nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit
from llmgate_redis import RedisLimits


def most_within(times: list[float], seconds: float) -> int:
    """The most that came within any window of so many seconds."""
    times = sorted(times)
    first = most = 0
    for last, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_three_processes_together_keep_the_limits(shared: Any, namespace: str, fleet: Any) -> None:
    """Of requests and of calls at once, in every window; and none of them is wasted."""
    limit = {"requests": 100, "per": 1, "burst": 10, "concurrency": 6}
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "limit": limit}
    results = fleet.run(seconds=3, callers=8, lasts=0.02, **settings)
    accepted = [at for result in results for at in result["accepted"]]
    length = max(accepted) - min(accepted)
    assert len(accepted) <= (100 * length + 10) * 1.01 + 1
    assert len(accepted) >= 0.1 * 100 * length
    assert max(result["most"] for result in results) <= 6
    assert most_within(accepted, 1.0) <= (100 + 10) * 1.01 + 5  # it is noted after it is admitted
    shared.client.delete("{running}")


def test_three_processes_together_keep_tokens(shared: Any, namespace: str, fleet: Any) -> None:
    """What they use is not what was thought."""
    limit = {"tokens": 6000, "per": 1}
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "limit": limit}
    results = fleet.run(seconds=1.5, callers=2, lasts=0.01, tokens=50, used=100, **settings)
    accepted = [at for result in results for at in result["accepted"]]
    length = max(accepted) - min(accepted)
    at_once = 3 * 2  # each may be one call over, before it is known what it used
    assert 100 * len(accepted) <= (6000 * (length + 0.1) + 100 * at_once) * 1.01 + 100
    assert 100 * len(accepted) >= 0.1 * 6000 * length


async def test_a_process_that_is_killed_holds_nothing_after_its_lease(
    shared: Any, namespace: str, fleet: Any
) -> None:
    """Others go on with what it had."""
    limit = Limit(concurrency=3)
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "seconds": 60}
    settings |= {"limit": {"concurrency": 3}, "callers": 3, "lasts": 60, "lease": 1}
    process = fleet.start()
    fleet.give(process, settings)
    key = f"{{{namespace}}}:l:0:m"
    for _ in range(2000):
        if shared.client.zcard(key) == 3:
            break
        await asyncio.sleep(0.01)
    process.kill()
    process.communicate()
    killed = time.monotonic()
    store = RedisLimits(shared.url, timeout=5, outage="closed", namespace=namespace, lease=1)
    share = Share(0, limit, "m")
    amounts = {"requests": 1, "tokens": 0}
    admissions = [await store.admit([share], amounts, 20) for _ in range(3)]
    assert time.monotonic() - killed < 3
    assert 3 == shared.client.zcard(key)
    for admission in admissions:
        admission.leave()
    await store.aclose()
    assert 0 == shared.client.exists(key)
    shared.client.delete("{running}")
