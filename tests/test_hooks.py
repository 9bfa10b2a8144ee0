"""Hooks: handed every event in order, harming no call, and shown nothing that is secret."""

from __future__ import annotations

import asyncio
import contextvars
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
import structlog
from structlog.testing import CapturingLogger

from llmgate.errors import ProviderError, RateLimitError
from llmgate.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallStarted,
    Dispatcher,
    Event,
    FirstToken,
    Hook,
    LoggingHook,
    RetryScheduled,
    StructlogHook,
    as_dictionary,
)
from llmgate.report import Report
from llmgate.types import Choice, Completion, Message, Usage
from llmgate.wire import HttpRequest
from tests.machine import Delay

CANARY = "sk-canary-0123456789"
FORGERY = "no\nERROR forged\x1b[2J"
REQUEST = HttpRequest(
    "POST",
    f"https://user:{CANARY}@host/v1/chat?key={CANARY}",
    {"authorization": f"Bearer {CANARY}", "x-api-key": CANARY, "content-type": "application/json"},
    b'{"model":"m"}',
)
ERROR = RateLimitError(FORGERY, status=429, code="a\nb", body=CANARY.encode())
USAGE = Usage(1, 2, 3)
COMPLETION = Completion([Choice(Message("Hello\nworld"), 0, "stop")], id="x", usage=USAGE)


def reported() -> Report:
    """A report with an entry."""
    report = Report()
    report.drop("seed", FORGERY)
    return report


STARTED = CallStarted("c", "canned", "m", stream=False)
EVENTS: dict[str, tuple[Event, dict[str, Any]]] = {
    "call": (STARTED, {"provider": "canned", "model": "m", "stream": False}),
    "request": (
        AttemptStarted("c", 1, REQUEST),
        {
            "number": 1,
            "method": "POST",
            "url": "https://host/v1/chat",
            "headers": {
                "authorization": "***",
                "x-api-key": "***",
                "content-type": "application/json",
            },
            "body": '{"model":"m"}',
        },
    ),
    "attempt": (
        AttemptEnded("c", 1, 0.5, 429, ERROR),
        {
            "number": 1,
            "seconds": 0.5,
            "status": 429,
            "error": "RateLimitError: no\\nERROR forged\\x1b[2J (status 429, code a\\nb)",
        },
    ),
    "retry": (
        RetryScheduled("c", 2, 0.5, ProviderError("no")),
        {"number": 2, "wait": 0.5, "error": "ProviderError: no"},
    ),
    "first_token": (FirstToken("c", 0.25), {"seconds": 0.25}),
    "reply": (
        CallEnded("c", "canned", "m", "ok", 1.5, 2, USAGE, None, COMPLETION, reported()),
        {
            "provider": "canned",
            "model": "m",
            "outcome": "ok",
            "seconds": 1.5,
            "attempts": 2,
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            "error": None,
            "completion": COMPLETION.model_dump(),
            "report": [f"seed dropped: {FORGERY}"],
        },
    ),
    "failure": (
        CallEnded("c", "canned", "m", "error", 1.5, 1, error=ProviderError("no")),
        {
            "provider": "canned",
            "model": "m",
            "outcome": "error",
            "seconds": 1.5,
            "attempts": 1,
            "usage": None,
            "error": "ProviderError: no",
            "completion": None,
            "report": [],
        },
    ),
}
ANY_EVENT = pytest.mark.parametrize(
    ("name", "event"), [pytest.param(name, event, id=name) for name, (event, _) in EVENTS.items()]
)


# --- events as dictionaries ---


@pytest.mark.parametrize(
    ("name", "event", "values"), [(name, event, values) for name, (event, values) in EVENTS.items()]
)
def test_an_event_is_a_flat_dictionary(name: str, event: Event, values: dict[str, Any]) -> None:
    """Its name, its time, the call's id, and its own values in plain types."""
    before = time.time()
    told = as_dictionary(event)
    assert before <= told.pop("time") <= time.time()
    assert {"event": name, "call_id": "c"} | values == told


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        ("ok", "reply"),
        ("error", "failure"),
        ("cancelled", "cancelled"),
        ("abandoned", "abandoned"),
    ],
)
def test_the_end_of_a_call_is_named_after_its_outcome(outcome: Any, name: str) -> None:
    """There is exactly one such event for each call."""
    assert name == as_dictionary(CallEnded("c", "canned", "m", outcome, 1.0, 1))["event"]


@ANY_EVENT
def test_an_event_shows_no_credentials(name: str, event: Event) -> None:
    """Neither as a dictionary nor as itself."""
    assert CANARY not in f"{as_dictionary(event)!r} {event!r}"


def test_a_body_that_is_no_text_is_shown_all_the_same() -> None:
    """A hook fails on no request."""
    request = HttpRequest("POST", "https://host", body=b"\xff")
    assert "\ufffd" == as_dictionary(AttemptStarted("c", 1, request))["body"]


# --- how hooks are called ---


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher whose thread is gone after the test."""
    made = Dispatcher()
    yield made
    assert made.flush(5)


def fail(event: Event) -> NoReturn:
    """A hook that raises."""
    raise RuntimeError("no")


def leave(event: Event) -> NoReturn:
    """A hook that would end its thread."""
    raise SystemExit(3)


def cancel(event: Event) -> NoReturn:
    """A hook of somebody who mixes up his exceptions."""
    raise asyncio.CancelledError


def test_hooks_are_handed_every_event_in_order(dispatcher: Dispatcher) -> None:
    """One event after the other, and each to the hooks in their order."""
    seen: list[tuple[str, Event]] = []
    hooks: list[Hook] = [lambda event: seen.append(("a", event))]
    hooks.append(lambda event: seen.append(("b", event)))
    events = [FirstToken("c", float(number)) for number in range(50)]
    for event in events:
        dispatcher.emit(hooks, event)
    assert dispatcher.flush(5)
    assert [(name, event) for event in events for name in "ab"] == seen


def test_hooks_run_on_one_thread_of_their_own(dispatcher: Dispatcher) -> None:
    """Not on the caller's, whose event loop they would block; it ends with the process."""
    threads: list[threading.Thread] = []
    for _ in range(2):
        dispatcher.emit([lambda _: threads.append(threading.current_thread())], STARTED)
    assert dispatcher.flush(5)
    assert 1 == len(set(threads))
    assert threads[0] is not threading.current_thread()
    assert ("llmgate-hooks", True) == (threads[0].name, threads[0].daemon)


@pytest.mark.parametrize("bad", [fail, leave, cancel])
def test_a_hook_that_raises_harms_nobody(dispatcher: Dispatcher, bad: Any) -> None:
    """Neither another hook, nor a later event, nor the thread."""
    seen: list[Event] = []
    threads: list[threading.Thread] = []
    for event in (STARTED, FirstToken("c", 1.0)):
        dispatcher.emit([bad, seen.append], event)
        dispatcher.when_delivered(lambda: threads.append(threading.current_thread()))
        assert dispatcher.flush(5)
    assert [STARTED, FirstToken("c", 1.0)] == seen
    assert 1 == len(set(threads))


def test_a_slow_hook_holds_up_nobody_who_emits(dispatcher: Dispatcher) -> None:
    """Emitting returns at once; only who flushes waits, and not for ever."""
    go_on = threading.Event()
    dispatcher.emit([lambda _: go_on.wait(5)], STARTED)
    started, delay = time.monotonic(), Delay()
    for _ in range(100):
        dispatcher.emit([lambda _: None], STARTED)
    assert time.monotonic() - started - delay.seconds < 1
    assert not dispatcher.flush(0.01)
    go_on.set()
    assert dispatcher.flush(5)


def test_hooks_see_the_caller_s_context_variables(dispatcher: Dispatcher) -> None:
    """As they were when the event happened, so that a trace's id is known; what a hook sets stays
    with it."""
    trace = contextvars.ContextVar("trace", default="none")
    seen: list[str] = []

    def look(event: Event) -> None:
        seen.append(trace.get())
        trace.set("changed by the hook")

    for name in ("a", "b"):
        trace.set(name)
        dispatcher.emit([look], STARTED)
    trace.set("c")
    assert dispatcher.flush(5)
    assert (["a", "b"], "c") == (seen, trace.get())


def test_a_callback_into_a_loop_that_has_ended_is_dropped(dispatcher: Dispatcher) -> None:
    """The thread goes on delivering."""
    loop = asyncio.new_event_loop()
    loop.close()
    dispatcher.when_delivered(lambda: loop.call_soon_threadsafe(print))
    seen: list[Event] = []
    dispatcher.emit([seen.append], STARTED)
    assert dispatcher.flush(5)
    assert [STARTED] == seen


def test_a_callback_comes_after_all_events_so_far(dispatcher: Dispatcher) -> None:
    """So a call knows when its hooks have run."""
    seen: list[Any] = []
    dispatcher.emit([seen.append], STARTED)
    dispatcher.when_delivered(lambda: seen.append("delivered"))
    assert dispatcher.flush(5)
    assert [STARTED, "delivered"] == seen


def test_without_an_event_there_is_no_thread() -> None:
    """Making a client starts nothing, and there is nothing to wait for."""
    before = threading.active_count()
    assert Dispatcher().flush(0)
    assert before == threading.active_count()


def test_events_from_many_threads_start_one_worker(dispatcher: Dispatcher) -> None:
    """And none is lost."""
    together = threading.Barrier(8)
    seen: list[tuple[Event, threading.Thread]] = []

    def emit() -> None:
        together.wait(5)
        dispatcher.emit([lambda event: seen.append((event, threading.current_thread()))], STARTED)

    callers = [threading.Thread(target=emit) for _ in range(8)]
    with dispatcher._lock:  # so that all of them find that there is no worker yet
        for caller in callers:
            caller.start()
        time.sleep(0.2)
    for caller in callers:
        caller.join(5)
    assert dispatcher.flush(5)
    assert (8, 1) == (len(seen), len({thread for _, thread in seen}))


def test_the_thread_ends_with_its_dispatcher() -> None:
    """A client for each request leaves neither a thread behind nor anything that is held until the
    process ends; what was emitted is still delivered."""
    seen: list[Event] = []
    dispatcher = Dispatcher()
    dispatcher.emit([seen.append], STARTED)
    worker = dispatcher._thread
    assert worker is not None
    events = ref(dispatcher._events)
    del dispatcher
    gc.collect()
    worker.join(5)
    assert (False, [STARTED], None) == (worker.is_alive(), seen, events())


def test_an_event_is_let_go_of_when_it_was_delivered(dispatcher: Dispatcher) -> None:
    """An idle thread holds no answer in memory."""

    class Kept:
        def __call__(self, event: Event) -> None: ...

    hook = Kept()
    gone = ref(hook)
    dispatcher.emit([hook], STARTED)
    assert dispatcher.flush(5)
    del hook
    gc.collect()
    assert gone() is None


def test_a_thread_that_is_gone_is_not_waited_for_but_replaced() -> None:
    """A forked child has the queue of its parent, but not the thread."""
    dispatcher = Dispatcher()
    dispatcher.emit([], STARTED)
    first = dispatcher._thread
    assert first is not None
    dispatcher._events.put(None)
    first.join(5)
    assert dispatcher.flush(0)
    seen: list[Event] = []
    dispatcher.emit([seen.append], STARTED)
    assert dispatcher.flush(5)
    assert [STARTED] == seen


SCRIPT = """
import os, sys, threading, time
from llmgate.hooks import Dispatcher, FirstToken
dispatcher = Dispatcher()
def slow(event):
    time.sleep(0.2)
    print(os.getpid() == first, flush=True)
first = os.getpid()
dispatcher.emit([slow], FirstToken("c", 0.0))
"""
FORK = """
dispatcher.flush(5)
started = time.monotonic()
if os.fork() == 0:
    if "emit" in sys.argv:
        dispatcher.emit([slow], FirstToken("c", 0.0))
    sys.exit()
os.wait()
print(time.monotonic() - started < 0.9, flush=True)
"""


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        pytest.param(SCRIPT, [], ["True"], id="at exit"),
        pytest.param(
            SCRIPT + FORK, ["emit"], ["True", "False", "True"], id="in a child that emits"
        ),
        pytest.param(SCRIPT + FORK, [], ["True", "True"], id="in a child that does not"),
    ],
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_events_are_delivered_before_a_process_ends(
    script: str, arguments: list[str], expected: list[str]
) -> None:
    """Also in a forked child, which has a thread of its own; and nothing is printed or awaited
    that does not come."""
    said = list[str]()
    for _ in range(3):  # the best counts of the last word, which is about time on a busy machine
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        said = done.stdout.split()
        assert (expected[:-1], "") == (said[:-1], done.stderr)
        if expected == said:
            break
    assert expected == said


# --- the hooks that write logs ---


@ANY_EVENT
def test_an_event_is_one_line_of_a_log(
    name: str, event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    """Failures are warnings; no line is forged, no credential is shown, and neither prompt nor
    answer is in it."""
    with caplog.at_level(logging.DEBUG, "llmgate"):
        LoggingHook()(event)
    (record,) = caplog.records
    text = record.getMessage()
    has_failed = getattr(event, "error", None) is not None
    assert (logging.WARNING if has_failed else logging.INFO) == record.levelno
    assert text.isprintable()
    assert text.startswith(f"{name} call_id='c' ")
    for secret in (CANARY, "Hello", '{"model"', "authorization"):
        assert secret not in text


def test_prompts_and_answers_are_logged_when_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    """By ``bodies=True``, at the level that was asked for."""
    hook = LoggingHook(level="debug", bodies=True)
    with caplog.at_level(logging.DEBUG, "llmgate"):
        hook(EVENTS["request"][0])
        hook(EVENTS["reply"][0])
    request, reply = (record.getMessage() for record in caplog.records)
    assert [logging.DEBUG] * 2 == [record.levelno for record in caplog.records]
    assert '{"model":"m"}' in request
    assert "Hello\\nworld" in reply
    assert CANARY not in request + reply


def test_a_logger_of_the_user_s_own_is_used() -> None:
    """Any object with the methods of a logger."""
    logger = CapturingLogger()
    LoggingHook(logger, level="critical")(STARTED)
    ((method, (template, *values), _),) = logger.calls
    expected = "call call_id='c' provider='canned' model='m' stream=False"
    assert ("critical", expected) == (method, template % tuple(values))


@ANY_EVENT
def test_an_event_is_one_entry_of_structlog(name: str, event: Event) -> None:
    """Its values as key-value pairs, without headers, prompt and answer."""
    logger = CapturingLogger()
    StructlogHook(logger)(event)
    ((method, arguments, values),) = logger.calls
    hidden = {"headers", "body", "completion"}
    expected = {k: value for k, value in EVENTS[name][1].items() if k not in hidden}
    assert ("warning" if expected.get("error") else "info", (name,)) == (method, arguments)
    assert {"call_id": "c"} | expected == values


def test_structlog_s_own_logger_is_the_default() -> None:
    """The user's configuration of structlog holds."""
    with structlog.testing.capture_logs() as entries:
        StructlogHook(level="debug")(STARTED)
    (entry,) = entries
    assert ("call", "debug", "canned") == (entry["event"], entry["log_level"], entry["provider"])


def test_nothing_is_logged_unless_asked(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Events that no logging hook is handed leave no trace, not even when a hook fails."""
    with caplog.at_level(logging.DEBUG):
        for event, _ in EVENTS.values():
            dispatcher.emit([fail], event)
        assert dispatcher.flush(5)
    assert [] == caplog.records
    assert ("", "") == tuple(capfd.readouterr())
