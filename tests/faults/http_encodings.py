"""Bodies under a content encoding: right, wrong, cut, and under another's name."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from typing import Literal

from llmgate.errors import (
    DecodeError,
    ProviderError,
    ReadError,
    StreamTruncatedError,
)
from tests.faults.peer import Step
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
    whole,
)
from tests.faults.server import close, then
from tests.faults.table import (
    answers,
    either,
    raises,
)

__all__ = ["CASES", "WINDOWS", "Coding", "pressed"]

Coding = Literal["gzip", "deflate", "raw"]
WINDOWS: dict[Coding, int] = {"gzip": 31, "deflate": 15, "raw": -15}


def pressed(data: bytes, coding: Coding = "gzip") -> bytes:
    """The data, compressed."""
    press = zlib.compressobj(wbits=WINDOWS[coding])
    return press.compress(data) + press.flush()


def labelled(
    label: str, coding: Coding | None = None, *, drop: int = 0, more: bytes = b""
) -> Build:
    """An answer under this label, and in this coding; ``drop`` bytes of it are missing."""

    def build(answer: Answer) -> Step:
        body = answer.body if coding is None else pressed(answer.body, coding)
        body = body[: len(body) - drop] + more
        return answer.sized(f"content-encoding: {label}" if label else "x-none: 1", body=body)

    return build


def flipped(answer: Answer) -> Step:
    """An answer with one bit of its compressed body turned."""
    body = bytearray(pressed(answer.body))
    body[len(body) // 2] ^= 16
    return answer.sized("content-encoding: gzip", body=bytes(body))


def members(*parts: int) -> Build:
    """An answer compressed in several members, cut at these places."""

    def build(answer: Answer) -> Step:
        cuts = (0, *parts, len(answer.body))
        pieces = [answer.body[a:b] for a, b in pairwise(cuts)]
        return answer.sized("content-encoding: gzip", body=b"".join(map(gzip.compress, pieces)))

    return build


def byte_by_byte(coding: Coding) -> Build:
    """A compressed answer of which each byte is a chunk."""

    def build(answer: Answer) -> Step:
        label = "deflate" if coding == "raw" else coding
        body = pressed(answer.body, coding)
        return Answer(answer.dialect, answer.streamed, body).chunked(
            f"content-encoding: {label}", size=1, last=b"0\r\n\r\n"
        )

    return build


def in_parts(answer: Answer) -> Step:
    """An answer whose compressed pieces arrive one after the other, and end without an end."""
    press = zlib.compressobj(wbits=31)
    middle = len(answer.body) // 2
    parts = [
        press.compress(part) + press.flush(zlib.Z_SYNC_FLUSH)
        for part in (answer.body[:middle], answer.body[middle:])
    ]
    return in_pieces(answer.head("content-encoding: gzip", "connection: close"), *parts, last=close)


GIBBERISH = by_kind(
    raises(DecodeError),
    raises(DecodeError, StreamTruncatedError, ProviderError),
)
"""What is compressed and does not say so is no answer, and no text."""
UNSURE = by_kind(either(answers(), raises(DecodeError)), either(answers(), cut(DecodeError)))
"""What follows the last byte of an answer may spoil it, or be ignored."""

ENCODINGS: Rows = (
    in_turn(
        "encodings that nobody asked for",
        whole("gzip", labelled("gzip", "gzip")),
        whole("GZip", labelled("GZip", "gzip")),
        whole("deflate", labelled("deflate", "deflate")),
        whole("deflate without its header", labelled("deflate", "raw")),
        whole("two members", members(20)),
        whole("many members", members(*range(1, 100))),
    ),
    whole("gzip, each byte a chunk", byte_by_byte("gzip")),
    whole("deflate, each byte a chunk", byte_by_byte("deflate")),
    whole("deflate without its header, each byte a chunk", byte_by_byte("raw")),
    whole("gzip that is flushed, and has no end", in_parts),
    in_turn(
        "labels of an encoding that is not there",
        whole("identity", labelled("identity")),
        whole("none", labelled("none")),
        whole("x-unknown", labelled("x-unknown")),
        whole("nothing", labelled("")),
        *(broken(name, labelled(name), DecodeError) for name in ("gzip", "deflate", "br", "zstd")),
    ),
    in_turn(
        "encodings under a wrong label",
        *(
            both(f"{coding} as {label or 'nothing'}", GIBBERISH, labelled(label, coding))
            for coding in ("gzip", "deflate", "raw")
            for label in (
                "",
                "identity",
                "br",
                "zstd",
                "x-unknown",
                "deflate" if coding == "gzip" else "gzip",
            )
        ),
    ),
    both(
        "gzip twice",
        GIBBERISH,
        lambda a: a.sized("content-encoding: gzip, gzip", body=pressed(pressed(a.body))),
    ),
    both(
        "gzip twice under one label",
        GIBBERISH,
        lambda a: a.sized("content-encoding: gzip", body=pressed(pressed(a.body))),
    ),
    both(
        "two labels, of which one is right",
        either(answers(), GIBBERISH),
        lambda a: a.sized(
            "content-encoding: gzip", "content-encoding: identity", body=pressed(a.body)
        ),
    ),
    broken("gzip with one bit turned", flipped, DecodeError),
    both("gzip with a wrong checksum", UNSURE, labelled("gzip", "gzip", drop=8, more=bytes(8))),
    both("gzip without its checksum", UNSURE, labelled("gzip", "gzip", drop=8)),
    both("gzip with half of its checksum", UNSURE, labelled("gzip", "gzip", drop=4)),
    both("gzip with junk after it", UNSURE, labelled("gzip", "gzip", more=b"junk" * 9)),
    both(
        "gzip of 3,000 members",
        UNSURE,
        lambda a: a.sized("content-encoding: gzip", body=pressed(a.body) + pressed(b"") * 3_000),
    ),
    broken("gzip that is cut", labelled("gzip", "gzip", drop=40), DecodeError),
    broken(
        "gzip that is cut in its header",
        lambda a: a.sized("content-encoding: gzip", body=pressed(a.body)[:5]),
        DecodeError,
    ),
    broken("deflate that is cut", labelled("deflate", "deflate", drop=40), DecodeError),
    broken(
        "gzip of nothing",
        lambda a: a.sized("content-encoding: gzip", body=pressed(b"")),
        DecodeError,
    ),
    broken(
        "nothing, under the label of gzip",
        lambda a: a.sized("content-encoding: gzip", body=b""),
        DecodeError,
    ),
    broken(
        "gzip whose connection is cut",
        lambda a: then(
            a.head("content-encoding: gzip", CHUNKED) + b"9999\r\n" + pressed(a.body)[:-40],
            last=close,
        ),
        ReadError,
    ),
)

CASES: Rows = ENCODINGS
