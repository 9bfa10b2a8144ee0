"""Three processes and one server: no limit is passed, and one that is killed holds nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit
from llmgate_redis import RedisLimits
from llmgate_redis.link import forget_closed
from llmgate_redis.waiting import spread


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
    assert [0] * 3 == [result["unchecked"] for result in results]
    accepted = [at for result in results for at in result["accepted"]]
    length = max(accepted) - min(accepted)
    assert len(accepted) <= (100 * length + 10) * 1.01 + 1
    assert len(accepted) >= 0.1 * 100 * length
    assert max(result["most"] for result in results) <= 6
    assert most_within(accepted, 1.0) <= (100 + 10) * 1.01 + 5  # it is noted after it is admitted
    shared.client.delete("{running}")


def test_three_processes_together_keep_tokens(shared: Any, namespace: str, fleet: Any) -> None:
    """In three windows; what they use is not what was thought."""
    limit = {"tokens": 6000, "per": 1}
    settings: dict[str, Any] = {"url": shared.url, "namespace": namespace, "limit": limit}
    results = fleet.run(seconds=3, callers=2, lasts=0.01, tokens=50, used=100, **settings)
    assert [0] * 3 == [result["unchecked"] for result in results]
    accepted = [at for result in results for at in result["accepted"]]
    length = max(accepted) - min(accepted)
    at_once = 3 * 2  # each may be one call over, before it is known what it used
    assert 100 * len(accepted) <= (6000 * (length + 0.1) + 100 * at_once) * 1.01 + 100
    assert 100 * len(accepted) >= 0.1 * 6000 * length


@pytest.mark.parametrize("fault", ["stopped", "cut off", "started again"])
async def test_no_limit_is_passed_whatever_becomes_of_redis(
    server: Any, proxy: Any, fleet: Any, fault: str
) -> None:
    """What was spent is exact as long as Redis has its memory, and nothing is held at the end."""
    limit = {"requests": 100, "per": 1, "burst": 10, "concurrency": 9, "spend": 1000}
    settings: dict[str, Any] = {"limit": limit, "timeout": 0.2, "lease": 2, "is_counted": False}
    settings |= {"url": proxy.url, "seconds": 2, "callers": 8, "lasts": 0.02}
    settings |= {"spend": 5000, "is_random": True}
    running = asyncio.create_task(asyncio.to_thread(fleet.run, **settings))
    await asyncio.sleep(0.7)
    if fault == "stopped":
        server.send(signal.SIGSTOP)
    elif fault == "cut off":
        proxy.cut()
    else:
        server.kill()
    await asyncio.sleep(0.4)
    if fault == "stopped":
        server.send(signal.SIGCONT)
    elif fault == "cut off":
        proxy.mend()
    else:
        server.start()
    results = await running
    assert any(result["changes"] >= 2 for result in results)
    accepted = [at for result in results for at in result["accepted"]]
    bursts = 2 if fault == "started again" else 1
    assert len(accepted) <= (100 * (max(accepted) - min(accepted)) + 10 * bursts) * 1.01 + 1
    assert len(accepted) > 20
    for _ in range(300):  # what nobody knows of is over with its lease
        if not server.client.zcount("{llmgate}:l:0:m", time.time() * 1000, "+inf"):
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("leases are left")
    if fault != "started again":
        totals = [server.client.hget(key, "spent") for key in server.client.keys("*:b:*")]
        assert sum(result["spent"] for result in results) == sum(int(each) for each in totals)


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


def test_forked_processes_do_not_ask_in_step() -> None:
    """Each waits for another time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, repr(spread()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert repr(spread()) != pipe.read()


def test_loops_of_other_threads_begin_meanwhile() -> None:
    """What belongs to closed loops is forgotten all the same."""
    by_loop: dict[Any, int] = {}

    class Loop:
        """Another thread begins one as soon as this is looked at, and forgets this one."""

        def is_closed(self) -> bool:
            by_loop[object()] = 2
            by_loop.pop(self, None)
            return True

    by_loop[Loop()] = 1
    forget_closed(by_loop)
    assert [2] == [*by_loop.values()]
