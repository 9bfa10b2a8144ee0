"""Many calls: as many at once as the provider can take; results as they come, or in order.

It reads calls from any iterable and returns records; ``batch_files`` handles files.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack, cast

from llmgate._core.adaptive import AdaptiveLimit
from llmgate._core.base_client import run_blocking
from llmgate._core.default import default_client
from llmgate._text.json import is_mapping, is_number
from llmgate.errors import (
    InvalidRequestError,
    LLMGateError,
    RequestError,
    describe_value,
)
from llmgate.types import Completion

if TYPE_CHECKING:
    from llmgate._core.client import Client
    from llmgate.options import CallOptions

__all__ = ["BatchCall", "BatchRecord", "abatch", "batch"]

BatchCall: TypeAlias = str | Mapping[str, Any]
"""A prompt; or the arguments of ``acompletion``, with an optional ``id``. ``prompt`` may stand in
place of ``messages``, and the objects of OpenAI's batch files are accepted as well."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """The outcome of one call: a completion, or the error that it failed with.

    ``index`` is the call's index, from 0; ``id`` is its own id, or its index as a string.
    """

    index: int
    id: str
    completion: Completion | None = None
    error: LLMGateError | None = None

    @property
    def text(self) -> str | None:
        """The text of the completion; None if the call failed."""
        return None if self.completion is None else self.completion.text


async def abatch(
    calls: Iterable[BatchCall] | AsyncIterable[BatchCall],
    *,
    model: str | list[str] | None = None,
    concurrency: int = 64,
    ordered: bool = False,
    system: str | None = None,
    max_cost: Decimal | float | None = None,
    client: Client | None = None,
    **options: Unpack[CallOptions],
) -> AsyncGenerator[BatchRecord, None]:
    """Make many calls; yields a record for each, in constant memory.

    Calls are read as they are needed, and no more are made than their records are read: a reader
    that stops also stops the batch. It begins with a few calls at once, adds more while all goes
    well, and halves their number when the provider limits or is overloaded. A call that fails
    yields a record with its error.

    Args:
        calls: Prompts or arguments, from anything that can be iterated over, async or not.
        model: For calls that do not name one.
        concurrency: The most calls at once.
        ordered: Whether the records come in the order of the calls; then at most four times
            ``concurrency`` calls run ahead of a slow one.
        system: Instructions that come before each prompt.
        max_cost: What all calls together may cost, in the currency of their prices, which must be
            the same for all. When it is reached, no more calls are made; those under way are still
            billed.
        client: The client whose limits, hooks and middleware apply; the default one if None.
        options: Further arguments for every call that does not set them itself.

    Raises:
        InvalidRequestError: when an argument is wrong; a wrong call yields a record instead.
        RequestError: when ``max_cost`` is reached, or a price is not known or in another currency
            than the others, after the last record.
    """
    given: Any = calls
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable | AsyncIterable):
        reason = "expected calls to iterate over, got " + describe_value(cast("object", given))
        raise InvalidRequestError(reason, path="calls")
    common = {"model": model, "system": system, **options}
    budget = Budget(max_cost)
    records = run_numbered(
        numbered(calls), common, concurrency, client, ordered=ordered, budget=budget
    )
    async with aclosing(records):
        async for record in records:
            yield record


def check_concurrency(concurrency: Any) -> None:
    """Refuse a number of calls at once with which none would ever be made.

    Raises:
        InvalidRequestError: for anything but an integer above 0.
    """
    if type(concurrency) is not int or concurrency < 1:
        raise InvalidRequestError.expected("an integer above 0", concurrency, "concurrency")


async def run_numbered(
    calls: AsyncIterator[tuple[int, Any]],
    common: Mapping[str, Any],
    concurrency: int,
    client: Client | None,
    *,
    budget: Budget,
    ordered: bool = False,
) -> AsyncGenerator[BatchRecord, None]:
    """The records of calls that come with their indexes."""
    check_concurrency(concurrency)
    run = _Run(calls, common, concurrency, client or default_client(), budget, ordered=ordered)
    try:
        async for record in run.records():
            yield record
        budget.check()
    finally:
        await run.aclose()


def batch(
    calls: Iterable[BatchCall],
    *,
    model: str | list[str] | None = None,
    concurrency: int = 64,
    system: str | None = None,
    client: Client | None = None,
    **options: Unpack[CallOptions],
) -> list[BatchRecord]:
    """:func:`abatch` for code that is not async: all records, in the order of the calls.

    Raises:
        InvalidRequestError: when an argument is wrong.
    """

    async def collected() -> list[BatchRecord]:
        records = abatch(
            calls,
            model=model,
            concurrency=concurrency,
            ordered=True,
            system=system,
            client=client,
            **options,
        )
        return [record async for record in records]

    return run_blocking(collected)


class _Run:
    """The running calls of one batch."""

    def __init__(
        self,
        calls: AsyncIterator[tuple[int, Any]],
        common: Mapping[str, Any],
        concurrency: int,
        client: Client,
        budget: Budget,
        *,
        ordered: bool,
    ) -> None:
        self._calls = calls
        self._common, self._client, self._is_ordered = common, client, ordered
        self._budget = budget
        self._limit = AdaptiveLimit(concurrency)
        self._ahead = asyncio.Semaphore(concurrency * (4 if ordered else 2))
        self._reading = asyncio.Lock()
        self._records: asyncio.Queue[BatchRecord | BaseException | None] = asyncio.Queue()
        self._workers = [asyncio.create_task(self._work()) for _ in range(concurrency)]
        self._running = concurrency

    async def records(self) -> AsyncIterator[BatchRecord]:
        """The records, until there are no more."""
        waiting = dict[int, BatchRecord]()
        following = 0  # the lowest index whose result was not yielded
        while (record := await self._records.get()) is not None:
            if isinstance(record, BaseException):
                raise record
            if not self._is_ordered:
                self._ahead.release()
                yield record
                continue
            waiting[record.index] = record
            while following in waiting:
                self._ahead.release()
                yield waiting.pop(following)
                following += 1

    async def aclose(self) -> None:
        """End the calls that still run."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.wait(self._workers)

    async def _work(self) -> None:
        """Make one call after another."""
        try:
            while True:
                await self._ahead.acquire()
                async with self._reading:
                    index, call = await self._next()
                async with self._limit:
                    record = await self._made(index, call)
                result = cast("Completion | LLMGateError", record.completion or record.error)
                self._limit.learn(result.attempts, record.error)
                self._budget.spend(record.completion)
                self._records.put_nowait(record)
        except StopAsyncIteration:
            self._ahead.release()
        except Exception as error:  # noqa: BLE001 - whatever the calls come from may raise anything
            self._records.put_nowait(error)
        self._running -= 1
        if not self._running:
            self._records.put_nowait(None)

    async def _next(self) -> tuple[int, Any]:
        """The next call, while there are more and they may be made."""
        if not self._budget.is_refusing:
            numbered_call = await anext(self._calls)
            if self._budget.allows_a_call():
                return numbered_call
        raise StopAsyncIteration

    async def _made(self, index: int, call: BatchCall) -> BatchRecord:
        name = id_of(call, index)
        try:
            arguments = arguments_of(call, index, self._common)
            completion = await self._client.acompletion(**arguments)
        except LLMGateError as error:
            return BatchRecord(index, name, error=error.with_traceback(None))
        return BatchRecord(index, name, cast("Completion", completion))


async def numbered(
    calls: Iterable[BatchCall] | AsyncIterable[BatchCall],
) -> AsyncIterator[tuple[int, BatchCall]]:
    """Calls with their indexes."""
    index = 0
    if isinstance(calls, AsyncIterable):
        async for call in calls:
            yield index, call
            index += 1
        return
    for call in calls:
        yield index, call
        index += 1


def arguments_of(call: Any, index: int, common: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``acompletion`` for a call, beside those that all calls share.

    Raises:
        InvalidRequestError: when it is not a valid call.
    """
    if isinstance(call, LLMGateError):  # it could not be read, and stands for itself
        raise call
    if isinstance(call, str):
        call = {"prompt": call}
    if not is_mapping(call):
        raise InvalidRequestError.expected("a prompt or a dictionary", call, f"calls[{index}]")
    given = {str(name): value for name, value in call.items()}
    given.pop("id", None)
    given.pop("custom_id", None)
    if isinstance(given.get("body"), Mapping):  # as in OpenAI's batch files
        given = {**given.pop("body"), **{k: v for k, v in given.items() if k not in _OF_HTTP}}
    if given.get("model") is None:  # as in a row without one
        given.pop("model", None)
    prompt = given.pop("prompt", None)
    if prompt is not None and given.get("messages") is not None:
        reason = "prompt and messages are both given; one of them is to be left out"
        raise InvalidRequestError(reason, path=f"calls[{index}]")
    if prompt is not None:
        given["messages"] = [{"role": "user", "content": prompt}]
    arguments = {name: value for name, value in common.items() if value is not None} | given
    arguments.pop("stream", None)  # a record has a completion
    system = arguments.pop("system", None)
    if prompt is not None and system is not None:
        arguments["messages"] = [{"role": "system", "content": system}, *arguments["messages"]]
    if "self" in arguments:  # Python would take it for the client
        raise InvalidRequestError("there is no such parameter", path="self")
    for name in ("model", "messages"):
        if arguments.get(name) is None:
            raise InvalidRequestError(f"the call has no {name}", path=f"calls[{index}]")
    return arguments


def id_of(call: Any, index: int) -> str:
    """The id of a call: its own, or its index."""
    if is_mapping(call):
        for name in ("id", "custom_id"):
            given = call.get(name)
            if given is not None:
                return str(given)
    return str(index)


_OF_HTTP = frozenset({"method", "url"})


class Budget:
    """What a batch may cost, and has cost."""

    def __init__(self, most: Decimal | float | None) -> None:
        self._most = None if most is None else _amount(most)
        self._spent = Decimal(0)
        self._currency = ""
        self._reason = ""
        self.is_refusing = False
        """Whether a call was not made."""

    def spend(self, completion: Completion | None) -> None:
        """Count what a call cost."""
        if self._most is not None and completion is not None:
            self.count(completion.cost, completion.model)

    def count(self, cost: Decimal | None, model: str | None) -> None:
        """Count what a call of this model cost; None means that this is not known."""
        if self._most is None:
            return
        if cost is None:
            self._reason = f"what {model or 'the model'} costs is not known"
            return
        if not cost:
            return
        currency = getattr(cost, "currency", self._currency)
        if self._currency not in ("", currency):
            self._reason = (
                f"{model or 'a model'} costs {currency}, others cost {self._currency}, "
                "and max_cost is of one currency"
            )
            return
        self._currency = currency
        self._spent += cost
        if self._spent >= self._most:
            self._reason = f"{self._spent} was spent, and max_cost is {self._most}"

    def allows_a_call(self) -> bool:
        """Whether another call may be made."""
        self.is_refusing = bool(self._reason)
        return not self.is_refusing

    def check(self) -> None:
        """Raise if a call was not made."""
        if self.is_refusing:
            raise RequestError(f"no more calls of the batch were made: {self._reason}")


def _amount(given: Any) -> Decimal:
    is_known = is_number(given) or (isinstance(given, Decimal) and not given.is_nan())
    if not is_known or not given > 0:
        raise InvalidRequestError.expected("an amount above 0", given, "max_cost")
    return Decimal(str(given))
