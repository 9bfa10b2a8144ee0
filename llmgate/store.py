"""Where middleware stores what outlives a call, as bytes by key: in memory, or in a file.

A store knows nothing of calls. When it is full, it forgets the oldest entries first.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from llmgate.errors import ClosedError, InvalidRequestError, describe_value

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["MemoryStore", "SqliteStore", "Store"]

Result = TypeVar("Result")


@runtime_checkable
class Store(Protocol):
    """Values by keys. One object serves all tasks, threads and event loops of a process."""

    async def get(self, key: str) -> bytes | None:
        """The value of a key, if it is there and its time is not over."""
        ...

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep a value for ``ttl`` seconds, or as long as there is room."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a key, if it is there."""
        ...

    async def aclose(self) -> None:
        """Give back what is held open."""
        ...


class MemoryStore:
    """A store in this process. The least recently used entries go first.

    Args:
        max_bytes: The most that all keys and values together may take.
        max_entries: The most keys.
    """

    def __init__(self, *, max_bytes: int = 64 * 1024 * 1024, max_entries: int = 10_000) -> None:
        self._max_bytes = _positive(max_bytes, "max_bytes")
        self._max_entries = _positive(max_entries, "max_entries")
        self._entries: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._lock = Lock()
        self.bytes = 0
        """The current size of all keys and values."""

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> bytes | None:
        """The value of a key, which becomes the most recently used."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            value, until = found
            if until is not None and until <= time.monotonic():
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return value

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep a value, unless it is larger than the whole store."""
        with self._lock:
            self._put(key, value, ttl)

    async def add(self, key: str, value: bytes, *, ttl: float | None = None) -> bool:
        """Keep a value if the key has none; returns whether it was kept."""
        with self._lock:
            _, until = self._entries.get(key, (b"", 0.0))
            if until is None or until > time.monotonic():
                return False
            self._put(key, value, ttl)
            return key in self._entries

    async def delete(self, key: str) -> None:
        """Forget a key, if it is there."""
        with self._lock:
            if key in self._entries:
                self._remove(key)

    async def aclose(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def _put(self, key: str, value: bytes, ttl: float | None) -> None:
        size = _size(key, value)
        if key in self._entries:
            self._remove(key)
        if size > self._max_bytes:
            return
        self._entries[key] = (value, None if ttl is None else time.monotonic() + ttl)
        self.bytes += size
        while self.bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: str) -> None:
        value, _ = self._entries.pop(key)
        self.bytes -= _size(key, value)


class SqliteStore:
    """A store in a file, which the processes of one machine may share.

    It runs on its own thread, so that no event loop waits for the disk. The entries written longest
    ago go first. A forked child goes on with a connection of its own.

    Args:
        path: The file. It is created at the first use, readable only by its owner.
        max_bytes: The most that all values together may take.
    """

    def __init__(self, path: str | PathLike[str], *, max_bytes: int = 1024**3) -> None:
        self._path = path
        self._max_bytes = _positive(max_bytes, "max_bytes")
        self._start()
        self._is_closed = False
        self._inherited: list[sqlite3.Connection | None] = []

    async def get(self, key: str) -> bytes | None:
        """The value of a key, if it is there and its time is not over."""

        def read(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT value FROM entries WHERE key = ? AND (until IS NULL OR until > ?)",
                (key, time.time()),
            ).fetchone()
            return None if row is None else bytes(row[0])

        return await self._run(read)

    async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep a value, unless it is larger than the whole store."""
        if len(value) > self._max_bytes:  # making room for it would cost all others their place
            await self.delete(key)
            return

        def write(connection: sqlite3.Connection) -> None:
            now = time.time()
            until = None if ttl is None else now + ttl
            with connection:
                connection.execute(
                    "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", (key, value, until, now)
                )
                connection.execute("DELETE FROM entries WHERE until <= ?", (now,))
                self._make_room(connection)

        await self._run(write)

    async def add(self, key: str, value: bytes, *, ttl: float | None = None) -> bool:
        """Keep a value if the key has none, not even from another process; returns whether it was
        kept."""
        if len(value) > self._max_bytes:  # as above
            return False

        def write(connection: sqlite3.Connection) -> bool:
            now = time.time()
            until = None if ttl is None else now + ttl
            with connection:
                connection.execute("DELETE FROM entries WHERE key = ? AND until <= ?", (key, now))
                added = connection.execute(
                    "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)", (key, value, until, now)
                ).rowcount
                self._make_room(connection)
            return added == 1

        return await self._run(write)

    async def delete(self, key: str) -> None:
        """Forget a key, if it is there."""

        def remove(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("DELETE FROM entries WHERE key = ?", (key,))

        await self._run(remove)

    async def aclose(self) -> None:
        """Close the file, after all pending operations."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._process == os.getpid():  # else what there is is another process's
            await asyncio.wrap_future(self._thread.submit(self._close))
            self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        if self._is_closed:
            raise ClosedError("the store was closed")
        if self._process != os.getpid():
            self._inherited.append(self._connection)
            self._start()
        return await asyncio.wrap_future(self._thread.submit(lambda: work(self._opened())))

    def _start(self) -> None:
        """Begin without a connection, also in a forked child: it has no thread of its parent's, and
        the connection that it was given must be neither used nor closed there."""
        self._process = os.getpid()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llmgate-store")
        self._connection: sqlite3.Connection | None = None

    def _opened(self) -> sqlite3.Connection:
        """The connection of the store's thread."""
        if self._connection is None:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            os.close(descriptor)
            connection = sqlite3.connect(self._path, timeout=10)
            try:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.commit()
            except BaseException:  # it is no database, or the disk is full
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Remove the oldest tenth of the entries, repeatedly, while there is too much."""
        while True:
            count, size = connection.execute("SELECT n, bytes FROM size").fetchone()
            if size <= self._max_bytes:
                return
            connection.execute(
                "DELETE FROM entries WHERE key IN (SELECT key FROM entries ORDER BY at LIMIT ?)",
                (max(1, count // 10),),
            )

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_SCHEMA = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB, until REAL, at REAL)",
    "CREATE INDEX IF NOT EXISTS by_until ON entries (until)",
    "CREATE INDEX IF NOT EXISTS by_at ON entries (at)",
    "CREATE TABLE IF NOT EXISTS size (n INTEGER, bytes INTEGER)",
    "INSERT INTO size SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM size)",
    "PRAGMA recursive_triggers = ON",  # so that a value which replaces another one counts once
    "CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON entries BEGIN "
    "UPDATE size SET n = n + 1, bytes = bytes + length(NEW.value); END",
    "CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON entries BEGIN "
    "UPDATE size SET n = n - 1, bytes = bytes - length(OLD.value); END",
)
"""The size is updated as entries come and go: summing a gigabyte each time would take seconds."""


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value)


def _positive(value: int, path: str) -> int:
    if type(value) is not int or value <= 0:
        reason = f"expected an integer above 0, got {describe_value(value)}"
        raise InvalidRequestError(reason, path=path)
    return value
