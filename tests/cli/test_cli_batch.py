"""The command line: batches."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate.cli import main
from llmgate.cli.progress import Progress
from llmgate.cost import Cost

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
    assert "llmgate: 1: line 2: not JSON" in printed
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


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_batch_without_calls_at_once_is_refused(
    number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would wait for ever."""
    assert 1 == main(batch_of(tmp_path, '"one"', words=["--concurrency", number]))
    expected = f"llmgate: concurrency: expected an integer above 0, got {number}\n"
    assert expected == capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


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
    progress = Progress(output)
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
    module = import_module("llmgate.cli.progress")
    times = [0.0, *[0.0] * 3, seconds / 5 * 4 + 1e-6, seconds]
    monkeypatch.setattr(module.time, "monotonic", iter(times).__next__)
    output = io.StringIO()
    progress = Progress(output)
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
    end = Progress.end

    def ended(progress: Any) -> None:
        seen.append(progress.total)
        end(progress)

    monkeypatch.setattr(Progress, "end", ended)
    assert 0 == main(batch_of(tmp_path, '"one"', "", '"two"', '"three"'))
    assert "3 calls" in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe")
    assert [3, 0] == [*seen, module._rows_in(tmp_path / "pipe")]


class Terminal(io.StringIO):
    """One that shows styles."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("why", ["no rich", "no styles"])
def test_a_terminal_has_one_line_of_progress(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written over, where no bar can be drawn."""
    monkeypatch.setenv("TERM", "dumb" if why == "no styles" else "xterm")
    if why == "no rich":
        monkeypatch.setitem(sys.modules, "rich.console", None)
    terminal = Terminal()
    progress = Progress(terminal)
    progress._shown -= 1
    progress.add(None)
    progress.add("a: oops")
    progress.end()
    lines = terminal.getvalue().split("\r\x1b[K")
    assert ["", "1 calls, 0 failed", "llmgate: a: oops\n", "2 calls, 1 failed"] == [
        line.rpartition(",")[0] or line for line in lines
    ]


def test_a_terminal_has_a_bar_where_rich_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the failures, which no provider can write over with; at its end there is a line, and
    the cursor was never away."""
    for name in ("NO_COLOR", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    progress = Progress(terminal)
    progress.total = 4
    progress._shown -= 1
    progress.add(None, index=0)
    half = terminal.getvalue()
    progress.add("b: [bold]oops\x1b[2J :smile:", index=1)
    progress._shown -= 1
    progress.add(None, index=3)
    progress.end()
    shown = terminal.getvalue()
    assert "━" in half
    assert "1 calls, 0 failed" in half
    assert half.rindex("\x1b[?25h") > half.rindex("\x1b[?25l")
    assert "llmgate: b: [bold]oops\\x1b[2J :smile:\n" in shown
    assert shown.endswith(" a second\n")
    assert "3 calls, 1 failed" in shown.splitlines()[-1]
    assert "━" not in shown.splitlines()[-1]


def test_amounts_of_two_currencies_are_two_amounts() -> None:
    """Nobody knows what they come to together."""
    output = io.StringIO()
    progress = Progress(output)
    for currency in ("EUR", "USD", "EUR"):
        progress.add(None, Cost({"input": Decimal("0.25")}, currency))
    progress.end()
    assert output.getvalue().endswith(" a second, 0.5000 EUR, 0.2500 USD\n")
