"""Batches: calls, records, budgets, and how many run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, OverloadedError, RateLimitError, ServerError
from llmgate._core.adaptive import AdaptiveLimit
from llmgate._exchange import Attempt
from llmgate.batch import BatchRecord, abatch, batch
from llmgate.batch_files import batch_file
from llmgate.errors import InvalidRequestError, LLMGateError, RequestError
from llmgate.middleware import Middleware
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Completion, Message
from tests.batch_calls import Echo, client_of, write


class System(Middleware):
    """Answers with the first message."""

    async def chat(self, call: Any, handler: Any) -> Completion:
        return Completion([Choice(Message(call.messages[0]["content"]), 0, "stop")])


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


async def test_what_a_call_leaves_open_is_that_of_all() -> None:
    """A row without a model has none of its own; and a record has a completion, and no stream."""
    streamed: dict[str, Any] = {"stream": True}
    [record] = await made([{"prompt": "a", "model": None, "stream": True}], **streamed)
    assert "fake/m: a" == record.text
    [both] = await made([{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}])
    assert "calls[0]: prompt and messages are both given" in str(both.error)


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
        (["a"], {"max_cost": Decimal("NaN")}, "max_cost"),
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


def attempts_of(status: int | None) -> tuple[Attempt, ...]:
    """Those of a call whose first attempt had this status."""
    return (Attempt(1, 0.1, status=status),)


async def test_more_run_while_all_goes_well() -> None:
    """Twice as many with each round at first; after a refusal one more for each."""
    limit = AdaptiveLimit(100)
    assert 8 == limit.limit
    for _ in range(8):
        limit.learn(attempts_of(200), None)
    assert 16 == limit.limit
    limit.learn(attempts_of(429), None)
    assert 8 == limit.limit
    for _ in range(8):
        limit.learn(attempts_of(200), None)
    assert 8.5 < limit.limit <= 9
    for _ in range(20_000):
        limit.learn(attempts_of(200), None)
    assert 100 == limit.limit


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, None),
        (529, None),
        (503, ServerError("oops")),
        (None, RateLimitError("slow down")),
        (None, OverloadedError("busy")),
    ],
)
async def test_refusals_of_one_round_halve_it_once(
    status: int | None, error: LLMGateError | None
) -> None:
    """All that were on their way by then were sent before anybody knew."""
    limit = AdaptiveLimit(64)
    limit.limit, limit.running = 64.0, 64
    for _ in range(64):
        limit.learn(attempts_of(status), error)
    assert 32 == limit.limit
    for _ in range(64):
        limit.learn(attempts_of(status), error)
    assert 16 >= limit.limit
    for _ in range(1_000):
        limit.learn(attempts_of(status), error)
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


class Stuck(Middleware):
    """Answers the first call, and no other; counts those that wait."""

    running = 0

    async def chat(self, call: Any, handler: Any) -> Any:
        if call.messages[-1]["content"] == "first":
            return Completion([Choice(Message("Hi"), 0, "stop")])
        self.running += 1
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.running -= 1


async def test_a_batch_that_is_closed_makes_no_more_calls(tmp_path: Path) -> None:
    """Those that run have ended when it is closed."""
    stuck = Stuck()
    client, path = client_of(stuck), write(tmp_path / "in.jsonl", '"first"', *['"other"'] * 9)
    batches = [
        abatch(["first", *["other"] * 9], model="fake/m", client=client, concurrency=4),
        batch_file(path, tmp_path / "out.jsonl", model="fake/m", client=client, concurrency=4),
    ]
    for records in batches:
        assert (await anext(records)).id == "0"
        assert stuck.running > 0
        await records.aclose()
        assert stuck.running == 0
