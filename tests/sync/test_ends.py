"""How calls without async end: interrupts, and the end of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmgate._core import sync as _sync
from llmgate.errors import (
    LLMGateError,
)
from llmgate.hooks import CallEnded
from tests.faults.calls import HI, MODEL, Recorder, client_of, lasting
from tests.faults.server import FaultServer, hang, stream
from tests.machine import wait_for
from tests.sync.calls import ANSWER, ENDLESS, background_threads, stop


def is_waiting_in_ours() -> bool:
    """Whether the main thread waits for the loop of those who do not await."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    callers = list[str]()
    while frame is not None:
        callers.append(frame.f_code.co_filename)
        frame = frame.f_back
    return callers[0] == threading.__file__ and _sync.__file__ in callers


def test_an_interrupt_in_a_stream() -> None:
    """It ends the stream, too."""
    hook = Recorder()
    with FaultServer(ENDLESS) as server:
        answer = client_of(server, hooks=[hook]).completion(MODEL, HI, stream=True)

        def interrupt() -> None:
            wait_for(is_waiting_in_ours, 5.0)
            time.sleep(0.05)  # until what has come was read, and it waits again
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            answer.completion()
        thread.join()
        assert server.wait_until_left()
        assert wait_for(lambda: bool(hook.all(CallEnded)))
    assert ["cancelled"] == [end.outcome for end in hook.all(CallEnded)]


def test_a_call_that_is_under_way_at_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon thread that waits for it then ends in silence."""
    made = _sync._Background()
    monkeypatch.setattr(_sync, "_background", made)
    raised: list[BaseException] = []

    def call(client: Any) -> None:
        try:
            client.completion(MODEL, HI)
        except BaseException as error:  # noqa: BLE001 - to be looked at
            raised.append(error)

    with FaultServer(hang) as server:
        thread = threading.Thread(target=call, args=(client_of(server),), daemon=True)
        thread.start()
        assert wait_for(lambda: bool(server.requests))
        stop(made)
        thread.join(5)
        assert server.wait_until_left()
    assert [SystemExit] == [type(error) for error in raised]


class MainThreadThatEnded:
    """What ``threading.main_thread`` gives."""

    def is_alive(self) -> bool:
        return False


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The background of a process whose main thread has ended before there was one."""
    made = _sync._Background()
    monkeypatch.setattr(_sync, "_background", made)
    monkeypatch.setattr(threading, "main_thread", MainThreadThatEnded)
    yield made
    if made._here is not None:
        made._here.close()


def test_calls_while_the_process_ends(ending: Any) -> None:
    """Whoever calls runs the loop; whole processes that end are in ``test_exit``."""
    with FaultServer(ANSWER, stream("a", "b"), ANSWER) as server:
        client = client_of(server)
        before = background_threads()
        assert "Hi" == client.completion(MODEL, HI).text
        assert ["a", "b"] == [*client.completion(MODEL, HI, stream=True).text()]
        with ThreadPoolExecutor(1) as thread:
            assert "Hi" == thread.submit(client.completion, MODEL, HI, stream=False).result().text
        assert before == background_threads()
        assert server.wait_until_left()
        ending.here().close()


@pytest.mark.usefixtures("ending")
def test_streams_that_are_left_while_the_process_ends() -> None:
    """The loop of those who call is open as long as one of them is."""
    with FaultServer(stream("a", "b"), ENDLESS, ENDLESS) as server:
        client = client_of(server)
        first = client.completion(MODEL, HI, stream=True)
        assert "a" == next(first).choices[0].delta.content
        with client.completion(MODEL, HI, stream=True) as second:
            next(second)
        next(client.completion(MODEL, HI, stream=True))  # which nobody holds
        assert ["b"] == [*first.text()]
        assert server.wait_until_left()


@pytest.mark.usefixtures("ending")
async def test_a_stream_that_is_left_inside_a_loop_while_the_process_ends() -> None:
    """It is closed when it can be."""
    with FaultServer(ENDLESS) as server:
        client = client_of(server)
        with ThreadPoolExecutor(1) as thread:
            answer = [thread.submit(client.completion, MODEL, HI, stream=True).result()]
            assert 1 == server.open_connections
            answer.clear()
            assert 1 == server.open_connections
            thread.submit(_sync._background.tidy).result()
        assert server.wait_until_left()


@pytest.mark.usefixtures("ending")
async def test_a_call_inside_a_loop_while_the_process_ends() -> None:
    """There is no thread to make it on."""
    with pytest.raises(LLMGateError, match="the process is ending"):
        client_of("http://127.0.0.1:9/v1").completion(MODEL, HI)


@pytest.mark.usefixtures("ending")
def test_an_exit_in_a_call_while_the_process_ends() -> None:
    """It is raised where the call was made."""

    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        _sync.run(leave)


def test_a_daemon_thread_that_calls_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in silence."""
    made = _sync._Background()
    made.is_stopped = True
    monkeypatch.setattr(_sync, "_background", made)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            made.here()
        except BaseException as error:  # noqa: BLE001 - to be looked at
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join()
    assert [SystemExit] == [type(error) for error in raised]


def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own runs the loop."""
    made = _sync._Background()
    monkeypatch.setattr(_sync, "_background", made)

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def name() -> str:
        return threading.current_thread().name

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert threading.current_thread().name == _sync.run(name)
    assert "llmgate-sync" == _sync.run(name)  # when there are fewer again
    made.here().close()
    stop(made)


def test_a_loop_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call says so, and the next one tries again."""
    made = _sync._Background()
    monkeypatch.setattr(_sync, "_background", made)

    async def here() -> str:
        return "here"

    def fail() -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", fail)
        patch.setattr(asyncio.events, "new_event_loop", fail)
        with pytest.raises(LLMGateError, match="Too many open files"):
            _sync.run(here)
    assert "here" == _sync.run(here)
    stop(made)


def test_an_interrupt_while_the_loop_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised at once, and the next call finds that loop started."""
    made = _sync._Background()
    monkeypatch.setattr(_sync, "_background", made)
    released, serve = threading.Event(), _sync._serve

    def serve_late(started: Any) -> None:
        wait_for(is_waiting_in_ours, 5.0)
        time.sleep(0.1)  # until it waits for the loop, and not for this thread
        os.kill(os.getpid(), signal.SIGINT)
        released.wait(10)
        serve(started)

    async def here() -> str:
        return "here"

    monkeypatch.setattr(_sync, "_serve", serve_late)
    before = background_threads()
    with lasting(0.1, at_least=0), pytest.raises(KeyboardInterrupt):
        _sync.run(here)
    released.set()
    assert "here" == _sync.run(here)
    assert 1 == background_threads() - before
    stop(made)


def test_what_cancels_itself() -> None:
    """A coroutine that is cancelled by others says so."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(concurrent.futures.CancelledError):
        _sync.run(cancelled)


def test_a_slow_caller_of_a_stream_loses_nothing() -> None:
    """Chunks that came together are given one by one."""
    with FaultServer(stream(*"abcdef")) as server:
        said: list[str] = []
        for text in client_of(server).completion(MODEL, HI, stream=True).text():
            time.sleep(0.001)
            said.append(text)
    assert list("abcdef") == said


def test_a_forked_child_begins_with_a_loop_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent's thread does not exist in it."""
    before = _sync._background
    monkeypatch.setattr(_sync, "_background", before)
    _sync._reset_in_child()
    assert before is not _sync._background


def test_an_exit_in_a_call_ends_no_other() -> None:
    """It is raised where the call was made, and the background loop goes on."""

    async def leave() -> None:
        raise SystemExit(3)

    async def stay() -> str:
        return "here"

    with pytest.raises(SystemExit):
        _sync.run(leave)
    assert "here" == _sync.run(stay)
