"""The synchronous calls: the same answers, errors and clean-up, from any thread."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmgate import Client, SyncStream
from llmgate._core import sync as _sync
from llmgate.errors import (
    DeadlineExceededError,
)
from llmgate.hooks import Event
from llmgate.testing import Canned, CannedTransport
from llmgate.types import Completion, Usage
from tests.faults.calls import HI, KEY, MODEL, client_of
from tests.faults.server import END, FaultServer, chunk, event, stream
from tests.machine import wait_for
from tests.sync.calls import ENDLESS, background_threads, stop


def test_an_answer(server: FaultServer) -> None:
    """The same as with async."""
    answer = client_of(server).completion(MODEL, HI)
    assert isinstance(answer, Completion)
    assert "Hi" == answer.text


def test_the_first_call_from_many_threads(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They start one background loop between them."""
    made = _sync._Background()
    monkeypatch.setattr(_sync, "_background", made)
    before = background_threads()
    client = client_of(server)
    with ThreadPoolExecutor(8) as threads:
        for answer in [threads.submit(client.completion, MODEL, HI) for _ in range(8)]:
            answer.result()
    assert 1 == background_threads() - before
    stop(made)


def test_context_variables_reach_hooks(server: FaultServer) -> None:
    """Those of the caller, though the call runs on another thread."""
    variable = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    def hook(_: Event) -> None:
        seen.append(variable.get())

    variable.set("mine")
    client = client_of(server)
    client.completion(MODEL, HI, hooks=[hook])
    _sync.run(client.aclose)  # which lets hooks finish
    assert {"mine"} == {*seen}


# --- streams ----------------------------------------------------------------------------


def test_a_stream() -> None:
    """Chunk by chunk, with all that an async stream tells."""
    with FaultServer(stream("a", "b")) as server:
        answer = client_of(server).completion(MODEL, HI, stream=True)
        assert isinstance(answer, SyncStream)
        assert ["a", "b", None] == [each.choices[0].delta.content for each in answer]
        assert Usage(1, 2, 3) == answer.usage
        assert ("openai", None, {}, 1) == (
            answer.provider,
            answer.request_id,
            answer.rate_limit,
            len(answer.attempts),
        )
        assert "text/event-stream" == answer.headers["content-type"]
        assert ["stream_options.include_usage"] == [each.path for each in answer.report]
        assert "openai" == answer.exchange.provider
        assert [] == [*answer]


def test_what_was_read_at_once_is_handed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time that the calling thread waits for the other costs more than many chunks."""
    waits = list[object]()
    run = _sync.run

    def counted(make: Any) -> Any:
        waits.append(make)
        return run(make)

    body = b"".join(event(chunk("word")) for _ in range(300)) + END
    assert len(body) > 4 * 8192  # of which one step decodes 8 KiB
    transport = CannedTransport([Canned(body=[body])])
    answer = Client(transport=transport).completion(MODEL, HI, stream=True, api_key=KEY)
    monkeypatch.setattr(_sync, "run", counted)
    assert 300 == "".join(answer.text()).count("word")
    assert 2 == len(waits)  # all of it, and the end


def test_text_and_completion() -> None:
    """Only the text; or the rest as a whole."""
    other = event(chunk(choices=[{"index": 1, "delta": {"content": "other"}}]))
    with FaultServer(stream("a", "b"), stream("a", end=other + event("[DONE]")), stream("a")) as (
        server
    ):
        client = client_of(server)
        assert ["a", "b"] == [*client.completion(MODEL, HI, stream=True).text()]
        assert ["a"] == [*client.completion(MODEL, HI, stream=True).text()]
        with client.completion(MODEL, HI, stream=True) as answer:
            assert answer.is_open
            assert "a" == next(answer).choices[0].delta.content
            assert "a" == answer.completion().text
            assert not answer.is_open
            with pytest.raises(StopIteration):
                next(answer)


def test_a_loop_that_was_left_is_resumed() -> None:
    """By another loop, by ``text()`` and by ``completion()``, each from where it was left."""
    with FaultServer(stream(*"abcdef")) as server:
        answer = client_of(server).completion(MODEL, HI, stream=True)
        assert "<SyncStream of openai/gpt-4o, open>" == repr(answer)
        texts = [next(iter(answer)).choices[0].delta.content]
        for each in answer:
            texts.append(each.choices[0].delta.content)
            break
        for text in answer.text():
            texts.append(text)
            break
        assert ["a", "b", "c"] == texts
        assert ["d", "e", "f", None] == [each.choices[0].delta.content for each in answer]
        assert "abcdef" == answer.completion().text


def test_the_deadline_of_a_stream_that_nobody_reads() -> None:
    """It closes the connection, though no loop runs on this thread."""
    with FaultServer(ENDLESS) as server:
        answer = client_of(server).completion(MODEL, HI, stream=True, timeout=0.3)
        assert wait_for(lambda: server.open_connections == 0, 2.0)
        with pytest.raises(DeadlineExceededError):
            answer.completion()
