"""Blocks, shards, places, and where calls come from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate.batch import BatchRecord
from llmgate.batch_files import encoded_line
from llmgate.errors import InvalidRequestError, ServerError
from llmgate.middlewares.limits import Limit
from llmgate.types import Completion
from llmgate_ray import WorkerPlace, ray_batch
from llmgate_ray.batch import source_of
from llmgate_ray.blocks import Item, Ledger, size_of
from llmgate_ray.cluster import joined
from llmgate_ray.shards import Shards

# --- blocks ---


def items(count: int) -> Iterator[Item]:
    """Calls with their places."""
    return (Item(index, str(index), f"p{index}") for index in range(count))


async def test_calls_are_handed_out_in_blocks() -> None:
    """In their order; it is over when all that were taken are done."""
    ledger = Ledger(items(5))
    first, second = await ledger.take(3), await ledger.take(3)
    assert ([0, 1, 2], [3, 4]) == ([each.index for each in first], [each.index for each in second])
    assert [] == await ledger.take(3)
    await ledger.settle(4)
    assert not ledger.over.is_set()
    await ledger.settle(1)
    assert ledger.over.is_set()
    assert not await ledger.has_more()
    ledger.close()


async def test_blocks_of_large_calls_have_few() -> None:
    """About a million bytes, of which one may have more; their texts count."""
    parts = [{"type": "text", "text": "x" * 400_000}]
    message = {"role": "user", "content": parts}
    assert 400_008 == size_of({"messages": (message,), "temperature": 0.5})
    large = (Item(index, "", None, size=400_008) for index in range(7))
    ledger = Ledger(large)
    assert [3, 3, 1, 0] == [len(await ledger.take(9)) for _ in range(4)]
    ledger.close()


async def test_calls_of_lost_workers_are_handed_out_first() -> None:
    """And know how often they were lost."""
    ledger = Ledger(items(4))
    taken = await ledger.take(2)
    await ledger.give_back(taken)
    again = await ledger.take(3)
    assert [(0, 1), (1, 1)] == [(each.index, each.losses) for each in again]
    assert [2, 3] == [each.index for each in await ledger.take(9)]
    await ledger.settle(4)
    assert ledger.over.is_set()
    ledger.close()


async def test_calls_that_several_workers_were_lost_with_are_handed_out_with_few_others() -> None:
    """Last, to workers that have no other, and with fewer each time."""
    ledger = Ledger(items(102))
    for _ in range(2):
        await ledger.give_back(await ledger.take(100))
    assert [100, 101] == [each.index for each in await ledger.take(200)]
    await ledger.settle(2)
    assert [] == await ledger.take(200, is_idle=False)
    assert await ledger.has_more()
    sizes = list[int]()
    while not ledger.over.is_set():
        taken = await ledger.take(200)
        sizes.append(len(taken))
        if 0 in {each.index for each in taken} and len(taken) > 1:
            await ledger.give_back(taken)
        else:
            await ledger.settle(len(taken))
    assert [64, 36, 8] + [8] * 7 + [1] * 8 == sizes
    ledger.close()


async def test_of_no_calls_it_is_over() -> None:
    """When that is known."""
    ledger = Ledger(items(0))
    assert await ledger.has_more()
    assert [] == await ledger.take(1)
    assert ledger.over.is_set()
    ledger.close()


# --- shards ---


def line(index: int, name: str = "", *, failed: bool = False) -> bytes:
    """A line of the output."""
    error = ServerError("oops", status=500) if failed else None
    completion = None if failed else Completion([])
    return encoded_line(BatchRecord(index, name or str(index), completion, error))


def indices(path: Path) -> list[int]:
    """Of the lines of a file."""
    return [json.loads(each)["index"] for each in path.read_text("utf-8").splitlines()]


async def test_a_full_shard_is_followed_by_another(tmp_path: Path) -> None:
    """Also where the output is opened again."""
    folder = tmp_path / "a" / "out"
    async with Shards(folder, 3) as shards:
        await shards.add([line(index) for index in range(4)])
        await shards.add([line(4)])
    async with Shards(folder, 3) as shards:
        assert [True] * 5 + [False] == [shards.has(index, str(index)) for index in range(6)]
        await shards.add([line(5), line(6)])
    parts = {path.name: indices(path) for path in sorted(folder.iterdir())}
    assert {
        "part-00000.jsonl": [0, 1, 2],
        "part-00001.jsonl": [3, 4, 5],
        "part-00002.jsonl": [6],
    } == parts


async def test_what_is_not_done_is_cut_out_of_every_shard(tmp_path: Path) -> None:
    """Failures, cut lines, and calls that are done in an earlier shard as well."""
    first = [line(0), line(1, failed=True), line(2)]
    (tmp_path / "part-00000.jsonl").write_bytes(b"".join(first))
    (tmp_path / "part-00001.jsonl").write_bytes(line(2) + line(3) + line(4)[:-9])
    async with Shards(tmp_path, 9) as shards:
        assert [True, False, True, True, False] == [
            shards.has(index, str(index)) for index in range(5)
        ]
        with pytest.raises(InvalidRequestError, match="it is of another input"):
            shards.has(3, "x")
    assert [0, 2] == indices(tmp_path / "part-00000.jsonl")
    assert [3] == indices(tmp_path / "part-00001.jsonl")


async def test_lines_are_written_when_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adds them waits for the disk."""
    monkeypatch.setattr("llmgate_ray.shards._MOST_UNWRITTEN", 10)
    async with Shards(tmp_path, 9) as shards:
        await shards.add([line(0)])
        assert [0] == indices(tmp_path / "part-00000.jsonl")


async def test_one_process_writes_an_output(tmp_path: Path) -> None:
    """Another one is refused, until the first has ended."""
    async with Shards(tmp_path, 9):
        with pytest.raises(InvalidRequestError, match="another process writes into it"):
            await Shards(tmp_path, 9).__aenter__()
    async with Shards(tmp_path, 9) as shards:
        assert not shards.has(0, "0")


async def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    """With the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequestError, match="file"):
        await Shards(tmp_path / "file", 9).__aenter__()


async def test_a_directory_whose_opening_is_cancelled_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same process may write into it later."""
    with monkeypatch.context() as patch:
        patch.setattr("llmgate_ray.shards.Journal.__aenter__", _cancelled)
        with pytest.raises(asyncio.CancelledError):
            await Shards(tmp_path, 9).__aenter__()
    async with Shards(tmp_path, 9) as shards:
        assert not shards.has(0, "0")


async def _cancelled(_: object) -> None:
    raise asyncio.CancelledError


# --- places ---


def test_a_limit_is_divided() -> None:
    """All parts together are the whole, where that is possible."""
    limit = Limit(requests=600, tokens=9_000, concurrency=10, burst=7, by="tenant")
    parts = [WorkerPlace(number, 3).share_of(limit) for number in range(3)]
    assert [(200.0, 3_000.0, 2)] * 3 == [(each.requests, each.tokens, each.burst) for each in parts]
    assert [4, 3, 3] == [each.concurrency for each in parts]
    assert ["tenant"] * 3 == [each.by for each in parts]
    assert Limit(tokens=5.0) == WorkerPlace(0, 2).share_of(Limit(tokens=10))
    assert 1 == WorkerPlace(4, 5).share_of(Limit(concurrency=2, burst=2)).concurrency
    budgets = [WorkerPlace(number, 4).share_of(Limit(spend=0.1, per=86_400)) for number in range(4)]
    assert Decimal("0.1") == sum(Decimal(str(each.spend)) for each in budgets)


# --- where calls come from ---


def test_calls_come_from_files_and_all_that_can_be_iterated_over(tmp_path: Path) -> None:
    """With their places and ids; a template is for files."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": "x", "text": "a"}\n"b"\n', "utf-8")
    assert [
        Item(0, "x", {"prompt": "Say a", "id": "x"}, size=6),
        Item(1, "1", {"prompt": "Say b"}, size=5),
    ] == [*source_of(str(path), "Say {text}")]
    expected = [Item(0, "0", "a", size=1), Item(1, "z", {"id": "z"}, size=1)]
    assert expected == [*source_of(["a", {"id": "z"}], None)]
    for calls, template in (({"prompt": "a"}, None), (7, None), (["a"], "{text}")):
        with pytest.raises(InvalidRequestError):
            source_of(calls, template)


def test_a_dataset_keeps_its_order() -> None:
    """That is set before its rows are read: otherwise it could not be resumed."""
    options = SimpleNamespace(preserve_order=False)
    context = SimpleNamespace(execution_options=options)
    rows = [{"id": "a", "prompt": "A"}]
    dataset: Any = SimpleNamespace(context=context, iter_rows=lambda: iter(rows))
    assert [Item(0, "a", rows[0], size=2)] == [*source_of(dataset, None)]
    assert options.preserve_order


@pytest.mark.parametrize("name", ["concurrency", "workers", "shard_size"])
@pytest.mark.parametrize("value", [0, True, "2"])
async def test_arguments_are_checked(tmp_path: Path, name: str, value: Any) -> None:
    """Before the output is opened."""
    given: Any = {name: value}
    with pytest.raises(InvalidRequestError, match="expected an integer above 0") as caught:
        await anext(ray_batch(["a"], tmp_path / "out", **given))
    assert name == caught.value.path
    assert not (tmp_path / "out").exists()


async def test_without_ray_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is named."""
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InvalidRequestError, match="the package ray, which llmgate-ray needs"):
        await joined("auto")
