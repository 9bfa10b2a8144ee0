"""A terminal for tests: a real one (a pseudo-terminal, whose screen is kept), and mere streams that
say that they are one."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pyte

COLUMNS, LINES = 80, 24
LONGEST_WAIT = 20.0
_PATIENCE = 4.0
"""Seconds after which a ^C is pressed again."""


_OWN = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that ^C is a signal for this process
from llmgate.cli import main
sys.exit(main())
"""


class FakeTerminal(io.StringIO):
    """A standard output that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class _Screen(pyte.Screen):
    """A screen that says where its cursor is when it is asked."""

    def __init__(self, keyboard: int, lines: int) -> None:
        super().__init__(COLUMNS, lines)
        self._keyboard = keyboard

    def write_process_input(self, data: str) -> None:
        os.write(self._keyboard, data.encode())


class Terminal:
    """A program on a pseudo-terminal of 80 columns, and of 24 lines unless others are asked for."""

    def __init__(
        self, words: list[str], site: Path, lines: int = LINES, /, **environment: str
    ) -> None:
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, COLUMNS, 0, 0))
        self.screen = _Screen(self._own, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWN, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "PYTHONPATH": str(site), **environment},
            start_new_session=True,
            close_fds=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._own)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._own, text.encode())

    def interrupt(self, expected: str) -> None:
        """Press ^C until another such text is on the screen: Python's readline can miss a signal
        that comes while it draws, and heeds the next one. One that comes too soon would interrupt
        what the first one began."""
        before = self.text.count(expected)
        for _ in range(int(LONGEST_WAIT / _PATIENCE)):
            self.type("\x03")
            again = time.monotonic() + _PATIENCE
            while time.monotonic() < again:
                self._read()
                if self.text.count(expected) > before:
                    return
        raise AssertionError(self.text)

    def wait_for(self, condition: str | Callable[[str], bool]) -> str:
        """The text of the screen, once a text is on it, or a condition of it holds."""

        def holds(shown: str) -> bool:
            return condition in shown if isinstance(condition, str) else condition(shown)

        ends = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < ends:
            if holds(self.text):
                return self.text
            if not self._read():
                break
        assert holds(self.text), self.text
        return self.text

    def end(self) -> int:
        """The exit code, once the program has ended."""
        ends = time.monotonic() + LONGEST_WAIT
        while self._read():
            assert time.monotonic() < ends, self.text
        return self.process.wait(LONGEST_WAIT)

    @property
    def text(self) -> str:
        """What is on the screen, without trailing spaces."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def _read(self) -> bool:
        """Read what is there, or comes within a second; False at the end."""
        if not select.select([self._own], [], [], 1.0)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._own, 65536)
        except OSError:  # as Linux says that the other side is closed
            return False
        self._stream.feed(data)
        return bool(data)
