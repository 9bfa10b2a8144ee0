"""The conformance kit finds decoders that depend on pieces, or invent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from llmgate.errors import BadRequestError, LLMGateError
from llmgate.provider import Decoder
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.testing import FakeProvider, RecordedExchange
from llmgate.testing.fake import FakeDecoder
from llmgate.types import Chunk
from tests.testing.mutants import kit, run, streaming
from tests.testing.recorded import EVENTS, TEXT_STREAM, TOOL_STREAM, EventDecoder, streamed


class PiecewiseFramer:
    """Takes each piece that arrives for whole lines."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        return [Frame(line) for line in data.splitlines() if line.strip()]

    def close(self) -> Iterable[Frame]:
        return []


def framing(kind: type[FakeDecoder], framer: Callable[[], Any]) -> FakeProvider:
    """A provider with this framer."""

    def decoder() -> Decoder[Chunk]:
        made = kind()
        made.framer = framer()
        return made

    return streaming(decoder)


class Credulous(FakeDecoder):
    """Takes the end of the bytes for the end of the answer."""

    def close(self) -> Iterable[Chunk]:
        return ()


class Surprised(FakeDecoder):
    """Calls a cut stream by another name."""

    def close(self) -> Iterable[Chunk]:
        if not self.finished:
            raise BadRequestError("cut")
        return ()


class Inventive(FakeDecoder):
    """Says something itself when the stream is cut."""

    def close(self) -> Iterable[Chunk]:
        if self.finished:
            return
        yield Chunk.model_validate({"choices": [{"delta": {"content": "…"}}]})
        yield from super().close()


class Trusting(FakeDecoder):
    """Reads without looking."""

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        _ = json.loads(frame.data).get("say", "") + ""
        return super().feed(frame)


class Remembering(FakeDecoder):
    """Keeps what it has read where all its kind find it."""

    seen: ClassVar[list[bytes]] = []

    def __init__(self) -> None:
        super().__init__()
        self.seen.clear()

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        self.seen.append(frame.data)
        return [replace(chunk, created=len(self.seen)) for chunk in super().feed(frame)]


class Lenient(SSEFramer):
    """Knows CRLF in one piece only."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        return super().feed(data.replace(b"\r\n", b"\n").replace(b"\r", b""))


class Repeating(FakeDecoder):
    """Says in each delta whose it is."""

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        for chunk in super().feed(frame):
            for part in chunk.choices[0].delta.tool_calls or ():
                part.id = "c1"
            yield chunk


STREAMS: list[tuple[str, FakeProvider, RecordedExchange, str]] = [
    (
        "test_any_pieces_give_the_same_chunks",
        framing(Credulous, PiecewiseFramer),
        TEXT_STREAM,
        "JSON",
    ),
    ("test_deltas_of_calls_can_be_joined", streaming(Repeating), TOOL_STREAM, "id is 'c1c1'"),
    ("test_line_ends_do_not_matter", framing(EventDecoder, Lenient), EVENTS, "not JSON"),
    ("test_streams_share_no_state", streaming(Remembering), TEXT_STREAM, "in turns"),
    (
        "test_half_an_answer_is_never_passed_off_as_whole",
        streaming(Credulous),
        TEXT_STREAM,
        "passed off",
    ),
    (
        "test_half_an_answer_is_never_passed_off_as_whole",
        streaming(Surprised),
        TEXT_STREAM,
        "expected Stream",
    ),
    (
        "test_half_an_answer_is_never_passed_off_as_whole",
        streaming(Inventive),
        TEXT_STREAM,
        "partial text",
    ),
    ("test_nonsense_is_no_stream", streaming(Credulous), TEXT_STREAM, "taken for an answer"),
    ("test_nonsense_is_no_stream", streaming(Trusting), TEXT_STREAM, "no LLMGateError"),
    ("test_damaged_events_raise_our_errors", streaming(Trusting), TEXT_STREAM, "no LLMGateError"),
]


@pytest.mark.parametrize(("test", "provider", "exchange", "finding"), STREAMS)
def test_finds_wrong_streams(
    test: str, provider: FakeProvider, exchange: RecordedExchange, finding: str
) -> None:
    """A decoder that depends on pieces, invents, or takes half an answer for whole is found."""
    with pytest.raises((AssertionError, LLMGateError), match=finding):
        run(kit(provider, exchange), test)


def test_finds_a_recorded_stream_that_is_no_answer() -> None:
    """A recording that breaks off itself proves nothing, and is refused."""
    cut = replace(TEXT_STREAM, replies=streamed({"say": "Grüß "}))
    with pytest.raises(AssertionError, match="gives no answer"):
        run(kit(FakeProvider(), cut), "test_half_an_answer_is_never_passed_off_as_whole")


def test_accepts_protocols_whose_only_end_is_the_connections() -> None:
    """Where a protocol has no terminator, a beginning of the text is all that can be asked for."""

    class Ending(FakeDecoder):
        def feed(self, frame: Frame) -> Iterable[Chunk]:
            chunks = super().feed(frame)
            self.finished = False
            return chunks

        def close(self) -> Iterable[Chunk]:
            return ()

    test = "test_half_an_answer_is_never_passed_off_as_whole"
    lines = replace(TEXT_STREAM, replies=streamed({"say": "Grüß "}, {"say": "dich"}))
    with pytest.raises(AssertionError, match="passed off"):
        run(kit(streaming(Ending), lines), test)
    run(kit(streaming(Ending), lines, ends_with_connection=True, most_cuts=0), test)
