"""Framers: server-sent events by the WHATWG's rules, and JSON lines, however the bytes are cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmgate.errors import ResponseTooLargeError
from llmgate.provider.framing import Frame, Framer, NDJSONFramer, SSEFramer

MakeFramer = Callable[[], Framer]
FRAMERS = pytest.mark.parametrize("make", [SSEFramer, NDJSONFramer])
BOM = b"\xef\xbb\xbf"


def frames_of(framer: Framer, pieces: Iterable[bytes]) -> list[Frame]:
    """All frames of a stream that arrives in these pieces."""
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    return [*frames, *framer.close()]


def at_once(data: bytes) -> Sequence[bytes]:
    """The bytes in one piece."""
    return [data]


def bytewise(data: bytes) -> Sequence[bytes]:
    """The same bytes, one by one."""
    return [data[index : index + 1] for index in range(len(data))]


# The names of the cases follow the web-platform tests of event streams.
SSE_CASES: dict[str, tuple[bytes, list[Frame]]] = {
    "nothing": (b"", []),
    "one event": (b"data: a\n\n", [Frame(b"a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [Frame(b"a"), Frame(b"b")]),
    "line ends of CR": (b"data: a\r\rdata: b\r\r", [Frame(b"a"), Frame(b"b")]),
    "line ends of CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [Frame(b"a"), Frame(b"b")]),
    "line ends mixed": (
        b"data: a\r\n\ndata: b\n\rdata: c\r\r\n",
        [*map(Frame, (b"a", b"b", b"c"))],
    ),
    "more blank lines than needed": (
        b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n",
        [Frame(b"a"), Frame(b"b")],
    ),
    "a byte order mark": (BOM + b"data: a\n\n", [Frame(b"a")]),
    "two byte order marks": (BOM * 2 + b"data: a\n\ndata: b\n\n", [Frame(b"b")]),
    "a mark later on": (b"data: a\n\n" + BOM + b"data: b\n\n", [Frame(b"a")]),
    "a comment": (b": ping\n\ndata: a\n\n", [Frame(b"a")]),
    "a comment inside an event": (b"data: a\n:\n: x\ndata: b\n\n", [Frame(b"a\nb")]),
    "data in several lines": (b"data: a\ndata:\ndata: b\n\n", [Frame(b"a\n\nb")]),
    "no space after the colon": (b"data:a\n\n", [Frame(b"a")]),
    "one space only is taken away": (b"data:  a \n\n", [Frame(b" a ")]),
    "a tab is no space": (b"data:\ta\n\n", [Frame(b"\ta")]),
    "a colon in the data": (b"data: a: b\n\n", [Frame(b"a: b")]),
    "an event's name": (b"event: delta\ndata: a\n\n", [Frame(b"a", "delta")]),
    "objects with names": (
        b'event: a\ndata: {}\n\nevent: a\ndata: {"b":1}\n\nevent: c\ndata: {}\n\n',
        [Frame(b"{}", "a"), Frame(b'{"b":1}', "a"), Frame(b"{}", "c")],
    ),
    "an object in two lines, with a name": (
        b'event: a\ndata: {\ndata: "b":1}\n\n',
        [Frame(b'{\n"b":1}', "a")],
    ),
    "a name after the data": (b"data: a\nevent:delta\n\n", [Frame(b"a", "delta")]),
    "the last name counts": (b"event: x\nevent: y\ndata: a\n\n", [Frame(b"a", "y")]),
    "a name holds for one event": (
        b"event: x\ndata: a\n\ndata: b\n\n",
        [Frame(b"a", "x"), Frame(b"b")],
    ),
    "an empty name": (b"event:\ndata: a\n\n", [Frame(b"a")]),
    "a name that is no UTF-8": (b"event: \xff\ndata: a\n\n", [Frame(b"a", "\ufffd")]),
    "id and retry": (b"id: 7\nretry: 10\ndata: a\n\n", [Frame(b"a")]),
    "unknown fields": (b"foo: bar\ndata: a\n\n", [Frame(b"a")]),
    "a field name with other letters": (b"Data: a\n data: b\ndata : c\n\n", []),
    "an event without data": (b"event: x\n\ndata: a\n\n", [Frame(b"a")]),
    "empty data": (b"data:\n\ndata\n\ndata: \n\ndata: a\n\n", [Frame(b"a")]),
    "a field without a colon": (b"data\ndata\n\n", [Frame(b"\n")]),
    "no blank line at the end": (b"data: a\n\ndata: b\n", [Frame(b"a"), Frame(b"b")]),
    "no line end at the end": (b"data: a\n\ndata: b", [Frame(b"a"), Frame(b"b")]),
    "half a mark is all": (BOM[:2], []),
    "no UTF-8 in the data": (b"data: \xff\n\n", [Frame(b"\xff")]),
    "a NUL": (b"data: a\0b\n\n", [Frame(b"a\0b")]),
    "an unknown field before the only event": (b"x\ndata: a", [Frame(b"a")]),
}
NDJSON_CASES: dict[str, tuple[bytes, list[Frame]]] = {
    "nothing": (b"", []),
    "two lines": (b'{"a":1}\n{"b":2}\n', [Frame(b'{"a":1}'), Frame(b'{"b":2}')]),
    "CRLF": (b"1\r\n2\r\n", [Frame(b"1"), Frame(b"2")]),
    "empty lines": (b"\n \n1\n\r\n2\n\n", [Frame(b"1"), Frame(b"2")]),
    "no line end at the end": (b"1\n2", [Frame(b"1"), Frame(b"2")]),
    "white space around a value": (b" 1 \n", [Frame(b"1")]),
}
CASES = [
    pytest.param(make, data, frames, id=f"{kind}: {name}")
    for kind, make, cases in (
        ("SSE", SSEFramer, SSE_CASES),
        ("NDJSON", NDJSONFramer, NDJSON_CASES),
    )
    for name, (data, frames) in cases.items()
]


@pytest.mark.parametrize("cut", [at_once, bytewise])
@pytest.mark.parametrize(("make", "data", "frames"), CASES)
def test_a_stream_has_these_frames(
    make: MakeFramer,
    data: bytes,
    frames: list[Frame],
    cut: Callable[[bytes], Sequence[bytes]],
) -> None:
    """What the format's rules say, whether the bytes come at once or one by one."""
    assert frames == frames_of(make(), cut(data))


@pytest.mark.parametrize(("make", "data", "frames"), CASES)
def test_a_stream_cut_in_two_anywhere_has_the_same_frames(
    make: MakeFramer, data: bytes, frames: list[Frame]
) -> None:
    """Above all between CR and LF, inside a byte order mark, and between two line ends."""
    for place in range(len(data) + 1):
        assert frames == frames_of(make(), [data[:place], b"", data[place:]])


STREAM_PARTS = [
    *(b"data", b"event", b"data: a", b"retry: 1", b"id", b":", b": ", b" ", b"x", b"{}"),
    *(b"\n", b"\r", b"\r\n", b"\n\n", BOM, b"\xef", b"\xbb", b"\xbf", b"\xff"),
]


@st.composite
def cut_streams(draw: st.DrawFn) -> list[bytes]:
    """A stream of anything, rich in what matters to a framer, cut into pieces."""
    parts = st.sampled_from(STREAM_PARTS) | st.binary(max_size=4)
    data = b"".join(draw(st.lists(parts, max_size=40)))
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@FRAMERS
@given(pieces=cut_streams())
def test_no_cut_of_any_stream_changes_its_frames(make: MakeFramer, pieces: list[bytes]) -> None:
    """Frames depend on the bytes alone, and never on how the network delivered them."""
    assert frames_of(make(), [b"".join(pieces)]) == frames_of(make(), pieces)


def reference_events(data: bytes) -> list[Frame]:
    """The WHATWG's algorithm, line by line as the standard writes it."""
    lines = data.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    frames, name, buffer = list[Frame](), "", b""
    for line in [*lines, b""]:  # and the last event is given without its blank line
        if not line:
            if buffer.removesuffix(b"\n"):
                frames.append(Frame(buffer.removesuffix(b"\n"), name))
            name, buffer = "", b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            buffer += value + b"\n"
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return frames


@given(pieces=cut_streams())
def test_events_are_those_of_the_standard(pieces: list[bytes]) -> None:
    """Any stream gives what the standard's own algorithm gives, but for events of empty data, and
    for what begins as JSON, which is no stream."""
    data = b"".join(pieces)
    assume(data.removeprefix(BOM).lstrip()[:1] not in (b"{", b"["))
    assert reference_events(data) == frames_of(SSEFramer(), pieces)


@pytest.mark.parametrize(
    ("make", "whole"),
    [
        pytest.param(SSEFramer, b"data: a\n\n", id="SSE of LF"),
        pytest.param(SSEFramer, b"data: a\r\r", id="SSE of CR"),
        pytest.param(SSEFramer, b"data: a\r\n\r", id="SSE of CRLF, whose last LF is not needed"),
        pytest.param(NDJSONFramer, b"a\n", id="NDJSON"),
    ],
)
def test_a_frame_is_given_as_soon_as_it_is_whole(make: MakeFramer, whole: bytes) -> None:
    """A piece is delivered when it arrives, not with the next one."""
    framer = make()
    early = [list(framer.feed(piece)) for piece in bytewise(whole)]
    assert [[]] * (len(whole) - 1) + [[Frame(b"a")]] == early


@FRAMERS
def test_closing_a_framer_empties_it(make: MakeFramer) -> None:
    """What the end completes is given once."""
    framer = make()
    list(framer.feed(b"data: a"))
    assert [1, 0] == [len(list(framer.close())) for _ in range(2)]


LIMITS = pytest.mark.parametrize(
    ("make", "frame", "end"),
    [
        pytest.param(SSEFramer, b"data: " + b"x" * 94, b"\n\n", id="SSE data"),
        pytest.param(SSEFramer, b": " + b"x" * 98, b"\n\n", id="SSE comment"),
        pytest.param(SSEFramer, b"data: x\n" * 12 + b"data", b"\n\n", id="SSE lines"),
        pytest.param(NDJSONFramer, b"x" * 100, b"\n", id="NDJSON"),
    ],
)


@LIMITS
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_frame_of_the_limit_s_size_passes(
    make: Callable[[int], Framer], frame: bytes, end: bytes, size: int
) -> None:
    """The limit is inclusive, and counts one frame, not the stream."""
    framer, data = make(100), (frame + end) * 20
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert frames_of(make(10**6), [data]) == frames_of(framer, pieces)


@LIMITS
@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("ends", [True, False])
def test_a_frame_beyond_the_limit_is_refused(
    make: Callable[[int], Framer], frame: bytes, end: bytes, size: int, ends: bool
) -> None:
    """In one piece or many, whether its end has come or not: memory stays bounded."""
    framer, data = make(100), frame + b"xx" + (end if ends else b"")
    with pytest.raises(ResponseTooLargeError, match="larger than the limit of 100 bytes"):
        frames_of(framer, [data[at : at + size] for at in range(0, len(data), size)])


@FRAMERS
def test_an_endless_frame_is_refused_while_it_is_read(make: MakeFramer) -> None:
    """By default at 16 MiB, before more than that is in memory."""
    framer, piece = make(), b"x" * 2**20
    for _ in range(16):
        assert [] == list(framer.feed(piece))
    with pytest.raises(ResponseTooLargeError):
        framer.feed(b"xx")


@pytest.mark.parametrize(
    ("make", "head", "end"), [(SSEFramer, b"data: ", b"\n\n"), (NDJSONFramer, b"", b"\n")]
)
def test_a_large_frame_costs_what_its_bytes_cost(make: MakeFramer, head: bytes, end: bytes) -> None:
    """10 MB in pieces of 4 kB: joined once, where joining at each piece would copy 12 GB."""
    data = head + b"x" * 10_000_000 + end
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    started = time.process_time()
    frames = frames_of(make(), pieces)
    assert time.process_time() - started < 0.5
    assert [10_000_000] == [len(frame.data) for frame in frames]


def test_a_page_in_place_of_lines_is_unframed() -> None:
    """However it is cut, and as much of its beginning as is needed."""
    framer = NDJSONFramer()
    fed = [
        frame
        for piece in (b" \n", b"\n<htm", b"l>\n", b"x" * 70_000)
        for frame in framer.feed(piece)
    ]
    assert [] == [*fed, *framer.close()]
    assert framer.unframed.startswith(b"\n<html>\nxxx")
    assert 64 * 1024 == len(framer.unframed)
    lines = NDJSONFramer()
    assert 2 == len([*lines.feed(b'{"a": 1}\n<html>\n')])
    assert b"" == lines.unframed
