"""Streams that hold what is no answer: errors in any shape, wrong types, other bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from llmgate.errors import (
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    ServerError,
)
from llmgate.types import Completion
from tests.faults.calls import is_ours
from tests.faults.dialect import PIECES, TEXT, Dialect
from tests.faults.memory import Reader
from tests.faults.peer import Step
from tests.faults.server import chunk, event, hang, reply, then
from tests.faults.several import several
from tests.faults.table import (
    STREAMING,
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    Steps,
    answers,
    either,
    raises,
)

__all__ = ["CASES"]

JSON_ONLY = tuple(name for name in STREAMING if name != "replicate")
"""The providers whose events are JSON; an event of Replicate's is plain text."""
NO_LISTS = tuple(name for name in JSON_ONLY if name != "gemini")
"""Those whose streams are never one JSON list."""
PROVIDERS_OWN = (ProviderError, OverloadedError, ServerError)
"""What a provider's error may be that says "busy" in some shape."""


# --- what stands in place of a stream -----------------------------------------------------

PAGE = (
    b"<!doctype html>\n<html>\n<head><title>Sign in</title></head>\n\n<body>data: x</body></html>"
)
_INSTEAD: tuple[tuple[str, bytes, str], ...] = (
    ("an HTML page", PAGE, "an HTML page came in place of a response, titled 'Sign in'"),
    ("an HTML page on one line", b"<html><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
    ("an XML document", b"<?xml version='1.0'?>\n<Error><Code>Slow</Code></Error>", "<?xml"),
    ("plain text", b"upstream connect error or disconnect/reset", "upstream connect error"),
    ("plain text with colons", b"Error: no: such: thing\nAt: line 7\n\n", "Error: no"),
    ("a JSON list", b'[{"delta": "text"}]', '[{"delta"'),
    ("a JSON string", b'"text"', "text"),
    ("null", b"null", "null"),
    ("a number", b"42", "42"),
    ("an empty object", b"{}", "{}"),
    ("broken JSON", b'{"choices": [{"delta": {"content": "te', '{"choices"'),
    ("JSON lines", b'{"delta": "te"}\n{"delta": "xt"}\n', '{"delta"'),
    ("binary data", b"\x01\x02\xff\xfe\x80" * 100, "\\x01"),
    ("a page in UTF-16", PAGE.decode().encode("utf-16"), "<\\x00!"),
    ("deep JSON", b"[" * 100_000, "[[[["),
    ("a large page", b"<html>" + b"<p>spam</p>\n\n" * 20_000, "<html>"),
)


def _shows(beginning: str, *kinds: type[LLMGateError]) -> Check:
    """A typed error that shows the beginning of what came, and no text."""

    def check(outcome: Outcome) -> None:
        raises(*kinds)(outcome)
        assert beginning in str(outcome.error), str(outcome.error)
        assert "" == outcome.text
        assert len(str(outcome.error)) < 1000

    return check


def _body(kind: str, body: Callable[[Dialect], bytes]) -> Callable[[Dialect], list[Step]]:
    return lambda d: [reply(200, body=body(d), content_type=kind)]


def _instead(name: str, body: bytes, beginning: str) -> Iterator[Case | Scene]:
    """Under the type of a stream, and under its own; nothing of it is ever text."""
    check = _shows(beginning, DecodeError)
    kinds = ("text/event-stream", "application/json", "text/html; charset=utf-8")
    forms = {kind: _body(kind, lambda d: body) for kind in kinds}
    readers = NO_LISTS if body.startswith(b"[") else JSON_ONLY
    yield several(f"{name} in place of a stream", check, forms, providers=readers)
    yield Case(  # whose prediction is looked at where its stream is gone
        f"{name} in place of a stream, on Replicate",
        check,
        stream=_body(kinds[0], lambda d: body),
        providers=("replicate",),
    )


def _answer(dialect: Dialect) -> bytes:
    """The whole answer, by a server that does not know of streams."""
    return json.dumps(dict(dialect.answer)).encode()


def _error(dialect: Dialect) -> bytes:
    return json.dumps(dict(dialect.error_body("out of order"))).encode()


# --- errors among events ------------------------------------------------------------------

_SHAPES: tuple[tuple[str, bytes], ...] = (
    ("an error object", event({"error": {"message": "busy", "type": "overloaded_error"}})),
    ("a typed error object", event({"type": "error", "error": {"message": "busy"}})),
    ("an error object with a code", event({"error": {"message": "busy", "code": 503}})),
    ("an error that is a text", event({"error": "busy"})),
    ("an error that is a list", event({"error": ["busy"]})),
    ("a flat error", event({"object": "error", "message": "busy", "code": 503})),
    ("a mere message", event({"message": "busy"})),
    ("a message with a code", event({"message": "busy", "code": 503})),
    ("a detail", event({"detail": "busy"})),
    ("a bare string", event('"busy"')),
    ("plain text", event("busy")),
    ("plain text on several lines", b"data: busy\ndata: and more\n\n"),
    ("an HTML page", event("<html><body>busy</body></html>")),
    *(
        (f"an event named error with {name}", b"event: error\n" + data)
        for name, data in (
            ("an error object", event({"error": {"message": "busy"}})),
            ("a typed error object", event({"type": "error", "error": {"message": "busy"}})),
            ("a message", event({"message": "busy"})),
            ("a detail", event({"detail": "busy"})),
            ("a text in JSON", event('"busy"')),
            ("plain text", event("busy")),
            ("broken JSON", event('{"message": "busy')),
            ("a list", event(["busy"])),
            ("broken UTF-8", b"data: \xff\xfe busy\n\n"),
        )
    ),
)
_UNTOLD: tuple[tuple[str, bytes], ...] = (
    ("an error object without a message", event({"error": {"message": None, "code": None}})),
    ("an error object of wrong types", event({"error": {"message": 7, "code": [], "type": {}}})),
    ("an error that is true", event({"error": True})),
    ("an event named error with null", b"event: error\n" + event("null")),
    ("an event named error with a number", b"event: error\n" + event("503")),
    ("an event named error with an empty object", b"event: error\n" + event("{}")),
)


def _is_told(outcome: Outcome) -> None:
    """The provider's error, with what it says, and whence it came."""
    assert isinstance(outcome.error, ProviderError), f"{outcome.error!r} {outcome.text!r}"
    assert "busy" in outcome.error.message
    assert outcome.error.in_stream
    assert outcome.text in ("", TEXT)


def _is_provider_error(outcome: Outcome) -> None:
    assert isinstance(outcome.error, ProviderError), f"{outcome.error!r} {outcome.text!r}"
    assert outcome.error.in_stream


def _anywhere(what: bytes) -> dict[str, Steps]:
    """Before all else, as if nothing had been; in the middle; and last, where nothing follows."""
    return {
        "first": lambda d: [d.streamed(what, *d.events)],
        "in the middle": lambda d: [
            d.streamed(*(e for e in (*d.begun, what, d.finish, d.marker) if e))
        ],
        "last": lambda d: [then(d.streamed(*d.begun, what, last=b""), last=hang)],
    }


# --- events of wrong types ----------------------------------------------------------------

_NO_EVENTS: tuple[tuple[str, bytes], ...] = (
    ("a list", event("[]")),
    ("a list of an error", event([{"error": {"message": "busy"}}])),
    ("a number", event("7")),
    ("a large number", event("9" * 5000)),
    ("true", event("true")),
    ("NaN", event("NaN")),
    ("broken JSON", event('{"choices": [{"delta": {"content": "tex')),
    ("JSON with a comma too many", event('{"type": "ping",}')),
    ("JSON in single quotes", event("{'type': 'ping'}")),
    ("two objects in one event", event('{"type": "ping"}{"type": "ping"}')),
    ("two events on one line", event('{"type": "ping"}data: {"type": "ping"}')),
    ("nesting of 100,000", event('{"type":' + "[" * 100_000)),
    ("closed nesting of 100,000", event('{"type":' * 100_000 + "1" + "}" * 100_000)),
    ("broken UTF-8 in JSON", b'data: {"type": "ping", "x": "\xff\xfe"}\n\n'),
    (
        "a character in a wrong encoding",
        '{"type": "pïng"}'.encode("latin-1").join((b"data: ", b"\n\n")),
    ),
    ("JSON in UTF-16", b"data: " + '{"type": "ping"}'.encode("utf-16-be") + b"\n\n"),
    ("NUL bytes in JSON", b'data: {"type": "ping"}\x00\n\n'),
)


def _is_refused(outcome: Outcome) -> None:
    """A typed error: never text, nor an answer as if nothing had been."""
    raises(DecodeError, ProviderError, ServerError)(outcome)
    assert outcome.text in ("", TEXT)


# --- any value of another type ------------------------------------------------------------

_VALUES: tuple[str, ...] = (
    *("null", "true", "false", "7", "-1", "1.5", "1e400", "NaN", "9" * 400),
    *('""', '"x"', r'"\ud83d"', "[]", "[[]]", '["x"]', "[null]", "{}", '{"x": {}}', "[" * 300),
)


def _altered(payload: Any) -> Iterator[str]:
    """The payload again and again, each time with another value in another place, or without."""
    mark = "@@@"
    for holder, key in list(_places(payload)):
        kept = holder[key]
        holder[key] = mark
        text = json.dumps(payload)
        for value in _VALUES:
            yield text.replace(f'"{mark}"', value)
        if isinstance(holder, dict):
            del holder[key]
            yield json.dumps(payload)
        holder[key] = kept


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        keys: list[Any] = list(value) if isinstance(value, dict) else [*range(len(value))]  # pyright: ignore[reportUnknownArgumentType]
        for key in keys:
            yield value, key
            yield from _places(value[key])


async def _any_type(player: Player) -> None:
    """Each value of each event in turn is of another type: an error of ours, or an honest text."""
    reader, events = Reader(player.dialect), b"".join(player.dialect.events).split(b"\n\n")
    for index, each in enumerate(events):
        found = re.search(rb"data: (\{.*\})", each)
        for data in _altered(json.loads(found[1])) if found else ():
            other = each[: found.start(1) if found else 0] + data.encode()
            body = b"\n\n".join((*events[:index], other, *events[index + 1 :]))
            outcome = await reader.outcome(body)
            if isinstance(outcome, Completion):
                text = outcome.text.replace("x", "").replace("\ufffd", "")
                assert text in ("", *PIECES, TEXT), data
            else:
                assert is_ours(outcome), data


# --- lone surrogates ----------------------------------------------------------------------


def _halves(*pieces: bytes) -> Callable[[Dialect], list[Step]]:
    """A stream of pieces whose text is JSON's escapes, as they stand."""
    return lambda d: [
        d.streamed(
            *d.opening,
            *(d.piece("@@").replace(b"@@", piece) for piece in pieces),
            *(e for e in (d.finish, d.marker) if e),
        )
    ]


_HALF = json.dumps(chunk("a\ud83d"))


def _is_one_of(*texts: str) -> Check:
    def check(outcome: Outcome) -> None:
        assert outcome.error is None, outcome.error
        assert outcome.text in texts, ascii(outcome.text)
        assert outcome.answer is not None
        outcome.answer.model_dump_json().encode()

    return check


_READ_WHOLE = ("cohere",)

CASES: tuple[Case | Scene, ...] = (
    *(case for row in _INSTEAD for case in _instead(*row)),
    several(
        "a whole answer in place of a stream",
        either(_shows("{", DecodeError), answers(TEXT)),
        {kind: _body(kind, _answer) for kind in ("text/event-stream", "application/json")},
        providers=tuple(name for name in JSON_ONLY if name not in _READ_WHOLE),
    ),
    several(
        "a whole answer in place of a stream, which is read",
        _is_one_of(TEXT),
        {kind: _body(kind, _answer) for kind in ("text/event-stream", "application/json")},
        providers=_READ_WHOLE,
    ),
    Case(
        "the provider's error in place of a stream",
        _shows("out of order", *PROVIDERS_OWN),
        stream=_body("text/event-stream", _error),
    ),
    Case(
        "the provider's error in place of a stream, and it says so",
        _shows("out of order", DecodeError, *PROVIDERS_OWN),
        stream=_body("application/json", _error),
        requests=2,
    ),
    *(several(name, _is_told, _anywhere(what)) for name, what in _SHAPES),
    *(several(name, _is_provider_error, _anywhere(what)) for name, what in _UNTOLD),
    *(several(f"an event of {name}", _is_refused, _anywhere(what)) for name, what in _NO_EVENTS),
    several(
        "an event of null",  # which some hosts send to keep the connection open
        either(_is_refused, answers(TEXT)),
        {place: _anywhere(event("null"))[place] for place in ("first", "in the middle")},
    ),
    Case(
        "the provider's own error, first",
        raises(OverloadedError, ServerError),
        stream=lambda d: [d.streamed(d.stream_error, *d.events)],
    ),
    Case(
        "the provider's own error, in the middle",
        raises(OverloadedError, ServerError),
        stream=lambda d: [d.streamed(*d.begun, d.stream_error)],
    ),
    Case(
        "an error first is tried again",
        answers(),
        stream=lambda d: [d.streamed(d.stream_error), d.streamed()],
        settings={"max_retries": 1},
        requests=2,
        providers=JSON_ONLY,  # a prediction that failed is made again only for some reasons
    ),
    Case(
        "an error after text is not tried again",
        raises(OverloadedError, ServerError),
        stream=lambda d: [d.streamed(*d.begun, d.stream_error), d.streamed()],
        settings={"max_retries": 3},
    ),
    Scene(
        "any value of another type",
        _any_type,
        ways=((False, True),),
    ),
    Case(
        "surrogates of a character in two pieces",
        _is_one_of("\U0001f600", "\ufffd\ufffd", "\ufffd"),
        stream=_halves(rb"\ud83d", rb"\ude00"),
        providers=JSON_ONLY,
    ),
    Case(
        "surrogates of a character between texts",
        _is_one_of("a\U0001f600b", "a\ufffd\ufffdb"),
        stream=_halves(rb"a\ud83d", rb"\ude00b"),
        providers=JSON_ONLY,
    ),
    Case(
        "a first half alone",
        _is_one_of("a\ufffdb"),
        stream=_halves(rb"a\ud83d", b"b"),
        providers=JSON_ONLY,
    ),
    Case(
        "a second half alone",
        _is_one_of("\ufffd x"),
        stream=_halves(rb"\ude00 x"),
        providers=JSON_ONLY,
    ),
    Case(
        "a half at the end", _is_one_of("a\ufffd"), stream=_halves(rb"a\ud83d"), providers=JSON_ONLY
    ),
    Case(
        "a surrogate at the end, and no terminator",
        _is_one_of("a\ufffd"),
        stream=lambda d: [d.streamed(*d.opening, event(_HALF), d.finish)],
        providers=("openai", "azure"),  # elsewhere a half is replaced at once
    ),
    Case(
        "two high surrogates",
        _is_one_of("\ufffd\ufffd"),
        stream=_halves(rb"\ud83d\ud83d"),
        providers=JSON_ONLY,
    ),
    Case("broken UTF-8 in a text", raises(DecodeError), stream=_halves(b"\xff")),
    Case(
        "a character cut between two events",
        raises(DecodeError),
        stream=_halves(b"\xf0\x9f", b"\x98\x80"),
    ),
    Case("a half in UTF-8", raises(DecodeError), stream=_halves(b"\xed\xa0\xbd", b"\xed\xb8\x80")),
    Case("an overlong character", raises(DecodeError), stream=_halves(b"\xc0\xaf")),
)
