"""How hooks are called: with every event in order, holding up nobody."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import threading
import time
from typing import Any, NoReturn

import pytest

from llmgate import Client
from llmgate._core.dispatch import Dispatcher
from llmgate.errors import InvalidRequestError
from llmgate.hooks import (
    CallEnded,
    Event,
    FirstToken,
    Hook,
)
from llmgate.testing import FakeProvider
from tests.dispatch.events import STARTED, Gate, ended, fail
from tests.machine import Delay

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def leave(event: Event) -> NoReturn:
    """A hook that would end its thread."""
    raise SystemExit(3)


def cancel(event: Event) -> NoReturn:
    """A hook of somebody who mixes up his exceptions."""
    raise asyncio.CancelledError


# --- as every user expects --------------------------------------------------------------


async def test_a_slow_hook_is_given_every_event_before_the_client_is_closed() -> None:
    """Though the calls themselves did not wait for it."""
    ends: list[CallEnded] = []

    def slow(event: Event) -> None:
        if isinstance(event, CallEnded):
            time.sleep(0.002)
            ends.append(event)

    fake = FakeProvider(["Hi"] * 400)
    async with Client(providers={"fake": fake}, hooks=[slow]) as client:
        await asyncio.gather(*(client.acompletion("fake/m", HI) for _ in range(400)))
    assert (400, 400, 0) == (len(ends), len({e.call_id for e in ends}), client.lost_events)


async def test_closing_waits_only_as_long_as_it_may(gate: Gate) -> None:
    """Then it warns of the events that are lost, and does not deliver them later."""
    fake = FakeProvider(["Hi"] * 3)
    client = Client(providers={"fake": fake}, hooks=[gate], hook_timeout=0.2)
    for _ in range(3):
        await client.acompletion("fake/m", HI)
    assert gate.is_reached.wait(5)
    started, delay = time.monotonic(), Delay()
    with pytest.warns(RuntimeWarning, match=r"hooks were too slow: \d+ events were lost") as seen:
        await client.aclose()
    assert 0.19 <= time.monotonic() - started
    assert time.monotonic() - started - delay.seconds < 1
    assert 1 == len(seen)
    assert f" {client.lost_events} events" in str(seen[0].message)
    gate.may_go_on.set()
    await client.aclose()  # it says nothing twice
    assert 1 == len(gate.seen)


async def test_the_loss_is_logged_where_the_program_logs(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """By the logger ``llmgate``."""
    dispatcher = Dispatcher(timeout=0.01)
    gate.shut(dispatcher)(ended())
    with pytest.warns(RuntimeWarning, match="1 event was lost"):
        await dispatcher.aclose()
    assert ["hooks were too slow: 1 event was lost"] == caplog.messages


async def test_where_nothing_logs_nothing_is_printed_twice(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The warning is enough."""
    logger = logging.getLogger("llmgate")
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [])
    dispatcher = Dispatcher(timeout=0.01)
    gate.shut(dispatcher)(ended())
    with pytest.warns(RuntimeWarning, match="1 event was lost"):
        await dispatcher.aclose()
    assert "" == capfd.readouterr().err


@pytest.mark.parametrize("timeout", [-1, "5", None, True, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(timeout: Any) -> None:
    """Also an infinite one, which would let a hook hold up the end of a program for ever."""
    with pytest.raises(InvalidRequestError, match="hook_timeout: must be a number of seconds"):
        Client(hook_timeout=timeout)


async def async_hook(event: Event) -> None:
    """A hook that nobody could await."""


class AsyncHook:
    """The same as an object."""

    async def __call__(self, event: Event) -> None: ...


@pytest.mark.parametrize("hook", [async_hook, AsyncHook(), functools.partial(async_hook)])
async def test_an_async_hook_is_refused(hook: Any) -> None:
    """Where it is given, in a sentence that says what to do."""
    for option in ("hooks", "logger_fn"):
        options: dict[str, Any] = {option: [hook] if option == "hooks" else hook}
        with pytest.raises(InvalidRequestError, match=f"{option}: .* is an async function"):
            await Client(providers={"fake": FakeProvider(["Hi"])}).acompletion(
                "fake/m", HI, **options
            )
    with pytest.raises(InvalidRequestError, match="is an async function"):
        Client(hooks=[hook])


async def test_a_hook_may_call_models_and_close_clients() -> None:
    """It waits neither for itself nor for a loop."""
    texts: list[Any] = []
    inner = Client(providers={"fake": FakeProvider(["inner"])}, hooks=[lambda _: None])

    def hook(event: Event) -> None:
        if isinstance(event, CallEnded):
            texts.append(inner.completion("fake/m", HI).text)
            texts.append(asyncio.run(outer.aclose()))

    outer = Client(providers={"fake": FakeProvider(["Hi"])}, hooks=[hook])
    await outer.acompletion("fake/m", HI)
    await outer.aclose()
    await inner.aclose()
    assert ["inner", None] == texts
    assert 0 == outer.lost_events


async def test_a_cancelled_close_leaves_the_hooks_at_work(gate: Gate) -> None:
    """Whoever closes again waits again."""
    dispatcher = Dispatcher()
    emit, end = gate.shut(dispatcher), ended()
    emit(end)
    closing = asyncio.ensure_future(dispatcher.aclose())
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    gate.may_go_on.set()
    await dispatcher.aclose()
    assert [STARTED, end] == gate.seen


async def test_two_loops_may_close_at_once(gate: Gate) -> None:
    """Where one of them gives up, the other does not wait for what was lost."""
    dispatcher = Dispatcher(timeout=0.3)
    gate.shut(dispatcher)(ended())
    other = asyncio.ensure_future(asyncio.to_thread(dispatcher.flush, 5))
    await asyncio.sleep(0.01)
    with pytest.warns(RuntimeWarning, match="1 event was lost"):
        await dispatcher.aclose()
    await asyncio.wait_for(other, 3)


# --- one thread, in order ---------------------------------------------------------------


def test_hooks_are_handed_every_event_in_order(dispatcher: Dispatcher) -> None:
    """One event after the other, and each to the hooks in their order."""
    seen: list[tuple[str, Event]] = []
    hooks: list[Hook] = [lambda event: seen.append(("a", event))]
    hooks.append(lambda event: seen.append(("b", event)))
    events: list[Event] = [FirstToken("c", float(number)) for number in range(50)]
    events[10::3] = [ended(str(number)) for number in range(len(events[10::3]))]
    emit = dispatcher.emitter(hooks)
    for event in events:
        emit(event)
    assert dispatcher.flush(5)
    assert [(name, event) for event in events for name in "ab"] == seen


def test_hooks_run_on_one_thread_of_their_own(dispatcher: Dispatcher) -> None:
    """Not on the caller's, whose event loop they would block; it ends with the process."""
    threads: list[threading.Thread] = []
    for _ in range(2):
        dispatcher.emitter([lambda _: threads.append(threading.current_thread())])(STARTED)
        assert dispatcher.flush(5)
    assert 1 == len(set(threads))
    assert threads[0] is not threading.current_thread()
    assert ("llmgate-hooks", True) == (threads[0].name, threads[0].daemon)


@pytest.mark.parametrize("bad", [fail, leave, cancel])
def test_a_hook_that_raises_harms_nobody(
    dispatcher: Dispatcher,
    bad: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither another hook, nor a later event, nor the thread; and nothing is logged."""
    seen: list[Event] = []
    threads: set[threading.Thread] = set()
    for event in (STARTED, FirstToken("c", 1.0)):
        hooks: list[Hook] = [bad, seen.append]
        hooks.append(lambda _: threads.add(threading.current_thread()))
        dispatcher.emitter(hooks)(event)
        assert dispatcher.flush(5)
    assert [STARTED, FirstToken("c", 1.0)] == seen
    assert 1 == len(threads)
    assert ([], "", "") == (caplog.records, *capfd.readouterr())


def test_hooks_see_the_caller_s_context_variables(dispatcher: Dispatcher) -> None:
    """As they were when the call began, so that a trace's id is known; what a hook sets, the hooks
    of the same call see and nobody else."""
    trace = contextvars.ContextVar("trace", default="none")
    seen: list[str] = []

    def look(event: Event) -> None:
        seen.append(trace.get())
        trace.set(f"{trace.get()}, seen")

    for name in ("a", "b"):
        trace.set(name)
        emit = dispatcher.emitter([look])
        emit(STARTED)
        emit(ended())
    trace.set("c")
    assert dispatcher.flush(5)
    assert (["a", "a, seen", "b", "b, seen"], "c") == (seen, trace.get())


def test_without_an_event_there_is_no_thread() -> None:
    """Making a client starts nothing, and there is nothing to wait for."""
    before = threading.active_count()
    assert Dispatcher().flush(0)
    assert before == threading.active_count()


def test_events_from_many_threads_start_one_worker(dispatcher: Dispatcher) -> None:
    """And none is lost."""
    together = threading.Barrier(8)
    seen: list[threading.Thread] = []

    def emit() -> None:
        together.wait(5)
        for _ in range(500):
            dispatcher.emitter([lambda _: seen.append(threading.current_thread())])(STARTED)

    callers = [threading.Thread(target=emit) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(5)
    assert dispatcher.flush(5)
    assert (4000, 1, 0) == (len(seen), len(set(seen)), dispatcher.lost)
