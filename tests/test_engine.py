"""The engine: deadlines, attempts, flows of several steps, and what a stranger's code may do."""

from __future__ import annotations

import asyncio
import email.utils
import itertools
import re
import socket
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Client, RetryPolicy, Timeout
from llmgate._core.deadline import Deadline
from llmgate.errors import (
    BadRequestError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    PluginError,
    ProviderError,
    RateLimitError,
    ReadError,
    ServerError,
)
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded, RetryScheduled
from llmgate.provider import Decoder, Provider, Signing
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, IncomingResponse
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion
from llmgate_openai import OpenAI
from tests import virtual_time
from tests.faults.calls import (
    AT_ONCE,
    HI,
    KEY,
    MODEL,
    Recorder,
    client_of,
    is_ours,
    lasting,
    limits,
    no_pause,
)
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    Peer,
    Step,
    chunk,
    close,
    event,
    framed,
    hang,
    head,
    reply,
    reset,
    stream,
    then,
    trickle,
    wait_for_async,
)
from tests.machine import undisturbed

ANSWER = reply(body=COMPLETION)
BODY = ANSWER.partition(b"\r\n\r\n")[2]


# --- deadlines ----------------------------------------------------------------------------


async def slow_head(peer: Peer) -> None:
    """Endless headers, a byte at a time."""
    for number in itertools.count():
        if peer.gone.is_set():
            return
        await peer.send(*(b"%c" % byte for byte in b"X-%d: y\r\n" % number), pause=0.02)


def forever(piece: bytes) -> Iterator[bytes]:
    """The same piece again and again."""
    return itertools.repeat(piece)


PIECE = framed(event(chunk("x")))
ROLE = framed(event(chunk("", role="assistant")))
SILENT: dict[str, Step] = {
    "silent server": hang,
    "slow headers": then(b"HTTP/1.1 200 OK\r\n", last=slow_head),
    "endless 1xx": trickle(pieces=forever(head(100)), pause=0.01),
    "429 for ever": reply(429, retry_after="0.05"),
}
UNARY: dict[str, Step] = {
    **SILENT,
    "a byte at a time": trickle(head(content_length="999"), pieces=forever(b" "), pause=0.05),
    "endless space at full speed": trickle(head(), pieces=forever(b" " * 999)),
    "error that trickles": trickle(head(500), pieces=forever(b" "), pause=0.05),
}
STREAMED: dict[str, Step] = {
    **SILENT,
    "silent after the head": then(STREAM_HEAD, last=hang),
    "silent after a piece": then(STREAM_HEAD, PIECE, last=hang),
    "a byte at a time": trickle(STREAM_HEAD, pieces=forever(framed(b"d")), pause=0.05),
    "endless comments": trickle(STREAM_HEAD, pieces=forever(framed(b": hello\n\n")), pause=0.01),
    "endless pieces at full speed": trickle(STREAM_HEAD, pieces=forever(PIECE * 50)),
}


async def consume(client: Client, *, streamed: bool, **options: Any) -> None:
    """Make a call and take the whole answer."""
    if not streamed:
        await client.acompletion(MODEL, HI, **options)
        return
    async for _ in await client.acompletion(MODEL, HI, stream=True, **options):
        pass


CASES = [
    *((False, name, step) for name, step in UNARY.items()),
    *((True, name, step) for name, step in STREAMED.items()),
]


@pytest.mark.parametrize(
    ("streamed", "step"),
    [pytest.param(s, step, id=f"{'stream' if s else 'unary'}: {name}") for s, name, step in CASES],
)
async def test_the_deadline_holds(streamed: bool, step: Step) -> None:
    """``timeout`` is the wall clock of the whole call, whatever the server does."""
    with FaultServer(step) as server:
        async with client_of(server, max_retries=100) as client:
            with (
                lasting(0.3, at_least=0),
                pytest.raises((DeadlineExceededError, RateLimitError)) as caught,
            ):
                await consume(client, streamed=streamed, timeout=0.3)
        assert server.wait_until_left()
    assert is_ours(caught.value)
    if isinstance(caught.value, DeadlineExceededError):
        assert isinstance(caught.value, TimeoutError)
        assert "total" == caught.value.phase
        assert "0.3 s" in str(caught.value)


@asynccontextmanager
async def black_hole() -> AsyncGenerator[str]:
    """An address where connections are neither taken nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        await asyncio.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            for filler in fillers:
                filler.close()


async def test_a_host_that_does_not_answer_the_knock() -> None:
    """Connecting is within the deadline, and the error says that it was that."""
    async with black_hole() as url, client_of(url) as client:
        with lasting(0.3), pytest.raises(DeadlineExceededError) as caught:
            await client.acompletion(MODEL, HI, timeout=0.3)
    assert "connect" == caught.value.phase
    assert [("DeadlineExceededError", None)] == [(a.error, a.status) for a in caught.value.attempts]


async def test_the_limit_of_connecting() -> None:
    """``Timeout(connect=…)`` bounds one attempt to connect, which may then be tried again."""
    async with black_hole() as url, client_of(url, retry=AT_ONCE) as client:
        with lasting(0.3), pytest.raises(DeadlineExceededError) as caught:
            await client.acompletion(MODEL, HI, timeout=limits(connect=0.1))
    assert "connect" == caught.value.phase
    assert 3 == len(caught.value.attempts)


async def test_a_handshake_that_never_ends() -> None:
    """A TLS handshake is a part of connecting."""
    with FaultServer(on_connect=hang) as server:
        async with client_of(server.url.replace("http:", "https:")) as client:
            with lasting(0.3), pytest.raises(DeadlineExceededError) as caught:
                await client.acompletion(MODEL, HI, timeout=0.3)
        assert server.wait_until_left()
    assert "connect" == caught.value.phase


async def test_a_server_that_never_reads() -> None:
    """Sending is within the deadline, and the error says that it was that."""

    async def ignore(peer: Peer) -> None:
        peer.transport.pause_reading()
        await peer.gone.wait()

    with FaultServer(on_connect=ignore) as server:
        async with client_of(server) as client:
            prompt: Any = [{"role": "user", "content": "x" * 9_000_000}]
            with lasting(0.4), pytest.raises(DeadlineExceededError) as caught:
                await client.acompletion(MODEL, prompt, timeout=0.4)
    assert "write" == caught.value.phase


async def test_a_pool_that_is_exhausted() -> None:
    """Waiting for a free connection is within the deadline, and the error says so."""
    with FaultServer(hang) as server:
        async with client_of(server, limit=1) as client:
            first = asyncio.ensure_future(client.acompletion(MODEL, HI))
            await asyncio.sleep(0.05)
            with lasting(0.2), pytest.raises(DeadlineExceededError) as caught:
                await client.acompletion(MODEL, HI, timeout=0.2)
            first.cancel()
            await asyncio.wait({first})
    assert "pool" == caught.value.phase


async def test_credentials_that_do_not_come() -> None:
    """``authorize`` is within the deadline."""

    class Slow(OpenAI):
        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            await asyncio.Event().wait()
            raise AssertionError

    async with Client(providers={"openai": Slow(api_key=KEY)}) as client:
        with lasting(0.2), pytest.raises(DeadlineExceededError) as caught:
            await client.acompletion(MODEL, HI, timeout=0.2)
    assert "total" == caught.value.phase


async def test_what_is_ready_at_once_is_interrupted_too() -> None:
    """A transport that never waits is stopped by the clock all the same."""
    endless = CannedTransport(lambda _: Canned(body=[b": x\n\n"]))

    class Endless:
        status, headers = 200, dict[str, str]()

        async def read(self) -> bytes:
            return b": hello\n\n"

        def close(self) -> None:
            pass

    async def open_(request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        return Endless()

    endless.open = open_  # type: ignore[method-assign]
    provider = with_transport(OpenAI(api_key=KEY), endless)
    async with Client(providers={"openai": provider}) as client:
        with lasting(0.1), pytest.raises(DeadlineExceededError):
            await consume(client, streamed=True, timeout=0.1)


@pytest.mark.parametrize(
    ("step", "timeout", "phase"),
    [
        pytest.param(hang, limits(first_token=0.1), "first_token", id="no reply"),
        pytest.param(
            then(STREAM_HEAD, last=hang), limits(first_token=0.1), "first_token", id="no piece"
        ),
        pytest.param(
            trickle(STREAM_HEAD, pieces=forever(framed(b": x\n\n")), pause=0.02),
            limits(first_token=0.15, idle=0.1),
            "first_token",
            id="comments hold off idle, never first_token",
        ),
        pytest.param(
            trickle(STREAM_HEAD, PIECE, pieces=forever(framed(b": x\n\n")), pause=0.02),
            limits(total=0.2, idle=0.1, first_token=0.1),
            "total",
            id="comments hold off idle, never total",
        ),
        pytest.param(
            then(STREAM_HEAD, PIECE, last=hang),
            limits(idle=0.1, first_token=1.0),
            "idle",
            id="idle",
        ),
        pytest.param(then(STREAM_HEAD, last=hang), limits(idle=0.1), "idle", id="idle at once"),
    ],
)
async def test_limits_of_a_stream(step: Step, timeout: Timeout, phase: str) -> None:
    """Which limit passed is told by name."""

    async def measure() -> None:
        with FaultServer(step) as server:
            async with client_of(server) as client:
                with lasting(0.2, at_least=0.1), pytest.raises(DeadlineExceededError) as caught:
                    await consume(client, streamed=True, timeout=timeout)
        assert phase == caught.value.phase

    await undisturbed(measure)


async def test_a_slow_stream_within_its_limits() -> None:
    """Pieces hold off ``idle``, and after the first one ``first_token`` is no limit."""
    pieces = [framed(event(chunk(text))) for text in "abcde"]
    whole = stream()
    step = then(STREAM_HEAD, *pieces, whole[len(STREAM_HEAD) :], pause=0.06, last=hang)

    async def measure() -> None:
        with FaultServer(step) as server:
            async with client_of(server) as client:
                timeout = limits(idle=0.2, first_token=0.2, total=5.0)
                answer = await client.acompletion(MODEL, HI, stream=True, timeout=timeout)
                assert "abcde" == (await answer.completion()).text

    await undisturbed(measure)


async def test_a_reader_who_takes_his_time() -> None:
    """``idle`` is the server's silence, not the reader's."""

    async def measure() -> None:
        with FaultServer(stream("a", "b")) as server:
            async with client_of(server) as client:
                answer = await client.acompletion(MODEL, HI, stream=True, timeout=limits(idle=0.05))
                texts: list[str] = []
                async for text in answer.text():
                    texts.append(text)
                    await asyncio.sleep(0.08)
        assert ["a", "b"] == texts

    await undisturbed(measure)


@pytest.mark.parametrize(
    ("step", "timeout", "phase"),
    [
        (hang, limits(first_token=0.1), "first_token"),
        (then(head(content_length="99") + b"{", last=hang), limits(idle=0.1), "idle"),
    ],
)
async def test_limits_of_a_whole_answer(step: Step, timeout: Timeout, phase: str) -> None:
    """For an answer that is not streamed: until its reply begins, and between its pieces."""

    async def measure() -> None:
        with FaultServer(step) as server:
            async with client_of(server) as client:
                with lasting(0.2, at_least=0.1), pytest.raises(DeadlineExceededError) as caught:
                    await client.acompletion(MODEL, HI, timeout=timeout)
        assert phase == caught.value.phase

    await undisturbed(measure)


async def test_idle_is_no_limit_of_thinking() -> None:
    """A model may be silent before its reply for longer than between two pieces of it."""
    step = then(b"HTTP/1.1 200 OK\r\n", ANSWER.partition(b"\r\n")[2], pause=0.2, last=hang)
    with FaultServer(step) as server:
        async with client_of(server) as client:
            assert "Hi" == (await client.acompletion(MODEL, HI, timeout=limits(idle=0.1))).text


async def test_limits_begin_anew_for_each_attempt() -> None:
    """The pause before an attempt is no silence of the server."""
    policy = RetryPolicy(max_retries=1, wait=lambda _: 0.2)
    with FaultServer(reply(503), ANSWER) as server:
        async with client_of(server, retry=policy, max_retries=1) as client:
            timeout = limits(idle=0.05, total=5)
            assert "Hi" == (await client.acompletion(MODEL, HI, timeout=timeout)).text


async def test_no_limit_at_all() -> None:
    """Every limit can be switched off."""
    with FaultServer(ANSWER, stream("a")) as server:
        async with client_of(server) as client:
            await consume(client, streamed=False, timeout=limits())
            await consume(client, streamed=True, timeout=limits())


async def test_a_deadline_within_the_callers_own() -> None:
    """The caller's own time limit is his; ours is not taken for it, nor his for ours."""
    with FaultServer(hang) as server:
        async with client_of(server) as client:
            with pytest.raises(TimeoutError) as his:
                async with asyncio.timeout(0.1):
                    await client.acompletion(MODEL, HI, timeout=5)
            assert not isinstance(his.value, LLMGateError)
            with pytest.raises(DeadlineExceededError):
                async with asyncio.timeout(5):
                    await client.acompletion(MODEL, HI, timeout=0.1)
            task = asyncio.current_task()
            assert task is not None
            assert 0 == task.cancelling()


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """What passes within some milliseconds in memory, whatever the machine does meanwhile."""

    def run() -> None:
        virtual_time.run(test)

    run.__doc__ = test.__doc__
    return run


@in_virtual_time
async def test_cancelled_and_late_at_once() -> None:
    """The caller's cancellation goes before our deadline."""
    deadline = Deadline(limits(total=0.01))

    async def wait() -> None:
        with deadline.limit():
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                task.cancel()
                raise

    task = asyncio.ensure_future(wait())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_in_a_task_that_was_cancelled_before() -> None:
    """A call made while cleaning up after a cancellation has its deadline, too."""
    kinds: list[type[BaseException]] = []

    async def clean_up(client: Client) -> None:
        try:
            await asyncio.sleep(9)
        finally:
            try:
                await client.acompletion(MODEL, HI, timeout=0.05)
            except BaseException as error:  # noqa: BLE001 - to be looked at
                kinds.append(type(error))

    with FaultServer(hang) as server:
        async with client_of(server) as client:
            task = asyncio.ensure_future(clean_up(client))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
    assert [DeadlineExceededError] == kinds


async def stubborn() -> None:
    """Answers a cancellation with an error of its own."""
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        raise KeyError from None


@in_virtual_time
async def test_an_error_at_the_last_moment() -> None:
    """What is raised in the very moment when the limit passes is what is raised."""
    deadline = Deadline(limits(total=0.01))
    with pytest.raises(KeyError), deadline.limit():
        await stubborn()
    deadline.close()


@in_virtual_time
async def test_a_timer_that_goes_off_after_its_call() -> None:
    """A deadline that nobody waits under any more does nothing."""
    deadline = Deadline(limits(total=0.02))
    with deadline.limit():
        await asyncio.sleep(0)
    await asyncio.sleep(0.04)
    with pytest.raises(DeadlineExceededError), deadline.limit():
        raise AssertionError


# --- attempts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "tries"),
    [
        (400, {}, 1),
        (401, {}, 1),
        (402, {}, 1),
        (403, {}, 1),
        (404, {}, 1),
        (408, {}, 3),
        (409, {}, 3),  # of OpenAI's
        (413, {}, 1),
        (422, {}, 1),
        (425, {}, 3),
        (429, {}, 3),
        (500, {}, 3),
        (502, {}, 3),
        (503, {}, 3),
        (504, {}, 3),
        (529, {}, 3),
        (301, {}, 1),
        (500, {"x_should_retry": "false"}, 1),
        (400, {"x_should_retry": "true"}, 3),
    ],
)
async def test_which_statuses_are_tried_again(
    status: int, headers: dict[str, str], tries: int
) -> None:
    """By status, unless the provider says itself; always with the same body and key."""
    body = {"error": {"message": "no", "code": None, "type": None}}
    with FaultServer(reply(status, body=body, **headers)) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=2) as client:
            with pytest.raises(ProviderError) as caught:
                await client.acompletion(MODEL, HI)
    assert (tries, tries) == (len(server.requests), len(caught.value.attempts))
    assert 1 == len({seen.body for seen in server.requests})
    assert {f"Bearer {KEY}"} == {seen.headers["authorization"] for seen in server.requests}


async def test_billing_is_not_tried_again() -> None:
    """A 429 that means an empty account is final."""
    body = {"error": {"message": "no", "code": "insufficient_quota"}}
    with FaultServer(reply(429, body=body)) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=2) as client:
            with pytest.raises(RateLimitError):
                await client.acompletion(MODEL, HI)
    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    ("first", "tries"),
    [
        pytest.param(close, 2, id="closed before the reply"),
        pytest.param(reset, 2, id="reset before the reply"),
        pytest.param(then(head(content_length="9") + b"{", last=close), 1, id="cut in the body"),
        pytest.param(reply(body=b"{}"), 1, id="no answer"),
        pytest.param(then(head(503, content_length="9") + b"{", last=close), 2, id="cut refusal"),
    ],
)
async def test_which_breaks_are_tried_again(first: Step, tries: int) -> None:
    """What breaks before the reply; not an answer that was cut, which may have been billed."""
    with FaultServer(first, ANSWER) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=2) as client:
            try:
                await client.acompletion(MODEL, HI)
            except (ReadError, DecodeError):
                assert 1 == tries
    assert tries == len(server.requests)


async def test_cut_answers_are_tried_again_where_asked() -> None:
    """``retry_reads`` does so."""
    policy = RetryPolicy(max_retries=1, wait=no_pause, retry_reads=True)
    with FaultServer(then(head(content_length="9") + b"{", last=close), ANSWER) as server:
        async with client_of(server, retry=policy, max_retries=1) as client:
            assert 2 == len((await client.acompletion(MODEL, HI)).attempts)


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_how_often(retries: int) -> None:
    """``max_retries=n`` puts at most n + 1 requests on the server, the client's or the call's."""
    with FaultServer(reply(503)) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=9) as client:
            with pytest.raises(OverloadedError):
                await client.acompletion(MODEL, HI, max_retries=retries)
    assert retries + 1 == len(server.requests)


async def test_how_often_in_all_layers_together() -> None:
    """A stream that fails at its first event counts with the attempts that were refused."""
    failing = stream(end=event({"error": {"message": "later", "code": 529}}))
    with FaultServer(failing, reply(503)) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=2) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            with pytest.raises(OverloadedError):
                await answer.completion()
    assert 3 == len(server.requests)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30.5"}, 30.5),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after": "in 300 s"}, None),
    ],
)
def test_waiting_as_asked(headers: dict[str, str], seconds: float | None) -> None:
    """The provider's own word wins over the strategy, and is waited for."""
    if seconds is None:  # a date, which is not made before the test begins
        headers = {"retry-after": email.utils.formatdate(time.time() + 300, usegmt=True)}
    transport = CannedTransport([Canned(429, headers), Canned(200, body=BODY)])
    provider = with_transport(OpenAI(api_key=KEY), transport)

    async def main() -> tuple[float, float]:
        async with Client(providers={"openai": provider}, max_retries=1) as client:
            answer = await client.acompletion(MODEL, HI)
        return answer.attempts[1].wait, asyncio.get_running_loop().time() - began

    began = virtual_time.BEGINNING
    wait, took = virtual_time.run(main)
    assert wait == pytest.approx(took)
    assert (wait == seconds) if seconds is not None else (200 < wait <= 300)


@pytest.mark.parametrize("asked", ["86400", "1e308", "inf", "9" * 20, "6"])
async def test_waiting_longer_than_there_is_time(asked: str) -> None:
    """Beyond the deadline: fail now, with ``retry_after`` set."""
    with FaultServer(reply(429, retry_after=asked)) as server:
        async with client_of(server, max_retries=2, timeout=5.0) as client:
            with lasting(0), pytest.raises(RateLimitError) as caught:
                await client.acompletion(MODEL, HI)
    assert 1 == len(server.requests)
    assert (caught.value.retry_after or 0) >= 6


async def test_a_budget_over_the_client() -> None:
    """Fifty calls to a server that always says 503 put at most twice their number on it."""
    with FaultServer(reply(503)) as server:
        async with client_of(
            server, retry=replace(AT_ONCE, max_retries=5), max_retries=5
        ) as client:
            calls = [client.acompletion(MODEL, HI) for _ in range(50)]
            results = await asyncio.gather(*calls, return_exceptions=True)
    assert {OverloadedError} == {type(result) for result in results}
    assert len(server.requests) <= 100


async def test_a_strategy_of_ones_own() -> None:
    """``retry`` can narrow what is tried again."""
    policy = RetryPolicy(wait=no_pause, retry=lambda error: error.status != 500)
    with FaultServer(reply(500)) as server:
        async with client_of(server, retry=policy, max_retries=2) as client:
            with pytest.raises(ServerError):
                await client.acompletion(MODEL, HI)
    assert 1 == len(server.requests)


async def test_what_an_answer_tells_of_its_attempts() -> None:
    """Each with its status, error, pause and request id."""
    first = reply(503, x_request_id="one", connection="close")
    with FaultServer(first, close, ANSWER) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=2) as client:
            attempts = (await client.acompletion(MODEL, HI)).attempts
    assert [
        (1, 503, "OverloadedError", "one"),
        (2, None, "ReadError", None),
        (3, 200, None, None),
    ] == [(a.number, a.status, a.error, a.request_id) for a in attempts]
    assert all(0 < attempt.seconds < 1 for attempt in attempts)


async def test_what_an_error_tells_of_its_reply() -> None:
    """Status, code, request id, headers and body, of the last attempt."""
    body = {"error": {"message": "too hot", "code": "hot"}}
    with FaultServer(reply(503, x_request_id="one"), reply(400, body=body, cf_ray="two")) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=2) as client:
            with pytest.raises(BadRequestError) as caught:
                await client.acompletion(MODEL, HI)
    error = caught.value
    assert ("openai", "gpt-4o", 400, "hot", "two") == (
        error.provider,
        error.model,
        error.status,
        error.code,
        error.request_id,
    )
    assert b'"too hot"' in (error.body or b"")
    assert "two" == (error.headers or {})["cf-ray"]
    assert error.report is not None
    assert "too hot (provider openai, model gpt-4o, status 400, code hot, request id two" in str(
        error
    )


async def test_what_is_told_of_a_reply_that_is_no_answer() -> None:
    """A 200 that holds none has its id and body in the error, too."""
    with FaultServer(reply(body=b"<html>", x_request_id="id")) as server:
        async with client_of(server) as client:
            with pytest.raises(DecodeError) as caught:
                await client.acompletion(MODEL, HI)
    assert (200, "id", b"<html>") == (
        caught.value.status,
        caught.value.request_id,
        caught.value.body,
    )


async def test_an_error_before_a_reply_tells_of_none() -> None:
    """What is known of an earlier attempt's reply is not told of a later attempt."""
    with FaultServer(reply(503, x_request_id="one", connection="close"), close) as server:
        async with client_of(server, retry=AT_ONCE, max_retries=1) as client:
            with pytest.raises(ReadError) as caught:
                await client.acompletion(MODEL, HI)
    assert (None, None, None) == (caught.value.status, caught.value.request_id, caught.value.body)


# --- flows of several steps, and requests that are not to be sent twice -------------------


class Steps(Provider):
    """A provider whose flow is given as a function."""

    protocol = 2
    name = "steps"

    def __init__(
        self, flow: Callable[[ProviderCall], Generator[HttpRequest, HttpResponse, Any]]
    ) -> None:
        self._flow = flow

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        answer: Completion = yield from self._flow(call)
        return answer

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        decoder: Decoder[Chunk] = yield from self._flow(call)
        return decoder


def answer_of(replied: HttpResponse) -> Completion:
    """The completion in a reply."""
    return Completion.model_validate(replied.json())


def client_for(
    flow: Callable[[ProviderCall], Generator[HttpRequest, HttpResponse, Any]], **settings: Any
) -> Client:
    """A client whose provider is this flow."""
    return Client(providers={"steps": Steps(flow)}, timeout=5.0, **settings)


async def test_polling() -> None:
    """Each step is a request; ``delay`` is waited before it."""
    with FaultServer(reply(201, body={"id": 1}), reply(202, body=b"{}"), ANSWER) as server:

        def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Completion]:
            created = yield HttpRequest("POST", server.url, body=b"{}")
            assert 1 == created.json()["id"]
            yield HttpRequest("GET", server.url, delay=0.1)
            return answer_of((yield HttpRequest("GET", server.url, delay=0.1)))

        async with client_for(flow) as client:
            with lasting(0.2):
                answer = await client.acompletion("steps/x", HI)
    assert "Hi" == answer.text
    assert [1, 2, 3] == [attempt.number for attempt in answer.attempts]


@pytest.mark.parametrize(
    ("step", "tries"),
    [(reply(429), 2), (reply(503), 2), (reply(500), 1), (reply(502), 1), (close, 1)],
)
async def test_a_request_that_is_not_to_be_done_twice(step: Step, tries: int) -> None:
    """It is sent again only where the first was refused undone."""
    with FaultServer(step, ANSWER) as server:

        def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Completion]:
            request = HttpRequest("POST", server.url, body=b"{}", idempotent=False)
            return answer_of((yield request))

        async with client_for(flow, retry=AT_ONCE) as client:
            try:
                await client.acompletion("steps/x", HI)
            except LLMGateError:
                assert 1 == tries
    assert tries == len(server.requests)


async def test_a_request_that_never_left_is_sent_again() -> None:
    """A connection that was refused did nothing."""

    def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Completion]:
        return answer_of((yield HttpRequest("POST", "http://127.0.0.1:9", idempotent=False)))

    async with client_for(flow, retry=AT_ONCE) as client:
        with pytest.raises(ConnectError) as caught:
            await client.acompletion("steps/x", HI)
    assert 3 == len(caught.value.attempts)


async def test_two_streams_in_one_flow() -> None:
    """A flow that asks for another stream gives up the first, which is closed."""
    with FaultServer(then(STREAM_HEAD, last=hang), stream("a")) as server:

        def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Decoder[Chunk]]:
            yield HttpRequest("POST", server.url, stream=True)
            yield HttpRequest("POST", server.url, stream=True)
            return (yield from OpenAI(api_key=KEY, base_url=server.url).stream(call))

        async with client_for(flow) as client:
            answer = await client.acompletion("steps/x", HI, stream=True)
            assert "a" == (await answer.completion()).text
            assert await wait_for_async(server.peers[0].gone.is_set)


async def test_a_flow_without_a_stream() -> None:
    """A streaming flow that ends without a reply to be streamed is an error, not a leak."""

    def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Any]:
        yield from ()
        return object()

    async with client_for(flow) as client:
        with pytest.raises(PluginError, match="not a decoder"):
            await client.acompletion("steps/x", HI, stream=True)


async def test_a_flow_that_fails_with_its_stream_open() -> None:
    """The reply is closed with the flow."""
    with FaultServer(then(STREAM_HEAD, last=hang)) as server:

        def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Any]:
            yield HttpRequest("POST", server.url, stream=True)
            raise ZeroDivisionError

        async with client_for(flow) as client:
            with pytest.raises(PluginError, match="ZeroDivisionError"):
                await client.acompletion("steps/x", HI, stream=True)
            assert await asyncio.to_thread(server.wait_until_left)


# --- what a stranger's code may do --------------------------------------------------------


def broken(call: ProviderCall) -> Any:
    raise ZeroDivisionError("by nought")


def broken_after(reply_: str = "") -> Callable[[ProviderCall], Any]:
    def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Any]:
        try:
            yield HttpRequest("POST", reply_)
            raise KeyError("choices")
        finally:
            raise RuntimeError("in the end")

    return flow


async def test_a_provider_that_cannot_translate() -> None:
    """Whatever its code raises before a request is a PluginError, which says where."""
    async with client_for(broken) as client:
        with pytest.raises(
            PluginError, match="encode the call: ZeroDivisionError: by nought"
        ) as caught:
            await client.acompletion("steps/x", HI)
    assert is_ours(caught.value)
    assert re.fullmatch(r"tests/test_engine\.py:\d+ in broken", caught.value.origin)
    assert str(caught.value).endswith(f"at {caught.value.origin} (provider steps, model x)")


async def test_a_provider_that_cannot_read() -> None:
    """Whatever its code raises after a response is a PluginError; its clean-up harms nothing."""
    with FaultServer(ANSWER) as server:
        async with client_for(broken_after(server.url)) as client:
            with pytest.raises(PluginError, match="decode the response: ") as caught:
                await client.acompletion("steps/x", HI)
    assert BODY == caught.value.body
    assert 1 == len(caught.value.attempts)
    assert is_ours(caught.value)


async def test_a_provider_that_cannot_explain() -> None:
    """An ``error`` that fails itself is replaced by what the status says."""

    class Mute(OpenAI):
        def error(self, reply: HttpResponse) -> ProviderError:
            raise KeyError("error")

    with FaultServer(reply(429)) as server:
        async with Client(
            providers={"openai": Mute(api_key=KEY, base_url=server.url)}, max_retries=0
        ) as client:
            with pytest.raises(RateLimitError) as caught:
                await client.acompletion(MODEL, HI)
    assert is_ours(caught.value)


@pytest.mark.parametrize("kind", [OSError, TimeoutError, ValueError])
async def test_credentials_that_fail(kind: type[Exception]) -> None:
    """What ``authorize`` raises is ours, and quotes nothing."""

    class Keyless(OpenAI):
        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            raise kind("canary")

    async with Client(providers={"openai": Keyless(api_key=KEY)}) as client:
        with pytest.raises(PluginError, match=kind.__name__) as caught:
            await client.acompletion(MODEL, HI)
    assert "canary" not in str(caught.value)
    assert caught.value.origin.endswith(" in authorize")
    assert is_ours(caught.value)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("where", ["open", "read"])
async def test_a_transport_that_fails(where: str, streamed: bool) -> None:
    """Whatever a stranger's transport raises is one of our errors."""

    class Reply:
        status, headers = 200, dict[str, str]()

        async def read(self) -> bytes:
            raise KeyError("read")

        def close(self) -> None:
            pass

    class Broken:
        async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
            if where == "open":
                raise TimeoutError("open")
            return Reply()

        async def aclose(self) -> None:
            pass

    provider = with_transport(OpenAI(api_key=KEY), Broken())
    async with Client(providers={"openai": provider}, retry=AT_ONCE) as client:
        with pytest.raises(LLMGateError, match=r"KeyError|TimeoutError") as caught:
            await consume(client, streamed=streamed)
    assert is_ours(caught.value)


# --- farewells ----------------------------------------------------------------------------


def farewell_flow(server: FaultServer) -> Callable[[ProviderCall], Any]:
    def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Any]:
        bye = HttpRequest("POST", f"{server.url}/cancel")
        provider = OpenAI(api_key=KEY, base_url=server.url)
        inner: Any = provider.stream(call) if call.stream else provider.complete(call)
        request = next(inner)
        try:
            while True:
                request = inner.send((yield replace(request, on_abandon=bye)))
        except StopIteration as stop:
            return stop.value

    return flow


def farewells(server: FaultServer) -> int:
    """How often the provider was told that nobody waits."""
    return sum(seen.target == "/v1/cancel" for seen in server.requests)


@pytest.mark.parametrize(
    ("step", "streamed", "number", "late"),
    [
        pytest.param(ANSWER, False, 0, False, id="answered"),
        pytest.param(stream("a"), True, 0, False, id="streamed"),
        pytest.param(reply(400), False, 1, False, id="refused"),
        pytest.param(hang, False, 1, True, id="late"),
        pytest.param(then(STREAM_HEAD, PIECE, last=hang), True, 1, True, id="stream is late"),
        pytest.param(then(STREAM_HEAD, PIECE, last=close), True, 1, False, id="stream is cut"),
    ],
)
async def test_when_the_provider_is_told(
    step: Step, streamed: bool, number: int, late: bool
) -> None:
    """``on_abandon`` is sent when the answer is not taken to its end, and only then."""
    timeout = 0.2 if late else 5.0
    with FaultServer(step, ANSWER) as server:
        async with client_for(farewell_flow(server)) as client:
            try:
                if streamed:
                    async for _ in await client.acompletion(
                        "steps/x", HI, stream=True, timeout=timeout
                    ):
                        pass
                else:
                    await client.acompletion("steps/x", HI, timeout=timeout)
            except LLMGateError:
                assert 1 == number
            assert await wait_for_async(lambda: number == farewells(server))


async def test_the_farewell_is_shielded() -> None:
    """A cancelled call has said goodbye when the cancellation comes out, even if repeated."""
    with FaultServer(hang, then(b"", ANSWER, pause=0.1, last=hang)) as server:
        async with client_for(farewell_flow(server)) as client:
            call = asyncio.ensure_future(client.acompletion("steps/x", HI))
            assert await wait_for_async(lambda: bool(server.requests))
            call.cancel()
            await asyncio.sleep(0.02)
            call.cancel()
            await asyncio.wait({call})
            assert call.cancelled()
            assert await wait_for_async(lambda: 1 == farewells(server))


async def test_a_farewell_that_hangs() -> None:
    """It holds up an error for a moment only, once the deadline has passed."""
    with FaultServer(hang) as server:
        async with client_for(farewell_flow(server)) as client:
            with lasting(0.2), pytest.raises(DeadlineExceededError):
                await client.acompletion("steps/x", HI, timeout=0.2)
            assert await wait_for_async(lambda: 1 == farewells(server))


async def test_a_farewell_that_fails() -> None:
    """There is nobody to tell."""
    with FaultServer(hang, close) as server:
        async with client_for(farewell_flow(server)) as client:
            with pytest.raises(DeadlineExceededError):
                await client.acompletion("steps/x", HI, timeout=0.1)


# --- what hooks are told ------------------------------------------------------------------

OVERLOADED = event({"error": {"message": "later", "code": 529}})
TOLD: dict[str, tuple[tuple[Step, ...], bool, str, int]] = {
    "ok": ((ANSWER,), False, "ok", 1),
    "error": ((reply(400),), False, "error", 1),
    "retry": ((reply(503, connection="close"), close, ANSWER), False, "ok", 3),
    "timeout": ((hang,), False, "error", 1),
    "stream ok": ((stream("a"),), True, "ok", 1),
    "stream refused": ((reply(400),), True, "error", 1),
    "stream retry": ((stream(end=OVERLOADED), stream("a")), True, "ok", 2),
    "stream cut": ((stream("a", end=b""),), True, "error", 1),
    "stream timeout": ((then(STREAM_HEAD, PIECE, last=hang),), True, "error", 1),
}


@pytest.mark.parametrize("name", TOLD)
async def test_one_start_and_one_end(name: str) -> None:
    """Whatever happens: exactly one of each for the call, and one of each for every attempt."""
    steps, streamed, outcome, attempts = TOLD[name]
    hook = Recorder()
    with FaultServer(*steps) as server:
        async with client_of(server, hooks=[hook], retry=AT_ONCE, max_retries=2) as client:
            try:
                await consume(client, streamed=streamed, timeout=0.3 if "timeout" in name else 5.0)
            except LLMGateError:
                assert "error" == outcome
    (end,) = hook.all(CallEnded)
    assert "CallStarted" == hook.names[0]
    assert "CallEnded" == hook.names[-1]
    assert 1 == hook.names.count("CallStarted")
    assert (outcome, attempts) == (end.outcome, end.attempts)
    assert (outcome == "error") == (end.error is not None)
    assert [*range(1, attempts + 1)] == [event.number for event in hook.all(AttemptStarted)]
    assert [*range(1, attempts + 1)] == [event.number for event in hook.all(AttemptEnded)]
    assert attempts - 1 == len(hook.all(RetryScheduled))
    assert 1 == len({event.call_id for event in hook.events})
    assert (streamed and outcome == "ok") <= (1 == hook.names.count("FirstToken"))


async def test_a_late_attempt_ends_late() -> None:
    """The attempt that a deadline interrupts has the deadline's error."""
    hook = Recorder()
    with FaultServer(hang) as server:
        async with client_of(server, hooks=[hook]) as client:
            with pytest.raises(DeadlineExceededError):
                await client.acompletion(MODEL, HI, timeout=0.1)
    (end,) = hook.all(AttemptEnded)
    assert isinstance(end.error, DeadlineExceededError)


async def test_a_slow_hook() -> None:
    """It holds up no call."""

    def slow(event: object) -> None:
        time.sleep(0.3)

    with FaultServer(ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            with lasting(0):
                await client.acompletion(MODEL, HI, hooks=[slow])
