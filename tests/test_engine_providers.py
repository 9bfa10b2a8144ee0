"""The engine: errors in a provider, requests on abandonment, and events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    DeadlineExceededError,
    LLMGateError,
    PluginError,
)
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded, RetryScheduled
from llmgate.provider import Signing
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Completion, Message
from tests.engine_calls import ANSWER, client_for, consume
from tests.faults.calls import (
    AT_ONCE,
    HI,
    KEY,
    MODEL,
    Recorder,
    client_of,
    is_ours,
    lasting,
)
from tests.faults.peer import Step
from tests.faults.server import (
    STREAM_HEAD,
    FaultServer,
    chunk,
    close,
    event,
    framed,
    hang,
    reply,
    stream,
    then,
)
from tests.machine import wait_for_async
from tests.plain_provider import PlainProvider

BODY = ANSWER.partition(b"\r\n\r\n")[2]


# --- deadlines ----------------------------------------------------------------------------


PIECE = framed(event(chunk("x")))


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
    assert re.fullmatch(r"tests/test_engine_providers\.py:\d+ in broken", caught.value.origin)
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
