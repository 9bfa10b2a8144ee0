"""What Redis is sent: keys, scripts, batches; and what a store may be given."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.crc import key_slot

from llmgate import RateLimitError
from llmgate.errors import InvalidRequestError
from llmgate.middlewares.limit_store import Share
from llmgate.middlewares.limits import Limit
from llmgate_redis import RedisLimits, RedisStore
from llmgate_redis.changes import Changes
from llmgate_redis.request import group_of

PATIENT = 5.0
"""Seconds for Redis on a busy machine."""
ONE: dict[str, float] = {"requests": 1, "tokens": 0}


@hypothesis.given(st.text(), st.integers(0, 99), st.booleans())
def test_all_keys_are_in_one_slot(name: str, number: int, is_named: bool) -> None:
    """Whatever a group is called."""
    limit = Limit(requests=1, concurrency=1, spend=1)
    amounts = {**ONE, "spend": 1}
    group = group_of(Share(number, limit, name), amounts, "{fleet}:")
    slot = key_slot(b"{fleet}:p:0")
    assert group.budget is not None
    names = (group.usage, group.leases, group.budget.totals, group.budget.reservations)
    assert {slot} == {key_slot(key.encode()) for key in names}
    other = group_of(Share(number, limit, name + "x"), amounts, "{fleet}:")
    assert group.usage != other.usage


@pytest.mark.parametrize("rules", ["-script", "-script -evalsha"])
async def test_scripts_are_sent_where_they_cannot_be_loaded(server: Any, rules: str) -> None:
    """``SCRIPT`` is never used, and ``EVALSHA`` not where it is forbidden."""
    server.client.execute_command("ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", *rules.split())
    url = server.url.replace("//", "//u:p@")
    store = RedisLimits(url, timeout=PATIENT, outage="closed")
    share = Share(0, Limit(concurrency=1), "")
    for _ in range(3):
        (await store.admit([share], ONE, 5)).leave()
    await store.aclose()
    assert 0 == server.client.zcard("{llmgate}:l:0:")


async def test_a_cluster_is_taken(cluster: Any) -> None:
    """No command has keys of two slots."""
    await use_everything(lambda: RedisCluster(host="127.0.0.1", port=cluster.port))


async def test_a_user_needs_no_more_than_the_page_says(server: Any) -> None:
    """And no other keys."""
    page = Path(__file__).parents[3].joinpath("docs/fleets.md").read_text("utf-8")
    found = re.search(r"```\n(ACL SETUSER .*?)```", page, re.DOTALL)
    assert found is not None
    server.client.execute_command(*found[1].split())
    await use_everything(server.url.replace("//", "//llmgate:PASSWORD@"))


async def use_everything(connect: Any) -> None:
    """Limits of every kind, and a store."""
    limits = RedisLimits(connect, timeout=PATIENT, outage="closed", lease=0.3)
    limit = Limit(requests=60, burst=2, tokens=6000, concurrency=2, spend=1)
    shares = [Share(number, limit, f"m{number}") for number in range(3)]
    for _ in range(2):
        admission = await limits.admit(shares, {**ONE, "spend": 1000}, 0)
        await asyncio.sleep(0.4)
        admission.settle({"tokens": 10, "spend": 2000})
        admission.hold_back(0.01)
        admission.pace(0.01, 0.02)
        admission.leave()
        await asyncio.sleep(0.05)
    with pytest.raises(RateLimitError, match="60 requests"):
        await limits.admit(shares, {**ONE, "spend": 1000}, 0)
    await limits.aclose()
    store = RedisStore(connect, timeout=PATIENT)
    await asyncio.gather(*(store.set(f"k{n}", b"v") for n in range(20)))
    assert [b"v"] * 20 == await asyncio.gather(*(store.get(f"k{n}") for n in range(20)))
    await store.delete("k1")
    assert [True, False] == [await store.add("k1", b"v") for _ in range(2)]
    await store.aclose()
    assert (True, 0, True) == (limits.is_available, limits.unchecked, store.is_available)


def test_changes_are_sent_in_pieces() -> None:
    """So that no script holds the server up for long; nothing is lost of what was used."""
    changes = Changes()
    for number in range(1200):
        changes.use(f"u{number % 700}", "tokens", 1.5)
        changes.of_lease("leave", "l", f"id{number}")
    used, ended = 0.0, 0
    while changes:
        keys, taken = changes.take(0.0, 0.0)
        assert len(taken) <= 1000
        assert all(2 <= each[1] < len(keys) + 2 for each in taken)
        used += sum(rate[1] for each in taken if each[0] == "use" for rate in each[2])
        ended += sum(each[0] == "leave" for each in taken)
    assert (1800.0, 1200) == (used, ended)


# --- settings ---


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"server": 6379}, "server"),
        ({"outage": "local/0"}, "outage"),
        ({"outage": None}, "outage"),
        ({"timeout": 0}, "timeout"),
        ({"lease": True}, "lease"),
    ],
)
def test_settings_are_checked(given: dict[str, Any], path: str) -> None:
    """With their path."""
    settings: dict[str, Any] = {"server": "redis://127.0.0.1", "outage": "open"}
    with pytest.raises(InvalidRequestError) as caught:
        RedisLimits(**(settings | given))
    assert path == caught.value.path


async def test_a_client_of_redis_py_is_taken(shared: Any, namespace: str) -> None:
    """As a function, since each event loop needs its own; it may decode texts."""

    def connect() -> Any:
        return Redis(port=shared.port, decode_responses=True)

    store = RedisLimits(connect, timeout=PATIENT, outage="closed", namespace=namespace)
    share = Share(0, Limit(requests=1, burst=1), "m")
    await store.admit([share], ONE, 0)
    with pytest.raises(RateLimitError, match="1 requests"):
        await store.admit([share], ONE, 0)
    await store.aclose()
