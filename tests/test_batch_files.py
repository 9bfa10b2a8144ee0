"""Batches of files: input, output, and going on after an end."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

import llmgate.batch_files
from llmgate.batch import BatchRecord, abatch
from llmgate.batch_files import Journal, batch_file, calls_in, encoded_line
from llmgate.errors import InvalidRequestError
from llmgate.types import Completion
from tests.batch_calls import Echo, client_of, write

ROOT = Path(__file__).parents[1]


def test_calls_in_files(tmp_path: Path) -> None:
    """JSON lines with what is none in its place, and tables; prompts are made by a template."""
    lines = write(tmp_path / "in.jsonl", '"a"', "", {"id": "x", "name": "b"}, "{no json")
    first, second, third = calls_in(lines)
    assert ("a", {"id": "x", "name": "b"}) == (first, second)
    assert "line 4: not JSON" in str(third)
    one, two, three = calls_in(lines, "Say {name}")
    assert "KeyError" in str(one)
    assert {"prompt": "Say b", "id": "x"} == two
    assert three is not None
    assert [{"prompt": "Say a"}] == [*calls_in(write(tmp_path / "t.jsonl", '"a"'), "Say {text}")]
    assert "TypeError" in str(next(calls_in(write(tmp_path / "n.jsonl", "7"), "Say {text}")))
    table = tmp_path / "in.csv"
    table.write_text('id,prompt\nx,a\ny,"b, c"\n', encoding="utf-8")
    assert [{"id": "x", "prompt": "a"}, {"id": "y", "prompt": "b, c"}] == [*calls_in(table)]


def test_a_line_that_cannot_be_read_spoils_no_other(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and brackets without end, are errors in the place of their line."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\xef\xbb\xbf"a"\r\n"\xff"\n' + b"[" * 200_000 + b'\n"\xc3\xa4"\n')
    first, second, third, fourth = calls_in(path)
    assert ("a", "ä") == (first, fourth)
    assert ["line 2", "line 3"] == [second.path, third.path]
    assert "not JSON" in second.message


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    """With the reason."""
    path = tmp_path / "in.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidRequestError, match=r"in\.csv"):
        next(calls_in(path))


async def run_file(tmp_path: Path, echo: Echo, **options: Any) -> list[dict[str, Any]]:
    """The lines of the output, after another run."""
    records = batch_file(
        tmp_path / "in.jsonl",
        tmp_path / "out.jsonl",
        model="fake/m",
        client=client_of(echo),
        **options,
    )
    async for _ in records:
        pass
    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


async def test_a_file_is_worked_through_and_resumed(tmp_path: Path) -> None:
    """What is done is not done again; what failed is, and has one record in the end."""
    write(tmp_path / "in.jsonl", '"a"', {"id": "x", "prompt": "fail ü"}, '"c"')
    echo = Echo()
    lines = await run_file(tmp_path, echo)
    assert {0: "0", 1: "x", 2: "2"} == {line["index"]: line["id"] for line in lines}
    [failed] = [line for line in lines if "error" in line]
    assert {"type": "ServerError", "message": "oops", "status": 500} == failed["error"]
    content = {
        line["completion"]["choices"][0]["message"]["content"] for line in lines if line != failed
    }
    assert {"fake/m: a", "fake/m: c"} == content
    before = echo.prompts.copy()
    lines = await run_file(tmp_path, echo)
    assert ["fail ü"] == echo.prompts[len(before) :]
    assert [0, 1, 2] == sorted(line["index"] for line in lines)


async def test_a_line_that_was_cut_is_cut_off(tmp_path: Path) -> None:
    """And its call made again, like one whose record is none of ours."""
    write(tmp_path / "in.jsonl", *[f'"{number}"' for number in range(6)])
    whole = await run_file(tmp_path, Echo())
    kept = [json.dumps(line) for line in whole[:3]]
    odd = ["[1]", '{"completion": {}}', '{"index": "1", "id": "1", "completion": {}}', kept[0], "{"]
    (tmp_path / "out.jsonl").write_text("\n".join([*kept, *odd, '{"index": 5, "id"']), "utf-8")
    echo = Echo()
    lines = await run_file(tmp_path, echo)
    assert 3 == len(echo.prompts)
    assert [*range(6)] == sorted(line["index"] for line in lines)
    assert ["in.jsonl", "out.jsonl"] == sorted(os.listdir(tmp_path))


async def test_a_line_that_is_no_call_has_a_record(tmp_path: Path) -> None:
    """Which says what it is."""
    write(tmp_path / "in.jsonl", "{no json", '"a"')
    lines = await run_file(tmp_path, Echo())
    [failed] = [line["error"]["message"] for line in lines if "error" in line]
    assert "not JSON" in failed
    assert 2 == len(lines)


async def test_an_output_of_another_input_is_refused(tmp_path: Path) -> None:
    """Instead of leaving calls out."""
    write(tmp_path / "in.jsonl", {"id": "a", "prompt": "a"})
    await run_file(tmp_path, Echo())
    write(tmp_path / "in.jsonl", {"id": "b", "prompt": "b"})
    with pytest.raises(InvalidRequestError, match="it is of another input"):
        await run_file(tmp_path, Echo())


async def test_a_file_that_is_no_output_stays_as_it_is(tmp_path: Path) -> None:
    """Whether it is the input or something else, and also where its last line has no end."""
    path = write(tmp_path / "in.jsonl", '"a"', '{"id": "b", "prompt": "b"}')
    before = path.read_text("utf-8")
    records = batch_file(path, path, model="fake/m", client=client_of())
    with pytest.raises(InvalidRequestError, match="the output is the input itself"):
        await anext(records)
    assert before == path.read_text("utf-8")
    for content in ("My thesis\n", "My thesis", "[" * 200_000 + "\n", "[1]\n", '{"a": 1}\n'):
        (tmp_path / "out.jsonl").write_text(content, "utf-8")
        with pytest.raises(InvalidRequestError, match="it exists, and holds no records"):
            await run_file(tmp_path, Echo())
        assert content == (tmp_path / "out.jsonl").read_text("utf-8")
    assert ["in.jsonl", "out.jsonl"] == sorted(os.listdir(tmp_path))


@pytest.mark.parametrize(
    "content", ["", "{", '{"index": 0, "i', '{"index": -1, "id": "-1", "completion": {}}\n']
)
async def test_an_output_that_was_cut_at_once(tmp_path: Path, content: str) -> None:
    """It is begun again."""
    write(tmp_path / "in.jsonl", '"a"')
    (tmp_path / "out.jsonl").write_text(content, "utf-8")
    assert [0] == [line["index"] for line in await run_file(tmp_path, Echo())]


async def test_an_output_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Before a call is made."""
    path, echo = write(tmp_path / "in.jsonl", '"a"'), Echo()
    for output in (tmp_path / "nowhere" / "out.jsonl", tmp_path):
        records = batch_file(path, output, model="fake/m", client=client_of(echo))
        with pytest.raises(InvalidRequestError) as caught:
            await anext(records)
        assert str(output) == caught.value.path
    assert [] == echo.prompts


async def test_what_deviates_stands_in_the_output(tmp_path: Path) -> None:
    """Nothing is silently changed."""
    write(tmp_path / "in.jsonl", {"prompt": "a", "stop": ["b"]})

    class Reports(Echo):
        async def chat(self, call: Any, handler: Any) -> Completion:
            completion = await super().chat(call, handler)
            completion.report.add("dropped", "seed", "no such thing")
            return completion

    [line] = await run_file(tmp_path, Reports())
    assert ["seed dropped: no such thing"] == line["report"]


def test_a_number_that_json_lacks_is_null_in_the_output() -> None:
    """Any parser reads it."""
    completion = Completion([], extra={"score": [math.nan, -math.inf, 0.5]})
    line = encoded_line(BatchRecord(0, "0", completion))
    assert b"NaN" not in line
    assert [None, None, 0.5] == json.loads(line)["completion"]["score"]


async def test_an_output_that_cannot_be_written_ends_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call is paid for whose record would be lost."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_write", full)
    monkeypatch.setattr(llmgate.batch_files, "_COMMIT_SECONDS", 0.01)
    write(tmp_path / "in.jsonl", *['"a"'] * 2_000)
    echo = Echo(0.005)
    with pytest.raises(InvalidRequestError, match="No space left on device"):
        await run_file(tmp_path, echo, concurrency=4)
    assert len(echo.prompts) < 1_000
    write(tmp_path / "in.jsonl", '"a"')
    (tmp_path / "out.jsonl").unlink()
    with pytest.raises(InvalidRequestError, match="No space left on device"):
        await run_file(tmp_path, echo)


async def test_an_output_may_have_several_files(tmp_path: Path) -> None:
    """They know of each other what is done; lines that were made elsewhere are taken too."""
    done = array("I")
    lines = [
        encoded_line(BatchRecord(index, f"c{index}", completion=Completion([])))
        for index in range(3)
    ]
    for name in ("a", "b"):
        async with Journal(tmp_path / name, done) as journal:
            await journal.written()
            for line in lines if name == "a" else lines[1:]:
                journal.add_line(line)
            await journal.written()
            assert (tmp_path / name).read_bytes().endswith(lines[2])
    again = array("I")
    counts = list[int]()
    for name in ("a", "b"):
        async with Journal(tmp_path / name, again) as journal:
            counts.append(journal.count)
            assert journal.has(2, "c2")
            assert not journal.has(3, "c3")
    assert [3, 0] == counts
    assert b"" == (tmp_path / "b").read_bytes()


async def test_who_waits_for_lines_is_told_that_they_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_write", full)
    async with Journal(tmp_path / "out.jsonl") as journal:
        journal.add_line(b"{}\n")
        with pytest.raises(InvalidRequestError, match="No space left on device"):
            await journal.written()
        journal._failure = None


_KILLED = """
import asyncio, sys, tempfile
from tests.batch_calls import Echo
from tests.test_batch_files import run_file
from pathlib import Path

class Counted(Echo):
    async def chat(self, call, handler):
        with open(folder / "asked", "a") as file:
            file.write(call.messages[-1]["content"] + "\\n")
        return await super().chat(call, handler)

folder = Path(sys.argv[1])
print("ready", flush=True)
asyncio.run(run_file(folder, Counted(0.01), concurrency=8))
"""


def ended_by_force(folder: Path) -> bool:
    """Whether a run had to be killed, at a moment between a tenth and three of a second."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _KILLED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(0.1 + random.random() * 0.2)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
    return False


@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_a_killed_process_loses_nothing(times: int, tmp_path: Path) -> None:
    """At random moments; then each id is there once, and only calls in flight were repeated."""
    count = 80 * times
    write(tmp_path / "in.jsonl", *[f'"{number}"' for number in range(count)])
    killed = sum(ended_by_force(tmp_path) for _ in range(times))
    lines = asyncio.run(run_file(tmp_path, Echo()))
    assert [*range(count)] == sorted(line["index"] for line in lines)
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    repeated = len(asked) - len({*asked})
    in_flight_and_unwritten = 8 + 8 * 10  # eight calls, and 50 ms of records at 10 ms a call
    assert repeated <= killed * in_flight_and_unwritten


@pytest.mark.exhaustive
async def test_memory_does_not_grow_with_the_number_of_calls() -> None:
    """From ten thousand calls to a hundred thousand."""
    resident = Path("/proc/self/statm")

    def pages() -> int:
        return int(resident.read_text("utf-8").split()[1])

    first, count, began = 0, 0, time.monotonic()
    async for _ in abatch(("a" for _ in range(100_000)), model="fake/m", client=client_of()):
        count += 1
        first = pages() if count == 10_000 else first
    assert 100_000 == count
    assert (pages() - first) * os.sysconf("SC_PAGE_SIZE") < 3_000_000, time.monotonic() - began
