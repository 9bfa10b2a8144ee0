"""A conversation in a terminal: what is typed, what is shown, and what ^C and ^D do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from llmgate.cli import interactive, main
from llmgate.cli.asking import Question
from llmgate.cli.configuration import Configuration
from llmgate.cli.conversations import Conversation
from llmgate.cli.interactive import Interactive
from tests.cli.terminal import Terminal
from tests.cli.test_lines import Typed


def converse(lines: Iterable[str], model: str = "echo/echo", **options: Any) -> Typed:
    """Type these lines in a conversation."""
    typed = Typed(lines)
    question = Question(model, [], **options)
    conversation = Conversation(model)
    configuration = Configuration(aliases={"mine": "echo/counting"})
    assert 0 == Interactive(question, conversation, configuration, lines=typed).run()
    return typed


def test_a_conversation_remembers_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Each turn says what it took, and the end says what all of them did."""
    typed = converse(["Hi", "", "Why?"], "echo/counting")
    lines = capsys.readouterr().out.splitlines()
    assert "echo/counting: /help lists commands, ^D ends the conversation" == lines[0]
    assert ["user: Hi", "user: Hi | assistant: user: Hi | user: Why?"] == lines[1:5:2]
    assert lines[2].startswith("3 + 2 tokens, ")
    assert lines[-1].startswith("in all: 6 + 4 tokens, ")
    assert (["> "] * 4, True) == (typed.prompts, typed.is_closed)


def test_the_model_can_be_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """By name or alias; without a name, it is shown."""
    converse(["/model", "/model mine", "Hi", "/usage"])
    lines = capsys.readouterr().out.splitlines()
    assert ["echo/echo", "echo/counting", "user: Hi"] == lines[1:4]
    assert lines[5].startswith("3 + 2 tokens, ")


def test_the_instructions_can_be_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Shown, set, and taken away; beginning anew keeps them."""
    converse(["/system", "/system Be brief.", "Hi", "/clear", "Ho", "/system -"])
    lines = capsys.readouterr().out.splitlines()
    assert ["no instructions", "Be brief.", "system: Be brief. | user: Hi"] == lines[1:4]
    assert ["a new conversation", "system: Be brief. | user: Ho"] == lines[5:7]
    assert "no instructions" == lines[8]


def test_tools_can_be_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By module and name; one that is none is an error, and the conversation goes on."""
    source = 'def tell(city: str) -> str:\n    """Tell."""\n    return city.upper()\n'
    (tmp_path / "my_tools_here.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    converse(["/tools", "/tools nothing", "/tools my_tools_here:tell", "Hi"], "echo/calling")
    printed = capsys.readouterr()
    assert "no tools; /tools module:function adds one" in printed.out
    assert "\ntell\n" in printed.out
    errors = printed.err.splitlines()
    assert "llmgate: --tool: expected module:name, got 'nothing'" == errors[0]
    assert "llmgate: tell({'city': 'Oslo'}) -> OSLO" == errors[1]


def test_it_can_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As text or JSON; a file that is there is not overwritten."""
    monkeypatch.chdir(tmp_path)
    converse(["Hi", "/save talk.md", "/save talk.json", "/save", "/save talk.md"])
    assert "## user\n\nHi\n\n## assistant\n\nuser: Hi\n\n" == Path("talk.md").read_text("utf-8")
    saved = json.loads(Path("talk.json").read_text("utf-8"))
    assert ["user", "assistant"] == [message["role"] for message in saved]
    printed = capsys.readouterr()
    assert "saved in talk.md\nsaved in talk.json\n" in printed.out
    first, second = printed.err.splitlines()
    assert "llmgate: give a file, as in /save talk.md" == first
    assert second.startswith("llmgate: it is not saved: ")


def test_commands_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown ones are no message for the model; two slashes begin a text with one."""
    converse(["/help", "/sing", "//etc/hosts", "/exit", "never read"])
    printed = capsys.readouterr()
    names = ["/model", "/system", "/tools", "/save", "/clear", "/usage", "/help", "/exit"]
    shown = [line.split()[0] for line in printed.out.splitlines() if line[0] == "/"]
    assert names == shown
    assert "llmgate: no command /sing: /help lists them, // begins a text with /\n" == printed.err
    assert "user: /etc/hosts" in printed.out
    assert "never read" not in printed.out


@pytest.mark.parametrize("lines", [[], ["Hi"]])
def test_a_single_turn_has_no_totals(lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It said what it took itself."""
    converse(lines)
    assert "in all" not in capsys.readouterr().out


def test_an_error_ends_a_turn_only(capsys: pytest.CaptureFixture[str]) -> None:
    """What was said in vain is forgotten; a truncated completion is named."""
    converse(["Hi", "/model echo/echo", "Ho", "/model echo/cut", "So"], "echo/failing")
    printed = capsys.readouterr()
    errors = printed.err.splitlines()
    assert errors[0].startswith("llmgate: slow\\ndown")
    assert ["llmgate: the completion reached its token limit and is truncated"] == errors[1:]
    assert "\nuser: Ho\n" in printed.out


def test_an_interrupt_abandons_a_line_or_a_response(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not the conversation."""

    class Interrupted(Typed):
        def read(self, prompt: str) -> str | None:
            line = super().read(prompt)
            if line == "^C":
                raise KeyboardInterrupt
            return line

    monkeypatch.setattr("tests.cli.test_interactive.Typed", Interrupted)
    converse(["^C", "Hi"])
    expected = ["(interrupted; ^D ends the conversation)", "user: Hi"]
    assert expected == capsys.readouterr().out.splitlines()[1:3]


def test_without_a_prompt_a_terminal_begins_a_conversation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what the arguments say; a pipe does not."""
    monkeypatch.setattr("llmgate.cli.chat._is_terminal", lambda: True)
    monkeypatch.setattr(interactive, "lines_for", lambda _: Typed(["Hi"]))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert 0 == main(["chat", "-m", "echo/echo", "-s", "Be brief."])
    assert "system: Be brief. | user: Hi" in capsys.readouterr().out
    assert 0 == main(["chat", "--continue"])
    assert "user: Hi | assistant: " in capsys.readouterr().out


# --- a real terminal ---


def on_terminal(site: Path, *words: str, **environment: str) -> Terminal:
    """A conversation on a pseudo-terminal."""
    return Terminal(["chat", "-m", "echo/markdown", *words], site, **environment)


def at_prompt(shown: str) -> bool:
    """Whether the next line can be typed."""
    return shown.endswith(">")


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_conversation_on_a_terminal(site: Path, tmp_path: Path, term: str) -> None:
    """Lines are edited by prompt_toolkit or readline, and markdown is rendered where it can be."""
    with on_terminal(site, TERM=term) as terminal:
        terminal.wait_for(at_prompt)
        terminal.type("Hello\r")
        shown = terminal.wait_for(lambda text: "tokens not known" in text and at_prompt(text))
        assert ("**bold**" in shown) is (term == "dumb")
        terminal.type("\x04")
        assert 0 == terminal.end()
    assert "Hello" in (tmp_path / "state" / "llmgate" / "history").read_text("utf-8")


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_interrupts_on_a_terminal(site: Path, term: str) -> None:
    """^C drops a line that is being typed, and abandons a response; ^D ends it all."""
    with on_terminal(site, "--plain", TERM=term) as terminal:
        terminal.wait_for(at_prompt)
        terminal.type("dropped")
        terminal.wait_for("dropped")
        terminal.interrupt("(interrupted")
        terminal.wait_for(at_prompt)
        terminal.type("/model echo/endless\r")
        terminal.wait_for(lambda text: text.count("echo/endless") == 2 and at_prompt(text))
        terminal.type("Hi\r")
        terminal.wait_for("user: Hi")
        terminal.interrupt("(interrupted")
        terminal.wait_for(at_prompt)
        terminal.type("\x04")
        assert 0 == terminal.end()
        assert "Traceback" not in terminal.text


def test_an_interrupt_ends_a_question(site: Path) -> None:
    """A response to the prompt of the command line, while markdown is drawn, with 130."""
    with Terminal(["chat", "Hi", "-m", "echo/endless"], site) as terminal:
        terminal.wait_for("user: Hi")
        terminal.type("\x03")
        assert 130 == terminal.end()
        assert "user: Hi" == terminal.text.replace("^C", "").strip()
        assert not terminal.screen.cursor.hidden
