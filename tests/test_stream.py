"""Streams: what they give, how they end, and that leaving one closes its connection at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmgate.errors import (
    LLMGateError,
    ProviderError,
)
from llmgate.hooks import CallEnded
from tests.fault_streams import USAGE, left, streaming
from tests.faults.calls import AT_ONCE, HI, MODEL, Recorder, client_of, is_ours, lasting
from tests.faults.server import (
    LAST,
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
from tests.machine import undisturbed, wait_for_async

NONE: Any = {}


# --- what it gives ----------------------------------------------------------------------


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


# --- how it breaks ----------------------------------------------------------------------


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


# --- a first event that is an error -----------------------------------------------------


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
