"""When what a stream brings is there: each piece when it arrives, and not with the next."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Callable
from typing import Any

from llmgate import Client
from tests.faults.calls import HI
from tests.faults.dialect import PIECES, TEXT, Dialect
from tests.faults.peer import Peer
from tests.faults.server import LAST, STREAM_HEAD, framed, head
from tests.faults.several import several
from tests.faults.table import Case, Player, Scene, answers, calling
from tests.machine import wait_for_async

__all__ = ["CASES"]

Cut = Callable[[Dialect], tuple[bytes, bytes]]
"""A stream in two parts: with the first, the first piece of text is complete."""


# --- the server waits until the client has the first piece --------------------------------


async def _first_piece(client: Client, player: Player, seen: threading.Event) -> str:
    """The whole text; ``seen`` is set as soon as the first piece of it is here."""
    if player.sync:
        return await asyncio.to_thread(_read, client, player.dialect.model, seen)
    stream = await client.acompletion(player.dialect.model, HI, stream=True)
    texts = list[str]()
    async for text in stream.text():
        seen.set()
        texts.append(text)
    return "".join(texts)


def _read(client: Client, model: str, seen: threading.Event) -> str:
    texts = list[str]()
    for text in client.completion(model, HI, stream=True).text():
        seen.set()
        texts.append(text)
    return "".join(texts)


def _prompt(start: bytes, cut: Cut, encode: Callable[[list[bytes]], list[bytes]]) -> Any:
    """A scene in which the rest is only sent once the first piece has been delivered."""

    async def play(player: Player) -> None:
        seen, arrived = threading.Event(), list[bool]()
        first, rest = encode(list(cut(player.dialect)))

        async def step(peer: Peer) -> None:
            await peer.send(start + first)
            arrived.append(await wait_for_async(seen.is_set, 1.0))
            await peer.send(rest)
            if b"chunked" not in start:
                peer.close()

        with player.dialect.serve(step) as server:
            async with calling(player, server.url, {}) as client:
                assert TEXT == await _first_piece(client, player, seen)
        assert [True] == arrived, "it came with the next"

    return play


def _chunked(parts: list[bytes]) -> list[bytes]:
    return [framed(parts[0]), framed(parts[1]) + LAST]


def _plain(parts: list[bytes]) -> list[bytes]:
    return parts


def _compressed(window: int) -> Callable[[list[bytes]], list[bytes]]:
    """Each part flushed, so that all of it can be read."""

    def encode(parts: list[bytes]) -> list[bytes]:
        packer = zlib.compressobj(wbits=window)
        first = packer.compress(parts[0]) + packer.flush(zlib.Z_SYNC_FLUSH)
        return _chunked([first, packer.compress(parts[1]) + packer.flush()])

    return encode


GZIP, DEFLATE = 31, 15


def _by_piece(dialect: Dialect) -> tuple[bytes, bytes]:
    first = b"".join((*dialect.opening, dialect.piece(PIECES[0])))
    return first, dialect.piece(PIECES[1]) + dialect.finish + dialect.marker


def _with_ends(end: bytes, behind: int = 0) -> Cut:
    """Lines that end so; the cut may be some bytes behind or before the first piece's end."""

    def cut(dialect: Dialect) -> tuple[bytes, bytes]:
        first, rest = (part.replace(b"\n", end) for part in _by_piece(dialect))
        body, place = first + rest, len(first) + behind
        return body[:place], body[place:]

    return cut


def _with_half_an_event(dialect: Dialect) -> tuple[bytes, bytes]:
    """The next event has begun, which must not hold up the one before."""
    first, rest = _by_piece(dialect)
    return first + rest[:9], rest[9:]


def _with_a_comment(dialect: Dialect) -> tuple[bytes, bytes]:
    first, rest = _by_piece(dialect)
    return first + b": wait", b"\n\n" + rest


_STREAM = "text/event-stream"
_PACKED = {
    name: head(content_type=_STREAM, transfer_encoding="chunked", content_encoding=name)
    for name in ("gzip", "deflate")
}
_CLOSED = head(content_type=_STREAM, connection="close")
_ARRIVALS: tuple[tuple[str, bytes, Cut, Any], ...] = (
    ("as a chunk", STREAM_HEAD, _by_piece, _chunked),
    ("without any length", _CLOSED, _by_piece, _plain),
    ("in gzip", _PACKED["gzip"], _by_piece, _compressed(GZIP)),
    ("in deflate", _PACKED["deflate"], _by_piece, _compressed(DEFLATE)),
    ("with lines that end with CR", STREAM_HEAD, _with_ends(b"\r"), _chunked),
    ("with lines that end with CRLF", STREAM_HEAD, _with_ends(b"\r\n"), _chunked),
    ("whose last LF has not come", STREAM_HEAD, _with_ends(b"\r\n", -1), _chunked),
    ("with half of the next", STREAM_HEAD, _with_half_an_event, _chunked),
    ("with half a comment", STREAM_HEAD, _with_a_comment, _chunked),
)


# --- compressed streams -------------------------------------------------------------------


def _packed(
    name: str, window: int, mode: int, *, byte_by_byte: bool = False
) -> Callable[[Dialect], list[Any]]:
    """A whole stream, compressed."""

    def steps(dialect: Dialect) -> list[Any]:
        packer, packed = zlib.compressobj(wbits=window), list[bytes]()
        for each in dialect.events:
            packed.append(packer.compress(each) + packer.flush(mode))
        packed.append(packer.flush())
        data = b"".join(packed)
        parts = [b"%c" % byte for byte in data] if byte_by_byte else [data]
        return [_PACKED[name] + b"".join(map(framed, parts)) + LAST]

    return steps


CASES: tuple[Case | Scene, ...] = (
    *(
        Scene(
            f"a piece arrives {name}",
            _prompt(start, cut, encode),
            ways=((False, True), (True, True)),
        )
        for name, start, cut, encode in _ARRIVALS
    ),
    several(
        "a compressed stream",
        answers(),
        {
            "gzip, flushed": _packed("gzip", GZIP, zlib.Z_SYNC_FLUSH),
            "gzip, in blocks": _packed("gzip", GZIP, zlib.Z_FULL_FLUSH),
            "gzip, at once": _packed("gzip", GZIP, zlib.Z_NO_FLUSH),
            "gzip, byte by byte": _packed("gzip", GZIP, zlib.Z_SYNC_FLUSH, byte_by_byte=True),
            "deflate": _packed("deflate", DEFLATE, zlib.Z_SYNC_FLUSH),
            "raw deflate": _packed("deflate", -DEFLATE, zlib.Z_SYNC_FLUSH),
        },
    ),
)
