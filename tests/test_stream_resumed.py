"""A stream that is left is resumed, and what a stranger's decoder may do."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate._core.live import LiveSource
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    LLMGateError,
    PluginError,
    ReadError,
)
from llmgate.hooks import CallEnded
from llmgate.options import Timeout
from llmgate.provider import Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, IncomingResponse
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion
from tests.fault_streams import USAGE, left, streaming
from tests.faults.calls import HI, KEY, MODEL, Recorder, client_of, is_ours
from tests.faults.peer import Peer
from tests.faults.server import (
    LAST,
    STREAM_HEAD,
    FaultServer,
    chunk,
    close,
    event,
    framed,
    hang,
    stream,
    then,
)
from tests.machine import wait_for_async
from tests.plain_provider import PlainProvider

PIECES = [framed(event(chunk(text))) for text in ("a", "b")]
ENDLESS = then(STREAM_HEAD, *PIECES, last=hang)


async def exhaust(chunks: Any, into: list[Any] | None = None) -> None:
    """Take everything."""
    async for each in chunks:
        (into if into is not None else []).append(each)


# --- how it is resumed ------------------------------------------------------------------


FINISHED = event(chunk(finish_reason="stop"))
WITH_USAGE = event(chunk(choices=[], usage=USAGE.model_dump(exclude_none=True)))


async def test_a_loop_that_was_left_is_resumed() -> None:
    """By another loop, by ``text()`` and by ``completion()``, each from where it was left."""
    async with streaming(stream(*"abcdef")) as (answer, server):
        texts: list[str | None] = []
        for _ in range(2):
            async for each in answer:
                texts.append(each.choices[0].delta.content)
                break
        async for text in answer.text():
            texts.append(text)
            break
        assert list("abc") == texts
        assert "d" == await anext(answer.text())
        chunks = aiter(answer)
        assert chunks is aiter(chunks)
        assert "e" == (await anext(chunks)).choices[0].delta.content
        assert 1 == server.open_connections
        assert "abcdef" == (await answer.completion()).text


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_a_loop_left_at_the_finish_reason_is_resumed_for_the_usage(pause: float) -> None:
    """However late the rest comes, and however long nobody reads."""
    step = then(
        STREAM_HEAD,
        framed(event(chunk("a")) + FINISHED),
        framed(WITH_USAGE + event("[DONE]")) + LAST,
        pause=pause,
        last=close,
    )
    asking: Any = {"stream_options": {"include_usage": True}}
    with FaultServer(step) as server:
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI, stream=True, **asking)
            async for each in answer:
                if each.choices[0].finish_reason:
                    break
            await asyncio.sleep(0.1 - pause)
            assert [USAGE] == [each.usage async for each in answer]
            assert USAGE == answer.usage
            assert [] == [each async for each in answer]
            assert "a" == (await answer.completion()).text


async def test_a_second_loop_beside_the_first() -> None:
    """It is refused, and the first goes on to the end."""
    refused = threading.Event()

    async def step(peer: Peer) -> None:
        await peer.send(STREAM_HEAD, PIECES[0])
        assert await wait_for_async(refused.is_set, 5.0)
        await peer.send(PIECES[1], framed(FINISHED + event("[DONE]")), LAST)

    async with streaming(step) as (answer, _):
        first = asyncio.ensure_future(answer.completion())
        await asyncio.sleep(0.02)
        for read in (lambda: exhaust(answer), lambda: exhaust(answer.text()), answer.completion):
            with pytest.raises(LLMGateError, match="another task"):
                await read()
        gc.collect()
        refused.set()
        assert "ab" == (await first).text


@pytest.mark.parametrize("reads", [0, 1])
async def test_the_deadline_of_a_stream_that_nobody_reads(reads: int) -> None:
    """It closes the connection; who reads then gets what had come, and the error after it."""
    hook = Recorder()
    with FaultServer(ENDLESS) as server:
        async with client_of(server, hooks=[hook]) as client:
            answer = await client.acompletion(MODEL, HI, stream=True, timeout=0.3)
            came = [await anext(answer) for _ in range(reads)]
            assert await wait_for_async(lambda: server.open_connections == 0, 2.0)
            assert await wait_for_async(lambda: bool(hook.all(CallEnded)), 2.0)
            assert 0.3 <= hook.all(CallEnded)[0].seconds
            assert "failed" in repr(answer)
            with pytest.raises(DeadlineExceededError, match=r"0\.3 s") as caught:
                await exhaust(answer, came)
            assert reads <= len(came)
            assert ("total", "openai") == (caught.value.phase, caught.value.provider)
            with pytest.raises(ClosedError):
                await anext(answer)
    assert ["error"] == [end.outcome for end in hook.all(CallEnded)]


async def test_a_stream_without_a_deadline_waits_for_its_reader() -> None:
    """Silence while nobody reads is no silence, and ``total=None`` is no limit."""
    limits: Any = {"timeout": Timeout(total=None, idle=0.05, connect=None)}
    async with streaming(stream("a"), **limits) as (answer, _):
        await asyncio.sleep(0.15)
        assert "a" == (await answer.completion()).text


async def test_a_stream_that_is_closed_before_its_deadline() -> None:
    """Nothing happens to it later."""
    hook = Recorder()
    with FaultServer(ENDLESS) as server:
        async with client_of(server, hooks=[hook]) as client:
            answer = await client.acompletion(MODEL, HI, stream=True, timeout=0.1)
            await answer.aclose()
            await asyncio.sleep(0.15)
    assert ["abandoned"] == [end.outcome for end in hook.all(CallEnded)]


async def test_what_a_stream_prints() -> None:
    """Whose it is, and how far it is."""
    async with streaming(stream("a")) as (answer, _):
        assert "<Stream of openai/gpt-4o, open>" == repr(answer)
        await answer.completion()
        assert "<Stream of openai/gpt-4o, complete>" == repr(answer)


async def test_closed_by_another_task() -> None:
    """The task that was waiting raises ClosedError, not an error of the connection."""
    async with streaming(then(STREAM_HEAD, last=hang)) as (answer, _):
        reading = asyncio.ensure_future(anext(answer))
        await asyncio.sleep(0.02)
        await answer.aclose()
        with pytest.raises(ClosedError) as caught:
            await reading
        assert not isinstance(caught.value, ReadError)


async def test_closed_and_cancelled_at_once() -> None:
    """The call ends once."""
    hook = Recorder()
    async with streaming(then(STREAM_HEAD, last=hang), hooks=[hook]) as (answer, _):
        reading = asyncio.ensure_future(anext(answer))
        await asyncio.sleep(0.02)
        await answer.aclose()
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
    assert ["abandoned", "ok"] == [end.outcome for end in hook.all(CallEnded)]


class Leaving(PlainProvider):
    """A provider that is to be told when a stream is left."""

    def stream(self, call: ProviderCall) -> Generator[HttpRequest, HttpResponse, Decoder[Chunk]]:
        bye = HttpRequest("POST", "https://fake.invalid/cancel")
        yield HttpRequest("POST", "https://fake.invalid", stream=True, on_abandon=bye)
        decoder: Decoder[Chunk] = yield from _only_result(super().stream(call))
        return decoder


def leaving(transport: CannedTransport) -> Client:
    """A client whose only provider is that one."""
    provider = with_transport(Leaving(api_key=KEY, base_url="https://fake.invalid"), transport)
    return Client(providers={"openai": provider})


async def test_the_farewell_of_a_stream_that_is_let_go() -> None:
    """The provider is told in the background, with credentials, even from a finalizer."""
    transport = CannedTransport(
        [Canned(body=[b"".join(PIECES)[3:]], hang=True), Canned(), Canned()]
    )
    async with leaving(transport) as client:
        answer = await client.acompletion(MODEL, HI, stream=True)
        del answer
        assert await wait_for_async(lambda: len(transport.requests) == 2)
    assert "https://fake.invalid/cancel" == transport.requests[1].url
    assert KEY in transport.requests[1].headers["Authorization"]


async def test_the_farewell_of_a_stream_that_is_late_is_of_its_own_context() -> None:
    """Whichever call's limit was the first that the loop's clock was set for."""
    whose, seen = ContextVar("whose", default="nobody's"), list[tuple[str, str]]()

    class Noting(CannedTransport):
        async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
            seen.append((request.url.removeprefix("https://fake.invalid"), whose.get()))
            return await super().open(request, timeout)

    async def left_unread(name: str, seconds: float) -> Stream:
        whose.set(name)
        return await client.acompletion(MODEL, HI, stream=True, timeout=seconds)

    async with leaving(Noting([Canned(hang=True)] * 2 + [Canned()] * 2)) as client:
        opened = [asyncio.create_task(left_unread(*each)) for each in (("one", 0.05), ("two", 0.1))]
        unread = [await each for each in opened]
        assert await wait_for_async(lambda: len(seen) == 4)
    assert [("", "one"), ("", "two"), ("/cancel", "one"), ("/cancel", "two")] == seen
    assert [False, False] == [each.is_open for each in unread]


def _only_result(flow: Any) -> Generator[HttpRequest, HttpResponse, Any]:
    """What a flow returns, without sending what it asks for."""
    next(flow)
    try:
        flow.send(HttpResponse(200))
    except StopIteration as stop:
        return stop.value
    yield from ()


# --- what a stranger's decoder may do ---------------------------------------------------


class Strange(Provider):
    """A provider whose decoder is a test's."""

    protocol = 2
    name = "strange"

    def __init__(self, decoder: Any, url: str) -> None:
        self._decoder = decoder
        self._url = url

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        raise NotImplementedError

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        yield HttpRequest("POST", self._url, stream=True)
        decoder: Decoder[Chunk] = self._decoder
        return decoder


class Fragile:
    """A decoder that raises where it is told to."""

    finished = False

    def __init__(self, where: str) -> None:
        self._where = where
        self.framer: Any = self if where == "framer" else SSEFramer()

    def feed(self, frame: Frame | bytes) -> list[Chunk]:
        if self._where in ("feed", "framer"):
            raise ZeroDivisionError
        return []

    def close(self) -> list[Chunk]:
        raise ZeroDivisionError


@pytest.mark.parametrize("where", ["framer", "feed", "close"])
async def test_a_decoder_that_fails(where: str) -> None:
    """Whatever a decoder or framer raises is one of our errors, and the connection is closed."""
    with FaultServer(stream("a")) as server:
        provider = Strange(Fragile(where), server.url)
        async with Client(providers={"strange": provider}, timeout=5) as client:
            answer = await client.acompletion("strange/x", HI, stream=True)
            with pytest.raises(
                PluginError, match=r"ZeroDivisionError.* at tests/test_stream_resumed.py"
            ) as caught:
                await answer.completion()
    assert is_ours(caught.value)


async def test_an_interrupt_while_decoding() -> None:
    """What is no Exception passes, and the connection is closed all the same."""

    class Interrupted(Fragile):
        def feed(self, frame: Frame | bytes) -> list[Chunk]:
            raise _Interrupt

    with FaultServer(ENDLESS) as server:
        provider = Strange(Interrupted(""), server.url)
        async with Client(providers={"strange": provider}, timeout=5) as client:
            answer = await client.acompletion("strange/x", HI, stream=True)
            with pytest.raises(_Interrupt):
                await answer.completion()
            assert await left(server)


class _Interrupt(BaseException):
    """Like KeyboardInterrupt, which a test runner takes for itself."""


async def test_a_stream_that_could_not_be_made() -> None:
    """Its finalizer has nothing to do."""
    with pytest.raises(AttributeError):
        LiveSource(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    gc.collect()
