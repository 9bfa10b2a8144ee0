"""Ways to leave a stream, awaited and not; each gets one, and leaves it."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from llmgate import Stream, SyncStream
from llmgate.errors import ClosedError, LLMGateError
from tests.faults.stage import Stage

__all__ = ["AWAITED", "NOT_AWAITED", "is_closed", "leave_on_this_thread", "on_a_thread"]


class LeftError(Exception):
    """What a caller's own code raises."""


async def on_a_thread(work: Callable[[], object]) -> None:
    """Do something where no event loop is."""
    await asyncio.to_thread(work)


# --- awaited ------------------------------------------------------------------------------


async def by_break(stage: Stage) -> None:
    async for _ in await stage.stream():
        break


async def by_break_in_text(stage: Stage) -> None:
    async for _ in (await stage.stream()).text():
        break


async def by_return(stage: Stage) -> None:
    async def first() -> Any:
        async for chunk in await stage.stream():
            return chunk

    await first()


async def by_exception(stage: Stage) -> None:
    try:
        async for _ in await stage.stream():
            raise LeftError
    except LeftError:
        pass


async def by_exception_in_context(stage: Stage) -> None:
    try:
        async with await stage.stream() as stream:
            await anext(aiter(stream))
            raise LeftError
    except LeftError:
        pass


async def by_closing(stage: Stage) -> None:
    stream = await stage.stream()
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    await is_closed(stream)


async def by_closing_unread(stage: Stage) -> None:
    stream = await stage.stream()
    await stream.aclose()
    await is_closed(stream)


async def by_closing_twice_at_once(stage: Stage) -> None:
    stream = await stage.stream()
    await asyncio.gather(stream.aclose(), stream.aclose())


async def by_closing_while_read(stage: Stage) -> None:
    stream = await stage.stream()
    reader = asyncio.ensure_future(stream.completion())
    await asyncio.sleep(0.03)
    await stream.aclose()
    try:
        await reader
    except ClosedError:
        return
    raise AssertionError("whoever reads is not told")


async def by_context(stage: Stage) -> None:
    async with await stage.stream() as stream:
        await anext(stream)
    await is_closed(stream)


async def by_context_unread(stage: Stage) -> None:
    async with await stage.stream():
        pass


async def by_letting_go(stage: Stage) -> None:
    stream = await stage.stream()
    await anext(stream)
    del stream


async def by_letting_go_unread(stage: Stage) -> None:
    await stage.stream()


async def by_collection(stage: Stage, *, read: bool) -> None:
    cycle: list[Any] = [await stage.stream()]
    if read:
        await anext(cycle[0])
    cycle.append(cycle)
    del cycle
    gc.collect()


async def by_collection_on_a_thread(stage: Stage) -> None:
    cycle: list[Any] = [await stage.stream()]
    await anext(cycle[0])
    cycle.append(cycle)
    del cycle
    await on_a_thread(gc.collect)


async def by_collection_of_a_pass(stage: Stage) -> None:
    stream = await stage.stream()
    cycle: list[Any] = [aiter(stream)]
    await anext(cycle[0])
    cycle.append(cycle)
    del cycle, stream
    gc.collect()


async def by_dropping(stage: Stage) -> None:
    stream = await stage.stream()
    await anext(stream)
    stream.drop()
    stream.drop()
    await is_closed(stream)


async def by_dropping_on_a_thread(stage: Stage) -> None:
    stream = await stage.stream()
    await anext(stream)
    await on_a_thread(stream.drop)


async def passed_on(stage: Stage) -> AsyncGenerator[Any, None]:
    """A caller's own generator around a stream."""
    async for chunk in await stage.stream():
        yield chunk


async def by_closing_a_generator(stage: Stage) -> None:
    generator = passed_on(stage)
    await anext(generator)
    await generator.aclose()


async def by_letting_a_generator_go(stage: Stage) -> None:
    async for _ in passed_on(stage):
        break


async def by_cancelling_the_rest(stage: Stage) -> None:
    stream = await stage.stream()
    await anext(stream)
    reader = asyncio.ensure_future(stream.completion())
    await asyncio.sleep(0.02)
    reader.cancel()
    await asyncio.wait({reader})
    assert reader.cancelled()


async def is_closed(stream: Stream) -> None:
    """Whoever goes on reading is told; nothing passes for an end."""
    for going_on in (lambda: anext(stream), stream.completion, stream.next_batch):
        try:
            await going_on()
        except ClosedError:
            continue
        raise AssertionError("a closed stream goes on")


AWAITED: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "break": by_break,
    "break in its text": by_break_in_text,
    "return": by_return,
    "an exception": by_exception,
    "an exception in its context": by_exception_in_context,
    "closing": by_closing,
    "closing, unread": by_closing_unread,
    "closing twice at once": by_closing_twice_at_once,
    "closing while another task reads": by_closing_while_read,
    "its context": by_context,
    "its context, unread": by_context_unread,
    "letting go": by_letting_go,
    "letting go, unread": by_letting_go_unread,
    "the garbage collector": partial(by_collection, read=True),
    "the garbage collector, unread": partial(by_collection, read=False),
    "the garbage collector on a thread": by_collection_on_a_thread,
    "the garbage collector, in a pass over it": by_collection_of_a_pass,
    "dropping": by_dropping,
    "dropping on a thread": by_dropping_on_a_thread,
    "closing a generator around it": by_closing_a_generator,
    "letting go a generator around it": by_letting_a_generator_go,
    "cancelling who asks for the rest": by_cancelling_the_rest,
}


# --- not awaited --------------------------------------------------------------------------


def sync_break(stream: SyncStream) -> None:
    for _ in stream:
        break


def sync_break_in_text(stream: SyncStream) -> None:
    for _ in stream.text():
        break


def sync_exception(stream: SyncStream) -> None:
    try:
        for _ in stream:
            raise LeftError
    except LeftError:
        pass


def sync_closing(stream: SyncStream) -> None:
    next(stream)
    stream.close()
    stream.close()
    for going_on in (lambda: next(stream), stream.completion):
        try:
            going_on()
        except ClosedError:
            continue
        raise AssertionError("a closed stream goes on")


def sync_closing_unread(stream: SyncStream) -> None:
    stream.close()


def sync_context(stream: SyncStream) -> None:
    with stream:
        next(stream)


def sync_letting_go(stream: SyncStream) -> None:
    next(stream)


def sync_letting_go_unread(stream: SyncStream) -> None:
    pass


def sync_collection(stream: SyncStream) -> None:
    cycle: list[Any] = [stream, iter(stream)]
    next(cycle[1])
    cycle.append(cycle)
    del cycle


def passed_on_sync(stream: SyncStream) -> Iterator[Any]:
    yield from stream


def sync_generator(stream: SyncStream) -> None:
    for _ in passed_on_sync(stream):
        break


def sync_closing_while_read(stream: SyncStream) -> None:
    failures = list[BaseException]()

    def read() -> None:
        try:
            stream.completion()
        except LLMGateError as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    reader.join(0.03)
    stream.close()
    reader.join(5)
    assert [ClosedError] == [type(failure) for failure in failures]


NOT_AWAITED: dict[str, Callable[[SyncStream], None]] = {
    "break": sync_break,
    "break in its text": sync_break_in_text,
    "an exception": sync_exception,
    "closing": sync_closing,
    "closing, unread": sync_closing_unread,
    "closing while another task reads": sync_closing_while_read,
    "its context": sync_context,
    "letting go": sync_letting_go,
    "letting go, unread": sync_letting_go_unread,
    "the garbage collector, without await": sync_collection,
    "letting go a generator around it": sync_generator,
}


def leave_on_this_thread(stage: Stage, leave: Callable[[SyncStream], None]) -> None:
    """Get a stream and leave it, without a reference that outlives it."""
    leave(stage.sync_stream())
    if leave is sync_collection:
        gc.collect()
