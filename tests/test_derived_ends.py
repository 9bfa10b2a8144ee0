"""The end of a stream is told once; a completion is replayed as a stream."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from llmgate import Completion, Stream
from llmgate._exchange import StreamEnd
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
)
from llmgate.hooks import CallEnded
from llmgate.testing import Canned
from llmgate.testing.script import Answer
from llmgate.types import (
    Choice,
    CustomCall,
    Function,
    Message,
    ToolCall,
    Usage,
)
from tests.canned_streams import HANGING, REFUSED_IN_STREAM, TRUNCATED, loud, streaming, texts
from tests.faults.calls import Recorder

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
        with pytest.raises(InvalidRequestError, match="is not a plain function"):
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
