"""One process of a fleet: makes as many calls as its limits allow, and says how many there were.

Each line of its input is a run, as JSON: url, namespace, limit, seconds, callers, lasts, and what
calls are thought to use, and use. Each line of its output is what came of one.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

from redis.asyncio import Redis

from llmgate.errors import RateLimitError
from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit
from llmgate_redis import RedisLimits


async def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Call for so many seconds."""
    own: dict[str, Any] = {"timeout": 5}
    own |= {name: settings[name] for name in ("namespace", "lease", "timeout") if name in settings}
    store = RedisLimits(settings["url"], outage="closed", **own)
    client: Any = Redis
    counts = client.from_url(settings["url"])
    share = Share(0, Limit(**settings["limit"]), "m")
    amounts = {"requests": 1, "tokens": settings.get("tokens", 0)}
    spend = settings.get("spend", 0)
    if spend:
        amounts["spend"] = spend
    is_counted = settings.get("is_counted", True)
    accepted = list[float]()
    most = spent = 0
    until = time.time() + settings["seconds"]

    async def caller() -> None:
        nonlocal most, spent
        while (left := until - time.time()) > 0:
            try:
                admission = await store.admit([share], amounts, min(left, 0.2))
            except RateLimitError:
                await asyncio.sleep(0.001)
                continue
            accepted.append(time.time())
            if is_counted:
                most = max(most, await counts.incr("{running}"))
            await asyncio.sleep(settings["lasts"])
            if is_counted:
                await counts.decr("{running}")
            used = random.randrange(2 * spend) if settings.get("is_random") else spend
            spent += used
            admission.settle({"tokens": settings.get("used", 0), "spend": used})
            admission.leave()

    await asyncio.gather(*(caller() for _ in range(settings["callers"])))
    for _ in range(2000):  # it is told what is left when Redis is back
        if store.is_available:
            break
        await asyncio.sleep(0.01)
    await store.aclose()
    await counts.aclose()
    outage = {"unchecked": store.unchecked, "changes": store.changes}
    return {"accepted": accepted, "most": most, "spent": spent, **outage}


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(main(json.loads(line)))), flush=True)
