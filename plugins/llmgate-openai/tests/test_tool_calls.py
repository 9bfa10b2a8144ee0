"""Fragments of tool calls, in all their forms, become whole calls."""

from __future__ import annotations

import pytest

from tests.integration.openai_fragments import (
    Fragment,
    calls_of,
    chunks_of,
    completion_of,
    event_of,
    more_of,
    named_fragment,
)

_TWO = [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]
_SHAPES: dict[str, tuple[list[list[Fragment]], list[tuple[str, str, str]]]] = {
    "as OpenAI sends it": (
        [
            [named_fragment("f", index=0, id="a", type="function")],
            [more_of('{"x"', index=0)],
            [more_of(":1}", index=0)],
        ],
        [("a", "f", '{"x":1}')],
    ),
    "two calls, one after the other": (
        [
            [named_fragment("f", index=0, id="a")],
            [more_of('{"x":1}', index=0)],
            [named_fragment("g", index=1, id="b")],
            [more_of('{"y":2}', index=1)],
        ],
        _TWO,
    ),
    "two calls, interleaved": (
        [
            [named_fragment("f", index=0, id="a"), named_fragment("g", index=1, id="b")],
            [more_of('{"x"', index=0), more_of('{"y"', index=1)],
            [more_of(":2}", index=1)],
            [more_of(":1}", index=0)],
        ],
        _TWO,
    ),
    "several fragments of one call in one event": (
        [[named_fragment("f", index=0, id="a"), more_of('{"x"', index=0), more_of(":1}", index=0)]],
        [("a", "f", '{"x":1}')],
    ),
    "the second index comes first": (
        [
            [named_fragment("g", '{"y":2}', index=1, id="b")],
            [named_fragment("f", '{"x":1}', index=0, id="a")],
        ],
        [_TWO[1], _TWO[0]],
    ),
    "the same index with a new id": (
        [
            [named_fragment("f", index=0, id="a")],
            [more_of('{"x":1}', index=0)],
            [named_fragment("g", index=0, id="b")],
            [more_of('{"y":2}', index=0)],
        ],
        _TWO,
    ),
    "the same index, ids repeated and interleaved": (
        [
            [named_fragment("f", '{"x"', index=0, id="a")],
            [named_fragment("g", '{"y"', index=0, id="b")],
            [more_of(":1}", index=0, id="a")],
            [more_of(":2}", index=0, id="b")],
        ],
        _TWO,
    ),
    "the same index with another name and no ids": (
        [[named_fragment("f", '{"x":1}', index=0)], [named_fragment("g", '{"y":2}', index=0)]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "g", '{"y":2}')],
    ),
    "indexes counted over all content blocks": (
        [
            [named_fragment("f", index=1, id="a")],
            [more_of('{"x":1}', index=1)],
            [named_fragment("g", index=3, id="b")],
            [more_of('{"y":2}', index=3)],
        ],
        _TWO,
    ),
    "an index that is a whole float": (
        [[named_fragment("f", '{"x"', index=0.0, id="a")], [more_of(":1}", index=0)]],
        [("a", "f", '{"x":1}')],
    ),
    "no index, whole calls in one event": (
        [[named_fragment("f", '{"x":1}', id="a"), named_fragment("g", '{"y":2}', id="b")]],
        _TWO,
    ),
    "no index, whole calls in an event each": (
        [[named_fragment("f", '{"x":1}', id="a")], [named_fragment("g", '{"y":2}', id="b")]],
        _TWO,
    ),
    "no index, ids repeated": (
        [
            [named_fragment("f", '{"x"', id="a")],
            [named_fragment("g", '{"y"', id="b")],
            [more_of(":2}", id="b")],
            [more_of(":1}", id="a")],
        ],
        _TWO,
    ),
    "no index, id only at first": (
        [
            [named_fragment("f", id="a")],
            [more_of('{"x":1}')],
            [named_fragment("g", id="b")],
            [more_of('{"y":2}')],
        ],
        _TWO,
    ),
    "no index, no id, pieces told by their place": (
        [
            [named_fragment("f"), named_fragment("g")],
            [more_of('{"x"'), more_of('{"y"')],
            [more_of(":1}"), more_of(":2}")],
        ],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "g", '{"y":2}')],
    ),
    "no index, no id, the same function twice in one event": (
        [[named_fragment("f", '{"x":1}'), named_fragment("f", '{"x":2}')]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "f", '{"x":2}')],
    ),
    "no index, no id, the same function twice, whole": (
        [[named_fragment("f", '{"x":1}')], [named_fragment("f", '{"x":2}')]],
        [("call_7_0_0", "f", '{"x":1}'), ("call_7_0_1", "f", '{"x":2}')],
    ),
    "no index, no id, two events of two whole calls": (
        [
            [named_fragment("f", "{}"), named_fragment("g", "{}")],
            [named_fragment("f", "{}"), named_fragment("g", "{}")],
        ],
        [(f"call_7_0_{number}", name, "{}") for number, name in enumerate("fgfg")],
    ),
    "no index, no id, the name in every piece": (
        [[named_fragment("f", '{"x"')], [named_fragment("f", ":1}")]],
        [("call_7_0_0", "f", '{"x":1}')],
    ),
    "the name in every piece": (
        [
            [named_fragment("f", '{"x"', index=0, id="a")],
            [named_fragment("f", ":1}", index=0, id="a")],
        ],
        [("a", "f", '{"x":1}')],
    ),
    "no id at all": (
        [[named_fragment("f", index=0)], [more_of('{"x":1}', index=0)]],
        [("call_7_0_0", "f", '{"x":1}')],
    ),
    "an empty id": (
        [
            [named_fragment("f", "{}", index=0, id="")],
            [named_fragment("g", "{}", index=1, id=None)],
        ],
        [("call_7_0_0", "f", "{}"), ("call_7_0_1", "g", "{}")],
    ),
    "a late id": (
        [[named_fragment("f", index=0)], [more_of('{"x":1}', index=0, id="a")]],
        [("a", "f", '{"x":1}')],
    ),
    "a late id, no index": (
        [[named_fragment("f")], [more_of('{"x":1}', id="a")]],
        [("a", "f", '{"x":1}')],
    ),
    "a late index": (
        [
            [named_fragment("f", id="a")],
            [more_of('{"x"', id="a", index=0)],
            [more_of(":1}", index=0)],
        ],
        [("a", "f", '{"x":1}')],
    ),
    "a late name": (
        [
            [{"index": 0, "id": "a"}],
            [more_of('{"x"', index=0)],
            [named_fragment("f", ":1}", index=0)],
        ],
        [("a", "f", '{"x":1}')],
    ),
    "a late name, no index": (
        [[{"id": "a"}], [named_fragment("f", '{"x":1}')]],
        [("a", "f", '{"x":1}')],
    ),
    "two calls of one id": (
        [
            [named_fragment("f", "{}", index=0, id="a")],
            [named_fragment("f", "{}", index=1, id="a")],
        ],
        [("a", "f", "{}"), ("a", "f", "{}")],
    ),
    "arguments as an object": (
        [
            [named_fragment("f", {"x": 1}, index=0, id="a")],
            [named_fragment("g", {"y": 2}, index=1, id="b")],
        ],
        _TWO,
    ),
    "arguments as a list": (
        [[named_fragment("f", [1], index=0, id="a")]],
        [("a", "f", "[1]")],
    ),
    "no arguments": (
        [[named_fragment("f", None, index=0, id="a")], [named_fragment("g", "", index=1, id="b")]],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    "arguments that are no JSON": (
        [[named_fragment("f", '{"x": ', index=0, id="a")]],
        [("a", "f", '{"x": ')],
    ),
    "a null function beside the id": (
        [[{"index": 0, "id": "a", "function": None}], [named_fragment("f", "{}", index=0)]],
        [("a", "f", "{}")],
    ),
    "an empty fragment of a call that never comes": (
        [
            [named_fragment("f", "{}", index=0, id="a")],
            [{"index": 1, "id": "", "function": {"name": "", "arguments": ""}}],
        ],
        [("a", "f", "{}")],
    ),
    "a custom tool": (
        [
            [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": ""}}],
            [{"index": 0, "custom": {"input": "SELECT "}}],
            [{"index": 0, "custom": {"input": "1"}}],
        ],
        [("a", "sql", "SELECT 1")],
    ),
    "a custom tool without id or type, beside a function": (
        [
            [{"index": 0, "custom": {"name": "sql", "input": "1"}}],
            [named_fragment("f", "{}", index=1)],
        ],
        [("call_7_0_0", "sql", "1"), ("call_7_0_1", "f", "{}")],
    ),
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_fragments_become_whole_calls(shape: str) -> None:
    """Whatever a host leaves out or repeats, each call has its own id, name and arguments."""
    fragments, expected = _SHAPES[shape]
    answer = completion_of(*fragments)
    assert expected == calls_of(answer)
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("shape", _SHAPES)
def test_indexes_count_calls_from_zero(shape: str) -> None:
    """The indexes of the chunks are the places of the calls, in the order in which they begin."""
    fragments, expected = _SHAPES[shape]
    seen: list[int] = []
    for chunk in chunks_of(*[event_of({"tool_calls": fragment}) for fragment in fragments]):
        for choice in chunk.choices:
            seen += [fragment.index for fragment in choice.delta.tool_calls or []]
    assert list(range(len(expected))) == list(dict.fromkeys(seen))
