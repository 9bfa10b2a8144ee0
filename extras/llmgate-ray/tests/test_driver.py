"""The driver, with workers in this process: each call has one line, whatever becomes of workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from llmgate import Client, RequestError
from llmgate.batch import Budget
from llmgate.errors import InvalidRequestError
from llmgate.testing import FakeProvider
from llmgate_ray import WorkerPlace, WorkersLostError

CALLS = [f"p{number}" for number in range(400)]


async def test_each_call_has_a_record_and_a_line(batch: Any) -> None:
    """Both workers make calls, and close their clients; what is no call, and what failed, too."""
    calls = [*CALLS, {"id": "x", "prompt": "fail"}, InvalidRequestError("not JSON", path="line 9")]
    records = await batch.run(calls)
    assert [*range(402)] == sorted(record.index for record in records)
    lines = batch.lines()
    assert [*range(402)] == [line["index"] for line in lines]
    assert ["0", "x", "401"] == [lines[index]["id"] for index in (0, 400, 401)]
    known = {record.index: record for record in records}
    assert ("p7", None) == (known[7].text, known[7].error)
    assert lines[7] == known[7].as_dict()
    assert (None, "ServerError: oops") == (known[400].text, (known[400].error or "")[:17])
    assert "InvalidRequestError: line 9: not JSON" == known[401].error
    assert "not JSON" in lines[401]["error"]["message"]
    assert {0, 1} == {number for number, count in batch.cluster.blocks if count}
    assert 2 == batch.cluster.closed
    assert sorted([*CALLS, "fail"]) == sorted(batch.prompts)


async def test_it_is_resumed(batch: Any) -> None:
    """What is done is not done again; what failed is."""
    calls = [*CALLS[:50], "fail"]
    await batch.run(calls)
    first = len(batch.prompts)
    records = await batch.run(calls)
    assert ["fail"] == batch.prompts[first:]
    assert [50] == [record.index for record in records]
    assert [*range(51)] == [line["index"] for line in batch.lines()]
    assert [50] == [record.index for record in await batch.run(calls)]


async def test_whoever_stops_reading_stops_the_batch(batch: Any) -> None:
    """No more is read or made than a few blocks, and nothing is left running."""
    read = list[int]()

    def calls() -> Iterator[str]:
        for number in range(100_000):
            read.append(number)
            yield f"p{number}"

    before = asyncio.all_tasks()
    await batch.run(calls(), most=20)
    await asyncio.sleep(0)
    assert len(read) < 4_000
    assert before == {task for task in asyncio.all_tasks() if not task.done()}
    rest = await batch.run(CALLS)
    assert [*range(400)] == [line["index"] for line in batch.lines() if line["index"] < 400]
    assert len(rest) < 400


async def test_blocks_are_small(batch: Any) -> None:
    """A worker has only as many calls as it makes at once, and some ahead."""
    held = list[int]()

    def watch(worker: Any) -> None:
        held.append(len(worker.calls) - worker.results)

    batch.cluster.lose = watch
    batch.seconds = 0.02
    await batch.run(CALLS)
    assert 8 < max(held) <= 8 + 128


async def test_few_large_calls_are_ahead_of_those_that_are_made(batch: Any) -> None:
    """A worker has as many as it makes at once, and those of one block."""
    held = list[int]()

    def watch(worker: Any) -> None:
        held.append(len(worker.calls) - worker.results)

    batch.cluster.lose = watch
    batch.seconds = 0.3
    records = await batch.run(f"{number} {'x' * 1_000_000}" for number in range(60))
    assert 60 == len(records)
    assert max(held) <= 9


async def test_a_lost_worker_is_replaced(batch: Any) -> None:
    """Each of the two twice; its calls are made by others, and each has one line in the end."""
    lost = Counter[int]()

    def lose(worker: Any) -> None:
        if len(worker.calls) > 60 and lost[worker.number] < 2:
            lost[worker.number] += 1
            worker.kill()

    batch.cluster.lose = lose
    records = await batch.run(CALLS)
    assert {0: 2, 1: 2} == lost
    assert 6 == len(batch.cluster.workers)
    assert [*range(400)] == sorted(record.index for record in records)
    assert [*range(400)] == [line["index"] for line in batch.lines()]
    assert {*CALLS} == {*batch.prompts}
    assert len(batch.prompts) - 400 <= 4 * (8 + 136)  # those that were on their way


async def test_a_worker_for_which_there_is_no_room_is_not_awaited(batch: Any) -> None:
    """The other one makes all calls."""
    batch.cluster.room = 1
    records = await asyncio.wait_for(batch.run(CALLS[:100]), 20)
    assert 100 == len(records)
    assert 1 == len({number for number, _ in batch.cluster.blocks})


async def test_workers_that_are_always_lost_end_the_batch(
    batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done before is in the output."""
    monkeypatch.setattr("llmgate_ray.driver._PAUSE_SECONDS", 0.001)
    await batch.run(CALLS[:10])

    def lose(worker: Any) -> None:
        worker.kill()

    batch.cluster.lose = lose
    with pytest.raises(WorkersLostError, match="it is gone"):
        await batch.run(CALLS)
    assert [*range(10)] == [line["index"] for line in batch.lines()]


async def test_a_call_that_ends_workers_ends_not_all(
    batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails with the fifth worker; the others are made, though they were with it at first."""
    monkeypatch.setattr("llmgate_ray.driver._PAUSE_SECONDS", 0.001)

    def lose(worker: Any) -> None:
        if "poison" in worker.calls:
            worker.kill()

    batch.cluster.lose = lose
    records = await batch.run(["poison", *CALLS[:100]])
    assert 101 == len(records)
    [failed] = [record for record in records if record.error]
    assert 0 == failed.index
    assert "WorkersLostError: each of 5 workers was lost" in (failed.error or "")


async def test_a_budget_is_kept_by_all_together(batch: Any) -> None:
    """No block is given out when it is spent; what workers have is awaited."""
    batch.budget = Budget(Decimal(1))
    batch.settings = replace(batch.settings, with_costs=True)
    batch.cluster.settings = batch.settings
    with pytest.raises(RequestError, match="costs is not known"):
        await batch.run(CALLS)
    lines = batch.lines()
    assert 1 <= len(lines) < 400
    assert len(lines) == len(batch.prompts)


async def test_what_calls_cost_is_added_up(batch: Any) -> None:
    """Of all workers; the batch ends when it is as much as was said."""

    def client(place: WorkerPlace) -> Client:
        prices = {"fake/m": {"input": 0, "output": 1_000_000}}
        return Client(providers={"fake": FakeProvider(["Yes"] * 400)}, prices=prices)

    batch.budget = Budget(100)
    batch.cluster.settings = replace(batch.settings, client=client, with_costs=True)
    with pytest.raises(RequestError, match="was spent, and max_cost is 100"):
        await batch.run(CALLS)
    lines = batch.lines()
    usages = [line["completion"]["usage"]["completion_tokens"] for line in lines]
    assert 100 <= sum(usages) <= 100 + 2 * 136  # and those that workers had
    batch.budget = Budget(100_000)
    await batch.run(CALLS)
    assert 400 == len(batch.lines())


@pytest.mark.parametrize("client", ["nowhere", "json:no_such_name", "json:decoder"])
async def test_a_client_that_cannot_be_made_is_said(batch: Any, client: str) -> None:
    """As one that is no function."""
    batch.cluster.settings = replace(batch.settings, client=client)
    with pytest.raises(InvalidRequestError, match=r"expected 'module:function', got"):
        await batch.run(CALLS)


async def test_what_ends_a_worker_ends_the_batch(batch: Any) -> None:
    """An error that is no call's own."""
    batch.cluster.settings = replace(batch.settings, common=5)
    with pytest.raises(AttributeError, match="items"):
        await batch.run(CALLS)


async def test_calls_that_cannot_be_read_end_the_batch(batch: Any) -> None:
    """With what they raised."""

    def calls() -> Iterator[str]:
        yield "a"
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        await batch.run(calls())
