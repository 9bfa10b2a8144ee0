"""``ray_batch``: calls from a file, a dataset, or anything else, made on all nodes of a cluster."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from llmgate.batch import BatchCall, Budget, id_of
from llmgate.batch_files import calls_in
from llmgate.errors import InvalidRequestError, describe_value
from llmgate_ray.blocks import Item, Ledger, size_of
from llmgate_ray.cluster import RayCluster, joined
from llmgate_ray.driver import Driver, RayRecord, check_count
from llmgate_ray.shards import Shards
from llmgate_ray.worker import ClientFactory, WorkerSettings

if TYPE_CHECKING:
    from llmgate.options import CallOptions

__all__ = ["ray_batch"]


async def ray_batch(  # noqa: PLR0913 - each is something that one may say of a batch
    calls: str | os.PathLike[str] | Iterable[BatchCall] | Any,
    output: str | os.PathLike[str],
    *,
    template: str | None = None,
    system: str | None = None,
    model: str | list[str] | None = None,
    concurrency: int = 256,
    workers: int | None = None,
    max_cost: Decimal | float | None = None,
    client: ClientFactory | str | None = None,
    address: str = "auto",
    cpus: float = 1,
    shard_size: int = 100_000,
    **options: Unpack[CallOptions],
) -> AsyncGenerator[RayRecord, None]:
    """Make calls on all nodes of a Ray cluster, and write their records into files of a directory.

    Workers are spread over the nodes; each is an async client that makes hundreds of calls at once.
    They are given calls in small blocks, as they need them. The process that calls this writes the
    output, so that each call has one line in it, whatever becomes of a worker, of a node, or of
    this process. Run again with the same arguments, it goes on where it ended: calls whose
    completion is in the output are not made again; those that failed, or were on their way, are.

    Args:
        calls: A file, as for :func:`llmgate.batch_files.batch_file`; prompts or arguments of calls;
            or a ``ray.data.Dataset`` whose rows are such. They have to be the same, in the same
            order, when it is run again; a dataset is set to keep its order.
        output: The directory, which is made if it is not there.
        template: What makes the prompt of each call of a file, as ``"Translate: {text}"``.
        system: Instructions that come before each prompt.
        model: For calls that name none.
        concurrency: The most calls at once of each worker.
        workers: How many; one for each node if None.
        max_cost: What all calls of this run together may cost, as for :func:`~llmgate.abatch`.
        client: Makes the client of each worker, in the worker's process; it is given the worker's
            place, by which limits can be divided. Or ``"package.module:function"``, which is
            imported there. The default client if None.
        address: Of the cluster: ``"auto"`` for the one that this machine belongs to, ``"local"``
            for one of this machine alone. A cluster that this process has joined is used as it is.
        cpus: How many CPUs of its node each worker reserves.
        shard_size: The lines of each file of the output.
        options: What every call is given that does not say it itself.

    Raises:
        InvalidRequestError: when an argument is wrong, a file cannot be read or written, or the
            output is of other calls.
        RequestError: when ``max_cost`` is reached, or a price is not known, after the last record.
        WorkersLostError: when workers are lost as soon as they are started.
    """
    for name, value in (("concurrency", concurrency), ("shard_size", shard_size)):
        check_count(value, name)
    if workers is not None:
        check_count(workers, "workers")
    budget = Budget(max_cost)
    common = {"model": model, "system": system, **options}
    settings = WorkerSettings(common, concurrency, client, max_cost is not None)
    items = source_of(calls, template)
    async with Shards(Path(output), shard_size) as shards:
        ray = await joined(address)
        open_items = (item for item in items if not shards.has(item.index, item.id))
        cluster = RayCluster(ray, settings, workers, cpus)
        driver = Driver(Ledger(open_items), shards, cluster, budget, concurrency)
        try:
            async for record in driver.records():
                yield record
        finally:
            await driver.aclose()


def source_of(calls: Any, template: str | None) -> Iterator[Item]:
    """The calls with their places and ids.

    Raises:
        InvalidRequestError: when these are none; when a file cannot be read, as it is read.
    """
    if isinstance(calls, str | os.PathLike):
        found: Iterable[Any] = calls_in(Path(cast("str", calls)), template)
    elif template is not None:
        raise InvalidRequestError("a template is for the lines of a file", path="template")
    elif hasattr(calls, "iter_rows"):
        calls.context.execution_options.preserve_order = True
        found = calls.iter_rows()
    elif isinstance(calls, Iterable) and not isinstance(calls, Mapping):
        found = iter(cast("Any", calls))
    else:
        described = describe_value(cast("object", calls))
        reason = f"expected a file, a dataset or calls to iterate over, got {described}"
        raise InvalidRequestError(reason, path="calls")
    return (
        Item(index, id_of(call, index), call, size=size_of(call))
        for index, call in enumerate(found)
    )
