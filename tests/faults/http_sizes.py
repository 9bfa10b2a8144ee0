"""Bodies without an end, and little that becomes much: they are cut off at the limits."""

from __future__ import annotations

import zlib
from functools import cache

from llmgate.errors import NotFoundError, ResponseTooLargeError
from tests.faults.dialect import TEXT, Dialect
from tests.faults.http_encodings import WINDOWS, Coding, pressed
from tests.faults.peer import Step
from tests.faults.raw import CHUNKED, Answer, Build, Rows, both, flood, only, steps_of
from tests.faults.server import close, then
from tests.faults.table import (
    Case,
    Check,
    Player,
    Scene,
    answers,
    calling,
    check_always,
    raises,
    serving,
)

__all__ = ["CASES"]

MEGABYTE = 1024 * 1024

# --- bombs: little that becomes much ------------------------------------------------------


@cache
def bomb(coding: Coding, content: bytes, megabytes: int = 300) -> bytes:
    """So many megabytes of something, compressed."""
    press = zlib.compressobj(wbits=WINDOWS[coding])
    block = content * (4 * MEGABYTE // len(content))
    first = press.compress(block) + press.flush(zlib.Z_FULL_FLUSH)
    again = press.compress(block) + press.flush(zlib.Z_FULL_FLUSH)
    return first + again * (megabytes // 4 - 1)


def exploding(coding: Coding, before: bytes = b"", content: bytes = b" ") -> Build:
    """A bomb in place of an answer."""

    def build(answer: Answer) -> Step:
        body = bomb(coding, content)
        label = "deflate" if coding == "raw" else coding
        start = pressed(before, coding) if before else b""
        return then(answer.sized(f"content-encoding: {label}", body=start + body), last=close)

    return build


def refusing(coding: Coding) -> Build:
    """A bomb in place of an error's text."""
    return lambda a: then(
        a.sized(f"content-encoding: {coding}", start="HTTP/1.1 404 Odd", body=bomb(coding, b"no ")),
        last=close,
    )


def one(name: str, check: Check, build: Build) -> Case:
    """A line for a stream alone, whose limit is lower, and sooner reached."""
    return Case(name, check, stream=steps_of(build, streamed=True))


TOO_LARGE = raises(ResponseTooLargeError)

BOMBS: Rows = (
    only(both("a bomb: 300 MB of spaces", TOO_LARGE, exploding("gzip"))),
    one(
        "a bomb of a thousand members",
        TOO_LARGE,
        lambda a: a.sized("content-encoding: gzip", body=pressed(b" " * MEGABYTE) * 1_000),
    ),
    one("a bomb as deflate", TOO_LARGE, exploding("deflate")),
    one("a bomb as deflate without its header", TOO_LARGE, exploding("raw")),
    one("a bomb in one event", TOO_LARGE, exploding("gzip", b'data: {"a": "', b"x")),
    both("a bomb under an error", raises(NotFoundError, status=404), refusing("gzip")),
    both("a deflate bomb under an error", raises(NotFoundError, status=404), refusing("deflate")),
)

# --- floods: bodies without an end --------------------------------------------------------

GIGABYTE = 1024 * MEGABYTE
BLOCK = 512 * 1024


def endless(name: str, *headers: str, piece: bytes = b"x", status: int = 200) -> Scene:
    """A line for 1 GB that is cut off at the limit of its kind, and not read any further."""

    async def scene(player: Player) -> None:
        most = 24 + (1 if status == 404 else 16 if player.stream else 64)  # with both ends' buffers
        sent = list[int]()

        def build(answer: Answer) -> Step:
            start = answer.head(*headers, start=f"HTTP/1.1 {status} Odd")
            block = piece * (BLOCK // len(piece))
            pieces = [b"data: " if answer.streamed and status == 200 else b"[", block]
            if CHUNKED in headers:
                pieces = [b"%x\r\n%s\r\n" % (len(each), each) for each in pieces]
            return flood(start + pieces[0], pieces[1], GIGABYTE, sent)

        steps = steps_of(build, streamed=player.stream)(player.dialect)
        async with serving(player.dialect.serve(*steps)) as server:
            async with calling(player, server.url, {"timeout": 20.0}) as client:
                outcome = await player.call(client, server)
            check_always(outcome)
            raises(NotFoundError if status == 404 else ResponseTooLargeError)(outcome)
        assert sent, "the server still sends"
        assert sent[0] < most * MEGABYTE, f"{sent[0]:,} bytes were sent"

    return Scene(name, scene, ways=((True, False), (False, True)))


FLOODS: Rows = (
    endless("1 GB without a length", "connection: close"),
    endless("1 GB with its length", f"content-length: {GIGABYTE}"),
    endless("1 GB in chunks", CHUNKED),
    endless("1 GB of white space", "connection: close", piece=b" \t\r"),
    endless("1 GB under an error", "connection: close", status=404),
    endless("1 GB in chunks under an error", CHUNKED, status=404),
)

# --- legitimate answers -------------------------------------------------------------------

LARGE = "x" * (20 * MEGABYTE)


def large_answer(answer: Answer) -> Step:
    """An answer of 20 MB, in a stream as pieces of 5 MB."""
    return answer.sized(body=large_body(answer.dialect, streamed=answer.streamed))


def large_body(dialect: Dialect, *, streamed: bool) -> bytes:
    """Its body."""
    if not streamed:
        return dialect.reply().partition(b"\r\n\r\n")[2].replace(TEXT.encode(), LARGE.encode(), 1)
    quarter = LARGE[: len(LARGE) // 4]
    return b"".join(
        (*dialect.opening, *[dialect.piece(quarter)] * 4, dialect.finish, dialect.marker)
    )


CASES: Rows = (
    *BOMBS,
    *FLOODS,
    only(both("a legitimate answer of 20 MB", answers(LARGE), large_answer, within=20.0)),
)
