"""The engine: deadlines, attempts, flows of several steps, and what a stranger's code may do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
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
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded, RetryScheduled
from llmgate.provider import Decoder, Provider, Signing
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, IncomingResponse
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate.types import Choice, Chunk, Completion, Message
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
)
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    Step,
    chunk,
    close,
    event,
    framed,
    hang,
    reply,
    stream,
    then,
    wait_for_async,
)
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)
BODY = ANSWER.partition(b"\r\n\r\n")[2]


# --- deadlines ----------------------------------------------------------------------------


PIECE = framed(event(chunk("x")))


async def consume(client: Client, *, streamed: bool, **options: Any) -> None:
    """Make a call and take the whole answer."""
    if not streamed:
        await client.acompletion(MODEL, HI, **options)
        return
    async for _ in await client.acompletion(MODEL, HI, stream=True, **options):
        pass


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


@pytest.mark.parametrize("kind", [OSError, TimeoutError, ValueError])
async def test_credentials_that_fail(kind: type[Exception]) -> None:
    """What ``authorize`` raises is ours, and quotes nothing."""

    class Keyless(PlainProvider):
        async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
            raise kind("canary")

    async with Client(providers={"openai": Keyless(api_key=KEY)}) as client:
        with pytest.raises(PluginError, match=kind.__name__) as caught:
            await client.acompletion(MODEL, HI)
    assert "canary" not in str(caught.value)
    assert caught.value.origin.endswith(" in authorize")
    assert is_ours(caught.value)


# --- farewells ----------------------------------------------------------------------------


def farewell_flow(server: FaultServer) -> Callable[[ProviderCall], Any]:
    def flow(call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Any]:
        bye = HttpRequest("POST", f"{server.url}/cancel")
        provider = PlainProvider(api_key=KEY, base_url=server.url)
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


async def test_a_provider_that_asks_nobody() -> None:
    """Its completion holds no secret of a request; a hook sees it as it is."""

    class Knows(FakeProvider):
        """Needs no request."""

        def complete(self, call: ProviderCall) -> Flow[Completion]:
            yield from ()
            return Completion([Choice(Message("Hi"))])

    events = list[Any]()
    async with Client(providers={"fake": Knows()}, hooks=[events.append]) as client:
        assert "Hi" == (await client.acompletion("fake/m", HI)).text
    assert "Hi" == events[-1].completion.text
