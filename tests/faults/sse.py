"""Server-sent events: line ends, splits, cut streams, errors inside them, floods.

Source: the WHATWG HTML standard, "Parsing an event stream", and the web-platform tests of it.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.faults import sse_arrival, sse_ends, sse_errors, sse_floods, sse_partial
from tests.faults.dialect import TEXT, Dialect
from tests.faults.memory import Reader
from tests.faults.server import LAST, STREAM_HEAD, close, framed, head, then
from tests.faults.table import STREAMING, Case, Outcome, Player, Scene, Steps, answers

__all__ = ["CASES"]

WORLD = "Hé😀 漢字 \U0010ffff"
"""A text with characters of every length in UTF-8."""
JSON_ONLY = tuple(name for name in STREAMING if name != "replicate")
"""The providers whose events are JSON; an event of Replicate's is plain text."""

Change = Callable[[Dialect, bytes], bytes]


# --- how a stream is written --------------------------------------------------------------


def world(dialect: Dialect, *, with_opening: bool = True) -> bytes:
    """A whole stream of that text in UTF-8 as it is, without an escape."""
    half = len(WORLD) // 2
    pieces = [
        dialect.piece("@@").replace(b"@@", text.encode()) for text in (WORLD[:half], WORLD[half:])
    ]
    opening = dialect.opening if with_opening else ()
    return b"".join((*opening, *pieces, dialect.finish, dialect.marker))


def saying(dialect: Dialect, *texts: str) -> list[bytes]:
    """The events of a whole stream of these pieces."""
    pieces = map(dialect.piece, texts)
    return [e for e in (*dialect.opening, *pieces, dialect.finish, dialect.marker) if e]


def ended_by(*ends: bytes) -> Change:
    """Lines that end so, one after the other."""

    def change(_: Dialect, body: bytes) -> bytes:
        lines = body.split(b"\n")
        turns = itertools.cycle(ends)
        return b"".join(line + next(turns) for line in lines[:-1]) + lines[-1]

    return change


def replacing(old: bytes, new: bytes) -> Change:
    """Every stretch of bytes that matches, replaced."""
    return lambda dialect, body: re.sub(old, new, body)


def marked(dialect: Dialect, _: bytes = b"") -> bytes:
    """With a byte order mark, right before data that nobody could do without."""
    body = world(dialect, with_opening=dialect.name == "anthropic")
    return b"\xef\xbb\xbf" + re.sub(rb"(?m)^(event: .*)\n(data: .*)", rb"\2\n\1", body)


def before(text: bytes) -> Change:
    """Something in front of the whole stream."""
    return lambda dialect, body: text + body


def among(text: bytes) -> Change:
    """Something in front of every event."""
    return lambda dialect, body: b"".join(text + e + b"\n\n" for e in body.split(b"\n\n") if e)


def within(text: bytes) -> Change:
    """Lines in front of the first and after the last line of every event."""
    return lambda dialect, body: b"".join(
        b"%s\n%s\n%s\n\n" % (text, each, text) for each in body.split(b"\n\n") if each
    )


def after(text: bytes) -> Change:
    """Something behind the whole stream."""
    return lambda dialect, body: body + text


def on_many_lines(dialect: Dialect, body: bytes) -> bytes:
    """The JSON of each event on as many lines as it has values."""

    def spread(found: re.Match[bytes]) -> bytes:
        text = json.dumps(json.loads(found[1]), indent=1)
        return b"\n".join(b"data: " + line.encode() for line in text.split("\n"))

    return re.sub(rb"data: (\{.*\})", spread, body)


def changed(change: Change, last: bytes = LAST) -> Steps:
    """The whole stream, changed and sent at once."""
    return lambda d: [STREAM_HEAD + framed(change(d, world(d))) + last]


def grammar(name: str, change: Change, providers: tuple[str, ...] = STREAMING) -> Case:
    """A line for a stream that is written unusually, and is right."""
    return Case(name, answers(WORLD), stream=changed(change), providers=providers)


# --- bodies that end in other ways --------------------------------------------------------


def counted(dialect: Dialect) -> Iterable[bytes]:
    """With a content length."""
    body = world(dialect)
    kind = {"content_type": "text/event-stream", "content_length": str(len(body))}
    return [head(200, **kind) + body]


def until_closed(dialect: Dialect) -> Iterable[Any]:
    """Without any length: the connection's end is the body's."""
    start = head(content_type="text/event-stream", connection="close")
    return [then(start, world(dialect), last=close)]


def one_byte_chunks(dialect: Dialect) -> Iterable[bytes]:
    """In chunked coding, each byte a chunk of its own, with extensions and a trailer."""
    chunks = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in world(dialect))
    return [STREAM_HEAD + chunks + b"0\r\nx-trailer: yes\r\n\r\n"]


def labelled(kind: str) -> Steps:
    """Under another content type, which says nothing of what comes."""
    start = head(content_type=kind, transfer_encoding="chunked")
    return lambda d: [start + framed(world(d)) + LAST]


def parted(*places: int, change: Change) -> Steps:
    """The stream in parts that arrive one after the other."""

    def steps(dialect: Dialect) -> list[Any]:
        body = change(dialect, world(dialect))
        ends = [0, *places, len(body)]
        parts = [framed(body[a:b]) for a, b in itertools.pairwise(ends)]
        return [then(STREAM_HEAD, *parts, pause=0.01, last=dialect.hold)]

    return steps


def slowly(dialect: Dialect) -> list[Any]:
    """Byte by byte, as fast as they go."""
    return [then(STREAM_HEAD, *(framed(b"%c" % b) for b in world(dialect)), last=dialect.hold)]


# --- any split gives the same -------------------------------------------------------------


def _everything(dialect: Dialect) -> bytes:
    """A stream with a mark, CRLF, comments, and characters of every length."""
    body = world(dialect).replace(b"\n\n", b"\n: a comment \xf0\x9f\x98\x80\n\n")
    return b"\xef\xbb\xbf" + ended_by(b"\r\n")(dialect, body)


async def in_two(player: Player) -> None:
    """Cut at each byte in turn, also in the mark, between CR and LF, and within a character."""
    reader, body = Reader(player.dialect), _everything(player.dialect)
    whole = await reader.read(body)
    assert WORLD == whole[1].text
    for place in range(1, len(body)):
        assert whole == await reader.read(body[:place], body[place:]), f"cut at {place}"


async def in_bytes(player: Player) -> None:
    """Cut at every byte, for all kinds of line ends."""
    reader = Reader(player.dialect)
    whole = (await reader.read(world(player.dialect)))[0]
    for ends in ([b"\n"], [b"\r"], [b"\r\n"], [b"\n", b"\r", b"\r\n"]):
        body = ended_by(*ends)(player.dialect, world(player.dialect))
        chunks, _ = await reader.read(*(b"%c" % byte for byte in body))
        assert whole == chunks, ends


async def at_random(player: Player) -> None:
    """Cut into any number of pieces, again and again."""
    reader, body = Reader(player.dialect), _everything(player.dialect)
    whole, chance = await reader.read(body), random.Random(7)
    for _ in range(100):
        ends = sorted(chance.sample(range(1, len(body)), chance.randrange(1, 40)))
        pieces = [body[a:b] for a, b in itertools.pairwise([0, *ends, len(body)])]
        assert whole == await reader.read(*pieces), ends


FROM_MEMORY = ((False, True),)
"""These are read without a socket, so that nothing joins the pieces; how they are asked for is
then the same for all."""


# --- the lines ----------------------------------------------------------------------------


def _two_spaces(outcome: Outcome) -> None:
    """Only one space belongs to the colon; JSON does not care for the other."""
    is_text = outcome.dialect.name == "replicate"
    answers(" Hel lo" if is_text else TEXT)(outcome)


def _two_lines(outcome: Outcome) -> None:
    answers("Hel\n\nlo\n")(outcome)


_PING = b"event: ping\n\n"
_LINES: tuple[tuple[str, Change], ...] = (
    ("as it is", replacing(b"$^", b"")),
    ("lines end with LF", ended_by(b"\n")),
    ("lines end with CR", ended_by(b"\r")),
    ("lines end with CRLF", ended_by(b"\r\n")),
    ("lines end with LF, CR and CRLF in turn", ended_by(b"\n", b"\r", b"\r\n")),
    ("a byte order mark", marked),
    ("blank lines before the first event", before(b"\n\r\n\r\n\n\n")),
    ("several blank lines between events", replacing(b"\n\n", b"\n\n\r\n\r\r\n\n")),
    ("a comment before the first event", before(b": hello\n\n")),
    ("a comment without a blank line", before(b": hello\n")),
    ("an empty comment", among(b":\n\n")),
    ("a comment without a space", among(b":keep-alive\n\n")),
    ("a comment that looks like data", among(b":data: {broken\n\n")),
    ("comments within events", within(b": here\n:data: no")),
    ("a comment with broken UTF-8", among(b": \xff\xfe\xc3\n\n")),
    ("a comment with NUL bytes", among(b": \x00\x00\n\n")),
    ("a comment of 1 MB", before(b": " + b"x" * 1_000_000 + b"\n\n")),
    ("a comment of 1 MB before every event", among(b":" + b"y" * 1_000_000 + b"\n")),
    ("no space after the colon", replacing(rb"(?m)^(data|event): ", rb"\1:")),
    ("ids", within(b"id: 7")),
    ("an id with a NUL byte", within(b"id: \x007")),
    ("an id without a value", within(b"id")),
    ("retry", within(b"retry: 3000")),
    ("retry that is not a number", within(b"retry: never\nretry: -1\nretry:")),
    ("unknown fields", within(b"foo: bar\nx\n data: {broken\ndata : {broken")),
    ("field names in capitals, which are others", within(b"DATA: {broken\nData: {broken")),
    ("fields with broken UTF-8 in their names", within(b"\xff\xfe: x\n\xc3")),
    ("events without data", among(b"event: content_block_delta\n\nid: 3\n\nretry: 1\n\n")),
    ("events with empty data", among(b"data:\n\ndata: \n\ndata\n\n")),
    ("named events with empty data", among(b"event: output\ndata:\n\nevent: ping\ndata: \n\n")),
    ("a ping before every event", among(_PING)),
    ("comments after the terminator", after(b": bye\n\n: bye\n\n")),
    ("blank lines after the terminator", after(b"\n\n\r\n\r\n")),
)

CASES: tuple[Case | Scene, ...] = (
    Case("whole", answers(), stream=lambda d: [d.streamed()], unary=lambda d: [d.reply()]),
    *(grammar(name, change) for name, change in _LINES),
    Case(
        "two spaces after the colon",
        _two_spaces,
        stream=lambda d: [
            d.streamed(*(re.sub(rb"(?m)^data: ", b"data:  ", each) for each in d.events))
        ],
    ),
    grammar("data on several lines", on_many_lines, JSON_ONLY),  # elsewhere they are the text's
    Case(
        "lines of a text on several lines of data",
        _two_lines,
        stream=lambda d: [d.streamed(*saying(d, "Hel\n", "\nlo\n"))],
    ),
    grammar("an empty line of data in every event", within(b"data"), JSON_ONLY),
    grammar("a name after the data", replacing(rb"(?m)^(event: .*)\n(data: .*)", rb"\2\n\1")),
    grammar("a name that is said twice", replacing(rb"(?m)^(event: .*)$", rb"event: x\n\1")),
    grammar("a name where there is none", among(b"event: message\n"), ("openai", "azure")),
    Case("a content length", answers(WORLD), stream=counted),
    Case("a body that ends with the connection", answers(WORLD), stream=until_closed),
    Case("each byte in a chunk of its own", answers(WORLD), stream=one_byte_chunks),
    *(
        # Replicate's stream under another type is an address that has expired.
        Case(f"as {kind}", answers(WORLD), stream=labelled(kind), providers=JSON_ONLY)
        for kind in ("text/plain", "application/json", "application/octet-stream", "text/html")
    ),
    *(
        Case(f"as {kind}", answers(WORLD), stream=labelled(kind))
        for kind in ("text/event-stream; charset=latin-1", "TEXT/Event-Stream;charset=UTF-8")
    ),
    Case(
        "a byte order mark that is split",
        answers(WORLD),
        stream=parted(1, 2, change=marked),
    ),
    Case(
        "CR and LF that are split",
        answers(WORLD),
        stream=lambda d: parted(
            *(found.start() + 1 for found in re.finditer(b"\n", world(d))),
            change=ended_by(b"\r\n"),
        )(d),
    ),
    Case("byte by byte", answers(WORLD), stream=slowly),
    Scene("cut in two at each byte", in_two, ways=FROM_MEMORY),
    Scene("cut at every byte, with all line ends", in_bytes, ways=FROM_MEMORY),
    Scene("cut at random", at_random, ways=FROM_MEMORY),
    *sse_ends.CASES,
    *sse_partial.CASES,
    *sse_errors.CASES,
    *sse_floods.CASES,
    *sse_arrival.CASES,
)
