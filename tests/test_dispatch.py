"""How hooks are called: with every event in order, holding up nobody, and losing nothing unseen."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn
from weakref import ref

import pytest

from llmgate import Client
from llmgate._core import dispatch as _dispatch
from llmgate._core.dispatch import Dispatcher
from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallStarted,
    Event,
    FirstToken,
    Hook,
    RetryScheduled,
)
from llmgate.provider.http import HttpRequest
from llmgate.report import Report
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Completion, Exchange, Message
from tests.machine import Delay

STARTED = CallStarted("c", "canned", "m", stream=False)
HI: list[Any] = [{"role": "user", "content": "Hi"}]


def ended(call: str = "c", completion: Completion | None = None) -> CallEnded:
    """The end of a call."""
    return CallEnded(call, "canned", "m", "ok", 1.0, 1, completion=completion)


class Gate:
    """A hook that keeps what it is given, and holds up its thread until it is opened."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.is_reached = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self.is_reached.set()
        self.may_go_on.wait(10)

    def shut(self, dispatcher: Dispatcher) -> Any:
        """What emits to this hook, which holds up its thread with a first event."""
        emit = dispatcher.emitter([self])
        emit(STARTED)
        assert self.is_reached.wait(5)
        return emit

    def pass_through(self, dispatcher: Dispatcher) -> list[Event]:
        """What came after the first event, when all has been delivered."""
        self.may_go_on.set()
        assert dispatcher.flush(5)
        return self.seen[1:]


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher whose hooks are done after the test."""
    made = Dispatcher()
    yield made
    assert made.flush(5)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is open after the test."""
    made = Gate()
    yield made
    made.may_go_on.set()


def fail(event: Event) -> NoReturn:
    """A hook that raises."""
    raise RuntimeError("no")


def leave(event: Event) -> NoReturn:
    """A hook that would end its thread."""
    raise SystemExit(3)


def cancel(event: Event) -> NoReturn:
    """A hook of somebody who mixes up his exceptions."""
    raise asyncio.CancelledError


# --- as every user expects ----------------------------------------------------------------


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


# --- one thread, in order -----------------------------------------------------------------


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


# --- the bounds ---------------------------------------------------------------------------


def test_a_slow_hook_holds_up_nobody_who_emits(dispatcher: Dispatcher, gate: Gate) -> None:
    """Emitting returns at once, also where the queue is full; only who flushes waits."""
    emit = gate.shut(dispatcher)
    started, delay = time.monotonic(), Delay()
    for _ in range(20_000):
        emit(STARTED)
    assert time.monotonic() - started - delay.seconds < 2
    assert not dispatcher.flush(0.01)
    assert 10_000 <= len(gate.pass_through(dispatcher)) <= 10_001


def test_the_ends_of_calls_are_kept_longest(
    dispatcher: Dispatcher, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other events give way to them, the oldest first; each that is dropped is counted."""
    monkeypatch.setattr(_dispatch, "_MOST_EVENTS", 6)
    emit = gate.shut(dispatcher)
    firsts = [FirstToken(str(number), 0.0) for number in range(8)]
    ends = [ended(str(number)) for number in range(8)]
    for first, end in zip(firsts, ends, strict=True):
        emit(first)
        emit(end)
    assert 10 == dispatcher.lost
    assert ends[:6] == gate.pass_through(dispatcher)


def test_what_is_dropped_first_is_what_is_oldest(
    dispatcher: Dispatcher, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no end of a call."""
    monkeypatch.setattr(_dispatch, "_MOST_EVENTS", 3)
    emit = gate.shut(dispatcher)
    firsts = [FirstToken(str(number), 0.0) for number in range(5)]
    for first in firsts:
        emit(first)
    assert 2 == dispatcher.lost
    assert firsts[2:] == gate.pass_through(dispatcher)


BODY = b"x" * 1000
JUNK: Any = "as of a plugin that breaks its contract"
RAW = Completion([], exchange=Exchange("p", Report(), raw=BODY))
STREAMED = Completion([Choice(Message("x" * 1000), 0, "stop"), Choice(Message(None), 1, "stop")])
LARGE: dict[str, Event] = {
    "a prompt": AttemptStarted("c", 1, HttpRequest("POST", "https://host", body=BODY)),
    "an error": AttemptEnded("c", 1, 0.1, 500, ProviderError("no", body=BODY)),
    "an error before another attempt": RetryScheduled("c", 1, 0.1, ProviderError("no", body=BODY)),
    "a completion": ended(completion=RAW),
    "a streamed completion": ended(completion=STREAMED),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_bytes_that_wait_are_bounded(
    name: str, dispatcher: Dispatcher, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts and completions; and what was delivered counts no more."""
    monkeypatch.setattr(_dispatch, "_MOST_BYTES", 2500)
    emit = gate.shut(dispatcher)
    for _ in range(5):
        emit(LARGE[name])
    assert 3 == dispatcher.lost
    assert 2 == len(gate.pass_through(dispatcher))
    for _ in range(2):
        emit(LARGE[name])
    assert dispatcher.flush(5)
    assert 3 == dispatcher.lost


@pytest.mark.parametrize(
    "event",
    [
        AttemptEnded("c", 1, 0.1, 200),
        RetryScheduled("c", 1, 0.1, ProviderError("no")),
        ended(completion=Completion(JUNK, exchange=Exchange("p", Report()))),
    ],
)
def test_an_event_without_a_size_is_taken(dispatcher: Dispatcher, event: Event) -> None:
    """Emitting never raises."""
    seen: list[Event] = []
    dispatcher.emitter([seen.append])(event)
    assert dispatcher.flush(5)
    assert [event] == seen


def test_one_event_is_never_too_large(
    dispatcher: Dispatcher, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is delivered where nothing else waits."""
    monkeypatch.setattr(_dispatch, "_MOST_BYTES", 10)
    gate.shut(dispatcher)(LARGE["a prompt"])
    assert [LARGE["a prompt"]] == gate.pass_through(dispatcher)


def test_that_events_are_dropped_is_logged_at_once(
    dispatcher: Dispatcher,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And once: a server may run for months."""
    monkeypatch.setattr(_dispatch, "_MOST_EVENTS", 1)
    emit = gate.shut(dispatcher)
    for _ in range(5):
        emit(STARTED)
    gate.pass_through(dispatcher)
    for _ in range(50):
        emit(STARTED)
    assert dispatcher.flush(5)
    assert ["hooks are slower than calls: events are being dropped"] == caplog.messages


# --- the thread's life --------------------------------------------------------------------


def test_the_thread_ends_with_its_dispatcher() -> None:
    """A client for each request leaves neither a thread behind nor anything that is held until the
    process ends; what was emitted is still delivered."""
    seen: list[Event] = []
    dispatcher = Dispatcher()
    dispatcher.emitter([seen.append])(STARTED)
    queue = ref(dispatcher._queue)
    worker = dispatcher._queue._thread
    assert worker is not None
    del dispatcher
    gc.collect()
    worker.join(5)
    assert (False, [STARTED], None) == (worker.is_alive(), seen, queue())


async def test_the_thread_ends_when_the_client_is_closed() -> None:
    """A stream that ends later starts another for its last event."""
    seen: list[threading.Thread] = []
    dispatcher = Dispatcher()
    emit = dispatcher.emitter([lambda _: seen.append(threading.current_thread())])
    for _ in range(2):
        emit(STARTED)
        await dispatcher.aclose()
        seen[-1].join(5)
        assert not seen[-1].is_alive()
    assert 2 == len(set(seen))
    await dispatcher.aclose()


def test_an_event_is_let_go_of_when_it_was_delivered(dispatcher: Dispatcher) -> None:
    """An idle thread holds no completion in memory."""

    class Kept:
        def __call__(self, event: Event) -> None: ...

    hook = Kept()
    gone = ref(hook)
    dispatcher.emitter([hook])(STARTED)
    assert dispatcher.flush(5)
    del hook
    gc.collect()
    assert gone() is None


def test_a_loop_that_has_ended_is_called_back_in_vain(dispatcher: Dispatcher) -> None:
    """The thread goes on delivering."""
    loop = asyncio.new_event_loop()
    loop.close()
    dispatcher.emitter([fail])(STARTED)
    dispatcher._queue.when_delivered(lambda: loop.call_soon_threadsafe(print))
    seen: list[Event] = []
    dispatcher.emitter([seen.append])(STARTED)
    assert dispatcher.flush(5)
    assert [STARTED] == seen


async def test_where_no_thread_can_be_started_the_caller_delivers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, and nothing is lost: from Python 3.12 on a process that is ending starts none. The
    next event tries to start one again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    seen: list[tuple[Event, threading.Thread]] = []
    dispatcher = Dispatcher()
    emit = dispatcher.emitter([lambda event: seen.append((event, threading.current_thread()))])
    end, here = ended(), threading.current_thread()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        emit(STARTED)
        emit(end)
        assert [(STARTED, here), (end, here)] == seen
        assert dispatcher.flush(0)
        await dispatcher.aclose()
    emit(STARTED)
    assert dispatcher.flush(5)
    assert (STARTED, 3, 0) == (seen[-1][0], len(seen), dispatcher.lost)
    assert here is not seen[-1][1]


def test_an_event_within_an_event(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A garbage collection may end a stream at any moment, also while an event is being queued."""
    seen: list[Event] = []
    emit, end = dispatcher.emitter([seen.append]), ended()
    make_room = dispatcher._queue._makes_room

    def interrupted(size: int) -> bool:
        monkeypatch.undo()
        emit(end)
        return make_room(size)

    monkeypatch.setattr(dispatcher._queue, "_makes_room", interrupted)
    emit(STARTED)
    assert dispatcher.flush(5)
    assert [end, STARTED] == seen


# --- the end of a process, and its children -----------------------------------------------

SCRIPT = r"""
import atexit, os, sys, threading, time
from llmgate._core.dispatch import Dispatcher
from llmgate.hooks import FirstToken
first = os.getpid()
dispatcher = Dispatcher(timeout=0.5 if "stuck" in sys.argv else 5.0)
def slow(event):
    time.sleep(60 if "stuck" in sys.argv else 0.2)
    os.write(1, f"{os.getpid() == first} {event.call_id}\n".encode())  # in one piece
emit = dispatcher.emitter([slow])
if "late" in sys.argv:
    atexit.register(emit, FirstToken("late", 0.0))
emit(FirstToken("a", 0.0))
emit(FirstToken("b", 0.0))
"""
FORK = """
if os.fork() == 0:
    if "emit" in sys.argv:
        emit(FirstToken("child", 0.0))
    sys.exit()
os.wait()
"""


@pytest.fixture
def alone(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    """The only dispatcher that the end of the process, and a fork, find."""
    monkeypatch.setattr(_dispatch, "_queues", {ref(dispatcher._queue)})
    return dispatcher


async def test_at_exit_hooks_are_waited_for(alone: Dispatcher) -> None:
    """What comes later is delivered by whoever emits it: the thread may end at any moment."""
    threads: list[threading.Thread] = []
    emit = alone.emitter([lambda _: threads.append(threading.current_thread())])
    emit(STARTED)
    _dispatch._flush_at_exit()
    assert 1 == len(threads)
    emit(ended())
    assert threading.current_thread() is threads[1]
    await alone.aclose()


def test_at_exit_the_loss_is_said(
    alone: Dispatcher, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that the client allows."""
    monkeypatch.setattr(alone._queue, "timeout", 0.01)
    gate.shut(alone)(ended())
    with pytest.warns(RuntimeWarning, match="1 event was lost"):
        _dispatch._flush_at_exit()
    gate.may_go_on.set()


def test_a_context_that_is_entered_already() -> None:
    """As in a forked child, where nobody will ever leave it: a hook is called in a copy."""
    seen = list[Event]()
    context = contextvars.copy_context()
    context.run(_dispatch._call_in, context, [seen.append], STARTED)
    assert [STARTED] == seen


def test_a_child_begins_anew(alone: Dispatcher, gate: Gate) -> None:
    """Without the events of its parent, and with a thread of its own."""
    gate.shut(alone)(ended())
    gate.may_go_on.set()
    parent = alone._queue._thread
    assert parent is not None
    seen: list[Event] = []
    _dispatch._reset_in_child()
    assert alone.flush(0)
    alone.emitter([seen.append])(STARTED)
    assert alone.flush(5)
    assert [STARTED] == seen
    assert alone._queue._thread is not parent


def run(script: str, *arguments: str) -> tuple[list[str], str, float]:
    """What a program prints, and how many seconds it takes."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.splitlines(), done.stderr, time.monotonic() - started


def test_events_are_delivered_before_a_process_ends() -> None:
    """Also to a slow hook."""
    assert (["True a", "True b"], "") == run(SCRIPT)[:2]


def test_an_event_of_another_exit_handler_is_delivered() -> None:
    """By whoever emits it, since the thread may be gone in the next moment."""
    assert (["True a", "True b", "True late"], "") == run(SCRIPT, "late")[:2]


def test_a_hook_that_never_returns_does_not_hold_up_the_end_for_ever() -> None:
    """The process ends after the documented time, and says what was lost."""
    lines, said, seconds = run(SCRIPT, "stuck")
    assert [] == lines
    assert "RuntimeWarning: llmgate: hooks were too slow: 1 event was lost" in said
    assert 0.5 <= seconds < 5


@pytest.mark.parametrize("meanwhile", ["", "time.sleep(0.1)\n"], ids=["at once", "in a hook"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_delivers_its_own_events_and_no_others(meanwhile: str) -> None:
    """On a thread of its own, also where the fork came while a hook of the parent's ran."""
    lines, said, _ = run(SCRIPT + meanwhile + FORK, "emit")
    assert (["False child", "True a", "True b"], "") == (sorted(lines), said)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_waits_for_nothing_that_does_not_come() -> None:
    """Neither for its parent's hooks nor for a lock that one of its threads held."""
    lines, said, seconds = run(SCRIPT + FORK)
    assert (["True a", "True b"], "") == (lines, said)
    assert seconds < 5


class Choosy:
    """A hook that says beforehand what it wants, or raises instead."""

    def __init__(self, *wanted: type[Any], error: Exception | None = None) -> None:
        self.seen: list[Event] = []
        self._wanted = wanted
        self._error = error

    def wants(self, event: Event) -> bool:
        if self._error is not None:
            raise self._error
        return isinstance(event, self._wanted)

    def __call__(self, event: Event) -> None:
        self.seen.append(event)


def emitted(*hooks: Hook) -> None:
    """Two events, delivered."""
    dispatcher = Dispatcher()
    emit = dispatcher.emitter(hooks)
    emit(STARTED)
    emit(ended())
    assert dispatcher.flush(5)


def test_what_no_hook_wants_is_not_queued() -> None:
    """One that says nothing wants everything, and so does one that fails to say."""
    first, second, nothing = Choosy(CallEnded), Choosy(CallStarted, CallEnded), Choosy()
    emitted(nothing, first)
    assert [CallEnded] == [*map(type, first.seen)]
    emitted(first, second)
    assert [CallStarted, CallEnded] == [*map(type, second.seen)]
    plain, failing = list[Event](), Choosy(error=ValueError())
    emitted(nothing, plain.append)
    emitted(failing)
    assert [CallStarted, CallEnded] == [*map(type, plain)] == [*map(type, failing.seen)]
