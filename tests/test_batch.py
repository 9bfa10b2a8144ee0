"""Batches: every call has one record, in constant memory, and a file survives any end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import llmgate.batch_files
from llmgate import Client, OverloadedError, RateLimitError, ServerError
from llmgate._core.adaptive import AdaptiveLimit
from llmgate._exchange import Attempt
from llmgate.batch import BatchRecord, abatch, batch
from llmgate.batch_files import Journal, batch_file, calls_in, encoded_line
from llmgate.errors import InvalidRequestError, RequestError
from llmgate.middleware import Middleware
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Completion, Message

ROOT = Path(__file__).parents[1]


class Echo(Middleware):
    """Answers with the prompt, after a pause; counts how many do so at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.prompts = list[str]()
        self.running = self.most = 0

    async def chat(self, call: Any, handler: Any) -> Completion:
        prompt: str = call.messages[-1]["content"]
        self.prompts.append(prompt)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(random.random() * self.seconds)
        finally:
            self.running -= 1
        if prompt.startswith("fail"):
            raise ServerError("oops", status=500)
        return Completion([Choice(Message(f"{call.model}: {prompt}"), 0, "stop")])


class System(Middleware):
    """Answers with the first message."""

    async def chat(self, call: Any, handler: Any) -> Completion:
        return Completion([Choice(Message(call.messages[0]["content"]), 0, "stop")])


def client_of(echo: Middleware | None = None) -> Client:
    """A client that answers at once."""
    return Client(providers={"fake": FakeProvider()}, middleware=[echo or Echo()])


async def made(calls: Any, **options: Any) -> list[BatchRecord]:
    """All records."""
    options.setdefault("client", client_of())
    options.setdefault("model", "fake/m")
    return [record async for record in abatch(calls, **options)]


# --- calls and records ---


async def test_each_call_has_one_record() -> None:
    """Of prompts, arguments, and the objects of OpenAI's batch files; a failure is one as well."""
    messages = [{"role": "user", "content": "c"}]
    calls: list[Any] = [
        "a",
        {"id": "x", "prompt": "b", "temperature": 0.5, "stream": True},
        {"id": 3, "messages": messages, "model": "fake/other"},
        {"custom_id": "z", "method": "POST", "url": "/v1", "body": {"messages": messages}},
        "fail",
        {"prompt": "d", "temprature": 1},
        7,
        {"id": "none", 4: 5},
        {"prompt": "e", "self": 1},
    ]
    records = await made(calls, ordered=True)
    assert [*range(9)] == [record.index for record in records]
    assert ["0", "x", "3", "z", "4", "5", "6", "none", "8"] == [record.id for record in records]
    texts = ["fake/m: a", "fake/m: b", "fake/other: c", "fake/m: c"]
    assert [*texts, *[None] * 5] == [record.text for record in records]
    errors = [str(record.error) for record in records[4:]]
    assert "oops" in errors[0]
    assert "temprature" in errors[1]
    assert "calls[6]: expected a prompt or a dictionary" in errors[2]
    assert "calls[7]: the call has no messages" in errors[3]
    assert "self: there is no such parameter" in errors[4]
    [brief] = await made(["a"], client=client_of(System()), system="Be brief")
    assert "Be brief" == brief.text
    [nobody] = await made(["a"], model=None)
    assert "calls[0]: the call has no model" in str(nobody.error)


async def test_records_come_as_calls_end_or_in_order() -> None:
    """One that is slow holds up nobody, unless order is asked for."""
    client = client_of(Echo(0.02))
    prompts = [str(number) for number in range(60)]
    loose = await made(prompts, client=client)
    assert [*range(60)] == sorted(record.index for record in loose)
    assert [*range(60)] != [record.index for record in loose]
    strict = await made(prompts, client=client, ordered=True)
    assert [*range(60)] == [record.index for record in strict]


async def test_calls_are_read_as_they_are_needed() -> None:
    """From what is async as well; whoever stops reading stops the batch."""
    read = list[int]()

    async def calls() -> AsyncIterator[str]:
        for number in range(10_000):
            read.append(number)
            yield "a"

    echo = Echo()
    records = abatch(calls(), model="fake/m", concurrency=4, client=client_of(echo))
    async for _ in records:
        await asyncio.sleep(0.01)
        break
    await records.aclose()
    assert len(read) <= 12
    assert 0 == echo.running


async def test_calls_that_are_async() -> None:
    """To their end."""

    async def calls() -> AsyncIterator[str]:
        for text in "ab":
            await asyncio.sleep(0)
            yield text

    assert ["fake/m: a", "fake/m: b"] == [each.text for each in await made(calls(), ordered=True)]


async def test_no_more_run_at_once_than_was_said() -> None:
    """However many there are."""
    echo = Echo(0.002)
    await made(["a"] * 200, concurrency=12, client=client_of(echo))
    assert 8 < echo.most <= 12


async def test_calls_that_cannot_be_read_end_the_batch() -> None:
    """With what they raised, and nothing is left running."""

    def calls() -> Iterator[str]:
        yield "a"
        raise OSError("the file is gone")

    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="the file is gone"):
        await made(calls())
    assert before == asyncio.all_tasks()


@pytest.mark.parametrize(
    ("calls", "options", "path"),
    [
        (["a"], {"concurrency": 0}, "concurrency"),
        (["a"], {"concurrency": True}, "concurrency"),
        (["a"], {"max_cost": 0}, "max_cost"),
        (["a"], {"max_cost": "1"}, "max_cost"),
        ("a", {}, "calls"),
        ({"prompt": "a"}, {}, "calls"),
        (3, {}, "calls"),
    ],
)
async def test_arguments_are_checked(calls: Any, options: Any, path: str) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidRequestError) as caught:
        await made(calls, **options)
    assert path == caught.value.path


PRICES = {"fake/m": {"input": 0, "output": 1_000_000}}  # a dollar for each token


async def test_no_more_is_spent_than_was_said() -> None:
    """But for what is on its way by then; then it is said why there are no more records."""
    provider = FakeProvider(["word"] * 1_000)
    client = Client(providers={"fake": provider}, prices=PRICES)
    records = list[BatchRecord]()
    paid = abatch(["a"] * 1_000, model="fake/m", client=client, max_cost=20, concurrency=4)

    async def read() -> None:
        async for record in paid:
            records.append(record)

    with pytest.raises(RequestError, match=r"2\d was spent, and max_cost is 20"):
        await read()
    assert 20 <= len(records) <= 24
    assert len(provider.transport.requests) == len(records)


async def test_what_has_no_known_price_is_not_bought() -> None:
    """Where there is a limit to what may be spent."""
    client = Client(providers={"fake": FakeProvider(["word"] * 99)}, prices=PRICES)
    with pytest.raises(RequestError, match="costs is not known"):
        await made(["a"] * 99, model="fake/other", client=client, max_cost=0.5, concurrency=2)


async def test_costs_in_two_currencies_are_not_added() -> None:
    """What they come to together nobody knows, so that no more is bought; what is free may be in
    any."""
    prices: dict[str, Any] = {
        **PRICES,
        "fake/eur": {"input": 0, "output": 1_000_000, "currency": "EUR"},
    }
    prices["fake/free"] = {"input": 0, "output": 0, "currency": "GBP"}
    client = Client(providers={"fake": FakeProvider(["word"] * 99)}, prices=prices)
    calls = [{"prompt": "a", "model": f"fake/{name}"} for name in ("free", "m", "free")]
    assert 3 == len(await made(calls, client=client, max_cost=99, concurrency=1))
    calls.append({"prompt": "a", "model": "fake/eur"})
    with pytest.raises(RequestError, match="costs EUR, others cost USD, and max_cost is of one"):
        await made(calls + calls, client=client, max_cost=99, concurrency=1)


async def test_a_budget_that_is_spent_by_the_last_call_is_no_error() -> None:
    """Nothing was left out."""
    client = Client(providers={"fake": FakeProvider(["word"] * 9)}, prices=PRICES)
    records = await made(["a"] * 3, model="fake/m", client=client, max_cost=3, concurrency=1)
    assert 3 == len(records)


async def test_a_file_has_a_budget_as_well(tmp_path: Path) -> None:
    """And goes on with another one."""
    write(tmp_path / "in.jsonl", *['"a"'] * 10)

    async def run(**options: Any) -> None:
        client = Client(providers={"fake": FakeProvider(["word"] * 99)}, prices=PRICES)
        async for _ in batch_file(
            tmp_path / "in.jsonl",
            tmp_path / "out.jsonl",
            model="fake/m",
            client=client,
            concurrency=1,
            **options,
        ):
            pass

    with pytest.raises(RequestError, match="3 was spent"):
        await run(max_cost=3)
    await run()
    written = await asyncio.to_thread((tmp_path / "out.jsonl").read_text, "utf-8")
    assert 10 == len(written.splitlines())


def test_the_same_without_async() -> None:
    """All at once, in order."""
    records = batch(["b", "a"], model="fake/m", client=client_of(), temperature=0.5)
    assert ["fake/m: b", "fake/m: a"] == [record.text for record in records]


# --- how many at once ---


def record_of(status: int | None = None, error: Any = None) -> BatchRecord:
    """One whose first attempt had this status."""
    completion = Completion([])
    attempts = (Attempt(1, 0.1, status=status),)
    if error is not None:
        error.attempts = attempts
        return BatchRecord(0, "0", error=error)
    completion.exchange = completion.exchange.__class__(attempts=attempts)
    return BatchRecord(0, "0", completion)


async def test_more_run_while_all_goes_well() -> None:
    """Twice as many with each round at first; after a refusal one more for each."""
    limit = AdaptiveLimit(100)
    assert 8 == limit.limit
    for _ in range(8):
        limit.learn(record_of(200))
    assert 16 == limit.limit
    limit.learn(record_of(429))
    assert 8 == limit.limit
    for _ in range(8):
        limit.learn(record_of(200))
    assert 8.5 < limit.limit <= 9
    for _ in range(20_000):
        limit.learn(record_of(200))
    assert 100 == limit.limit


@pytest.mark.parametrize(
    "refused",
    [
        record_of(429),
        record_of(529),
        record_of(503, ServerError("oops")),
        record_of(None, RateLimitError("slow down")),
        record_of(None, OverloadedError("busy")),
    ],
)
async def test_refusals_of_one_round_halve_it_once(refused: BatchRecord) -> None:
    """All that were on their way by then were sent before anybody knew."""
    limit = AdaptiveLimit(64)
    limit.limit, limit.running = 64.0, 64
    for _ in range(64):
        limit.learn(refused)
    assert 32 == limit.limit
    for _ in range(64):
        limit.learn(refused)
    assert 16 >= limit.limit
    for _ in range(1_000):
        limit.learn(refused)
    assert 1 == limit.limit


async def test_who_waits_for_a_turn_can_be_cancelled() -> None:
    """The turn goes to another one."""
    limit = AdaptiveLimit(1)
    await limit.__aenter__()
    entered = list[int]()

    async def enter(number: int) -> None:
        async with limit:
            entered.append(number)

    tasks = [asyncio.create_task(enter(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    tasks[1].cancel()
    await limit.__aexit__()
    await asyncio.wait(tasks)
    assert [2] == entered
    assert 0 == limit.running


# --- files ---


def write(path: Path, *lines: Any) -> Path:
    """A file of JSON lines; texts are written as they are."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_calls_in_files(tmp_path: Path) -> None:
    """JSON lines with what is none in its place, and tables; prompts are made by a template."""
    lines = write(tmp_path / "in.jsonl", '"a"', "", {"id": "x", "name": "b"}, "{no json")
    first, second, third = calls_in(lines)
    assert ("a", {"id": "x", "name": "b"}) == (first, second)
    assert "line 4: no JSON" in str(third)
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
    assert "no JSON" in second.message


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
    assert "no JSON" in failed
    assert 2 == len(lines)


async def test_an_output_of_another_input_is_refused(tmp_path: Path) -> None:
    """Instead of leaving calls out."""
    write(tmp_path / "in.jsonl", {"id": "a", "prompt": "a"})
    await run_file(tmp_path, Echo())
    write(tmp_path / "in.jsonl", {"id": "b", "prompt": "b"})
    with pytest.raises(InvalidRequestError, match="it is of another input"):
        await run_file(tmp_path, Echo())


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
from tests.test_batch import Echo, run_file
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
    """From two thousand calls to fifteen thousand."""
    resident = Path("/proc/self/statm")

    def pages() -> int:
        return int(resident.read_text("utf-8").split()[1])

    first, count, began = 0, 0, time.monotonic()
    async for _ in abatch(("a" for _ in range(15_000)), model="fake/m", client=client_of()):
        count += 1
        first = pages() if count == 2_000 else first
    assert 15_000 == count
    assert (pages() - first) * os.sysconf("SC_PAGE_SIZE") < 3_000_000, time.monotonic() - began
