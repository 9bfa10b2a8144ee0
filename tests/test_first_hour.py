"""docs/first-hour.md is typed line by line, and what is shown is compared.

Its programs are saved under the names that the page says; commands run in one shell's state, with
nothing in the environment but what they need. ``…`` stands for any text within a line, and alone on
a line for any lines.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`(\w+\.py)`")
BASH = shutil.which("bash") or "bash"
LONGEST = 60
"""Seconds for a command, which only one that hangs takes."""


@dataclass
class Typed:
    """A command, what is shown, and what is shown after ``^C`` where that is typed."""

    command: str
    shown: str = ""
    interrupted: str | None = None


def typed_in(block: str) -> Iterator[Typed]:
    """The commands of a block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        before, interrupt, after = shown.partition("^C\n")
        yield Typed(command, before, after if interrupt else None)


def pattern_of(shown: str) -> re.Pattern[str]:
    """What a command's output must match."""
    lines = [
        "(?:.*\n)*?" if line == "…\n" else re.escape(line).replace("…", ".*")
        for line in shown.splitlines(keepends=True)
    ]
    return re.compile("".join(lines))


@dataclass
class Terminal:
    """A shell whose state is kept from command to command, and a second one for a server."""

    folder: Path
    environment: dict[str, str]
    exports: str = ""
    code: int = 0
    servers: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])

    def start(self, command: str) -> subprocess.Popen[str]:
        """Start a command; both of its outputs are one."""
        return subprocess.Popen(
            [BASH, "-c", f"{self.exports}(exit {self.code})\n{command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
            text=True,
        )

    def run(self, typed: Typed) -> str:
        """Run it to its end, and return its output; where it is interrupted, what came after.

        Raises:
            AssertionError: when it shows something else before it is interrupted.
        """
        if typed.command.startswith("export "):
            self.exports += f"{typed.command}\n"
            return ""
        process = self.start(typed.command)
        if typed.command.startswith("llmgate mock"):
            self.servers.append(process)
            return "".join(lines_until(process, "Ctrl+C."))
        try:
            if typed.interrupted is not None:
                interrupt(process, typed)
            output, _ = process.communicate(timeout=LONGEST)
        finally:
            end(process)
        self.code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        return output

    def close(self) -> None:
        """Stop the servers as a user does."""
        for process in self.servers:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=20)
            assert 130 == process.returncode


def lines_until(process: subprocess.Popen[str], end: str) -> Iterator[str]:
    """The lines that a server writes until it serves."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if line.rstrip().endswith(end):
            return
    raise AssertionError("the server ended")


def interrupt(process: subprocess.Popen[str], typed: Typed) -> None:
    """^C, which a terminal sends to all processes of a command, once something was shown."""
    assert process.stdout is not None
    expected = typed.shown.partition("\n")[0]
    first = os.read(process.stdout.fileno(), 1 << 16).decode()
    assert first.startswith(expected) or expected == "…", first
    os.killpg(process.pid, signal.SIGINT)


def end(process: subprocess.Popen[str]) -> None:
    """Kill what is left of a command."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """That of somebody who has set nothing up."""
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "1",
    }
    made = Terminal(tmp_path, environment)
    yield made
    made.close()


def free_port() -> str:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])


@pytest.mark.exhaustive  # it starts two dozen processes, one after the other
def test_the_first_hour(terminal: Terminal) -> None:
    """Everything that the page shows, in its order."""
    page, last, count = PAGE.replace("8080", free_port()), 0, 0
    for found in BLOCK.finditer(page):
        kind, text = found.groups()
        names = NAME.findall(page[last : found.start()])
        last = found.end()
        if kind == "python":
            (terminal.folder / names[-1]).write_text(text, encoding="utf-8")
        for typed in typed_in(text) if kind == "console" else ():
            output = terminal.run(typed)
            shown = typed.shown if typed.interrupted is None else typed.interrupted
            assert pattern_of(shown).fullmatch(output), f"$ {typed.command}\n{output}"
            count += 1
    assert 26 == count


def test_what_is_installed_is_what_the_readme_says() -> None:
    """The lines that the test cannot type, since they take minutes."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [install] = [text for kind, text in BLOCK.findall(PAGE) if kind == "sh"]
    lines = [line for line in install.splitlines() if line.startswith("pip ")]
    assert 2 == len(lines)
    assert all(f"\n{line}" in readme for line in lines)
