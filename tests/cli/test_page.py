"""The page on the command line: its commands run, and print what it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgate._core.default import default_client
from llmgate.cli import main
from llmgate.cli.configuration import configuration_file, configured
from llmgate.testing import server
from llmgate.testing.mock_server.server import Received
from scripts import terminal_pictures

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
ASSETS = ROOT / "docs" / "assets"
ANSWERS = {
    "sky": "Air scatters blue light more than red light.",
    "program": "Git.",
    "wrote": "Linus Torvalds.",
    "one and one": "Two.",
}


def answer(request: Received) -> str:
    """What the page shows after a question."""
    asked = str(request.table["messages"][-1]["content"])
    return next(text for word, text in ANSWERS.items() if word in asked)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of the page, with the lines that it shows."""
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def pattern(lines: list[str]) -> str:
    """What is shown as an expression: an ellipsis stands for anything, if alone for lines."""
    shown = [re.escape(line).replace("…", ".*") for line in lines]
    return "".join(r"(?:.*\n)*" if line == ".*" else rf"{line}\n" for line in shown)


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command: in this process, or in a shell where it needs one. What it says on standard
    error follows what it prints."""
    if not re.search("[|>]", command):
        code = main(shlex.split(command)[1:])
        return code, "".join(capsys.readouterr())
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - the shell that is on the path
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(name="mock")
def _mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The provider openai is the mock server, for a default client that is made anew."""
    with server(answer) as mock:
        monkeypatch.setenv("OPENAI_BASE_URL", mock.base_url("openai"))
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        default_client.cache_clear()
        yield
        default_client.cache_clear()


@pytest.mark.usefixtures("mock")
def test_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, as somebody types them who reads it."""
    monkeypatch.chdir(tmp_path)
    found = [*commands()]
    assert len(found) > 10
    for command, lines in found:
        code, shown = run(command, capsys)
        assert 0 == code, shown
        assert re.fullmatch(pattern(lines), shown), f"{command}\n{shown}"


def test_the_page_s_configuration_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read, and its host has a name."""
    monkeypatch.delenv("LLMGATE_PROVIDERS", raising=False)
    [text] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    configuration_file().parent.mkdir(parents=True)
    configuration_file().write_text(text, encoding="utf-8")
    settings = tomllib.loads(text)
    found = configured()
    assert (settings["aliases"]["fast"], 20, True) == (
        found.model_of(None),
        found.keep_conversations,
        found.markdown,
    )
    assert 0 == main(["hosts", "acme"])


@pytest.mark.parametrize("name", terminal_pictures.SCENES)
def test_pictures_fetch_nothing(name: str) -> None:
    """The page shows each of them, and no font, script or picture is loaded from anywhere."""
    text = (ASSETS / f"terminal-{name}.svg").read_text(encoding="utf-8")
    assert f"](assets/terminal-{name}.svg)" in PAGE
    assert ["http://www.w3.org/2000/svg"] == re.findall(r"\w+://[^\"]*", text)
    assert [] == re.findall(r"<script|<image|@font-face|href", text)


@pytest.mark.parametrize("name", terminal_pictures.SCENES)
def test_a_picture_is_current(name: str) -> None:
    """But for how long a call took; ``python -m scripts.terminal_pictures`` draws them again."""
    title, scene = terminal_pictures.SCENES[name]
    drawn = terminal_pictures.picture(scene(), title)
    kept = (ASSETS / f"terminal-{name}.svg").read_text(encoding="utf-8")
    took = re.compile(r"<text[^>]*>[^<]*USD,[^<]*</text>")
    assert took.sub("", kept) == took.sub("", drawn)
