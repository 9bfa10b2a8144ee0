"""The framer of AWS's event streams: what is whole is given once, what is damaged never is."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest

from llmgate.errors import DecodeError, LLMGateError, ResponseTooLargeError
from llmgate.provider.framing import Frame
from llmgate_bedrock.event_stream import MAX_HEADERS, EventStreamFramer
from tests.aws import event, message

HELLO = event("contentBlockDelta", b'{"delta":{"text":"Hi"}}')
STOP = event("messageStop", b'{"stopReason":"end_turn"}')
STREAM = HELLO + HELLO + STOP


def frames_of(pieces: Iterable[bytes], framer: EventStreamFramer | None = None) -> list[Frame]:
    framer = framer or EventStreamFramer()
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    return [*frames, *framer.close()]


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """The message with these bytes in it, and with checksums that match."""
    changed = bytearray(data)
    changed[at : at + len(new)] = new
    changed[8:12] = crc32(changed[:8]).to_bytes(4)
    changed[-4:] = crc32(changed[:-4]).to_bytes(4)
    return bytes(changed)


# --- what is whole ------------------------------------------------------------------------


def test_a_frame_has_the_payload_the_name_and_the_headers() -> None:
    """A decoder knows an event by its name."""
    frame, *_, last = frames_of([STREAM])
    assert (b'{"delta":{"text":"Hi"}}', "contentBlockDelta") == (frame.data, frame.event)
    assert "event" == frame.headers[":message-type"]
    assert ("messageStop", b'{"stopReason":"end_turn"}') == (last.event, last.data)


def test_an_exception_has_no_event_name() -> None:
    """So it cannot be taken for an event; its type is in the headers."""
    (frame,) = frames_of([event("throttlingException", b"{}", "exception")])
    assert ("", "throttlingException") == (frame.event, frame.headers[":exception-type"])


def test_the_frames_are_the_same_wherever_the_bytes_are_cut() -> None:
    """At each place once, byte by byte, and in one piece."""
    whole = frames_of([STREAM])
    assert 3 == len(whole)
    assert whole == frames_of(STREAM[at : at + 1] for at in range(len(STREAM)))
    for at in range(len(STREAM) + 1):
        assert whole == frames_of([STREAM[:at], STREAM[at:]])


def test_headers_of_each_type_are_text() -> None:
    """Numbers in decimal, bytes in base64, a time in milliseconds."""
    headers: dict[str, object] = {
        "yes": True,
        "no": False,
        "byte": -5,
        "short": 300,
        "integer": -70_000,
        "long": 2**40,
        "bytes": b"\x00\xff",
        "text": "größer",
        "time": datetime(2026, 11, 30, tzinfo=UTC),
        "uuid": UUID(int=1),
        "empty": "",
    }
    (frame,) = frames_of([message(headers, b"")])
    assert frame.headers == {
        "yes": "true",
        "no": "false",
        "byte": "-5",
        "short": "300",
        "integer": "-70000",
        "long": "1099511627776",
        "bytes": "AP8=",
        "text": "größer",
        "time": "1795996800000",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "empty": "",
    }
    with pytest.raises(TypeError):
        frame.headers["new"] = ""  # type: ignore[index] # pyright: ignore[reportIndexIssue] - events share it


def test_headers_that_never_repeat_are_not_remembered_without_end() -> None:
    """A stream of any length holds no more memory for it."""
    framer = EventStreamFramer()
    data = b"".join(message({":id": number}, b"") for number in range(500))
    assert [str(number) for number in range(500)] == [
        frame.headers[":id"] for frame in frames_of([data], framer)
    ]
    assert 32 == len(framer._known)


# --- what is damaged ----------------------------------------------------------------------


def test_a_stream_that_ends_within_a_message_is_an_error() -> None:
    """At each byte; what came whole is given."""
    whole = frames_of([STREAM])
    for size in range(1, len(STREAM)):
        framer = EventStreamFramer()
        frames, behind = list(framer.feed(STREAM[:size])), size - 2 * len(HELLO)
        inside = behind if behind >= 0 else size % len(HELLO)
        assert frames == whole[: (size - inside) // len(HELLO)]
        if inside == 0:
            assert not [*framer.close()]
            continue
        with pytest.raises(DecodeError, match=f" {inside} bytes into a message"):
            framer.close()


@pytest.mark.parametrize("bit", range(8))
def test_each_byte_is_under_a_checksum(bit: int) -> None:
    """Whichever is changed, the message is refused; where nothing is a length, it is no stream."""
    for at in range(1, len(HELLO)):
        damaged = bytearray(HELLO)
        damaged[at] ^= 1 << bit
        with pytest.raises(DecodeError):
            list(EventStreamFramer().feed(bytes(damaged)))
    framer, damaged = EventStreamFramer(), bytearray(HELLO)
    damaged[0] ^= 1 << bit
    if damaged[0] in range(9, 127):
        assert not [*framer.feed(bytes(damaged))]
        assert framer.unframed == bytes(damaged)
    else:
        with pytest.raises(DecodeError):
            list(framer.feed(bytes(damaged)))


def test_what_came_before_the_damage_is_given_first() -> None:
    """As the call's partial completion holds it."""
    frames = iter(EventStreamFramer().feed(HELLO + STOP[:-1] + b"?"))
    assert "contentBlockDelta" == next(frames).event
    with pytest.raises(DecodeError, match="the checksum of a message does not match"):
        next(frames)


def test_lengths_are_not_believed_before_their_checksum_matches() -> None:
    """Else a damaged length would make it wait for bytes that never come."""
    with pytest.raises(DecodeError, match="prelude does not match"):
        list(EventStreamFramer().feed(b"\x00\xff\xff\xff" + HELLO[4:12]))


@pytest.mark.parametrize(
    "prelude",
    [
        (15, 0),  # less than the prelude and the checksum
        (16, 1),  # headers behind the end
        (MAX_HEADERS + 17, MAX_HEADERS + 1),
    ],
)
def test_lengths_that_cannot_be_are_refused(prelude: tuple[int, int]) -> None:
    """Though their checksum matches."""
    sizes = b"".join(size.to_bytes(4) for size in prelude)
    with pytest.raises(DecodeError, match="lengths"):
        list(EventStreamFramer().feed(sizes + crc32(sizes).to_bytes(4)))


def test_a_payload_over_the_limit_is_refused_before_it_comes() -> None:
    """Nothing of it is held."""
    sizes = (16 + 24 * 1024 * 1024 + 1).to_bytes(4) + bytes(4)
    with pytest.raises(ResponseTooLargeError):
        list(EventStreamFramer().feed(sizes + crc32(sizes).to_bytes(4)))
    with pytest.raises(ResponseTooLargeError):
        list(EventStreamFramer(limit=9).feed(message({}, b"x" * 10)))
    assert [*EventStreamFramer(limit=10).feed(message({}, b"x" * 10))]


@pytest.mark.parametrize(
    ("headers", "flaw"),
    [
        (b"\x01a\x0a", "unknown type 10"),
        (b"\x02a", "end within"),
        (b"\x01a", "end within"),
        (b"\x01a\x07\x00", "end within"),
        (b"\x01a\x07\x00\x02x", "end within"),
        (b"\x01a\x04\x00", "end within"),
        (b"\x01a\x07\x00\x01\xff", "UTF-8"),
        (b"\x01\xff\x00", "UTF-8"),
        (b"\x01a\x00\x01a\x00", "twice"),
    ],
)
def test_headers_that_cannot_be_read_are_refused(headers: bytes, flaw: str) -> None:
    """Though the checksums match."""
    data = patched(message({}, headers), 4, len(headers).to_bytes(4))
    with pytest.raises(DecodeError, match=flaw):
        list(EventStreamFramer().feed(data))


def test_what_is_no_stream_is_the_decoders_to_explain() -> None:
    """An error's JSON, or a page, in one piece or in many; a whole one is bounded."""
    body = b'{"message": "Too many tokens"}'
    for pieces in ([body], [body[:1], b"", body[1:]]):
        framer = EventStreamFramer()
        assert not frames_of(pieces, framer)
        assert framer.unframed == body
    assert EventStreamFramer().unframed == b""
    framer = EventStreamFramer()
    for _ in range(16):
        framer.feed(b"<" * 1024 * 1024)
    with pytest.raises(ResponseTooLargeError):
        framer.feed(b"<")


# --- beside botocore ----------------------------------------------------------------------


def parsed_by_botocore(data: bytes) -> list[tuple[dict[str, Any], bytes]] | None:
    """The messages, as AWS's own parser reads them; None where it refuses."""
    buffer: Any = import_module("botocore.eventstream").EventStreamBuffer()
    buffer.add_data(data)
    try:
        return [(each.headers, each.payload) for each in buffer]
    except Exception:  # noqa: BLE001 - whatever it refuses with
        return None


def header_value(random: Random) -> object:
    return random.choice(
        [
            random.random() < 0.5,
            random.randrange(-(2**63), 2**63) >> random.randrange(64),
            random.randbytes(random.randrange(20)),
            "".join(random.choices("aé😀 :", k=random.randrange(20))),
            datetime.fromtimestamp(random.randrange(2**31), UTC),
            UUID(bytes=random.randbytes(16)),
        ]
    )


@pytest.mark.parametrize("seed", range(20))
def test_it_reads_what_botocore_reads(seed: int) -> None:
    """Random messages, whole and damaged: the same payloads, and texts are the same headers."""
    random = Random(seed)
    data = b"".join(
        message(
            {f"h{number}": header_value(random) for number in range(random.randrange(6))},
            random.randbytes(random.choice((0, 1, 100, 5000))),
        )
        for _ in range(random.randrange(1, 6))
    )
    expected = parsed_by_botocore(data)
    assert expected
    frames = frames_of([data])
    assert [payload for _, payload in expected] == [frame.data for frame in frames]
    for (headers, _), frame in zip(expected, frames, strict=True):
        assert [*headers] == [*frame.headers]
        for name, value in headers.items():
            if isinstance(value, int | str):
                assert frame.headers[name] == str(value).replace("True", "true").replace(
                    "False", "false"
                )
    for _ in range(20):
        damaged = bytearray(data)
        damaged[random.randrange(1, len(data))] ^= random.randrange(1, 256)
        assert parsed_by_botocore(bytes(damaged)) is None
        with pytest.raises(LLMGateError):
            frames_of([bytes(damaged)])


def test_recorded_streams_are_read_as_botocore_reads_them(corpus: Path) -> None:
    """All of them that hold bytes of an event stream, in pieces of any size."""
    count = 0
    for path in sorted(corpus.glob("*.json")):
        response = json.loads(path.read_bytes())["response"]
        if "base64" not in response:
            continue
        data, count = b64decode(response["base64"]), count + 1
        expected = parsed_by_botocore(data)
        for size in (1, 7, 1000, len(data)):
            frames = frames_of(data[at : at + size] for at in range(0, len(data), size))
            assert expected == [(dict(frame.headers), frame.data) for frame in frames]
    assert count >= 7
