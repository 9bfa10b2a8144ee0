"""JSON at its limits, in an answer and instead of one: depth, numbers, keys, finish reasons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmgate.provider.http import is_array, is_object
from tests.faults.bodies_shapes import (
    CLEAN,
    UNARY,
    Line,
    adding,
    always,
    body,
    changed,
    each_in_turn,
    refused,
)
from tests.faults.dialect import Dialect
from tests.faults.raw import Rows, in_turn
from tests.faults.shapes import MISSING, Path, get_in, path_of, paths_in, sayings, set_in, usable
from tests.faults.table import Case, Check, Outcome, Player, Scene, either

__all__ = ["CASES"]

# --- depth --------------------------------------------------------------------------------


def nested(depth: int, opening: bytes = b"[", inner: bytes = b"", closing: bytes = b"]") -> bytes:
    """JSON that is nested so deeply."""
    return opening * depth + inner + closing * depth


HALF = rb'"\ud83d"'
DEEP: Mapping[str, bytes] = {
    "lists": nested(100_000),
    "objects": nested(100_000, b'{"a":', b"1", b"}"),
    "both": nested(50_000, b'[{"a":', b"1", b"}]"),
    "lists without an end": b"[" * 100_000,
    "objects without an end": b'{"a":' * 100_000,
    "ends alone": b"]" * 100_000,
    "lists around half a character": nested(100_000, inner=HALF),
    "objects around half a character": nested(100_000, b'{"a":', HALF, b"}"),
    "choices": nested(100_000, b'{"choices":[', b"", b"]}"),
    "messages": nested(100_000, b'{"message":', b"1", b"}"),
    "errors": nested(100_000, b'{"error":', b"1", b"}"),
}
DEPTHS = (50, 120, 180, 195, 199, 200, 201, 205, 240, 260, 480, 990, 1_010, 3_000)


def extra_field(new: bytes) -> Callable[[Dialect], bytes]:
    """The answer with a field that nobody knows."""
    return lambda dialect: (
        json.dumps(dict(dialect.answer)).encode()[:-1] + b', "x_new": ' + new + b"}"
    )


def at_text(dialect: Dialect) -> Path:
    """Where the text stands."""
    return sayings(dialect)[-1]


NESTING: Rows = (
    in_turn(
        "nested 100,000 deep",
        *(body(name, refused, always(deep)) for name, deep in DEEP.items()),
    ),
    in_turn(
        "nested 100,000 deep in an answer",
        *(body(name, refused, extra_field(deep)) for name, deep in DEEP.items()),
    ),
    in_turn(
        "nested 100,000 deep in place of the text",
        *(body(name, refused, changed(at_text, deep)) for name, deep in DEEP.items()),
    ),
    in_turn(
        "nested less deeply in an answer",
        *(
            body(f"{n} {k}", CLEAN, extra_field(nested(n, *around)))
            for n in DEPTHS
            for k, around in (("lists", ()), ("objects", (b'{"a":', b"1", b"}")))
        ),
    ),
    in_turn(
        "nested less deeply around half a character",
        *(body(str(n), CLEAN, extra_field(nested(n, inner=HALF))) for n in DEPTHS),
    ),
)

# --- numbers ------------------------------------------------------------------------------

NUMBERS = (
    *(
        b"0",
        b"-0",
        b"-1",
        b"1.0",
        b"1e2",
        b"1E+2",
        b"0.5",
        b"-0.0",
        b"1e-400",
        b"1e400",
        b"-1e400",
        b"NaN",
    ),
    *(
        b"Infinity",
        b"-Infinity",
        b"9007199254740993",
        b"9223372036854775807",
        b"9223372036854775808",
    ),
    *(
        b"-9223372036854775809",
        b"18446744073709551616",
        b"1" + b"0" * 400,
        b"9" * 4_299,
        b"9" * 4_300,
        b"9" * 4_301,
    ),
    *(
        b"9" * 5_000,
        b"-" + b"9" * 5_000,
        b"9" * 100_000,
        b"0." + b"9" * 100_000,
        b"1e" + b"9" * 5_000,
        b"1.5e308",
    ),
    *(
        b"1e308",
        b"true",
        b'"5"',
        b"5e-324",
        b"1" + b"0" * 5_000 + b".5",
        b"0." + b"0" * 5_000 + b"1",
    ),
)


async def numbers_everywhere(player: Player) -> None:
    """Every number of an answer is another: read or refused, and what is read can be shown."""
    answer = dict(player.dialect.answer)
    places = [p for p in paths_in(answer) if type(get_in(answer, p)) is int]

    def bodies() -> Iterator[Line]:
        for number in NUMBERS[player.sync :: 2]:
            for place in places:
                written = changed(always(place), number)(player.dialect)
                yield f"{place} is {number[:20]!r}", written, CLEAN
            everywhere = answer
            for place in places:
                everywhere = set_in(everywhere, place, "@@")
            everywhere.get("usage", {}).pop("total_tokens", None)  # it is then the others' sum
            written = json.dumps(everywhere).encode().replace(b'"@@"', number)
            yield f"all are {number[:20]!r}", written, CLEAN

    await each_in_turn(player, bodies())


NUMERIC: Rows = (
    Scene("other numbers in the place of numbers", numbers_everywhere, ways=UNARY),
    in_turn(
        "other numbers in a field that nobody knows",
        *(body(repr(n[:20]), CLEAN, extra_field(n)) for n in NUMBERS),
    ),
    in_turn(
        "numbers in place of the text",
        *(body(repr(n[:20]), refused, changed(at_text, n)) for n in NUMBERS if n[:1] != b'"'),
    ),
)

# --- keys ---------------------------------------------------------------------------------


def twice(first: bytes) -> Callable[[Dialect], bytes]:
    """The answer with each key of it twice: at first with this value."""

    def write(dialect: Dialect) -> bytes:
        keys = b", ".join(json.dumps(key).encode() + b": " + first for key in dialect.answer)
        return b"{" + keys + b", " + json.dumps(dict(dialect.answer)).encode()[1:]

    return write


def unknown_everywhere(dialect: Dialect) -> dict[str, Any]:
    """The answer in whose every object there are fields that nobody knows."""
    more: dict[str, Any] = {
        "x_new": {"deep": [1, None, {"a": "b"}]},
        "": 0,
        "__class__": "x",
        "__dict__": {},
        "self": 1,
    }

    def grown(value: Any) -> Any:
        if is_object(value):
            return {**{key: grown(item) for key, item in value.items()}, **more}
        return [grown(item) for item in value] if is_array(value) else value

    return {**grown(dict(dialect.answer)), "urls": {}}


ODD_KEYS = (
    "extra",
    "exchange",
    "cls",
    "self",
    "data",
    "path",
    "__init__",
    "__slots__",
    "text",
    "raw",
    "a.b",
    "\0",
    "é",
    "x" * 100_000,
)
KEYS: Rows = (
    in_turn(
        "keys that stand there twice",
        *(
            body(repr(first), usable(), twice(first))
            for first in (b"null", b"5", b'""', b"[]", b"{}")
        ),
    ),
    body("fields that nobody knows, everywhere", CLEAN, unknown_everywhere),
    in_turn(
        "fields with odd names",
        *(body(key[:20], CLEAN, adding(key, [1])) for key in ODD_KEYS),
    ),
    body(
        "20,000 fields that nobody knows",
        usable(),
        lambda d: {**d.answer, **{f"x{n}": n for n in range(20_000)}},
    ),
    body("a list of 50,000 numbers", usable(), extra_field(b"[" + b"1," * 50_000 + b"1]")),
)

# --- finish reasons -----------------------------------------------------------------------

_FINISH = {"openai": "stop", "azure": "stop", "anthropic": "end_turn", "cohere": "COMPLETE"}
"""Replicate has no finish reason, but a state that is asked for until it is known."""


def at_finish(dialect: Dialect) -> Path:
    """Where the finish reason stands."""
    return path_of(dict(dialect.answer), _FINISH[dialect.name])


def finished(reason: str | None) -> Check:
    """The answer, with this for its finish reason, and none that was made up."""

    def check(outcome: Outcome) -> None:
        usable()(outcome)
        assert outcome.answer is not None
        assert reason == outcome.answer.choices[0].finish_reason

    return check


def reason(name: str, check: Check, new: Any) -> Case:
    """A line for this in place of a finish reason."""
    return body(name, check, changed(at_finish, new))


HAVE_REASONS = tuple(_FINISH)
NO_TEXTS: tuple[Any, ...] = (5, True, None, [], {}, 0.5)
REASONS: Rows = (
    in_turn(
        "finish reasons that are not known",
        *(
            reason(each[:20], finished("other"), each)
            for each in ("banana", "STOP_", "\x1b[31m", "x" * 10_000, "é", "None", "null", "tool")
        ),
        providers=HAVE_REASONS,
    ),
    in_turn(
        "no finish reason",
        reason("missing", either(finished(None), refused), MISSING),
        reason("null", either(finished(None), refused), None),
        reason("empty", either(finished(None), finished("other"), refused), ""),
        providers=HAVE_REASONS,
    ),
    in_turn(
        "finish reasons that are no texts",
        *(
            reason(json.dumps(each), either(refused, finished("other"), finished(None)), each)
            for each in (5, True, [], {}, ["stop"], {"type": "stop"}, 0.5)
        ),
        providers=HAVE_REASONS,
    ),
    body(
        "a state that is not known, with a date of its end",
        finished("other"),
        lambda d: {**d.answer, "status": "banana", "completed_at": "2026-01-01T00:00:00Z"},
        providers=("replicate",),
    ),
    in_turn(
        "states that are no texts",
        *(body(json.dumps(each), refused, adding("status", each)) for each in NO_TEXTS),
        providers=("replicate",),
    ),
)

CASES: Rows = (*NESTING, *NUMERIC, *KEYS, *REASONS)
