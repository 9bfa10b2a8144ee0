"""Three processes and one server: no limit is passed, and one that is killed holds nothing."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit
from llmgate_redis import RedisLimits

PROCESS = Path(__file__).with_name("process.py")


async def started(**settings: Any) -> asyncio.subprocess.Process:
    """A process that has begun to call."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, PROCESS, json.dumps(settings)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert b"ready\n" == await asyncio.wait_for(process.stdout.readline(), 60)
    return process


async def result_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """What it says at its end."""
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert 0 == process.returncode
    found: dict[str, Any] = json.loads(out)
    return found


async def fleet(seconds: float, **settings: Any) -> list[dict[str, Any]]:
    """Three, all of which end at about the same time."""
    starting = [started(seconds=seconds, **settings) for _ in range(3)]
    processes = await asyncio.gather(*starting)
    results = await asyncio.gather(*(result_of(process) for process in processes))
    assert [0] * 3 == [result["unchecked"] for result in results]
    return results


def most_within(times: list[float], seconds: float) -> int:
    """The most that came within any window of so many seconds."""
    times = sorted(times)
    first = most = 0
    for last, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


async def test_three_processes_together_keep_the_limits(shared: Any, namespace: str) -> None:
    """Of requests and of calls at once, in every window; and none of them is wasted."""
    limit = {"requests": 100, "per": 1, "burst": 10, "concurrency": 6}
    results = await fleet(
        3, url=shared.url, namespace=namespace, limit=limit, callers=8, lasts=0.02
    )
    accepted = [at for result in results for at in result["accepted"]]
    length = max(accepted) - min(accepted)
    assert len(accepted) <= (100 * length + 10) * 1.01 + 1
    assert len(accepted) >= 0.5 * 100 * length
    assert max(result["most"] for result in results) <= 6
    assert most_within(accepted, 1.0) <= (100 + 10) * 1.01 + 5  # it is noted after it is admitted
    shared.client.delete("{running}")


async def test_three_processes_together_keep_tokens(shared: Any, namespace: str) -> None:
    """What they use is not what was thought."""
    limit = {"tokens": 6000, "per": 1}
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "limit": limit}
    settings |= {"callers": 2, "lasts": 0.01, "tokens": 50, "used": 100}
    results = await fleet(2, **settings)
    accepted = [at for result in results for at in result["accepted"]]
    length = max(accepted) - min(accepted)
    at_once = 3 * 2  # each may be one call over, before it is known what it used
    assert 100 * len(accepted) <= (6000 * (length + 0.1) + 100 * at_once) * 1.01 + 100
    assert 100 * len(accepted) >= 0.5 * 6000 * length


async def test_a_process_that_is_killed_holds_nothing_after_its_lease(
    shared: Any, namespace: str
) -> None:
    """Others go on with what it had."""
    limit = Limit(concurrency=3)
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "seconds": 60}
    settings |= {"limit": {"concurrency": 3}, "callers": 3, "lasts": 60, "lease": 1}
    process = await started(**settings)
    key = f"{{{namespace}}}:l:0:m"
    for _ in range(2000):
        if shared.client.zcard(key) == 3:
            break
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
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
