"""Streams: what they give, how they end, and that leaving one closes its connection at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate._core.live import LiveSource
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    LLMGateError,
    PluginError,
    ProviderError,
    ReadError,
)
from llmgate.hooks import CallEnded
from llmgate.options import Timeout
from llmgate.provider import Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion, Usage
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, Recorder, client_of, is_ours, lasting
from tests.faults.server import (
    COMPLETION,
    LAST,
    STREAM_HEAD,
    FaultServer,
    Peer,
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
from tests.machine import undisturbed
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)
PIECES = [framed(event(chunk(text))) for text in ("a", "b")]
ENDLESS = then(STREAM_HEAD, *PIECES, last=hang)
NONE: Any = {}
USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)


@asynccontextmanager
async def streaming(step: Step, **settings: Any) -> AsyncGenerator[tuple[Stream, FaultServer]]:
    """An open stream over a pool of one connection, which must serve another call afterwards."""
    with FaultServer(step, ANSWER) as server:
        async with client_of(server, limit=1, **settings) as client:
            yield await client.acompletion(MODEL, HI, stream=True), server
            # which may come on the connection that the server is just closing
            assert "Hi" == (await client.acompletion(MODEL, HI, max_retries=2)).text


async def exhaust(chunks: Any, into: list[Any] | None = None) -> None:
    """Take everything."""
    async for each in chunks:
        (into if into is not None else []).append(each)


async def left(server: FaultServer) -> bool:
    """Whether the server sees its connection closed within 0.2 s."""
    return await wait_for_async(lambda: server.open_connections == 0, 0.2)


# --- what it gives ------------------------------------------------------------------------


async def test_chunks() -> None:
    """``async for`` gives the chunks; what the stream tells is there with its end."""
    async with streaming(stream("a", "b")) as (answer, _):
        texts = [chunk.choices[0].delta.content async for chunk in answer]
        assert ["a", "b", None] == texts
        assert USAGE == answer.usage
        reported = [each.path for each in answer.report]
        assert ("openai", 1, ["stream_options.include_usage"]) == (
            answer.provider,
            len(answer.attempts),
            reported,
        )


async def test_what_the_headers_tell() -> None:
    """Request id and limits are known from the beginning."""
    whole = stream("a").partition(b"\r\n")
    headers = b"HTTP/1.1 200 OK\r\nX-Request-Id: r-1\r\nX-RateLimit-Left: 9\r\n"
    async with streaming(headers + whole[2]) as (answer, _):
        assert "r-1" == answer.request_id
        assert "r-1" == answer.headers["x-request-id"]
        assert {"x-ratelimit-left": "9"} == answer.rate_limit
        await answer.completion()


async def test_text() -> None:
    """``text()`` gives the first choice's text alone."""
    other = event(chunk(choices=[{"index": 1, "delta": {"content": "other"}}]))
    whole = stream("a", "b").replace(LAST, b"")
    step = whole[: len(STREAM_HEAD)] + framed(other) + whole[len(STREAM_HEAD) :] + LAST
    async with streaming(step) as (answer, _):
        assert ["a", "b"] == [text async for text in answer.text()]


async def test_the_whole_answer() -> None:
    """``completion()`` reads what is left; asked again it is the same."""
    async with streaming(stream("a", "b")) as (answer, _):
        first = await anext(answer)
        assert "a" == first.choices[0].delta.content
        whole = await answer.completion()
        assert ("ab", "stop", USAGE) == (whole.text, whole.choices[0].finish_reason, whole.usage)
        assert whole == await answer.completion()
        assert [] == [chunk async for chunk in answer]


async def test_usage_chunks_are_given_where_asked() -> None:
    """The chunk without a choice is for those who asked for it."""
    asking: Any = {"stream_options": {"include_usage": True}}
    for options, expected in ((NONE, 0), (asking, 1)):
        with FaultServer(stream("a")) as server:
            async with client_of(server) as client:
                answer = await client.acompletion(MODEL, HI, stream=True, **options)
                bare = [each async for each in answer if not each.choices]
        assert expected == len(bare)


# --- how it breaks ------------------------------------------------------------------------


async def test_an_error_in_the_stream() -> None:
    """It is typed, says that it was in the stream, and comes after the chunks before it."""
    failing = stream("a", end=event({"error": {"message": "later", "type": "odd"}}))
    hook = Recorder()
    async with streaming(failing, hooks=[hook]) as (answer, _):
        assert "a" == (await anext(answer)).choices[0].delta.content
        with pytest.raises(ProviderError) as caught:
            await anext(answer)
    assert (True, None) == (caught.value.in_stream, caught.value.status)
    end = hook.all(CallEnded)[0]
    assert ("error", caught.value, "a") == (end.outcome, end.error, end.completion.text)


# --- a first event that is an error -------------------------------------------------------

OVERLOADED = stream(end=event({"error": {"message": "later", "code": 529}}))


async def test_what_says_nothing_is_held_back_until_something_is_said() -> None:
    """Who speaks, and a chunk of counts, come with the first token: a failure before it is retried,
    and nobody reads the opening twice."""
    speaker = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    opening = event(chunk(choices=[speaker])) + event(chunk(choices=[], usage=None))
    failing = then(
        STREAM_HEAD + framed(opening),
        framed(event({"error": {"message": "later", "code": 529}})),
        pause=0.05,
        last=close,
    )
    asking: Any = {"stream_options": {"include_usage": True}}
    whole = STREAM_HEAD + framed(opening) + stream("a").removeprefix(STREAM_HEAD)
    with FaultServer(failing, whole) as server:
        async with client_of(server, retry=AT_ONCE) as client:
            answer = await client.acompletion(MODEL, HI, stream=True, **asking)
            roles = [each.delta.role async for part in answer for each in part.choices]
    assert 2 == len(server.requests)
    assert ["assistant"] == [role for role in roles if role]


async def test_an_error_whose_next_attempt_fails() -> None:
    """The last error is the one that is raised, with all attempts."""
    with FaultServer(OVERLOADED, reply(401)) as server:
        async with client_of(server, retry=AT_ONCE) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            with pytest.raises(LLMGateError) as caught:
                await answer.completion()
    assert (401, 2) == (caught.value.status, len(caught.value.attempts))
    assert is_ours(caught.value)


async def test_the_deadline_while_trying_again() -> None:
    """It holds there, too."""

    async def measure() -> None:
        with FaultServer(OVERLOADED, hang) as server:
            async with client_of(server, retry=AT_ONCE) as client:
                answer = await client.acompletion(MODEL, HI, stream=True, timeout=0.2)
                with lasting(0.2, at_least=0.1), pytest.raises(TimeoutError):
                    await answer.completion()

    await undisturbed(measure)


async def test_cancelled_while_trying_again() -> None:
    """The cancellation passes, the call ends once, and nothing is left open."""
    hook = Recorder()
    with FaultServer(OVERLOADED, hang) as server:
        async with client_of(server, retry=AT_ONCE, hooks=[hook]) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            reading = asyncio.ensure_future(answer.completion())
            assert await wait_for_async(lambda: len(server.requests) == 2)
            reading.cancel()
            await asyncio.wait({reading})
            assert reading.cancelled()
            assert await left(server)
    assert ["cancelled"] == [end.outcome for end in hook.all(CallEnded)]


async def test_functions_in_the_legacy_form_after_another_attempt() -> None:
    """The answer of a later attempt is told in the form that was asked for, like the first's."""
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    calls = event(chunk(choices=[{"index": 0, "delta": {"tool_calls": [call]}}]))
    with FaultServer(OVERLOADED, stream(end=calls + event(chunk(finish_reason="tool_calls")))) as (
        server
    ):
        async with client_of(server, retry=AT_ONCE) as client:
            functions: Any = [{"name": "f", "parameters": {}}]
            answer = await client.acompletion(MODEL, HI, stream=True, functions=functions)
            message = (await answer.completion()).choices[0].message
    assert message.function_call is not None
    assert ("f", None) == (message.function_call.name, message.tool_calls)


# --- how it is resumed --------------------------------------------------------------------

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


async def test_the_farewell_of_a_stream_that_is_let_go() -> None:
    """The provider is told in the background, with credentials, even from a finalizer."""
    transport = CannedTransport(
        [Canned(body=[b"".join(PIECES)[3:]], hang=True), Canned(), Canned()]
    )
    bye = HttpRequest("POST", "https://fake.invalid/cancel")

    class Leaving(PlainProvider):
        def stream(
            self, call: ProviderCall
        ) -> Generator[HttpRequest, HttpResponse, Decoder[Chunk]]:
            yield HttpRequest("POST", "https://fake.invalid", stream=True, on_abandon=bye)
            decoder: Decoder[Chunk] = yield from _only_result(super().stream(call))
            return decoder

    provider = with_transport(Leaving(api_key=KEY, base_url="https://fake.invalid"), transport)
    async with Client(providers={"openai": provider}) as client:
        answer = await client.acompletion(MODEL, HI, stream=True)
        del answer
        assert await wait_for_async(lambda: len(transport.requests) == 2)
    assert "https://fake.invalid/cancel" == transport.requests[1].url
    assert KEY in transport.requests[1].headers["Authorization"]


def _only_result(flow: Any) -> Generator[HttpRequest, HttpResponse, Any]:
    """What a flow returns, without sending what it asks for."""
    next(flow)
    try:
        flow.send(HttpResponse(200))
    except StopIteration as stop:
        return stop.value
    yield from ()


# --- what a stranger's decoder may do -----------------------------------------------------


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
                PluginError, match=r"ZeroDivisionError.* at tests/test_stream.py"
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
