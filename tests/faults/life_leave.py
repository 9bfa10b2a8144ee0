"""Streams that are left: by break, closing, exceptions and letting go, half read and unread."""

from __future__ import annotations

import asyncio

from llmgate.errors import ClosedError, LLMGateError, StreamTruncatedError
from llmgate.hooks import CallEnded
from tests.faults.calls import Recorder
from tests.faults.leaving import (
    AWAITED,
    NOT_AWAITED,
    is_closed,
    leave_on_this_thread,
    on_a_thread,
)
from tests.faults.server import hang
from tests.faults.stage import Stage, endless, good, open_stage, requested
from tests.faults.table import Case, Player, Scene, client_for, serving
from tests.machine import wait_for_async

__all__ = ["CASES"]


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
            await stage.client.aclose()  # which waits for hooks
        outcome = "cancelled" if "cancelling" in name else "abandoned"
        assert [outcome, "ok"] == [end.outcome for end in hook.all(CallEnded)]

    ways = [(False, True)] * (name in AWAITED) + [(True, True)] * (name in NOT_AWAITED)
    return Scene(f"a stream is left by {name}", scene, ways=tuple(ways))


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
        await stage.client.aclose()  # which waits for hooks
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
        assert await wait_for_async(call.done)
        outcome = await call
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
            assert (await anext(held)).choices
            del held
        assert await wait_for_async(lambda: server.open_connections == 0, 0.3)


CASES: tuple[Case | Scene, ...] = (
    *(left_by(name) for name in {**AWAITED, **NOT_AWAITED}),
    Scene("a whole stream is left", _read_to_its_end, ways=((False, True),)),
    Scene("a broken stream is left", _broken_before_left, ways=((False, True),)),
    Scene("a stream is read by two", _read_by_two, ways=((False, True),)),
    Scene("twenty streams are let go", _twenty_let_go, ways=((False, True),)),
    Scene("a client is closed during a call", _client_closed),
    Scene("a client is let go", _client_let_go),
)
