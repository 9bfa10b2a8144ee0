"""Calls without async: on a background loop, from any thread, also while a loop is running."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import pytest

import llmgate
from llmgate import _sync
from llmgate.errors import ClosedError, StreamTruncatedError
from tests.faults.calls import HI, KEY, MODEL, client_of
from tests.faults.server import COMPLETION, FaultServer, hang, reply, stream, then, wait_for


def test_a_call_without_async() -> None:
    """The answer is the one that ``await`` would give."""
    with FaultServer(reply(200, COMPLETION)) as server:
        assert "Hi" == client_of(server).completion(MODEL, HI, stream=False).text


async def test_a_call_while_a_loop_is_running() -> None:
    """As in a notebook: the running loop is not needed for it."""
    with FaultServer(reply(200, COMPLETION)) as server:
        assert "Hi" == client_of(server).completion(MODEL, HI, stream=False).text


def test_the_modules_function() -> None:
    """It needs no client."""
    with FaultServer(reply(200, COMPLETION), stream("H", "i")) as server:
        options: dict[str, Any] = {"base_url": server.url, "api_key": KEY}
        assert "Hi" == llmgate.completion(MODEL, HI, stream=False, **options).text
        assert ["H", "i"] == list(llmgate.completion(MODEL, HI, stream=True, **options).text())


def test_sixteen_threads() -> None:
    """They share a client and its pool."""
    with FaultServer(reply(200, COMPLETION)) as server:
        client = client_of(server)

        def call(_: int) -> str:
            return client.completion(MODEL, HI, stream=False).text

        with ThreadPoolExecutor(16) as pool:
            assert ["Hi"] * 32 == list(pool.map(call, range(32)))


def test_a_stream_is_iterated_chunk_by_chunk() -> None:
    """With ``for``, or with ``next``; at the end it is over."""
    with FaultServer(stream("H", "i")) as server:
        opened = client_of(server).completion(MODEL, HI, stream=True)
        assert "H" == next(opened).choices[0].delta.content
        assert ["i", None] == [chunk.choices[0].delta.content for chunk in opened]
        with pytest.raises(StopIteration):
            next(opened)


def test_a_stream_tells_what_it_knows() -> None:
    """The same as the stream of an async call."""
    with FaultServer(stream("H", "i")) as server:
        with client_of(server).completion(MODEL, HI, stream=True) as opened:
            whole = opened.completion()
        assert ("Hi", 3) == (whole.text, opened.usage and opened.usage.total_tokens)
        assert ("openai", None, {}) == (opened.provider, opened.request_id, opened.rate_limit)
        assert "text/event-stream" == opened.headers["content-type"]
        assert 1 == len(opened.attempts) == len(opened.exchange.attempts)
        assert [] == list(opened.report)


def test_only_the_first_choices_text() -> None:
    """``text()`` leaves out what other choices say, and chunks without text."""
    with FaultServer(stream("H", "i")) as server:
        assert "Hi" == "".join(client_of(server).completion(MODEL, HI, stream=True).text())


def test_leaving_the_loop_closes_the_connection() -> None:
    """The server sees it."""
    with FaultServer(then(stream("H", "i", end=b"", last=b""), last=hang)) as server:
        opened = client_of(server).completion(MODEL, HI, stream=True)
        for _ in opened:
            break
        assert server.wait_until_left()
        with pytest.raises(ClosedError):
            next(opened)


def test_closing_a_stream_closes_the_connection() -> None:
    """And what was read but not yet given is gone too."""
    with FaultServer(then(stream("H", "i", end=b"", last=b""), last=hang)) as server:
        with client_of(server).completion(MODEL, HI, stream=True) as opened:
            next(opened)
        assert server.wait_until_left()


def test_a_stream_that_breaks_off_raises() -> None:
    """After what came; half an answer is an error here too."""
    with FaultServer(stream("H", end=b"")) as server:
        opened = client_of(server).completion(MODEL, HI, stream=True)
        assert "H" == next(opened).choices[0].delta.content
        with pytest.raises(StreamTruncatedError) as caught:
            next(opened)
    assert caught.value.partial is not None
    assert "H" == caught.value.partial.text


def test_an_interrupt_cancels_the_request() -> None:
    """Ctrl-C while a call is waited for ends the call, and not only the waiting."""
    with FaultServer(hang) as server:
        client = client_of(server)

        def interrupt() -> None:
            assert wait_for(lambda: len(server.requests) == 1)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            client.completion(MODEL, HI)
        thread.join()
        assert server.wait_until_left()


def test_a_cancellation_from_within_is_passed_on() -> None:
    """What cancels the call on its own loop is seen by who waits for it."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(CancelledError):
        _sync.run(cancelled)


def test_a_daemon_thread_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that the end of the process cancels ends its thread, without a traceback."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(_sync._background, "is_stopped", True)
    with pytest.raises(SystemExit):
        _sync.run(cancelled)


def test_the_background_loop_can_be_stopped_and_is_not_inherited() -> None:
    """At the process's end it is stopped; a forked child begins with another."""
    before = _sync._background
    _sync._start_anew()
    try:
        background = _sync._background
        assert background is not before
        threads = {thread for thread in threading.enumerate() if thread.name == "llmgate-sync"}
        assert background.portal() is background.portal()
        [started] = {
            thread for thread in threading.enumerate() if thread.name == "llmgate-sync"
        } - threads
        background._stop(started)
        assert not started.is_alive()
        background._stop(started)  # as in a child that inherited the call but not the thread
    finally:
        _sync._background = before


def test_a_slow_caller_of_a_stream_loses_nothing() -> None:
    """Chunks that came together are given one by one."""
    with FaultServer(stream(*"abcdef")) as server:
        said: list[str] = []
        for text in client_of(server).completion(MODEL, HI, stream=True).text():
            time.sleep(0.001)
            said.append(text)
    assert list("abcdef") == said
