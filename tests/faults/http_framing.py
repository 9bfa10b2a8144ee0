"""Where a body ends: lengths, chunks, cuts, and what comes after the end on the same connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from llmgate.errors import (
    DecodeError,
    ProtocolError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
    StreamTruncatedError,
)
from tests.faults.peer import Peer
from tests.faults.raw import (
    CHUNKED,
    Answer,
    Build,
    Rows,
    both,
    broken,
    by_kind,
    cut,
    in_pieces,
    in_turn,
    steps_of,
    whole,
)
from tests.faults.server import close, hang, head, noting, reset, then
from tests.faults.table import (
    EVENTS,
    Player,
    Scene,
    answers,
    calling,
    check_always,
    either,
    raises,
    serving,
)
from tests.machine import wait_for_async

__all__ = ["CASES"]

CRLF = b"\r\n"

# --- content lengths ----------------------------------------------------------------------


def length(text: str) -> Build:
    """An answer with this for its length, and the connection's end."""
    return lambda answer: then(answer.head(f"content-length: {text}") + answer.body, last=close)


def lengths(*texts: str) -> Build:
    """The same with several."""
    lines = [f"content-length: {text}" for text in texts]
    return lambda answer: then(answer.head(*lines) + answer.body, last=close)


def ends(more: int, last: Callable[[Peer], Awaitable[None]]) -> Build:
    """An answer whose length is wrong by so much."""
    return lambda answer: then(answer.sized(more=more), last=last)


def halved(last: Callable[[Peer], Awaitable[None]]) -> Build:
    """Half of an answer."""
    return lambda answer: in_pieces(answer.sized()[: -len(answer.body) // 2], last=last)


NO_ANSWER = by_kind(raises(DecodeError), raises(StreamTruncatedError, DecodeError, partial=""))
CUT_SHORT = by_kind(raises(ReadError), either(answers(), cut()))
"""A stream is whole once its terminator has come, whatever its framing still promises."""
SHORTER = by_kind(raises(DecodeError, ReadError), cut(DecodeError))

LENGTHS: Rows = (
    whole("no length at all, until the connection is closed", lambda a: a.until_closed()),
    whole(
        "no length at all, until the connection is reset",
        lambda a: in_pieces(a.head() + a.body, last=reset),
    ),
    both("a length of 0 with an answer", NO_ANSWER, length("0")),
    both("a length of 0 with nothing", NO_ANSWER, lambda a: a.sized(body=b"")),
    both("a length 3 too short", SHORTER, ends(-3, close)),
    both("a length 3 too short, on a connection that stays", SHORTER, ends(-3, hang)),
    both("a length 3 too long, and the end", CUT_SHORT, ends(3, close)),
    both("a length 3 too long, and a reset", CUT_SHORT, ends(3, reset)),
    both("a length of 10 GB, and the end", CUT_SHORT, length("10000000000")),
    both("a length of 2^63", CUT_SHORT, length(str(2**63))),
    both("a length of 2^64 - 1", either(NO_ANSWER, CUT_SHORT), length(str(2**64 - 1))),
    both(
        "a length that is given twice",
        either(answers(), raises(ProtocolError)),
        lambda a: a.sized(f"content-length: {len(a.body)}"),
    ),
    in_turn(
        "lengths that are none",
        *(
            broken(repr(text), length(text), ProtocolError)
            for text in (
                "-1",
                "+5",
                "five",
                "",
                " ",
                "0x20",
                "1e3",
                "5, 5",
                "5.0",
                "9" * 30,
                "5 5",
                "\xb2",
            )
        ),
        broken("two that differ", lengths("5", "6"), ProtocolError),
        broken("three, of which two are alike", lengths("5", "5", "6"), ProtocolError),
    ),
    broken(
        "a body of which nothing comes",
        lambda a: then(a.sized()[: -len(a.body)], last=close),
        ReadError,
    ),
    broken(
        "a body of which nothing comes but a reset",
        lambda a: in_pieces(a.sized()[: -len(a.body)], last=reset),
        ReadError,
    ),
    broken("a body that is cut in the middle, by the end", halved(close), ReadError),
    broken("a body that is cut in the middle, by a reset", halved(reset), ReadError),
    broken(
        "a body until the end, which is cut in the middle",
        lambda a: a.until_closed(body=a.body[: len(a.body) // 2]),
        DecodeError,
    ),
)

# --- chunks -------------------------------------------------------------------------------


def coded(line: str) -> Build:
    """An answer as it is, under this transfer coding."""
    return lambda answer: then(answer.head(f"transfer-encoding: {line}") + answer.body, last=close)


def chunks(data: bytes, **more: Any) -> Build:
    """These bytes where the chunks should be."""
    return lambda answer: then(answer.head(CHUNKED) + data, last=more.get("last", close))


def trailed(trailer: bytes) -> Build:
    """An answer in chunks, and this behind the last."""
    return lambda answer: answer.chunked(last=b"0\r\n" + trailer + CRLF)


LAST_MISSING = by_kind(raises(ReadError), either(answers(), cut()))
MALFORMED = (ProtocolError, ResponseTooLargeError)
BAD_END = by_kind(raises(*MALFORMED), either(answers(), cut(*MALFORMED)))

CHUNKS: Rows = (
    whole("chunks of one byte", lambda a: a.chunked(size=1)),
    whole("sizes in capitals, with 20 zeros before them", lambda a: a.chunked(form=b"%020X\r\n")),
    whole("chunks with extensions", lambda a: a.chunked(form=b'%x;a=b;c="d;\\" e"\r\n')),
    whole(
        "an extension of 100 kB",
        lambda a: a.chunked(form=b"%x;a=" + b"x" * 100_000 + CRLF, size=1_000),
    ),
    whole("spaces after a size", lambda a: a.chunked(form=b"%x  \r\n")),
    whole("trailers", trailed(b"x-checksum: 1\r\nset-cookie: a=b\r\nx-request-id: z\r\n")),
    whole("a coding in capitals", lambda a: a.chunked().replace(b": chunked", b": CHUNKED")),
    whole(
        "every byte of the reply in a packet of its own",
        lambda a: in_pieces(
            a.head(CHUNKED),
            *(b"1\r\n%c\r\n" % byte for byte in a.body[:20]),
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(a.body) - 20, a.body[20:]),
        ),
    ),
    whole(
        "a chunk that is cut within its size, its data and its end",
        lambda a: in_pieces(
            a.head(CHUNKED) + b"%x" % len(a.body),
            CRLF + a.body[:9],
            a.body[9:] + b"\r",
            b"\n0",
            b"\r\n\r\n",
        ),
    ),
    both("no chunk but the last", NO_ANSWER, chunks(b"0\r\n\r\n")),
    both(
        "the last chunk never comes, but the end",
        LAST_MISSING,
        lambda a: then(a.chunked(last=b""), last=close),
    ),
    both(
        "the last chunk never comes, but a reset",
        LAST_MISSING,
        lambda a: in_pieces(a.chunked(last=b""), last=reset),
    ),
    both(
        "half of the last chunk", LAST_MISSING, lambda a: then(a.chunked(last=b"0\r\n"), last=close)
    ),
    both(
        "a chunk of 2^64 - 1 bytes",
        LAST_MISSING,
        lambda a: then(a.head(CHUNKED) + b"f" * 16 + CRLF + a.body, last=close),
    ),
    both("a trailer that is none", BAD_END, trailed(b"nonsense\r\n")),
    both("a length among the trailers", BAD_END, trailed(b"content-length: 5\r\n")),
    both("1,000 trailers", BAD_END, trailed(b"x-a: b\r\n" * 1_000)),
    both("a trailer of 100 kB", BAD_END, trailed(b"x-a: " + b"a" * 100_000 + CRLF)),
    both(
        "line feeds alone between chunks",
        BAD_END,
        lambda a: a.chunked(form=b"%x\n").replace(b"\r\n\r\n", b"\n\n"),
    ),
    in_turn(
        "sizes of chunks that are none",
        *(
            broken(repr(size), chunks(size + b"\r\nhello\r\n0\r\n\r\n"), ProtocolError)
            for size in (
                b"-5",
                b"+5",
                b"0x5",
                b"zz",
                b"",
                b" 5",
                b"5.0",
                b"f" * 17,
                b"\xb2",
                b"5\r",
                b"5,5",
                b"\0",
            )
        ),
    ),
    broken(
        "a chunk that is longer than it says",
        chunks(b"5\r\nhello world\r\n0\r\n\r\n"),
        ProtocolError,
    ),
    broken(
        "a chunk that is shorter than it says, and the end",
        chunks(b"ff\r\nhello\r\n"),
        ReadError,
        providers=EVENTS,  # where a stream is made of lines, it is one that cannot be read
    ),
    broken("a chunk that is cut, by a reset", chunks(b"ff\r\nhello", last=reset), ReadError),
    broken(
        "rubbish after a good chunk",
        lambda a: then(a.chunked()[:-200] + b"zz\r\n", last=close),
        ReadError,
        ProtocolError,  # where the answer is so short that it is in the head
        providers=EVENTS,  # as above
    ),
    broken("no chunks where they are announced", coded("chunked"), ProtocolError),
    broken(
        "a length, and chunks",
        lambda a: then(a.head("content-length: 5", CHUNKED) + a.body, last=close),
        ProtocolError,
    ),
    broken("two codings, of which the body has none", coded("gzip, chunked"), ProtocolError),
    broken(
        "chunks that were not announced",
        lambda a: a.until_closed(body=a.chunked(size=7).partition(CRLF * 2)[2]),
        DecodeError,
        ServerError,
    ),
    in_turn(
        "transfer codings that are none",
        *(
            both(
                repr(name),
                either(answers(), by_kind(raises(ProtocolError), cut(ProtocolError))),
                coded(name),
            )
            for name in (
                "identity",
                "gzip",
                "xchunked",
                "",
                "chunked;q=1",
                "\x0bchunked",
                "chunked, identity",
                "chunked,chunked",
            )
        ),
    ),
)

# --- after the end ------------------------------------------------------------------------


def twice(name: str, build: Build) -> Scene:
    """A line for a connection on which more comes than was asked for.

    The call has its answer; the next has its own, and nothing of what came unasked.
    """

    async def scene(player: Player) -> None:
        good = steps_of(lambda answer: answer.chunked(), streamed=player.stream)
        dialect, said = player.dialect, list[bool]()
        odd = [noting(s, said) for s in steps_of(build, streamed=player.stream)(dialect)]
        async with serving(dialect.serve(*odd, *good(dialect))) as server:
            async with calling(player, server.url, {"limit": 1}) as client:
                for _ in range(2):
                    outcome = await player.call(client, server)
                    check_always(outcome)
                    answers()(outcome)
                    # What comes after the next request is asked for cannot be told from its reply.
                    assert await wait_for_async(lambda: bool(said) or server.open_connections == 0)
                    await asyncio.sleep(0.02)
            assert 2 == len(server.requests)
            assert await wait_for_async(lambda: server.open_connections == 0)

    return Scene(name, scene)


def another(answer: Answer) -> bytes:
    """A whole reply with another answer."""
    return answer.sized(body=answer.evil)


AFTER: Rows = (
    twice("junk in the same packet", lambda a: a.sized() + b"junk"),
    twice("junk in the next packet", lambda a: in_pieces(a.sized(), b"junk")),
    twice("junk in the same packet after chunks", lambda a: a.chunked() + b"junk"),
    twice(
        "junk after a body that came in two parts",
        lambda a: in_pieces(a.sized()[:-9], a.sized()[-9:] + b"junk"),
    ),
    twice("1 MB of junk", lambda a: in_pieces(a.sized() + b"\0" * 500_000, b"\xff" * 500_000)),
    twice("line ends after the body", lambda a: a.sized() + b"\r\n\r\n"),
    twice("a NUL after the body", lambda a: a.sized() + b"\0"),
    twice("another answer in the same packet", lambda a: a.sized() + another(a)),
    twice("another answer in the next packet", lambda a: in_pieces(a.sized(), another(a))),
    twice("a hundred other answers", lambda a: a.sized() + another(a) * 100),
    twice("half of another answer", lambda a: a.sized() + another(a)[:-20]),
    twice("an informational reply after the answer", lambda a: a.sized() + head(100)),
    twice(
        "a time-out after the answer", lambda a: in_pieces(a.sized(), head(408, content_length="0"))
    ),
    twice(
        "an end after an answer that was to keep the connection",
        lambda a: then(a.sized("connection: keep-alive"), last=close),
    ),
    twice(
        "a reset after an answer that was to keep the connection",
        lambda a: in_pieces(a.sized("connection: keep-alive"), last=reset),
    ),
    twice(
        "an answer that closes, on a connection that stays",
        lambda a: then(a.sized("connection: close"), last=hang),
    ),
    twice(
        "an answer of HTTP/1.0, on a connection that stays",
        lambda a: then(a.sized(start="HTTP/1.0 200 OK"), last=hang),
    ),
)

CASES: Rows = (*LENGTHS, *CHUNKS, *AFTER)
