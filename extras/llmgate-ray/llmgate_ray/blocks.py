"""Which calls are still to be made, handed out in blocks, each to one worker at a time.

It makes no call and writes nothing; what calls come from is read on a thread, as it is needed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast

__all__ = ["Item", "Ledger", "size_of"]


@dataclass(frozen=True, slots=True)
class Item:
    """A call with its place and id; ``losses`` is how many workers were lost that had it.

    ``size`` is about how many bytes it takes.
    """

    index: int
    id: str
    call: Any
    losses: int = 0
    size: int = 0

    @property
    def is_suspect(self) -> bool:
        """Whether it may be what ends workers: several were lost that had it."""
        return self.losses >= _SUSPECT

    @property
    def group(self) -> int:
        """How many that are suspect, too, a worker may have at once."""
        return _GROUPS[min(self.losses - _SUSPECT, len(_GROUPS) - 1)]


_SUSPECT = 2
_GROUPS = (64, 8, 1)
_MOST_BYTES = 1_000_000


class Ledger:
    """The calls of a batch: each is to come, with a worker, or done.

    Calls that were with several workers that were lost are handed out last, and with fewer others
    each time, so that one that ends its worker takes no others with it in the end.

    Args:
        items: The calls that are to be made; read on a thread of the ledger's own.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._returned: deque[Item] = deque()
        self._suspects: deque[Item] = deque()
        self._with_workers = 0
        self._is_read = False
        self._reading = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llmgate-ray-calls")
        self.over = asyncio.Event()
        """Set when each call is done."""

    async def take(self, most: int, *, is_idle: bool = True) -> list[Item]:
        """At most so many calls, those first that came back from workers that were lost.

        Those that are read are fewer where they are large: together about a million bytes.

        Args:
            most: How many.
            is_idle: Whether the worker that they are for has no calls: only then it may be given
                one that ended several.
        """
        async with self._reading:
            taken = [self._returned.popleft() for _ in range(min(most, len(self._returned)))]
            self._with_workers += len(taken)
            if not taken and not self._is_read:
                loop = asyncio.get_running_loop()
                taken, is_end = await loop.run_in_executor(self._thread, self._read, most)
                self._with_workers += len(taken)
                if is_end:
                    self._is_read = True
            if not taken and self._suspects and is_idle:
                taken = self._group(min(most, self._suspects[0].group))
                self._with_workers += len(taken)
        await self._notify()
        return taken

    async def settle(self, count: int) -> None:
        """So many of the calls that were taken are done."""
        self._with_workers -= count
        await self._notify()

    async def give_back(self, items: Iterable[Item]) -> None:
        """These were with a worker that was lost; another one is to make them."""
        lost = [replace(item, losses=item.losses + 1) for item in items]
        self._with_workers -= len(lost)
        for item in lost:
            (self._suspects if item.is_suspect else self._returned).append(item)
        await self._notify()

    async def has_more(self) -> bool:
        """Wait until there is a call to be taken, which may be never."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._has_open or not self._is_read or self.over.is_set()
            )
        return not self.over.is_set()

    def stop(self) -> None:
        """Hand out no more calls; those that workers have are still awaited."""
        self._returned.clear()
        self._suspects.clear()
        self._is_read = True

    def close(self) -> None:
        """Give back its thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def _has_open(self) -> bool:
        return bool(self._returned or self._suspects)

    def _group(self, most: int) -> list[Item]:
        """The first suspects, as far as they were lost equally often."""
        found = [self._suspects.popleft()]
        while self._suspects and len(found) < most and self._suspects[0].losses == found[0].losses:
            found.append(self._suspects.popleft())
        return found

    def _read(self, most: int) -> tuple[list[Item], bool]:
        """The next calls, and whether there are no more; on the thread, so nothing is set here."""
        found = list[Item]()
        size = 0
        while len(found) < most and size < _MOST_BYTES:
            item = next(self._items, None)
            if item is None:
                return found, True
            found.append(item)
            size += item.size
        return found, False

    async def _notify(self) -> None:
        if self._is_read and not self._has_open and not self._with_workers:
            self.over.set()
        async with self._changed:
            self._changed.notify_all()


def size_of(call: Any) -> int:
    """About how many bytes a call takes: those of its texts."""
    if isinstance(call, str | bytes):
        return len(call)
    parts: Iterable[Any] = ()
    if isinstance(call, Mapping):
        parts = cast("Any", call).values()
    elif isinstance(call, list | tuple):
        parts = cast("Any", call)
    return sum(map(size_of, parts))
