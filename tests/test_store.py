"""Stores: what is kept, for how long, how much of it, and what becomes of it in a file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import ClosedError, InvalidRequestError
from llmgate.store import MemoryStore, SqliteStore, Store


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Each kind, with room for a thousand bytes."""
    made: Store = (
        MemoryStore(max_bytes=1000)
        if request.param == "memory"
        else SqliteStore(tmp_path / "store.db", max_bytes=1000)
    )
    yield made
    await made.aclose()


async def test_a_value_is_there_until_it_is_not(store: Store) -> None:
    """It can be replaced and forgotten."""
    assert isinstance(store, Store)
    assert await store.get("a") is None
    await store.set("a", b"1")
    await store.set("a", b"2")
    assert b"2" == await store.get("a")
    await store.delete("a")
    await store.delete("a")
    assert await store.get("a") is None


async def test_a_time_ends(store: Store) -> None:
    """To the hundredth of a second; writing another one clears what is over."""
    await store.set("a", b"1", ttl=0.02)
    await store.set("b", b"2", ttl=60)
    await asyncio.sleep(0.03)
    assert await store.get("a") is None
    await store.set("c", b"3")
    assert b"2" == await store.get("b")


async def test_a_value_is_added_where_there_is_none(store: MemoryStore | SqliteStore) -> None:
    """By one of those that try, until its time is over."""
    found = await asyncio.gather(*(store.add("a", b"%d" % n, ttl=0.05) for n in range(9)))
    assert [True] == [each for each in found if each]
    assert await store.get("a") == b"%d" % found.index(True)
    await asyncio.sleep(0.06)
    assert [True, False] == [await store.add("a", value) for value in (b"x", b"y")]
    assert b"x" == await store.get("a")


async def test_it_is_bounded_in_bytes(store: Store) -> None:
    """The oldest go; what is larger than all is not kept at all, and takes no other's place."""
    for number in range(100):
        await store.set(f"key {number:03}", bytes(90))
    found = [number for number in range(100) if await store.get(f"key {number:03}") is not None]
    assert found == [*range(100 - len(found), 100)]
    assert 5 <= len(found) <= 11
    await store.set("large", b"small enough")
    await store.set("large", bytes(2000))
    assert await store.get("large") is None
    assert await store.get("key 099") is not None


async def test_threads_and_loops_share_it(store: Store) -> None:
    """Each with its own loop, at once."""

    async def work(name: str) -> None:
        for number in range(50):
            await store.set(f"{name}{number % 5}", name.encode())
            assert await store.get(f"{name}{number % 5}") in (name.encode(), None)

    threads = [threading.Thread(target=asyncio.run, args=(work(name),)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert b"a" == await store.get("a4")


def sqlite(max_bytes: Any) -> SqliteStore:
    """A store in a file that is never made."""
    return SqliteStore("x", max_bytes=max_bytes)


@pytest.mark.parametrize("make", [MemoryStore, sqlite])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "1"])
def test_a_size_is_checked(make: Any, wrong: Any) -> None:
    """Before anything is kept."""
    with pytest.raises(InvalidRequestError, match="max_bytes"):
        make(max_bytes=wrong)


async def test_memory_forgets_what_was_not_used_for_longest() -> None:
    """Reading is using."""
    store = MemoryStore(max_entries=2)
    await store.set("a", b"1")
    await store.set("b", b"2")
    await store.get("a")
    await store.set("c", b"3")
    assert [b"1", None, b"3"] == [await store.get(key) for key in "abc"]
    assert 2 == len(store)
    assert 4 == store.bytes
    await store.aclose()
    assert (0, 0) == (len(store), store.bytes)


async def test_a_file_outlives_its_store_and_is_its_owners(tmp_path: Path) -> None:
    """Another process finds what was kept; nobody else can read it."""
    path = tmp_path / "store.db"
    first = SqliteStore(path)
    await first.set("a", b"1")
    second = SqliteStore(path)
    await second.set("b", b"2")
    assert b"2" == await first.get("b")
    for each in (first, second, second):
        await each.aclose()
    assert 0 == stat.S_IMODE(os.stat(path).st_mode) & 0o077
    third = SqliteStore(path)
    assert b"1" == await third.get("a")
    await third.aclose()


async def test_a_store_that_was_closed_says_so(tmp_path: Path) -> None:
    """Also one that was never used."""
    store = SqliteStore(tmp_path / "store.db")
    await store.aclose()
    with pytest.raises(ClosedError, match="the store was closed"):
        await store.get("a")


async def test_what_is_counted_is_what_there_is(tmp_path: Path) -> None:
    """Through replacements and removals."""
    path = tmp_path / "store.db"
    store = SqliteStore(path, max_bytes=500)
    for number in range(200):
        await store.set(f"{number % 13}", bytes(number % 97))
        if number % 7 == 0:
            await store.delete(f"{number % 5}")
    await store.aclose()
    with sqlite3.connect(path) as connection:
        counted = connection.execute("SELECT n, bytes FROM size").fetchone()
        there = connection.execute("SELECT COUNT(*), SUM(LENGTH(value)) FROM entries").fetchone()
    connection.close()
    assert there == counted
    assert counted[1] <= 500


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_a_connection_of_its_own(tmp_path: Path) -> None:
    """It has no thread of its parent's, and would wait for it for ever."""
    store = SqliteStore(tmp_path / "store.db")

    async def use(key: str) -> bytes | None:
        async with asyncio.timeout(20):
            await store.set(key, key.encode())
            return await store.get("parent")

    assert b"parent" == asyncio.run(use("parent"))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if asyncio.run(use("child")) == b"parent" else 2
        finally:
            os._exit(code)
    assert (child, 0) == os.waitpid(child, 0)

    async def after() -> bytes | None:
        try:
            return await store.get("child")
        finally:
            await store.aclose()

    assert b"child" == asyncio.run(after())


async def test_what_another_process_opened_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither used nor closed."""
    one, other = SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db")
    await one.set("a", b"1")
    await other.set("a", b"2")
    inherited, thread, kept = one._connection, one._thread, other._thread
    assert inherited is not None
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    assert b"2" == await one.get("a")
    assert [inherited] == one._inherited
    assert inherited is not one._connection
    await one.aclose()
    await other.aclose()
    assert other._connection is not None
    assert [None, None] == [  # neither thread was shut down
        thread.submit(inherited.close).result(),
        kept.submit(other._connection.close).result(),
    ]


async def test_what_is_too_large_is_not_added(tmp_path: Path) -> None:
    """And takes the place of nothing."""
    made: list[Any] = [MemoryStore(max_bytes=10), SqliteStore(tmp_path / "store.db", max_bytes=10)]
    for store in made:
        await store.set("a", b"12345")
        assert not await store.add("b", bytes(100))
        assert (b"12345", None) == (await store.get("a"), await store.get("b"))
        await store.aclose()


async def test_a_file_that_is_no_database_is_not_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is closed each time."""
    opened = list[sqlite3.Connection]()
    connect = sqlite3.connect

    def watched(path: Any, timeout: float) -> sqlite3.Connection:
        opened.append(connect(path, timeout, check_same_thread=False))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", watched)
    (tmp_path / "store.db").write_bytes(b"no database " * 100)
    store = SqliteStore(tmp_path / "store.db")
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        await store.get("a")
    await store.aclose()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
