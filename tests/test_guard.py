"""The guard of a coroutine: a deadline for what it waits for, but for work that has its own."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from llmgate import Client
from llmgate._core.guard import Guard
from llmgate._core.middleware_chain import run_middleware
from llmgate._core.registry import Registry
from llmgate.errors import DeadlineExceededError
from llmgate.middleware import Middleware
from llmgate.options import ChatCall, Timeout
from llmgate.testing import FakeProvider


def guard_of(total: float | None = 0.05) -> Guard:
    """A guard of a call that begins now."""
    return Guard(Timeout(total, None, None, None), time.monotonic(), "fake/m")


async def slept(seconds: float) -> str:
    """Work that takes a while."""
    await asyncio.sleep(seconds)
    return "slept"


async def test_bounded_work_is_left_alone() -> None:
    """It ends by its own deadline, however late that is."""
    guard = guard_of()

    async def work() -> str:
        return await guard.bounded(slept(0.1))

    assert "slept" == await guard.guarded(work())


@pytest.mark.parametrize("seconds", [0.0, 0.06])
async def test_other_waits_have_the_deadline(seconds: float) -> None:
    """Also what comes behind bounded work; what was late before it waits is ended at once."""
    guard = guard_of()

    async def work() -> str:
        await guard.bounded(slept(seconds))
        return await slept(9)

    began = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        await guard.guarded(work())
    assert 0.05 <= time.monotonic() - began < 5
    assert ("fake/m", "total") == (caught.value.model, caught.value.phase)
    assert caught.value.__context__ is None


async def test_waits_that_are_short_enough() -> None:
    """Of both kinds, in turn; and without a deadline."""
    for guard in (guard_of(9), guard_of(None)):

        async def work(guard: Guard = guard) -> str:
            return await slept(0) + await guard.bounded(slept(0)) + await slept(0.001)

        assert "sleptsleptslept" == await guard.guarded(work())


@pytest.mark.parametrize("is_bounded", [True, False])
@pytest.mark.parametrize("is_caught", [True, False])
async def test_a_cancellation_reaches_what_waits(*, is_bounded: bool, is_caught: bool) -> None:
    """Which may swallow it, and give something else or fail; nothing is added to that."""
    guard, seen = guard_of(9), list[str]()

    async def sleep() -> str:
        try:
            return await slept(9)
        except asyncio.CancelledError:
            seen.append("cancelled")
            if is_caught:
                await asyncio.sleep(0)
                return "caught"
            raise

    async def work() -> str:
        return await (guard.bounded(sleep()) if is_bounded else sleep())

    async def guarded() -> str:
        return await guard.guarded(work())

    task = asyncio.create_task(guarded())
    await asyncio.sleep(0.01)
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert ["cancelled"] == seen
    assert ("caught" if is_caught else "cancelled") == (result if is_caught else seen[0])
    assert is_caught is not isinstance(result, asyncio.CancelledError)


async def test_an_error_has_no_other_context() -> None:
    """What a cancellation is turned into was not raised while another error was handled."""
    guard = guard_of(9)

    async def sleep() -> str:
        failed = False
        try:
            return await slept(9)
        except asyncio.CancelledError:
            failed = True
        raise LookupError(failed)

    async def work() -> str:
        return await guard.bounded(sleep())

    async def guarded() -> str:
        return await guard.guarded(work())

    task = asyncio.create_task(guarded())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(LookupError) as caught:
        await task
    assert caught.value.__context__ is None


@pytest.mark.parametrize("is_bounded", [True, False])
async def test_closing_reaches_what_waits(*, is_bounded: bool) -> None:
    """As when a loop ends with the call under way."""
    guard, seen = guard_of(9), list[str]()

    async def sleep() -> str:
        try:
            return await slept(9)
        finally:
            seen.append("closed")

    async def work() -> str:
        return await (guard.bounded(sleep()) if is_bounded else sleep())

    async def guarded() -> str:
        return await guard.guarded(work())

    coroutine: Any = guarded()
    coroutine.send(None)
    coroutine.close()
    assert ["closed"] == seen


async def test_what_is_no_coroutine_is_awaited_as_well() -> None:
    """As when a middleware begins a task, and returns that."""

    class Begun(Middleware):
        def chat(self, call: ChatCall, handler: Any) -> Any:
            return asyncio.ensure_future(handler(call))

    client: Any = Client(providers={"fake": FakeProvider(["word"])}, middleware=[Begun()])
    assert "word" == (await client.acompletion("fake/m", [{"role": "user", "content": "Hi"}])).text


async def test_a_call_that_is_late_begins_nothing() -> None:
    """As when its files took all of its time: what middleware has at hand is not given either."""
    asked = list[Any]()

    async def perform(call: ChatCall, began: float) -> Any:
        asked.append((call, began))

    began = time.monotonic() - 9
    chain: list[Any] = [Middleware().chat]
    call = ChatCall("fake/m", [])
    with pytest.raises(DeadlineExceededError):
        await run_middleware(chain, call, perform, object, Registry(), Timeout(1), began)
    assert [] == asked
