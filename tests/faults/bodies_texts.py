"""Bodies that are no JSON, or JSON in an odd spelling: pages, cuts, encodings, labels, numbers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable

from llmgate.errors import DecodeError, ProviderError, StreamTruncatedError
from tests.faults.dialect import TEXT
from tests.faults.raw import Build, Rows, broken, in_turn, play_lines, steps_of
from tests.faults.server import reply
from tests.faults.shapes import usable
from tests.faults.table import (
    Case,
    Check,
    Player,
    Scene,
    either,
    raises,
)

__all__ = ["CASES", "unary"]

UNARY = ((False, False), (True, False))


def unary(name: str, check: Check, spell: Callable[[bytes], bytes], *headers: str) -> Case:
    """A line for a whole answer that is spelled otherwise."""
    build: Build = lambda a: a.sized(*headers, body=spell(a.body))  # noqa: E731
    return Case(name, check, unary=steps_of(build, streamed=False))


def instead(body: bytes) -> Build:
    """This in place of an answer, or of the events of a stream."""
    return lambda answer: answer.sized(body=body)


def quoted(text: str) -> str:
    """The beginning of a text, as a name of a line."""
    return repr(text[:30])


NO_JSON = raises(DecodeError)
NO_ANSWER = raises(DecodeError, StreamTruncatedError)
"""Anthropic's long answers are streams, and so the beginning of one is a cut one."""
CLEAN = either(usable(), raises(DecodeError))
"""Accepted or refused, and either way cleanly."""

# --- no JSON at all -----------------------------------------------------------------------

PAGES = {
    "a page": "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>",
    "a gateway's page": "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<hr>nginx\r\n",
    "a login page": '<html><form action="/login"><input name="password"></form></html>',
    "a page with JSON in it": f'<script>window.data = {{"content": "{TEXT}"}}</script>',
    "XML": f'<?xml version="1.0"?><message role="assistant">{TEXT}</message>',
    "plain text": TEXT,
    "a question": "Do you mean: Hello?\n\nYes or no?",
    "an image": "\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a terminal's control": "\x1b]0;title\x07\x1b[2J\x1b[31m",
}
WORDS = (
    *(
        "null",
        "true",
        "false",
        "0",
        "-1",
        "3.14",
        "1e5",
        f'"{TEXT}"',
        "[]",
        "{}",
        "[{}]",
        "[null]",
        '""',
    ),
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "None",
        "nil",
        "'a'",
        "a",
        "-",
        ".",
        "{",
        "}",
        "]",
        "[",
        '"',
    ),
    *(
        "{'a': 1}",
        "{a: 1}",
        "{,}",
        '{"a":}',
        '{"a" 1}',
        "[1,]",
        '{"a":1,}',
        "[1 2]",
        "{1: 2}",
        "{null: 1}",
    ),
    *(
        "// x\n{}",
        "/* x */{}",
        "# x\n{}",
        "{}{}",
        "{} {}",
        "{}\n{}",
        "{}x",
        "{}]",
        "[}",
        "{]",
        '["\n"]',
    ),
    *(
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "0x10",
        "1_000",
        "\0",
        "{}\0",
        "\x1e{}\n",
        "\ufeff",
        "\u2028{}",
    ),
    *(
        ")]}',\n{}",
        "callback({})",
        "data: {}",
        "event: x",
        ": x",
        "--x\r\n\r\n{}",
        '"\\x41"',
        '"\\u12"',
        '"\\ud83d"',
    ),
)

NOTHING: Rows = (
    broken("an empty body", instead(b""), DecodeError),
    broken("white space alone", instead(b" \t\r\n" * 99), DecodeError),
    in_turn(
        "pages and texts",
        *(
            broken(n, instead(t.encode("latin-1")), DecodeError, ProviderError)
            for n, t in PAGES.items()
        ),
    ),
    in_turn(
        "words that are no answer",
        *(
            Case(quoted(word), NO_ANSWER, unary=steps_of(instead(word.encode()), streamed=False))
            for word in WORDS
        ),
    ),
)


def wrapped(name: str, spell: Callable[[bytes], bytes]) -> Case:
    """A line for an answer that stands in something which is none."""
    return unary(name, NO_JSON, spell)


WRAPPED = in_turn(
    "an answer in something else",
    wrapped("twice", lambda b: b + b),
    wrapped("twice, line by line", lambda b: b + b"\n" + b),
    wrapped("with junk behind", lambda b: b + b"junk"),
    wrapped("with a brace behind", lambda b: b + b"}"),
    wrapped("with a NUL behind", lambda b: b + b"\0"),
    wrapped("with a NUL before", lambda b: b"\0" + b),
    wrapped("with a form feed before", lambda b: b"\f" + b),
    wrapped("in a list", lambda b: b"[" + b + b"]"),
    wrapped("in an object", lambda b: b'{"data": ' + b + b"}"),
    wrapped("in an object named result", lambda b: b'{"result": ' + b + b', "ok": true}'),
    wrapped("in a text", lambda b: json.dumps(b.decode()).encode()),
    wrapped("in base64", base64.b64encode),
    wrapped("in a fence", lambda b: b"```json\n" + b + b"\n```"),
    wrapped("behind a guard", lambda b: b")]}',\n" + b),
    wrapped("as a call of a function", lambda b: b"callback(" + b + b");"),
    wrapped("with single quotes", lambda b: b.replace(b'"', b"'")),
    wrapped("without quotes", lambda b: b.replace(b'"', b"")),
    wrapped("with a comma at the end", lambda b: b[:-1] + b",}"),
    wrapped("with a comment", lambda b: b[:-1] + b"/* x */}"),
    wrapped("with a line end in a text", lambda b: b.replace(TEXT.encode(), b"Hel\nlo")),
    wrapped("with a NUL in a text", lambda b: b.replace(TEXT.encode(), b"Hel\0lo")),
    wrapped("with an escape that is none", lambda b: b.replace(TEXT.encode(), rb"Hel\qlo")),
    wrapped("backwards", lambda b: b[::-1]),
)


async def cut_anywhere(player: Player) -> None:
    """However much of an answer is missing, it is none, though its length is right."""
    body = player.dialect.reply().partition(b"\r\n\r\n")[2]
    ends = range(1 if player.sync else 0, len(body), 2)
    await play_lines(player, ((f"{body[:end]!r}", reply(body=body[:end]), NO_JSON) for end in ends))


# --- encodings ----------------------------------------------------------------------------


def written(old: str, new: bytes) -> Callable[[bytes], bytes]:
    """The answer's text, or a part of it, as these bytes."""
    return lambda body: body.replace(old.encode(), new)


def encoded(name: str) -> Callable[[bytes], bytes]:
    """The answer in another encoding."""
    return lambda body: body.decode().encode(name)


MARK = b"\xef\xbb\xbf"

ENCODINGS = in_turn(
    "encodings that are not UTF-8",
    *(
        unary(n, NO_JSON, encoded(n))
        for n in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp500")
    ),
    *(
        unary(f"{name} in a text", NO_JSON, written("ll", data))
        for name, data in {
            "Latin-1": b"\xe9",
            "an overlong NUL": b"\xc0\x80",
            "an overlong slash": b"\xe0\x80\xaf",
            "half a character in three bytes": b"\xed\xa0\xbd",
            "both surrogates in three bytes": b"\xed\xa0\xbd\xed\xb8\x80",
            "a character that is cut": b"\xf0\x9f\x98",
            "a continuation": b"\x80",
            "five bytes": b"\xf8\x88\x80\x80\x80",
            "a character beyond Unicode": b"\xf4\x90\x80\x80",
            "0xFF": b"\xff",
        }.items()
    ),
    unary("two marks", NO_JSON, lambda b: MARK + MARK + b),
    unary("half a mark", NO_JSON, lambda b: MARK[:2] + b),
    unary("a mark in the middle", NO_JSON, lambda b: b[:1] + MARK + b[1:]),
    unary("the mark of UTF-16", NO_JSON, lambda b: b"\xff\xfe" + b),
)

SPELLINGS = in_turn(
    "odd spellings of an answer",
    unary("a mark", usable(), lambda b: MARK + b),
    unary("a mark and white space", usable(), lambda b: MARK + b" \r\n\t" + b),
    unary("white space on both sides", usable(), lambda b: b"\n\n " + b + b" \t\r\n"),
    unary("1 MB of white space", usable(), lambda b: b" \n" * 500_000 + b),
    unary("on many lines", usable(), lambda b: json.dumps(json.loads(b), indent=4).encode()),
    unary(
        "on many lines of CRLF",
        usable(),
        lambda b: json.dumps(json.loads(b), indent=1).replace("\n", "\r\n").encode(),
    ),
    unary(
        "without a space",
        usable(),
        lambda b: json.dumps(json.loads(b), separators=(",", ":")).encode(),
    ),
    unary("escapes", usable(), written(TEXT, rb"\u0048\u0065\u006c\u006C\u006f")),
    unary(
        "escaped keys",
        usable(),
        lambda b: re.sub(rb'"(\w)(\w*)": ', lambda m: b'"\\u%04x%s": ' % (ord(m[1]), m[2]), b),
    ),
    unary(
        "keys in the other order",
        usable(),
        lambda b: json.dumps(dict(reversed(json.loads(b).items()))).encode(),
    ),
    unary("an escaped slash", usable("He/lo"), written(TEXT, rb"He\/lo")),
    unary("an escaped NUL", usable("He\0lo"), written(TEXT, rb"He\u0000lo")),
    unary("a terminal's control", usable("\x1b[31mHi"), written(TEXT, rb"\u001b[31mHi")),
    unary("U+2028", usable("a\u2028b"), written(TEXT, "a\u2028b".encode())),
    unary("a mark in the text", usable("a\ufeffb"), written(TEXT, "a\ufeffb".encode())),
    unary("a character that is none", usable("a\uffffb"), written(TEXT, "a\uffffb".encode())),
    unary("the last character", usable("\U0010ffff"), written(TEXT, "\U0010ffff".encode())),
    unary("two escapes for one character", usable("😀"), written(TEXT, rb"\ud83d\ude00")),
)


def surrogates(text: bytes, *expected: str) -> Case:
    """A line for a text with half a character: joined, replaced, or refused."""
    return unary(text.decode(), either(usable(*expected), raises(DecodeError)), written(TEXT, text))


SURROGATES = in_turn(
    "lone surrogates",
    surrogates(rb"a\ud83d", "a\ufffd"),
    surrogates(rb"\ude00b", "\ufffdb"),
    surrogates(rb"\ude00\ud83d", "\ufffd\ufffd"),
    surrogates(rb"\ud83d\ud83d\ude00", "\ufffd😀"),
    surrogates(rb"\ud83dx\ude00", "\ufffdx\ufffd"),
    surrogates(rb"\uD83D\uDE00\uD83D", "😀\ufffd"),
    surrogates(rb"\\ud83d", r"\ud83d"),
    *(
        unary(
            f"in place of {name}",
            either(usable(TEXT, ""), raises(DecodeError, ProviderError)),
            written(name, rb"\udc00"),
        )
        for name in (
            "id",
            "model",
            "role",
            "content",
            "stop",
            "usage",
            "choices",
            "output",
            "status",
            "p1",
            "c1",
            "assistant",
        )
    ),
)

# --- labels -------------------------------------------------------------------------------

LABELS = (
    *(
        "text/html",
        "text/plain",
        "text/html; charset=utf-8",
        "application/octet-stream",
        "application/xml",
    ),
    *(
        "text/event-stream",
        "image/png",
        "multipart/form-data; boundary=x",
        "application/x-ndjson",
        "x",
        "",
        "/",
        ";",
    ),
    *(
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=klingon",
    ),
    *(
        "application/json; charset=",
        'application/json; charset="',
        "application/json; charset=utf-7; charset=cp500",
    ),
    *(
        "APPLICATION/JSON",
        "application/problem+json",
        "\xff\xfe",
        "application/json" + "; x=y" * 2_000,
    ),
)

LABELLED = in_turn(
    "right JSON under a wrong label",
    *(unary(quoted(label), usable(), bytes, f"content-type: {label}") for label in LABELS),
    unary("two labels", usable(), bytes, "content-type: text/html", "content-type: image/png"),
    unary("as a file", usable(), bytes, 'content-disposition: attachment; filename="../x.exe"'),
    unary("in another language", usable(), bytes, "content-language: tlh"),
)

CASES: Rows = (
    *NOTHING,
    WRAPPED,
    Scene("cut anywhere", cut_anywhere, ways=UNARY),
    ENCODINGS,
    SPELLINGS,
    SURROGATES,
    LABELLED,
)
