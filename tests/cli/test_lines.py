"""What reads the lines of a conversation: messages of several lines, history, and the end."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from llmgate.cli.lines import Lines, PlainLines, PromptLines, lines_for, read_message


class Typed:
    """Lines that somebody typed before the test began; then comes the end of the input."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.prompts = list[str]()
        self.is_closed = False

    def read(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return next(self._lines, None)

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["one", "two"], "one"),
        ([], None),
        (["one\\", "two\\", "three", "four"], "one\ntwo\nthree"),
        (["one\\"], "one\n"),
        (['"""one', "", 'two"""', "three"], "one\n\ntwo"),
        (['"""', "one", '"""'], "one"),
        (['"""one"""'], "one"),
        (['"""one', "two"], "one\ntwo"),
    ],
)
def test_a_message_may_have_several_lines(lines: list[str], expected: str | None) -> None:
    """After a backslash, or between three quotation marks; the end of the input ends it as well."""
    assert expected == read_message(Typed(lines))


def history(folder: Path) -> Path:
    """The file of what was typed."""
    return folder / "state" / "llmgate" / "history"


def test_prompt_toolkit_is_used_where_it_is_installed(tmp_path: Path) -> None:
    """Nobody else can read what was typed."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        assert isinstance(lines_for([]), PromptLines)
    assert 0o600 == history(tmp_path).stat().st_mode & 0o777


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_readline_is_used_elsewhere(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal without escapes, and where prompt_toolkit is not installed."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    assert isinstance(lines_for([]), PlainLines)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("one\r", "one"),
        ("one\x1b\rtwo\r", "one\ntwo"),
        ("\x1b[200~one\ntwo\x1b[201~\r", "one\ntwo"),
        ("\x04", None),
    ],
)
def test_keys_of_prompt_toolkit(keys: str, expected: str | None) -> None:
    """Alt-Enter breaks a line, a paste keeps its line ends, and ^D at a prompt is the end."""
    with create_pipe_input() as pipe:
        lines = PromptLines(None, ["/help"], input=pipe, output=DummyOutput())
        pipe.send_text(keys)
        assert expected == lines.read("> ")
        lines.close()


def test_prompt_toolkit_s_history(tmp_path: Path) -> None:
    """The arrow up brings back what was typed in an earlier conversation."""
    path = tmp_path / "history"
    for keys, expected in (("one\r", "one"), ("\x1b[A\r", "one")):
        with create_pipe_input() as pipe:
            lines = PromptLines(path, [], input=pipe, output=DummyOutput())
            pipe.send_text(keys)
            assert expected == lines.read("> ")


def answering(*lines: str) -> Any:
    """An ``input`` that is typed these lines."""
    waiting = iter(lines)

    def read(_: str) -> str:
        line = next(waiting, None)
        if line is None:
            raise EOFError
        return line

    return read


class Readline:
    """What readline does with its history."""

    def __init__(self, *, broken: bool = False) -> None:
        self.read, self.lengths, self._broken = list[str](), list[int](), broken

    def read_history_file(self, path: str) -> None:
        if self._broken:
            raise OSError("no history of mine")
        self.read.append(Path(path).read_text(encoding="utf-8"))

    def set_history_length(self, length: int) -> None:
        self.lengths.append(length)

    def write_history_file(self, path: str) -> None:
        if self._broken:
            raise OSError("read-only")
        Path(path).write_text("typed", encoding="utf-8")


def test_readline_s_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read at the beginning, and kept at the end, for its owner alone."""
    path = tmp_path / "history"
    path.write_text("before", encoding="utf-8")
    os.chmod(path, 0o644)
    known = Readline()
    monkeypatch.setitem(sys.modules, "readline", known)
    monkeypatch.setattr(builtins, "input", answering("one"))
    lines: Lines = PlainLines(path)
    assert ("one", None) == (lines.read("> "), lines.read("> "))
    lines.close()
    assert (["before"], "typed") == (known.read, path.read_text(encoding="utf-8"))
    assert 0o600 == path.stat().st_mode & 0o777


def test_an_interrupt_begins_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So does the end of the input: what is printed next does not stand behind the prompt."""

    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(builtins, "input", interrupt)
    lines = PlainLines(None)
    with pytest.raises(KeyboardInterrupt):
        lines.read("> ")
    monkeypatch.setattr(builtins, "input", answering())
    assert None is lines.read("> ")
    assert "\n\n" == capsys.readouterr().out


def test_a_history_that_fails_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a Python without readline, or a home that cannot be written."""
    monkeypatch.setattr(builtins, "input", answering("one", "two", "three"))
    monkeypatch.setitem(sys.modules, "readline", Readline(broken=True))
    for path in (tmp_path / "history", None):
        lines = PlainLines(path)
        assert lines.read("> ")
        lines.close()
    monkeypatch.setitem(sys.modules, "readline", None)
    (tmp_path / "state").write_text("", encoding="utf-8")
    monkeypatch.setenv("TERM", "dumb")
    found = lines_for([])
    assert "three" == found.read("> ")
    found.close()
