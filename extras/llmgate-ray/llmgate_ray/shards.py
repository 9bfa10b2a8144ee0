"""The output of a batch: files of JSON lines in a directory, each of which is a journal.

One process writes it, which a lock on the directory sees to; workers write nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from llmgate.batch_files import Journal
from llmgate.errors import InvalidRequestError

__all__ = ["Shards"]


class Shards:
    """``part-00000.jsonl``, ``part-00001.jsonl``, …: a new one when the last has ``size`` lines.

    Opening it tells which calls are done. Of those that failed, of what was cut, and of calls that
    are done twice, the lines are cut out then; so each file may have fewer lines than ``size``.

    Raises:
        InvalidRequestError: on opening, when the directory cannot be used, or another process
            writes into it.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        self._done = array("I")
        self._adding = asyncio.Lock()
        self._unwritten = 0
        self._lock = -1

    async def __aenter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            parts = sorted(self._folder.glob("part-*.jsonl"))
            for part in parts[:-1]:
                async with Journal(part, self._done):
                    pass
            await self._open(parts[-1] if parts else self._folder / "part-00000.jsonl")
        except OSError as error:
            self._unlock()
            is_locked = isinstance(error, BlockingIOError)
            reason = "another process writes into it" if is_locked else str(error)
            failure = InvalidRequestError(reason, path=str(self._folder))
        except BaseException:
            self._unlock()
            raise
        else:
            return self
        raise failure

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._journal.__aexit__(kind, error, traceback)
        finally:
            self._unlock()

    def has(self, index: int, name: str) -> bool:
        """Whether the call in this place is done.

        Raises:
            InvalidRequestError: when another call is done there.
        """
        return self._journal.has(index, name)

    async def add(self, lines: Sequence[bytes]) -> None:
        """Add the lines of records; they are written soon.

        It waits where more than eight million bytes are not written yet.

        Raises:
            InvalidRequestError: when what was added before could not be written.
        """
        async with self._adding:
            for line in lines:
                if self._count >= self._size:
                    await self._journal.__aexit__(None, None, None)
                    await self._open(self._following())
                self._journal.add_line(line)
                self._count += 1
                self._unwritten += len(line)
            if self._unwritten > _MOST_UNWRITTEN:
                await self._journal.written()
                self._unwritten = 0

    def _following(self) -> Path:
        number = int(self._path.stem.removeprefix("part-")) + 1
        return self._folder / f"part-{number:05}.jsonl"

    async def _open(self, path: Path) -> None:
        self._path = path
        self._journal = await Journal(path, self._done).__aenter__()
        self._count = self._journal.count

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


_MOST_UNWRITTEN = 8_000_000
