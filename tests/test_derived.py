"""What can be done with a stream: begin it, change it, watch its end; and one of a completion."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from llmgate import Client, Completion, Stream
from llmgate._core.stream import StreamEnd
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    OverloadedError,
    ReadError,
    StreamTruncatedError,
)
from llmgate.hooks import CallEnded
from llmgate.testing import Canned, FakeProvider
from llmgate.testing.script import Answer
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    CustomCall,
    Function,
    Message,
    ToolCall,
    Usage,
)
from tests.faults.calls import Recorder
from tests.faults.server import wait_for

HI: list[Any] = [{"role": "user", "content": "Hi"}]
FIRST = b'{"say": "one "}\n'
TRUNCATED = Canned(body=[FIRST, b'{"say": "two"}\n'], then=ReadError("reset"))
HANGING = Canned(body=[FIRST], hang=True)
REFUSED_IN_STREAM = Canned(body=b"[]\n")


@asynccontextmanager
async def streaming(answer: Answer, **settings: Any) -> AsyncGenerator[Stream]:
    """One stream of this answer."""
    provider = FakeProvider([answer])
    async with Client(providers={"fake": provider}, max_retries=0) as client:
        yield await client.acompletion("fake/m", HI, stream=True, **settings)
        assert 0 == provider.transport.still_open


def texts(chunks: Iterable[Chunk]) -> list[str | None]:
    """What the chunks say."""
    return [choice.delta.content for chunk in chunks for choice in chunk.choices]


def loud(chunk: Chunk) -> Chunk:
    """The same, in capitals."""
    return replace(chunk, choices=[_loud(choice) for choice in chunk.choices])


def _loud(choice: ChunkChoice) -> ChunkChoice:
    content = choice.delta.content
    delta = replace(choice.delta, content=None if content is None else content.upper())
    return replace(choice, delta=delta)


def saying(text: str) -> Chunk:
    """A chunk with a text."""
    return Chunk([ChunkChoice(ChoiceDelta(text))])


class Held:
    """A change that holds everything back until the end."""

    def __init__(self) -> None:
        self.pieces = list[str]()

    def change(self, chunk: Chunk) -> Chunk | None:
        self.pieces += [content for content in texts([chunk]) if content]
        return None

    def flush(self) -> list[Chunk]:
        return [saying("".join(self.pieces))]


async def take(stream: Stream, into: list[Chunk]) -> None:
    """Take everything."""
    async for chunk in stream:
        into.append(chunk)  # noqa: PERF401 - it is interrupted


# --- start ---


async def test_a_stream_is_started_without_taking_anything_from_it() -> None:
    """Its first chunk is there, and reading begins with it; to start again does nothing."""
    async with streaming("one two") as stream:
        assert stream is await stream.start()
        assert stream is await stream.start()
        assert ["one ", "two", None] == texts([chunk async for chunk in stream])
        await stream.start()


@pytest.mark.parametrize(
    "answer",
    [REFUSED_IN_STREAM, Canned(body=b"", then=ReadError("reset"))],
    ids=["unreadable", "truncated"],
)
async def test_a_failure_before_the_first_chunk_is_raised_by_start(answer: Canned) -> None:
    """Nothing had been handed out, so the call can be made again."""
    async with streaming(answer) as stream:
        with pytest.raises(LLMGateError) as caught:
            await stream.start()
        assert caught.value.delivered is False


async def test_a_failure_after_the_first_chunk_is_raised_after_it() -> None:
    """It says that something had been handed out."""
    async with streaming(TRUNCATED) as stream:
        await stream.start()
        got = list[Chunk]()
        with pytest.raises(StreamTruncatedError) as caught:
            await take(stream, got)
        assert ["one ", "two"] == texts(got)
        assert caught.value.delivered is True


async def test_a_refused_call_has_delivered_nothing() -> None:
    """As every error that is not a stream's."""
    provider = FakeProvider([OverloadedError("busy", status=503)])
    async with Client(providers={"fake": provider}, max_retries=0) as client:
        with pytest.raises(OverloadedError) as caught:
            await client.acompletion("fake/m", HI)
    assert caught.value.delivered is False


# --- map ---


async def test_a_mapped_stream_delivers_changed_chunks() -> None:
    """However it is read; what it says of its exchange is the first one's."""
    async with streaming("one two") as stream:
        mapped = stream.map(loud)
        assert mapped.is_open
        assert repr(stream) == repr(mapped)
        first = await anext(mapped)
        text = [piece async for piece in mapped.text()]
        assert ["ONE ", "TWO"] == [*texts([first]), *text]
        whole = await mapped.completion()
        assert ("ONE TWO", "stop") == (whole.text, whole.choices[0].finish_reason)
        assert (whole.usage, whole.exchange) == (mapped.usage, mapped.exchange)
        assert whole.usage is not None
        assert not mapped.is_open
        assert "one two" == (await stream.completion()).text


async def test_changes_of_changes() -> None:
    """Each layer sees the chunks of the one below it."""
    async with streaming("one two") as stream:
        held = Held()
        mapped = stream.map(loud).map(held.change, held.flush)
        assert ["ONE TWO"] == texts([chunk async for chunk in mapped])


async def test_a_mapped_stream_can_be_started() -> None:
    """It waits for a chunk that is not left out."""
    async with streaming("one two three") as stream:
        seen = list[str | None]()

        def without_first(chunk: Chunk) -> Chunk | None:
            seen.extend(texts([chunk]))
            return chunk if len(seen) > 1 else None

        mapped = await stream.map(without_first).start()
        assert ["one ", "two "] == seen
        assert "two three" == (await mapped.completion()).text


async def test_what_was_held_back_is_delivered_at_the_end() -> None:
    """Once."""
    async with streaming("one two") as stream:
        held = Held()
        mapped = stream.map(held.change, held.flush)
        assert ["one two"] == texts([chunk async for chunk in mapped])
        assert [] == [chunk async for chunk in mapped]
        assert "one two" == (await mapped.completion()).text


async def test_what_was_held_back_is_delivered_before_a_truncation_is_raised() -> None:
    """And is in what the error calls the completion so far."""
    async with streaming(TRUNCATED) as stream:
        held = Held()
        mapped = stream.map(held.change, held.flush)
        got = list[Chunk]()
        with pytest.raises(StreamTruncatedError) as caught:
            await take(mapped, got)
        assert ["one two"] == texts(got)
        assert caught.value.partial is not None
        assert "one two" == caught.value.partial.text


async def test_a_truncated_stream_without_anything_left_raises_at_once() -> None:
    """There is nothing to be delivered before."""
    async with streaming(TRUNCATED) as stream:
        mapped = stream.map(lambda chunk: None)
        with pytest.raises(StreamTruncatedError):
            await anext(mapped)
        with pytest.raises(ClosedError):
            await anext(mapped)


async def test_chunks_that_were_here_before_are_changed_too() -> None:
    """Also when the stream was read to its end by then, and half taken."""
    async with streaming(Canned(body=FIRST + b'{"say": "two", "end": "done"}\n')) as stream:
        assert ["one "] == texts([await anext(stream)])
        assert not stream.is_open
        held = Held()
        mapped = stream.map(held.change, held.flush)
        assert ["two"] == texts([chunk async for chunk in mapped])


@pytest.mark.parametrize(
    "failure", [KeyError("x"), DecodeError("x")], ids=lambda e: type(e).__name__
)
async def test_a_change_that_fails_closes_the_stream(failure: Exception) -> None:
    """Its exception is the caller's own, and passes unchanged."""

    def fail(chunk: Chunk) -> Chunk:
        raise failure

    async with streaming(HANGING) as stream:
        ends = list[StreamEnd]()
        mapped = stream.map(fail).when_done(ends.append)
        with pytest.raises(type(failure)) as caught:
            await anext(mapped)
        assert failure is caught.value
        assert not stream.is_open
        own = failure if isinstance(failure, LLMGateError) else None
        assert [("error", own)] == [(end.outcome, end.error) for end in ends]


async def test_a_flush_that_fails_is_the_caller_s_own() -> None:
    """As a change is; what came before is delivered."""

    def fail() -> list[Chunk]:
        raise KeyError("x")

    async with streaming("one") as stream:
        mapped = stream.map(loud, fail)
        got = list[Chunk]()
        with pytest.raises(KeyError):
            await take(mapped, got)
        assert ["ONE"] == texts(got)


async def test_closing_a_mapped_stream_closes_the_one_below() -> None:
    """Whoever reads on is told so; nothing that was held back comes then."""
    async with streaming(HANGING) as stream:
        held = Held()
        mapped = stream.map(held.change, held.flush)
        reading = asyncio.ensure_future(anext(mapped))
        await asyncio.sleep(0.01)
        with pytest.raises(LLMGateError, match="another task or thread"):
            await anext(mapped)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not stream.is_open
        with pytest.raises(ClosedError):
            await anext(mapped)
    async with streaming(HANGING) as stream:
        mapped = stream.map(loud)
        await mapped.start()
        await mapped.aclose()
        assert (False, False) == (mapped.is_open, stream.is_open)
        with pytest.raises(ClosedError):
            await anext(mapped)


async def test_letting_go_of_a_mapped_stream_closes_the_one_below() -> None:
    """At once, since nobody else holds it."""
    async with streaming(HANGING) as stream:
        mapped = stream.map(loud)
        del stream
        await mapped.start()
        ends = list[StreamEnd]()
        mapped.when_done(ends.append)
        del mapped
        assert ["abandoned"] == [end.outcome for end in ends]
        assert ends[0].completion is not None
        assert "ONE " == ends[0].completion.text


def test_a_mapped_stream_without_async() -> None:
    """``completion`` gives streams of whatever kind to be read with ``for``, and dropped."""
    provider = FakeProvider(["one two", HANGING])
    client = Client(providers={"fake": provider})
    stream = client.completion("fake/m", HI, stream=True)
    stream._stream = stream._stream.map(loud)
    assert ["ONE ", "TWO", None] == texts(stream)
    stream = client.completion("fake/m", HI, stream=True)
    stream._stream = stream._stream.map(loud)
    next(stream)
    del stream
    assert wait_for(lambda: provider.transport.still_open == 0, 5)


# --- when_done ---


async def read(stream: Stream) -> None:
    """To its end, whatever that is."""
    with suppress(LLMGateError):
        await stream.completion()


async def leave(stream: Stream) -> None:
    """After its first chunk."""
    await stream.start()
    await stream.aclose()


async def interrupt(stream: Stream) -> None:
    """While it is being read."""
    reading = asyncio.ensure_future(stream.completion())
    await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.wait([reading])


async def wait(stream: Stream) -> None:
    """Until its deadline is over, without reading."""
    await stream.start()
    await asyncio.sleep(0.15)


ENDS: list[tuple[Answer, Callable[[Stream], Any], str, str | None]] = [
    ("one two", read, "ok", "one two"),
    (TRUNCATED, read, "error", "one two"),
    (REFUSED_IN_STREAM, read, "error", None),
    (HANGING, leave, "abandoned", "one "),
    (HANGING, interrupt, "cancelled", "one "),
    (HANGING, wait, "error", "one "),
    (HANGING, read, "error", "one "),
]


@pytest.mark.parametrize("is_mapped", [False, True], ids=["plain", "mapped"])
@pytest.mark.parametrize(("answer", "how", "outcome", "text"), ENDS)
async def test_the_end_of_a_stream_is_told_once(
    answer: Answer, how: Callable[[Stream], Any], outcome: str, text: str | None, is_mapped: bool
) -> None:
    """However it ends, with what had come; also to whoever asks afterwards."""
    ends = list[StreamEnd]()
    async with streaming(answer, timeout=0.1) as stream:
        watched = stream.map(loud) if is_mapped else stream
        assert watched is watched.when_done(ends.append)
        await how(watched)
        assert 1 == len(ends)
        await watched.aclose()
        await read(watched)
        watched.when_done(ends.append)
    [end, later] = ends
    assert end == later
    assert (outcome, outcome == "error") == (end.outcome, end.error is not None)
    completion = end.completion
    expected = text.upper() if is_mapped and text is not None else text
    assert expected == (None if completion is None else completion.text)
    assert (outcome == "ok") is (end.usage is not None)


async def test_a_mapped_stream_that_nobody_read_has_an_end_as_well() -> None:
    """All of it was here, and it is let go of."""
    ends = list[StreamEnd]()
    async with streaming(Canned(body=b'{"say": "one", "end": "done"}\n')) as stream:
        await stream.start()
        mapped = stream.map(loud).when_done(ends.append)
        assert [] == ends
        await mapped.aclose()
        del mapped
        gc.collect()
    assert ["ok"] == [end.outcome for end in ends]


async def test_a_callback_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the others are called."""

    def fail(end: StreamEnd) -> None:
        raise KeyError("no such thing")

    ends = list[StreamEnd]()
    async with streaming("one") as stream:
        stream.when_done(fail).when_done(ends.append)
        with caplog.at_level(logging.WARNING, "llmgate"):
            assert "one" == (await stream.completion()).text
    assert 1 == len(ends)
    assert "no such thing" in caplog.text


async def coroutine(end: StreamEnd) -> None:
    """It would never be awaited."""


@pytest.mark.parametrize("callback", [5, coroutine], ids=["no function", "async"])
async def test_a_callback_is_a_plain_function(callback: Any) -> None:
    """What cannot be called is refused where it is given."""
    async with streaming("one") as stream:
        with pytest.raises(InvalidRequestError, match="no plain function"):
            stream.when_done(callback)
        await stream.aclose()


# --- replay ---

USAGE = Usage(1, 2, 3)
COMPLETIONS = {
    "a text": Completion([Choice(Message("one two"), 0, "stop")], usage=USAGE),
    "no choice": Completion([], id="x"),
    "everything": Completion(
        [
            Choice(
                Message(
                    "one",
                    refusal="no",
                    reasoning_content="hm",
                    tool_calls=[
                        ToolCall("a", Function("f", '{"b": 1}', {"x": 1}), extra={"y": 2}),
                        ToolCall("c", custom=CustomCall("g", "in"), type="custom"),
                    ],
                    function_call=Function("h", "{}"),
                    annotations=[{"type": "url_citation"}],
                    audio={"id": "1", "data": "AAAA"},
                    provider_data={"fake": {"signature": "s"}},
                    extra={"z": 3},
                ),
                0,
                "tool_calls",
                {"content": [{"token": "one"}]},
                "calls",
                {"w": 4},
            ),
            Choice(Message("two"), 1, "length"),
        ],
        "id",
        5,
        "m",
        usage=USAGE,
        system_fingerprint="fp",
        service_tier="flex",
        extra={"v": 5},
    ),
}


@pytest.mark.parametrize("completion", COMPLETIONS.values(), ids=COMPLETIONS)
async def test_a_completion_is_replayed_as_a_stream(completion: Completion) -> None:
    """Its chunks add up to it, and what it says beside them is the completion's."""
    stream = Stream.replay(completion)
    changed = Stream.replay(completion).map(lambda chunk: chunk)
    assert completion == await changed.completion()
    assert completion.exchange is stream.exchange
    assert completion is await stream.completion()
    assert USAGE == stream.usage or completion.usage is None


async def test_a_replayed_stream_is_read_like_any_other() -> None:
    """With a chunk of the usage for whoever asks for it."""
    stream = Stream.replay(COMPLETIONS["a text"], include_usage=True)
    assert "<Stream of /, open>" == repr(stream)
    await stream.start()
    chunks = [chunk async for chunk in stream]
    assert ["one two", None] == texts(chunks)
    assert ["stop", USAGE] == [chunks[1].choices[0].finish_reason, chunks[-1].usage]
    assert not stream.is_open
    assert "<Stream of /, complete>" == repr(stream)
    assert [] == await stream.next_batch()


async def test_the_end_of_a_replayed_stream_is_told() -> None:
    """Read, closed, or let go of."""
    ends = list[StreamEnd]()
    replayed = partial(Stream.replay, COMPLETIONS["a text"])
    stream = replayed().when_done(ends.append)
    await stream.completion()
    await stream.aclose()
    stream = replayed().when_done(ends.append)
    await stream.aclose()
    with pytest.raises(ClosedError):
        await anext(stream)
    stream = replayed().when_done(ends.append)
    del stream
    assert ["ok", "abandoned", "abandoned"] == [end.outcome for end in ends]
    assert [COMPLETIONS["a text"]] * 3 == [end.completion for end in ends]


async def test_hooks_see_what_the_provider_said() -> None:
    """Changes are for whoever reads."""
    recorder = Recorder()
    async with streaming("one", hooks=[recorder]) as stream:
        await stream.map(loud).completion()
    [ended] = recorder.all(CallEnded)
    assert ended.completion is not None
    assert "one" == ended.completion.text


async def test_a_deadline_that_passes_while_a_mapped_stream_is_read() -> None:
    """It is raised as it is by any stream."""
    async with streaming(HANGING, timeout=0.1) as stream:
        mapped = stream.map(loud)
        assert ["ONE "] == texts([await anext(mapped)])
        with pytest.raises(DeadlineExceededError):
            await anext(mapped)
