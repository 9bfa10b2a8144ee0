"""Shares the cooldowns of targets with other processes through a store; it starts none itself.

A process writes what it has seen when it changes, and reads from time to time beside its calls.
Times in the store are seconds since the epoch, so that they hold on every machine and after a
restart.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmgate.errors import InvalidRequestError
from llmgate.store import Store

if TYPE_CHECKING:
    from llmgate.middlewares.targets import TargetState

__all__ = ["SharedCooldown", "SharedCooldowns"]

_ROUNDED = 0.01
"""Seconds by which clocks and rounding may differ."""
_EVERY = 1.0
"""Seconds after which the store is read again."""
_PROBE = 30.0
"""Seconds for which a probe is exclusive; after that, its process may be gone."""


class SharedCooldowns:
    """The cooldowns of a router's targets, shared in a store."""

    def __init__(self, store: Store) -> None:
        if not isinstance(store, Store):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError.expected("a store", store, "store")
        self._store = store
        self._tasks = set[asyncio.Task[None]]()
        self.failures = 0
        """How often the store could not be read or written; the calls went on without."""

    def share(self, state: TargetState, key: str) -> None:
        """Share a target's state under a key from now on."""
        state.shared = SharedCooldown(self, f"cooldown:{key}", state)

    async def refresh(self, states: Iterable[TargetState]) -> None:
        """Learn what others have seen: before the first call it waits for this, later it runs
        beside the calls."""
        now = time.monotonic()
        entries = [state.shared for state in states if state.shared is not None]
        due = [entry for entry in entries if now - entry.read_at >= _EVERY]
        if not due:
            return
        is_first = any(entry.read_at < 0 for entry in due)
        for entry in due:
            entry.read_at = now
        if is_first:
            await self._read(due)
        else:
            self.start(due, None)

    async def claim(self, key: str) -> bool:
        """Whether this process, and no other, may make the probe; always true if the store cannot
        tell."""
        add = getattr(self._store, "add", None)
        try:
            return add is None or await add(key, b"1", ttl=_PROBE)
        except Exception:  # noqa: BLE001 - an extra probe does no harm
            self.failures += 1
            return True

    def start(
        self, read: list[SharedCooldown], write: SharedCooldown | None
    ) -> asyncio.Task[None] | None:
        """Read or write beside the calls, if an event loop is running."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        task = loop.create_task(self._read(read) if write is None else self._write(write))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """Wait for pending writes, and close the store."""
        if self._tasks:
            await asyncio.wait([*self._tasks])
        await self._store.aclose()

    async def _read(self, entries: list[SharedCooldown]) -> None:
        await asyncio.gather(*(self._read_one(entry) for entry in entries))

    async def _read_one(self, entry: SharedCooldown) -> None:
        try:
            entry.learn(await self._store.get(entry.key))
        except Exception:  # noqa: BLE001 - whatever happened to the store, calls find out themselves
            self.failures += 1

    async def _write(self, entry: SharedCooldown) -> None:
        while entry.is_dirty or entry.gives_up_probe:
            try:
                if entry.is_dirty:
                    entry.is_dirty = False
                    found = entry.value()
                    if found is None:
                        await self._store.delete(entry.key)
                    else:
                        await self._store.set(entry.key, found[0], ttl=found[1])
                else:
                    entry.gives_up_probe = False
                    await self._store.delete(entry.probe_key)
            except Exception:  # noqa: BLE001 - it is written again at the next change
                self.failures += 1


class SharedCooldown:
    """One target's cooldown in a store: when it ends, and how long it is.

    The entry stays for the same time again, so that a process that reads it then knows that a probe
    is due. If it is gone sooner, another process has found that the target answers.
    """

    def __init__(self, shared: SharedCooldowns, key: str, state: TargetState) -> None:
        self._shared, self._state = shared, state
        self.key, self.probe_key = key, f"{key}:probe"
        self.read_at = -math.inf
        self.is_dirty = self.gives_up_probe = False
        self._probed_until = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._known_until = 0.0

    async def claim(self) -> bool:
        """Whether this process may make the probe, which no other then makes; if not, it asks again
        after a while."""
        now = time.monotonic()
        try:
            is_ours = await self._shared.claim(self.probe_key)
        except asyncio.CancelledError:  # we may hold the claim all the same, and nobody would probe
            self.gives_up_probe = True
            self._write()
            raise
        if is_ours:
            self._probed_until = now + _PROBE
            return True
        self._state.cooling_until = max(self._state.cooling_until, now + _EVERY)
        return False

    def end_probe(self) -> None:
        """Called when the probe is over: its outcome is known, or another one may be made."""
        if self._probed_until > time.monotonic():
            self._probed_until = 0.0
            self.gives_up_probe = True
            self._write()

    def publish(self) -> None:
        """Called when the state has changed."""
        self.is_dirty = True
        self._write()

    def _write(self) -> None:
        if not self._is_writing():
            self._writing = self._shared.start([], self)

    def _is_writing(self) -> bool:
        """Whether a write is under way; a write whose event loop has ended is not."""
        return self._writing is not None and not self._writing.done()

    def value(self) -> tuple[bytes, float] | None:
        """The entry to store, and for how many seconds; None for no entry."""
        now = time.monotonic()
        left, cooled = self._state.cooling_until - now, self._state.cooled
        if left <= 0:
            self._known_until = 0.0
            return None
        self._known_until = now + left + cooled
        return f"{time.time() + left:.3f} {cooled:.3f}".encode(), left + cooled

    def learn(self, found: bytes | None) -> None:
        """Update the state from the store's entry."""
        now, state = time.monotonic(), self._state
        if found is not None:
            until, cooled = (float(part) for part in found.split())
            until += now - time.time()
            self._known_until = until + cooled
            if until > state.cooling_until + _ROUNDED:
                state.cooling_until, state.cooled = until, max(cooled, state.cooled)
        elif self._known_until > now and not self._is_writing():
            self._known_until = 0.0
            state.failures, state.cooling_until, state.cooled = 0, 0.0, 0.0
