"""Streams that are left: by break, closing, exceptions and letting go, half read and unread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from llmgate import Stream, SyncStream
from llmgate.errors import ClosedError, LLMGateError, StreamTruncatedError
from llmgate.hooks import CallEnded
from tests.faults.calls import Recorder
from tests.faults.server import hang, wait_for_async
from tests.faults.stage import Stage, collect, endless, good, open_stage, requested
from tests.faults.table import Case, Player, Scene, client_for, serving

__all__ = ["CASES"]


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
    collect()


async def by_collection_on_a_thread(stage: Stage) -> None:
    cycle: list[Any] = [await stage.stream()]
    await anext(cycle[0])
    cycle.append(cycle)
    del cycle
    await on_a_thread(collect)


async def by_collection_of_a_pass(stage: Stage) -> None:
    stream = await stage.stream()
    cycle: list[Any] = [aiter(stream)]
    await anext(cycle[0])
    cycle.append(cycle)
    del cycle, stream
    collect()


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
    reader.join(1)
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
    "the garbage collector": sync_collection,
    "letting go a generator around it": sync_generator,
}


# --- what is the same for all -------------------------------------------------------------


def left_by(name: str) -> Scene:
    """The server sees the close within 0.2 s, a prediction is cancelled, the pool of one goes on,
    and the hooks are told of one end."""

    async def scene(player: Player) -> None:
        hook = Recorder()
        async with open_stage(
            player, endless(player), good(player), limit=1, hooks=[hook]
        ) as stage:
            if player.sync:
                await on_a_thread(lambda: leave_on_this_thread(stage, NOT_AWAITED[name]))
            else:
                await AWAITED[name](stage)
            await stage.is_left(stage.peer)
            await stage.healthy()
        outcome = "cancelled" if "cancelling" in name else "abandoned"
        assert [outcome, "ok"] == [end.outcome for end in hook.all(CallEnded)]

    ways = [(False, True)] * (name in AWAITED) + [(True, True)] * (name in NOT_AWAITED)
    return Scene(f"a stream is left by {name}", scene, ways=tuple(ways))


def leave_on_this_thread(stage: Stage, leave: Callable[[SyncStream], None]) -> None:
    """Get a stream and leave it, without a reference that outlives it."""
    leave(stage.sync_stream())
    if leave is sync_collection:
        collect()


async def _read_to_its_end(player: Player) -> None:
    """A whole stream that is left afterwards is no abandoned one; its connection is kept."""
    hook = Recorder()
    async with open_stage(player, good(player), limit=1, hooks=[hook]) as stage:
        async with await stage.stream() as stream:
            await stream.completion()
        assert "Hello" == (await stream.completion()).text
        assert [] == await stream.next_batch()
        del stream
        await stage.healthy()
        assert (1, 0) == (stage.server.connections, stage.farewells)
    assert ["ok", "ok"] == [end.outcome for end in hook.all(CallEnded)]


async def _broken_before_left(player: Player) -> None:
    """A stream that failed is not failed again by leaving it."""
    async with open_stage(player, player.dialect.streamed(*player.dialect.begun)) as stage:
        stream = await stage.stream()
        try:
            await stream.completion()
        except StreamTruncatedError:
            pass
        else:
            raise AssertionError("half an answer")
        await stream.aclose()
        stream.drop()
        await is_closed(stream)


async def _read_by_two(player: Player) -> None:
    """A second reader is refused, and the first goes on."""
    async with open_stage(player, endless(player), good(player)) as stage:
        stream = await stage.stream()
        first = asyncio.ensure_future(stream.completion())
        await requested(stage.server)
        await asyncio.sleep(0.02)
        try:
            await anext(stream)
        except LLMGateError:
            pass
        else:
            raise AssertionError("two read one stream")
        assert not first.done()
        first.cancel()
        await asyncio.wait({first})
        await stage.is_left(stage.peer)


async def _twenty_let_go(player: Player) -> None:
    """Twenty streams that are let go at once."""
    async with open_stage(player, *[endless(player)] * 20, good(player)) as stage:
        streams = await asyncio.gather(*(stage.stream() for _ in range(20)))
        await asyncio.gather(*(anext(stream) for stream in streams))
        peers = list(stage.server.peers)
        streams.clear()
        await stage.is_left(*peers)
        await stage.healthy()


async def _client_closed(player: Player) -> None:
    """Closing the client ends what is open, which is told so; so is every later call."""
    first = endless(player) if player.stream else hang
    async with open_stage(player, first, good(player)) as stage:
        call = asyncio.ensure_future(stage.player.call(stage.client, stage.server))
        await requested(stage.server)
        await asyncio.sleep(0.03)
        await player.close(stage.client)
        outcome = await asyncio.wait_for(call, 1)
        assert isinstance(outcome.error, ClosedError), repr(outcome.error)
        assert await wait_for_async(lambda: stage.server.open_connections == 0, 0.2)
        again = await stage.call()
        assert isinstance(again.error, ClosedError)
        await player.close(stage.client)


async def _client_let_go(player: Player) -> None:
    """A client that is let go closes what it kept; a stream that is held keeps its own."""
    async with serving(player.dialect.serve(good(player), endless(player))) as server:
        client = client_for(player.dialect, server.url)
        await player.call(client, server)
        assert 1 == server.open_connections
        held = None
        if player.stream and not player.sync:
            held = await Stage(player, server, client).stream()
            assert 1 == server.open_connections
        del client
        if held is not None:
            assert not await wait_for_async(lambda: server.open_connections == 0, 0.05)
            assert await anext(held)
            del held
        assert await wait_for_async(lambda: server.open_connections == 0, 0.3)


CASES: tuple[Case | Scene, ...] = (
    *(left_by(name) for name in AWAITED),
    Scene("a whole stream is left", _read_to_its_end, ways=((False, True),)),
    Scene("a broken stream is left", _broken_before_left, ways=((False, True),)),
    Scene("a stream is read by two", _read_by_two, ways=((False, True),)),
    Scene("twenty streams are let go", _twenty_let_go, ways=((False, True),)),
    Scene("a client is closed during a call", _client_closed),
    Scene("a client is let go", _client_let_go),
)
