"""Values that JSON cannot carry, wherever an argument may hold any value."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import pathlib
import types
from collections import UserDict, UserList, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmgate.provider.http import is_array, is_object
from tests.faults.calls import HI
from tests.faults.refusals import Wrong, check_refused, refused
from tests.faults.table import Case, Player, Scene, answers, calling

__all__ = ["CASES"]

HALF = "\ud800"
HUGE = 10**5000


class _Colour(enum.Enum):
    RED = 1


@dataclass
class _Point:
    x: int = 1


class _Unprintable:
    """An object that has no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def _cycle_of_lists() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _cycle_of_objects() -> Any:
    value: dict[str, Any] = {}
    value["me"] = value
    return value


def _long_cycle() -> Any:
    first: dict[str, Any] = {}
    value: Any = first
    for _ in range(50):
        value = [{"next": value}]
    first["next"] = value
    return first


def _deep(wrap: Callable[[Any], Any], levels: int = 20_000) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


# --- where a value may stand --------------------------------------------------------------


def _places(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The same value in every argument that takes any."""
    parameters = {"type": "object", "x": value}
    function = {"name": "look", "parameters": parameters}
    part = {"type": "text", "text": "Hi", "x": value}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = {"role": "assistant", "content": "Hi", "tool_calls": [{**call, "x": value}]}
    return [
        ("messages[0].x", {"messages": [{**HI[0], "x": value}]}),
        ("messages[0].content[0].x", {"messages": [{"role": "user", "content": [part]}]}),
        ("messages[1].tool_calls[0].x", {"messages": [*HI, answer]}),
        ("extra_body.x", {"extra_body": {"x": value}}),
        (
            "tools[0].function.parameters.x",
            {"tools": [{"type": "function", "function": function}]},
        ),
        ("response_format.x", {"response_format": {"type": "text", "x": value}}),
        ("metadata.x", {"metadata": {"x": value}}),
    ]


def _wrong(*found: tuple[str, Any]) -> list[Wrong]:
    """Each value in each place; its fault is this much further in."""
    return [
        (f"{where}{inner}", options) for inner, value in found for where, options in _places(value)
    ]


def _anywhere_in(*values: Any) -> list[Wrong]:
    return _wrong(*(("", value) for value in values))


async def _is_too_deep(player: Player) -> None:
    """However deep it is, the path is short, and begins where the value stands."""
    with player.dialect.serve(player.dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            made = [_deep(wrap) for wrap in _WRAPS]
            wrong = [_places(value)[turn] for turn, value in enumerate(made)]
            for cycle in (_cycle_of_lists, _cycle_of_objects, _long_cycle):
                wrong += _places(cycle())
            for where, options in wrong:
                outcome = await player.call(client, server, **options)
                check_refused(outcome, None, label=where)
                assert str(getattr(outcome.error, "path", "")).startswith(where)
                assert "nested too deeply" in str(outcome.error)
            wrong.clear()
            _loosen(made)


_WRAPS: tuple[Callable[[Any], Any], ...] = (
    lambda value: [value],
    lambda value: {"a": [value]},
)


def _loosen(values: list[Any]) -> None:
    """Take deep values apart from outside, since a deep one is freed by recursion."""
    while values:
        value = values.pop()
        if is_array(value):
            values += value
            value.clear()
        elif is_object(value):
            values += value.values()
            value.clear()


async def _is_taken(player: Player) -> None:
    """What JSON can carry is sent as it is: the widest numbers, every character, some depth."""
    right: dict[str, Any] = {
        "widest": [2**64, -(2**63), 10**1000, 1e308, 5e-324, -0.0],
        "characters": "\x00\u2028\uffff\U0010ffff é",
        "keys": {"": 1, "\x00": 2, "é": 3},
        "deep": _deep(lambda v: [v], 100),
        "kinds": [None, True, False, [], {}, "", 0],
    }
    with player.dialect.serve(player.dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            answers()(await player.call(client, server, extra_body={"x": right}))
        body = server.requests[0].json
        assert right == body["x"]


_OBJECT: dict[str, Any] = {}
_ONCE: tuple[Any, ...] = (iter([1]), range(3), map(str, [1]), _OBJECT.keys(), _OBJECT.values())

CASES: tuple[Case | Scene, ...] = (
    refused("NaN and infinities", *_anywhere_in(math.nan, math.inf, -math.inf)),
    refused(
        "NaN within",
        *_wrong(
            (".a", {"a": math.nan}), ("[1]", [1, math.inf]), (".a[0].b", {"a": [{"b": math.nan}]})
        ),
    ),
    refused("lone surrogates", *_anywhere_in(HALF, "\udfff", f"a{HALF}b", "\ude00\ud83d")),
    refused("lone surrogates within", *_wrong((".a[0]", {"a": [HALF]}), ("[0].b", [{"b": HALF}]))),
    refused("lone surrogates in keys", *_anywhere_in({HALF: 1}, {"a\udfff": 1})),
    refused("keys that are no text", *_anywhere_in({1: 2}, {None: 1}, {1.5: 1}, {True: 1})),
    refused("keys that are bytes", *_anywhere_in({b"a": 1}, {(1, 2): 3}, {_Colour.RED: 1})),
    refused(
        "bytes", *_anywhere_in(b"", b"x", bytearray(b"x"), memoryview(b"x"), bytearray(10_000_000))
    ),
    refused("sets", *_anywhere_in(set(), {1}, frozenset({1}))),
    refused("integers of 5,000 digits", *_anywhere_in(HUGE, -HUGE)),
    refused("integers of 5,000 digits within", *_wrong(("[0]", [HUGE]), (".a", {"a": -HUGE}))),
    refused("numbers of other kinds", *_anywhere_in(1j, decimal.Decimal("NaN"))),
    refused(
        "objects",
        *_anywhere_in(object(), _Point(), ..., NotImplemented, Exception("x")),
    ),
    refused("classes and functions", *_anywhere_in(int, _Point, len, lambda: 1, math, print)),
    refused("an object that cannot be shown", *_anywhere_in(_Unprintable())),
    refused(
        "times and paths",
        *_anywhere_in(
            datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            datetime.date(2026, 1, 1),
            datetime.timedelta(1),
            pathlib.Path("x"),
        ),
    ),
    refused("what can be read only once", *_anywhere_in(*_ONCE)),
    refused(
        "containers of other kinds",
        *_anywhere_in(deque([1]), UserDict(), UserList(), types.MappingProxyType({"a": 1})),
    ),
    Scene("cycles, and nesting of 20,000", _is_too_deep, ways=((False, False), (True, True))),
    Scene("what JSON can carry", _is_taken, ways=((False, False), (True, False))),
)
