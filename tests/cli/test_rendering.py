"""How a completion is shown on a terminal, and what of a markdown text can be shown for good."""

from __future__ import annotations

import sys

import pyte
import pytest

from llmgate.cli import main, rendering
from llmgate.cli.output import is_styled
from tests.cli.terminal import FakeTerminal


def screen_of(text: str, lines: int = 40) -> list[str]:
    """What a terminal shows of it."""
    screen = pyte.Screen(80, lines)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> FakeTerminal:
    """Standard output is a terminal of 80 columns and 24 lines from now on."""
    terminal = FakeTerminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    return terminal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one", ""),
        ("one\n\n", ""),
        ("one\n\ntwo", "one\n\n"),
        ("one\n\ntwo\n\nthree", "one\n\ntwo\n\n"),
        ("- one\n\n  more of it", ""),
        ("```\none\n\ntwo\n", ""),
        ("```\none\n\ntwo\n```\n\nthree", "```\none\n\ntwo\n```\n\n"),
        ("````\n```\n\n```\n\nx", ""),
        ("~~~\n```\n\nx\n~~~\n\ny", "~~~\n```\n\nx\n~~~\n\n"),
        ("```\na\n\n``` not its end\n\nb", ""),
        ("a\n\n```\nb", "a\n\n"),
    ],
)
def test_what_is_settled(text: str, expected: str) -> None:
    """Whole blocks, outside of fences."""
    assert expected == text[: rendering.settled_length(text)]


def test_markdown_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bold words are bold, a list has bullets, and what was drawn on the way is gone."""
    terminal = on_terminal(monkeypatch)
    assert 0 == main(["chat", "Hi", "-m", "echo/markdown"])
    lines = [line.strip() for line in screen_of(terminal.getvalue()) if line.strip(" ┏┓━┗┛")]
    assert "Title" in lines[0]
    assert ["Some bold words.", "• one", "• two"] == lines[1:]
    assert "\x1b[1mbold\x1b[0m" in terminal.getvalue()


@pytest.mark.parametrize("words", [["--plain"], []])
def test_markdown_is_not_rendered_where_nobody_wants_it(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option, and where rich is not installed."""
    terminal = on_terminal(monkeypatch)
    if not words:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert 0 == main(["chat", "Hi", "-m", "echo/markdown", *words])
    assert "# Title\n\nSome **bold** words.\n\n- one\n- two\n" == terminal.getvalue()


def test_a_long_block_shows_its_end_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is whole at the end."""
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(rendering.MarkdownPrinter, "_INTERVAL", 0)
    printer = rendering.MarkdownPrinter()
    block = "\n".join(f"- item {number}" for number in range(60))
    printer.add(block)
    growing = screen_of(terminal.getvalue(), 24)
    assert ("item 59" in growing[21], "item 0" in "".join(growing)) == (True, False)
    printer.end()
    shown = "".join(screen_of(terminal.getvalue(), 80))
    assert all(f"item {number}" in shown for number in (0, 30, 59))


def test_a_terminal_is_given_no_control_characters_of_a_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor a link whose text names another address than its own."""
    terminal = on_terminal(monkeypatch)
    printer = rendering.MarkdownPrinter()
    printer.add("a \x1b[2J \x9b b [bank.example](https://evil.example)")
    printer.end()
    [shown] = screen_of(terminal.getvalue())
    assert r"a \x1b[2J \x9b b bank.example (https://evil.example)" == shown


def test_pieces_are_drawn_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast they come."""
    terminal = on_terminal(monkeypatch)
    printer = rendering.MarkdownPrinter()
    for _ in range(1000):
        printer.add("word ")
    printer.add("")
    assert terminal.getvalue().count("word") < 5000
    printer.end()
    printer.end()


def test_an_empty_piece_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It makes no line end needless."""
    printer = rendering.PlainPrinter()
    printer.add("a")
    printer.add("")
    printer.end()
    printer.end()
    assert "a\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False)],
)
def test_styles_are_for_terminals_that_have_them(
    name: str, value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And for users who did not decline."""
    monkeypatch.setenv(name, value)
    assert expected is is_styled(FakeTerminal())


def test_a_background_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code in a line has one; what is filled up without one is not."""
    terminal = on_terminal(monkeypatch)
    printer = rendering.MarkdownPrinter()
    printer.add("a\n\n`b `")
    printer.end()
    lines = terminal.getvalue().splitlines()
    assert "a" in lines
    assert any("b" in line and "\x1b[" in line and not line.endswith("  ") for line in lines)
