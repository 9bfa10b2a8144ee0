"""What waits for hooks is bounded, and what is lost is counted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from llmgate._core import dispatch as _dispatch
from llmgate._core.dispatch import Dispatcher
from llmgate.errors import ProviderError
from llmgate.hooks import (
    AttemptEnded,
    AttemptStarted,
    Event,
    FirstToken,
    RetryScheduled,
)
from llmgate.provider.http import HttpRequest
from llmgate.report import Report
from llmgate.types import Choice, Completion, Exchange, Message
from tests.dispatch.events import STARTED, Gate, ended
from tests.machine import Delay


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
    monkeypatch.setattr(_dispatch, "_MAX_EVENTS", 6)
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
    monkeypatch.setattr(_dispatch, "_MAX_EVENTS", 3)
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
    monkeypatch.setattr(_dispatch, "_MAX_BYTES", 2500)
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
    monkeypatch.setattr(_dispatch, "_MAX_BYTES", 10)
    gate.shut(dispatcher)(LARGE["a prompt"])
    assert [LARGE["a prompt"]] == gate.pass_through(dispatcher)


def test_that_events_are_dropped_is_logged_at_once(
    dispatcher: Dispatcher,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And once: a server may run for months."""
    monkeypatch.setattr(_dispatch, "_MAX_EVENTS", 1)
    emit = gate.shut(dispatcher)
    for _ in range(5):
        emit(STARTED)
    gate.pass_through(dispatcher)
    for _ in range(50):
        emit(STARTED)
    assert dispatcher.flush(5)
    assert ["hooks are slower than calls: events are being dropped"] == caplog.messages
