"""What is read of a response in the other framing: a stream, a whole, and what is between."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from llmgate.errors import ResponseTooLargeError, StreamTruncatedError
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import decode_json
from llmgate.provider.kit import (
    completion_of_events,
    is_done_mark,
    is_event_stream,
    read_json,
    without_terminator,
)
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice

# --- terminators, and events in place of a whole ---


@pytest.mark.parametrize("mark", [b"[DONE]", b'"[DONE]"', b"[done]", b"[Done] "])
def test_a_terminator_is_known_in_every_spelling(mark: bytes) -> None:
    """Quoted, or in small letters."""
    assert is_done_mark(mark)


@pytest.mark.parametrize("data", [b"", b"DONE", b'{"a": "[DONE]"}', b"[]", b"[DONE] now"])
def test_what_only_resembles_a_terminator_is_none(data: bytes) -> None:
    """A word alone may be an answer's."""
    assert not is_done_mark(data)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: {}\n\n", True),
        (b"\n: hi\n\ndata:{}\n\n", True),
        (b"event: x\ndata: {}\n\n", True),
        (b'{"data": 1}', False),
        (b": a comment", False),
        (b"<html>\ndata: {}", False),
    ],
)
def test_events_are_known_by_their_first_line(body: bytes, expected: bool) -> None:
    """No JSON begins as they do."""
    assert is_event_stream(body) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}\n\ndata: [DONE]\n\n", b"{}"),
        (b"{}\r\ndata:[done]", b"{}"),
        (b"{}\ndata: more", b"{}\ndata: more"),
        (b"{}", b"{}"),
    ],
)
def test_a_terminator_behind_a_whole_response_is_cut_off(body: bytes, expected: bytes) -> None:
    """Anything else stays."""
    assert without_terminator(body) == expected


class _Words:
    """Each event is a word of the text."""

    def __init__(self) -> None:
        self.framer: Framer = SSEFramer()
        self.finished = False

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        self.finished = is_done_mark(frame.data)
        return () if self.finished else (_chunk(decode_json(frame.data)),)

    def close(self) -> Iterable[Chunk]:
        raise StreamTruncatedError("there was no terminator")


class _Endless(_Words):
    def close(self) -> Iterable[Chunk]:
        return (_chunk("!"),)


def _chunk(text: str) -> Chunk:
    return Chunk([ChunkChoice(ChoiceDelta(text))])


def test_events_add_up_to_a_completion() -> None:
    """Up to their terminator, or to the end where the format has none."""
    body = b'data: "a"\n\ndata: "b"\n\n'
    assert completion_of_events(body + b"data: [DONE]\n\ndata: 5\n\n", _Words()).text == "ab"
    assert completion_of_events(body, _Endless()).text == "ab!"


@pytest.mark.parametrize(("body", "text"), [(b'data: "a"\n\n', "a"), (b": hi\n\n", None)])
def test_events_without_their_terminator_are_truncated(body: bytes, text: str | None) -> None:
    """What came is in the error."""
    with pytest.raises(StreamTruncatedError) as caught:
        completion_of_events(body, _Words())
    partial = caught.value.partial
    assert (partial.text if partial else None) == text


# --- what a framer reads ---


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("tail", [b"", b"\n\ndata: [DONE]\n\n", b"\n: bye\n"])
def test_json_in_place_of_events_is_given_whole(size: int, tail: bytes) -> None:
    """Blank lines inside it, and events behind it, are no part of it."""
    framer, value = SSEFramer(), b'{"a":\n\n1}'
    body = b"\n" + value + tail
    frames: list[Frame] = []
    for at in range(0, len(body), size):
        frames += framer.feed(body[at : at + size])
    frames += framer.close()
    assert frames == []
    assert read_json(framer.unframed) == {"a": 1}


def test_json_in_place_of_events_has_a_limit() -> None:
    """That of an event."""
    framer = SSEFramer(limit=10)
    with pytest.raises(ResponseTooLargeError):
        list(framer.feed(b"{" + b" " * 20))


@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n"])
def test_events_that_one_line_end_separates_are_told_apart(ending: bytes) -> None:
    """Each line is whole by itself, and each has the name before it."""
    framer = SSEFramer()
    body = b'event: a\ndata: {"n": 1}\ndata: {"n": 2}\nevent: b\ndata: "[DONE]"' + ending
    frames = [*framer.feed(body), *framer.close()]
    assert [(frame.event, frame.data) for frame in frames] == [
        ("a", b'{"n": 1}'),
        ("a", b'{"n": 2}'),
        ("b", b'"[DONE]"'),
    ]
    assert framer.has_joined_events


@pytest.mark.parametrize("data", [b'{"a":\n1}', b"[\n{}\n]", b"a\nb", b'{"a": 1}\n'])
def test_an_event_of_several_lines_stays_one(data: bytes) -> None:
    """As the standard has it."""
    framer = SSEFramer()
    body = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    assert [frame.data for frame in framer.feed(body + b"\n")] == [data]
    assert not framer.has_joined_events
