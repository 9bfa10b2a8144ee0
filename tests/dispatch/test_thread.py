"""The thread that calls hooks, from its first event to the end of a process, and its children."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import time
from typing import Any
from weakref import ref

import pytest

from llmgate._core import dispatch as _dispatch
from llmgate._core.dispatch import Dispatcher
from llmgate.hooks import (
    CallEnded,
    CallStarted,
    Event,
    Hook,
)
from tests.dispatch.events import STARTED, Gate, ended, fail

# --- the thread's life ------------------------------------------------------------------


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
    append = dispatcher._queue._append

    def interrupted(*entry: Any) -> None:
        monkeypatch.undo()
        emit(end)
        append(*entry)

    monkeypatch.setattr(dispatcher._queue, "_append", interrupted)
    emit(STARTED)
    assert dispatcher.flush(5)
    assert [end, STARTED] == seen


# --- the end of a process, and its children ---------------------------------------------


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
