"""Flows run by hand, and the watch over what they touch."""

from __future__ import annotations

import asyncio
import datetime
import importlib
import inspect
import os
import random
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

import pytest

import llmgate.testing
from llmgate.errors import ProviderError, RateLimitError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.testing import (
    Canned,
    CannedTransport,
    FakeProvider,
    drive,
    driving,
    read_stream,
    untouched,
)
from llmgate.testing.driving import OutOfRepliesError, call_of, first_request, watch_stream
from llmgate.testing.isolation import TouchedError, Watch


def polling(times: int, *, stream: bool = False) -> Flow[list[HttpResponse]]:
    """A flow of several requests."""
    return _replies(
        [HttpRequest("GET", f"https://a.invalid/{n}", stream=stream) for n in range(times)]
    )


def _replies(requests: list[HttpRequest]) -> Flow[list[HttpResponse]]:
    replies: list[HttpResponse] = []
    for request in requests:
        reply = yield request
        replies += [reply]
    return replies


def test_sends_reply_after_reply() -> None:
    """A flow is sent the replies in their order, header names in lower case."""
    replies = [HttpResponse(200, {"A": "1"}, b"x"), HttpResponse(201, {}, b"y")]
    driven = drive(polling(2), replies)
    assert [HttpResponse(200, {"a": "1"}, b"x"), replies[1]] == driven.result
    assert ["https://a.invalid/0", "https://a.invalid/1"] == [r.url for r in driven.requests]


def test_leaves_streams_to_decoders() -> None:
    """The body of a reply that is to be streamed is not handed to the flow."""
    assert [HttpResponse(200)] == drive(
        polling(1, stream=True), [HttpResponse(200, {}, b"x")]
    ).result


def test_raises_what_a_status_stands_for() -> None:
    """A status that is no success ends the flow, as the engine would."""
    with pytest.raises(RateLimitError):
        drive(polling(1), [HttpResponse(429)])


def test_sends_another_request_where_one_is_refused() -> None:
    """A request may have another for a refusal, with whose reply the flow goes on."""
    seen: list[bytes | None] = []

    def other(error: ProviderError) -> HttpRequest | None:
        seen.append(error.body)
        return HttpRequest("GET", "https://a.invalid/other") if error.status == 400 else None

    def asked() -> Flow[list[HttpResponse]]:
        return _replies([HttpRequest("GET", "https://a.invalid/0", on_refusal=other)])

    driven = drive(asked(), [HttpResponse(400, {}, b"no"), HttpResponse(200, {}, b"yes")])
    assert [HttpResponse(200, {}, b"yes")] == driven.result
    assert ["https://a.invalid/0", "https://a.invalid/other"] == [r.url for r in driven.requests]
    with pytest.raises(RateLimitError):
        drive(asked(), [HttpResponse(429, {}, b"slow")])
    assert [b"no", b"slow"] == seen


def test_says_when_replies_run_out() -> None:
    """A flow that asks more than was recorded is an error of the test."""
    with pytest.raises(OutOfRepliesError):
        drive(polling(2), [HttpResponse(200)])


def test_a_flow_has_a_first_request() -> None:
    """The first request can be had alone; a flow that has none is no flow."""
    assert "https://a.invalid/0" == first_request(polling(2)).url
    replies = {"https://a.invalid/0": HttpResponse(200)}
    assert "https://a.invalid/1" == first_request(polling(2), replies).url
    with pytest.raises(AssertionError, match="without a request"):
        first_request(polling(0))


def test_reads_no_further_than_the_end() -> None:
    """What comes after the terminator, in the same piece or in another, is not read."""
    pieces = [b'{"say": "Hi"}\n{"end": "done"}\nnonsense\n', b"nonsense\n"]
    decoder = drive(FakeProvider().stream(ProviderCall("m", [])), [HttpResponse(200)]).result
    assert 2 == len(read_stream(decoder, pieces))


def test_calls_are_fresh() -> None:
    """A call that is made again shares nothing with the first, not even its report."""
    call = ProviderCall("m", [{"role": "user", "content": "Hi"}])
    again = call_of(FakeProvider(), call)
    assert call.messages == again.messages
    assert call.messages[0] is not again.messages[0]
    assert call.report is not again.report


def test_finds_a_stream_that_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that is left open is found."""

    class Leaking(CannedTransport):
        @property
        def still_open(self) -> int:
            return 1

    monkeypatch.setattr(driving, "CannedTransport", Leaking)
    decoder = drive(FakeProvider().stream(ProviderCall("m", [])), [HttpResponse(200)]).result
    with pytest.raises(AssertionError, match="left its reply open"):
        asyncio.run(watch_stream(FakeProvider(), decoder, Canned()))


# --- the watch ----------------------------------------------------------------------------


def swallow() -> None:
    with suppress(AssertionError):
        time.time()


@pytest.mark.parametrize("touch", [monotonic, swallow, lambda: random.choice("ab")])
def test_finds_what_is_touched(touch: Callable[[], object]) -> None:
    """A name that was imported earlier, and an exception that was swallowed, are found as well."""
    before = sys.getprofile()
    with pytest.raises(TouchedError, match=r"\(test_driving\.py:"), untouched():
        touch()
    assert before is sys.getprofile()


@pytest.mark.parametrize(
    ("event", "argument", "finding"),
    [
        ("c_call", time.time, "clock"),
        ("c_call", datetime.datetime.now, "clock"),
        ("c_call", datetime.date.today, "clock"),
        ("c_call", random.random, "randomness"),
        ("c_call", os.urandom, "randomness"),
        ("c_call", open, "file"),
        ("c_call", len, None),
        ("c_call", dict.fromkeys, None),
        ("c_call", datetime.datetime.fromtimestamp, None),
        ("call", None, None),
        ("c_return", time.time, None),
        ("return", None, None),
    ],
)
def test_knows_what_is_outside(event: str, argument: object, finding: str | None) -> None:
    """Each event is told apart by the very function that is called."""
    watch, frame = Watch(), inspect.currentframe()
    assert frame is not None
    if finding is None:
        watch(frame, event, argument)
        assert [] == watch.found
    else:
        with pytest.raises(TouchedError, match=finding):
            watch(frame, event, argument)


@pytest.mark.parametrize(
    ("touch", "finding"),
    [
        (lambda: os.environ["PATH"], "environment"),
        (lambda: list(os.environ), "environment"),
        (lambda: socket.socket().close(), "socket"),
        (lambda: socket.getaddrinfo("localhost", 80), "name"),
    ],
)
def test_knows_code_of_the_library(touch: Callable[[], object], finding: str) -> None:
    """What is written in Python is told by its code."""
    with pytest.raises(TouchedError, match=finding), untouched():
        touch()


def test_lets_pure_code_pass() -> None:
    """Code that only computes is left alone, and so is what an import does."""
    sys.modules.pop("colorsys", None)
    with untouched():
        assert 4 == sum([1, 3])
        importlib.import_module("colorsys")


def test_does_not_turn_garbage_collection_on() -> None:
    """The collector is left as it was found."""
    import gc

    gc.disable()
    try:
        with untouched():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


# --- the package --------------------------------------------------------------------------


def test_names_are_loaded_on_demand() -> None:
    """Every name is there, and no other."""
    for name in llmgate.testing.__all__:
        assert getattr(llmgate.testing, name) is not None
    assert sorted(llmgate.testing.__all__) == dir(llmgate.testing)
    with pytest.raises(AttributeError, match="nothing"):
        _ = llmgate.testing.nothing


def test_core_does_not_import_it() -> None:
    """``import llmgate`` does not import it, and it does not import pytest before the kit."""
    import subprocess

    program = (
        "import sys, llmgate; llmgate.Client; assert 'llmgate.testing' not in sys.modules;"
        "from llmgate.testing import FakeProvider; assert 'pytest' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert 0 == done.returncode
