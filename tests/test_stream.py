"""Streams: what they give, how they end, and that leaving one closes its connection at once."""

from __future__ import annotations

import asyncio
import gc
import json
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
    DecodeError,
    LLMGateError,
    OverloadedError,
    PluginError,
    ProviderError,
    RateLimitError,
    ReadError,
    StreamTruncatedError,
)
from llmgate.hooks import CallEnded, RetryScheduled
from llmgate.options import Timeout
from llmgate.provider import Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion, Usage
from llmgate_openai import OpenAI
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
    head,
    reply,
    reset,
    stream,
    then,
    wait_for_async,
)
from tests.machine import undisturbed

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
        assert ("openai", 1, "as asked") == (
            answer.provider,
            len(answer.attempts),
            str(answer.report),
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


async def test_a_piece_is_given_when_it_comes() -> None:
    """Not with the next one."""
    step = then(STREAM_HEAD, PIECES[0], last=hang)
    async with streaming(step) as (answer, _):
        async with asyncio.timeout(1):
            assert "a" == (await anext(answer)).choices[0].delta.content
        await answer.aclose()


async def test_nothing_is_read_after_the_end_mark() -> None:
    """What follows it is neither an error nor waited for."""
    step = then(stream("a", last=framed(b"data: nonsense\n\n")), last=hang)
    async with streaming(step) as (answer, server):
        with lasting(0):
            assert "a" == (await answer.completion()).text
        assert await left(server)


async def test_a_finish_reason_without_the_mark() -> None:
    """A whole answer without the terminator is whole."""
    async with streaming(stream("a", end=event(chunk(finish_reason="stop")))) as (answer, _):
        assert "stop" == (await answer.completion()).choices[0].finish_reason


# --- how it breaks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(then(STREAM_HEAD, *PIECES, last=close), id="closed"),
        pytest.param(then(STREAM_HEAD, *PIECES, pause=0.01, last=reset), id="reset"),
        pytest.param(STREAM_HEAD + b"".join(PIECES) + LAST, id="ended in order"),
        pytest.param(
            STREAM_HEAD + b"".join(PIECES) + framed(b'data: {"choices') + LAST, id="in an event"
        ),
        pytest.param(
            then(STREAM_HEAD, *PIECES, b"zz\r\n", pause=0.02, last=hang),
            id="broken transfer coding",
        ),
        pytest.param(
            then(STREAM_HEAD + b"".join(PIECES) + framed(b"data: ")[:6], last=close),
            id="in a chunk",
        ),
    ],
)
async def test_half_an_answer(step: Step) -> None:
    """It raises after the chunks that came, with the answer so far, valid as a message."""
    async with streaming(step) as (answer, _):
        texts: list[str] = []
        with pytest.raises(StreamTruncatedError) as caught:
            await exhaust(answer.text(), texts)
        assert ["a", "b"] == texts
        assert caught.value.partial is not None
        message = caught.value.partial.choices[0].message
        assert ("ab", None) == (message.content, caught.value.partial.choices[0].finish_reason)
        assert "ab" == message.model_dump()["content"]
        assert 200 == caught.value.status
        assert is_ours(caught.value)
        with pytest.raises(ClosedError):
            await anext(answer)


@pytest.mark.parametrize("end", [LAST, b""])
async def test_nothing_at_all(end: bytes) -> None:
    """A stream without an event is truncated, and there is no partial answer."""
    async with streaming(then(STREAM_HEAD + end, last=close)) as (answer, _):
        with pytest.raises(StreamTruncatedError) as caught:
            await answer.completion()
        assert caught.value.partial is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"data: {broken\n\n", DecodeError, id="broken JSON"),
        pytest.param(b"data: null\n\n", DecodeError, id="null"),
        pytest.param(b"data: []\n\n", DecodeError, id="a list"),
        pytest.param(b'data: "text"\n\n', ProviderError, id="a string"),
        pytest.param(b"data: 7\n\n", DecodeError, id="a number"),
        pytest.param(b'data: {"choices": 7}\n\n', DecodeError, id="wrong choices"),
        pytest.param(b'data: {"choices": [{"delta": 7}]}\n\n', DecodeError, id="wrong delta"),
        pytest.param(b"data: \xff\xfe\n\n", ProviderError, id="no UTF-8"),
        pytest.param(b'data: {"error": {"message": "no"}}\n\n', ProviderError, id="an error"),
        pytest.param(b"<html></html>", DecodeError, id="HTML"),
    ],
)
async def test_what_is_no_event(body: bytes, kind: type[LLMGateError]) -> None:
    """Typed errors, never text and never a stranger's exception; before and after a chunk."""
    for before in (b"", PIECES[0]):
        step = then(STREAM_HEAD + before + framed(body) + LAST, last=close)
        async with streaming(step) as (answer, _):
            with pytest.raises(LLMGateError) as caught:
                await answer.completion()
        is_page = body.startswith(b"<") and bool(before)  # after an event, it is none at all
        assert isinstance(caught.value, StreamTruncatedError if is_page else kind)
        assert ("openai", "gpt-4o") == (caught.value.provider, caught.value.model)
        assert is_ours(caught.value)


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


async def test_an_error_before_anything_is_tried_again() -> None:
    """Nothing was delivered, so the caller notices nothing but the attempts."""
    hook = Recorder()
    with FaultServer(OVERLOADED, OVERLOADED, stream("a")) as server:
        async with client_of(server, retry=AT_ONCE, hooks=[hook]) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            assert "a" == (await answer.completion()).text
            assert 3 == len(answer.attempts)
    assert 2 == len(hook.all(RetryScheduled))
    assert 1 == len({seen.body for seen in server.requests})


async def test_an_error_after_something_is_not() -> None:
    """What was delivered cannot be taken back."""
    failing = stream("a", end=event({"error": {"message": "later", "code": 529}}))
    with FaultServer(failing) as server:
        async with client_of(server, retry=AT_ONCE) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            with pytest.raises(OverloadedError):
                await answer.completion()
    assert 1 == len(server.requests)


async def test_an_error_after_a_usage_chunk_that_was_given_is_not() -> None:
    """A chunk without a choice counts where it is delivered."""
    early = event(chunk(choices=[], usage=None))
    failing = stream(end=early + event({"error": {"message": "later", "code": 529}}))
    asking: Any = {"stream_options": {"include_usage": True}}
    for options, requests in ((NONE, 2), (asking, 1)):
        with FaultServer(failing, stream("a")) as server:
            async with client_of(server, retry=AT_ONCE) as client:
                answer = await client.acompletion(MODEL, HI, stream=True, **options)
                try:
                    await answer.completion()
                except OverloadedError:
                    assert options
        assert requests == len(server.requests)


async def test_an_error_that_is_final() -> None:
    """It is raised at once where the policy, the kind or the time forbids more."""
    final = stream(end=event({"error": {"message": "no", "code": 400}}))
    with FaultServer(final) as server:
        async with client_of(server, retry=AT_ONCE) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            with pytest.raises(ProviderError) as caught:
                await answer.completion()
    assert (1, True) == (len(server.requests), caught.value.in_stream)


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


# --- how it is left -----------------------------------------------------------------------


async def by_closing(answer: Stream) -> None:
    await anext(answer)
    await answer.aclose()
    await answer.aclose()


async def by_context(answer: Stream) -> None:
    async with answer:
        await anext(answer)


async def by_group(answer: Stream) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.02)
        raise ZeroDivisionError

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(answer.completion())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        await both()


async def by_cancellation(answer: Stream) -> None:
    reading = asyncio.ensure_future(answer.completion())
    await asyncio.sleep(0.02)
    reading.cancel()
    await asyncio.wait({reading})
    assert reading.cancelled()


async def by_timeout(answer: Stream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await answer.completion()


WAYS = [
    (by_closing, "abandoned"),
    (by_context, "abandoned"),
    (by_group, "cancelled"),
    (by_cancellation, "cancelled"),
    (by_timeout, "cancelled"),
]


@pytest.mark.parametrize(("leave", "outcome"), WAYS, ids=[way.__name__ for way, _ in WAYS])
async def test_leaving_closes(leave: Any, outcome: str) -> None:
    """The server sees the close within 0.2 s, the pool of one serves the next call, the hooks are
    told once, and what was read stays."""
    hook = Recorder()
    async with streaming(ENDLESS, hooks=[hook]) as (answer, server):
        await leave(answer)
        assert await left(server)
        with pytest.raises(ClosedError):
            await answer.completion()
        with pytest.raises(ClosedError):
            await exhaust(answer)
        assert answer.usage is None
    assert outcome == hook.all(CallEnded)[0].outcome
    assert 1 == sum(end.call_id == hook.events[0].call_id for end in hook.all(CallEnded))


async def by_break(make: Any) -> None:
    async for _ in await make:
        break


async def by_break_in_text(make: Any) -> None:
    async for _ in (await make).text():
        break


async def by_exception(make: Any) -> None:
    async def fail() -> None:
        async for _ in await make:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def by_return(make: Any) -> None:
    async def first() -> Chunk:
        answer: Stream = await make
        async for each in answer:
            return each
        raise AssertionError

    await first()


@pytest.mark.parametrize("leave", [by_break, by_break_in_text, by_exception, by_return])
async def test_a_loop_over_a_stream_that_nobody_holds(leave: Any) -> None:
    """However the loop is left, nobody can read on, so the connection closes at once."""
    hook = Recorder()
    with FaultServer(ENDLESS, ANSWER) as server:
        async with client_of(server, limit=1, hooks=[hook]) as client:
            await leave(client.acompletion(MODEL, HI, stream=True))
            assert await left(server)
            await client.acompletion(MODEL, HI)
    assert ["abandoned", "ok"] == [end.outcome for end in hook.all(CallEnded)]


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
        assert "e" == (await anext(aiter(answer))).choices[0].delta.content
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


async def test_letting_go_closes() -> None:
    """A stream that nobody holds any more is closed, read or unread."""
    for reads in (0, 1):
        hook = Recorder()
        with FaultServer(ENDLESS, ANSWER) as server:
            async with client_of(server, limit=1, hooks=[hook]) as client:
                answer = await client.acompletion(MODEL, HI, stream=True)
                for _ in range(reads):
                    await anext(answer)
                del answer
                assert await left(server)
                await client.acompletion(MODEL, HI)
        assert ["abandoned", "ok"] == [end.outcome for end in hook.all(CallEnded)]


async def test_letting_go_in_a_cycle_closes() -> None:
    """The garbage collector does it, on whichever thread it runs."""
    for collect in (gc.collect, lambda: _on_a_thread(gc.collect)):
        with FaultServer(ENDLESS, ANSWER) as server:
            async with client_of(server, limit=1) as client:
                cycle: list[Any] = [await client.acompletion(MODEL, HI, stream=True)]
                cycle.append(cycle)
                del cycle
                collect()
                assert await left(server)
                await client.acompletion(MODEL, HI)


def _on_a_thread(work: Any) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def test_twenty_streams_at_once() -> None:
    """A sibling's failure closes them all."""

    async def fail(ready: asyncio.Event) -> None:
        await ready.wait()
        raise ZeroDivisionError

    async def read(client: Client) -> None:
        await exhaust(await client.acompletion(MODEL, HI, stream=True))

    async def all_of_them(client: Client, server: FaultServer) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(read(client))
            ready = asyncio.Event()
            group.create_task(fail(ready))
            assert await wait_for_async(lambda: len(server.requests) == 20)
            ready.set()

    with FaultServer(ENDLESS) as server:
        async with client_of(server) as client:
            with pytest.raises(ExceptionGroup):
                await all_of_them(client, server)
            assert await left(server)


async def test_two_readers() -> None:
    """A second task that reads the same stream is refused, and the first goes on."""
    refused = threading.Event()

    async def step(peer: Peer) -> None:
        await peer.send(STREAM_HEAD)
        assert await wait_for_async(refused.is_set, 5.0)
        await peer.send(*PIECES)
        await hang(peer)

    async with streaming(step) as (answer, _):
        first = asyncio.ensure_future(anext(answer))
        await asyncio.sleep(0.01)
        with pytest.raises(LLMGateError, match="another task"):
            await anext(answer)
        refused.set()
        assert "a" == (await first).choices[0].delta.content
        await answer.aclose()


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

    class Leaving(OpenAI):
        def stream(
            self, call: ProviderCall
        ) -> Generator[HttpRequest, HttpResponse, Decoder[Chunk]]:
            yield HttpRequest("POST", "https://fake.invalid", stream=True, on_abandon=bye)
            decoder: Decoder[Chunk] = yield from _only_result(super().stream(call))
            return decoder

    provider = with_transport(Leaving(api_key=KEY), transport)
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


async def test_refusals_of_streams() -> None:
    """A status that is no success is an error before there is a stream."""
    with FaultServer(reply(429, body=json.loads('{"error": {"message": "slow"}}'))) as server:
        async with client_of(server) as client:
            with pytest.raises(RateLimitError, match="slow"):
                await client.acompletion(MODEL, HI, stream=True)
    with FaultServer(head(204)) as server:
        async with client_of(server) as client:
            with pytest.raises(StreamTruncatedError):
                await (await client.acompletion(MODEL, HI, stream=True)).completion()
