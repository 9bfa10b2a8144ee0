"""Blocking calls beside the loop: their results come back, and nobody waits for those that hang."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from llmgate.provider.threads import BoundedThreads, run_in_thread, start_in_thread
from tests.faults.calls import SLACK
from tests.machine import Delay


async def test_what_a_function_returns() -> None:
    """It is called on another thread, in the caller's context, while the loop goes on."""
    name = contextvars.ContextVar[str]("name")
    name.set("here")

    released = threading.Event()

    def function() -> tuple[str, bool]:
        released.wait(5)
        return name.get(), threading.current_thread() is threading.main_thread()

    waiting = asyncio.ensure_future(run_in_thread(function))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    released.set()
    assert ("here", False) == await waiting


@pytest.mark.parametrize("error", [KeyError("no"), OSError(5, "no"), TimeoutError()])
async def test_what_a_function_raises(error: Exception) -> None:
    """It is raised where it is awaited."""

    def function() -> None:
        raise error

    with pytest.raises(type(error)):
        await run_in_thread(function)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration(5)])
async def test_what_cannot_be_raised_there(error: BaseException) -> None:
    """What would end the loop, or could not be put into a future, becomes an ordinary error."""

    def function() -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"it ended with {type(error).__name__}"):
        await run_in_thread(function)


def test_a_function_that_hangs_holds_up_no_end() -> None:
    """Neither that of its caller, who is cancelled, nor that of the loop."""
    released = threading.Event()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await run_in_thread(lambda: released.wait(5))

    began, delay = time.monotonic(), Delay()
    asyncio.run(main())
    assert time.monotonic() - began - delay.seconds < 0.05 + SLACK
    released.set()


async def test_several_may_wait_for_one() -> None:
    """That one of them is cancelled changes nothing for the others."""
    released = threading.Event()
    result = start_in_thread(lambda: released.wait(5))
    first, second = (asyncio.ensure_future(asyncio.wrap_future(result)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    released.set()
    assert await second


async def test_a_process_that_starts_no_thread_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose main thread has ended: the function is called at once."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert threading.current_thread() is await run_in_thread(threading.current_thread)
    bounded = BoundedThreads(1)
    for _ in range(2):
        assert threading.current_thread() is await bounded.run(threading.current_thread)
