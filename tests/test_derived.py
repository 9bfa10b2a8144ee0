"""Streams that are started, and streams whose chunks are changed."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from llmgate import Client, Stream
from llmgate._exchange import StreamEnd
from llmgate.errors import (
    ClosedError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ReadError,
    StreamTruncatedError,
)
from llmgate.options import Output
from llmgate.testing import Canned, FakeProvider
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    Message,
)
from tests.canned_streams import (
    FIRST,
    HANGING,
    HI,
    REFUSED_IN_STREAM,
    TRUNCATED,
    loud,
    streaming,
    texts,
)
from tests.machine import wait_for


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


@dataclass
class Counted:
    """What a text is read as."""

    value: int


async def test_what_is_replayed_stays_as_it_is() -> None:
    """A middleware may replay one completion many times; what is changed is the stream's own."""
    kept = Completion([Choice(Message('{"value": 1}'))])
    before = kept.exchange
    stream = Stream.replay(kept).amend(lambda exchange: replace(exchange, cache="hit"))
    stream.output = Output(Counted)
    completion = await stream.completion()
    assert ("hit", Counted(1)) == (completion.exchange.cache, completion.choices[0].message.parsed)
    assert before is kept.exchange
    assert kept.choices[0].message.parsed is None


def test_what_is_no_completion_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one error where it was given, and none where the half of a stream is collected."""
    unraisable = list[Any]()
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    with pytest.raises(AttributeError):
        Stream.replay(cast("Any", None))
    gc.collect()
    assert [] == unraisable
