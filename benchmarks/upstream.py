"""Starts upstream.c, which the Makefile compiles, with the answers of payloads.py."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.payloads import table

__all__ = ["ROOT", "Upstream", "keep_to_core"]

ROOT = Path(__file__).resolve().parents[1]
_PROGRAM = ROOT / ".bench" / "upstream"
_LIFETIME = 3600


class Upstream:
    """A server on a port of its own, on the first core where there are two."""

    port: int

    def __enter__(self) -> Self:
        source = ROOT / "benchmarks" / "upstream.c"
        if not _PROGRAM.exists() or _PROGRAM.stat().st_mtime < source.stat().st_mtime:
            raise SystemExit("the upstream is not compiled: run make .bench/upstream")
        with tempfile.NamedTemporaryFile() as file:
            file.write(table())
            file.flush()
            self._process = subprocess.Popen(
                [_PROGRAM, file.name, str(_LIFETIME)], stdout=subprocess.PIPE, text=True
            )
            assert self._process.stdout is not None
            self.port = int(self._process.stdout.readline())  # it has read the file by now
        keep_to_core(0, self._process.pid)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def cpu_seconds(self) -> float:
        """CPU time that it has spent so far."""
        # counted in nanoseconds, where /proc/<pid>/stat counts in hundredths of a second
        fields = Path(f"/proc/{self._process.pid}/schedstat").read_text(encoding="ascii").split()
        return int(fields[0]) / 1e9


def keep_to_core(core: int, process: int = 0) -> None:
    """Bind a process to a core, so that the two sides of a call do not take turns on one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) > 1:
        os.sched_setaffinity(process, {usable[core]})
