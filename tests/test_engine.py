"""The engine: deadlines, attempts, and flows of several requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from llmgate import Client, Timeout
from llmgate._core.deadline import Deadline
from llmgate.errors import (
    BadRequestError,
    DeadlineExceededError,
    DecodeError,
    LLMGateError,
    PluginError,
    ReadError,
)
from llmgate.provider import Decoder
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse, IncomingResponse
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion
from tests import virtual_time
from tests.engine_calls import ANSWER, client_for, consume
from tests.faults.calls import (
    AT_ONCE,
    HI,
    KEY,
    MODEL,
    client_of,
    lasting,
    limits,
)
from tests.faults.peer import Step
from tests.faults.server import STREAM_HEAD, FaultServer, close, hang, reply, stream, then
from tests.machine import wait_for_async
from tests.plain_provider import PlainProvider


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
    provider = with_transport(PlainProvider(api_key=KEY), endless)
    async with Client(providers={"openai": provider}) as client:
        with lasting(0.1), pytest.raises(DeadlineExceededError):
            await consume(client, streamed=True, timeout=0.1)


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


def answer_of(replied: HttpResponse) -> Completion:
    """The completion in a reply."""
    return Completion.model_validate(replied.json())


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


async def test_two_streams_in_one_flow() -> None:
    """A flow that asks for another stream gives up the first, which is closed."""
    with FaultServer(then(STREAM_HEAD, last=hang), stream("a")) as server:

        def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Decoder[Chunk]]:
            yield HttpRequest("POST", server.url, stream=True)
            yield HttpRequest("POST", server.url, stream=True)
            return (yield from PlainProvider(api_key=KEY, base_url=server.url).stream(call))

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
