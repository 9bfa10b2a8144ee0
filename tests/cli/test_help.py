"""The help of each command: one screen, and every option in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmgate.cli import main
from llmgate.cli.commands import COMMANDS


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_one_screen(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    """24 lines of 80 columns, with the usage first."""
    with pytest.raises(SystemExit) as end:
        main([*([command] if command else []), "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert 0 == end.value.code
    assert lines[0].startswith(f"usage: llmgate {command or 'COMMAND'}")
    assert (True, True) == (len(lines) <= 24, max(map(len, lines)) <= 80)


def test_help_imports_nothing_large() -> None:
    """Neither HTTP, nor asyncio, nor what is only there for terminals."""
    code = (
        "import contextlib, io, sys\nfrom llmgate.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main([])\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    loaded = set(done.stdout.split())
    large = {"aiohttp", "asyncio", "pydantic", "rich", "prompt_toolkit", "argcomplete"}
    assert set() == large & loaded
    assert {"llmgate.cli.commands"} == {
        name for name in loaded if name.startswith("llmgate.cli.")
    } - {"llmgate.cli.arguments"}
