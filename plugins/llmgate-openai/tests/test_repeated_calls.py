"""Fragments of tool calls that a host repeats are given once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate_openai import decode
from tests.integration.openai_fragments import (
    Fragment,
    calls_of,
    chunks_of,
    event_of,
    more_of,
    named_fragment,
)

_REPEATED: dict[str, tuple[list[list[Fragment]], list[tuple[str, str]]]] = {
    "another id goes on": (
        [
            [named_fragment("f", index=0, id="a")],
            [more_of('{"x"', index=0, id="b")],
            [more_of(":1}", index=0)],
        ],
        [("f", '{"x":1}')],
    ),
    "another id in each fragment, with the name": (
        [
            [named_fragment("f", '{"x"', index=0, id="a")],
            [named_fragment("f", ":1}", index=0, id="b")],
        ],
        [("f", '{"x":1}')],
    ),
    "another id and another name": (
        [
            [named_fragment("f", '{"x"', index=0, id="a")],
            [named_fragment("g", "{}", index=0, id="b")],
        ],
        [("f", '{"x"'), ("g", "{}")],
    ),
    "two calls without arguments": (
        [[named_fragment("f", index=0, id="a")], [named_fragment("f", index=0, id="b")]],
        [("f", "{}"), ("f", "{}")],
    ),
    "a name in pieces, with ids": (
        [
            [named_fragment("get_", '{"x"', index=0, id="a")],
            [named_fragment("it", ":1}", index=0, id="a")],
        ],
        [("get_it", '{"x":1}')],
    ),
    "a name in pieces, without ids": (
        [
            [named_fragment("get", index=0)],
            [named_fragment("_", index=0)],
            [named_fragment("it", "{}", index=0)],
        ],
        [("get_it", "{}")],
    ),
    "a name that grows": (
        [
            [named_fragment("get", index=0, id="a")],
            [named_fragment("get_it", '{"x":1}', index=0, id="a")],
        ],
        [("get_it", '{"x":1}')],
    ),
    "the same name after whole arguments": (
        [[named_fragment("f", '{"x":1}', index=0)], [named_fragment("f", '{"x":2}', index=0)]],
        [("f", '{"x":1}'), ("f", '{"x":2}')],
    ),
    "an empty object first": (
        [
            [named_fragment("f", "{}", index=0, id="a")],
            [more_of('{"x"', index=0)],
            [more_of(":1}", index=0)],
        ],
        [("f", '{"x":1}')],
    ),
    "nothing but an empty object": (
        [[named_fragment("f", " {} ", index=0, id="a")]],
        [("f", " {} ")],
    ),
    "arguments that grow": (
        [
            [named_fragment("f", '{"x"', index=0, id="a")],
            [more_of('{"x":', index=0)],
            [more_of('{"x":{"y"', index=0)],
            [more_of('{"x":{"y":1}}', index=0)],
        ],
        [("f", '{"x":{"y":1}}')],
    ),
    "arguments that are given again at the end": (
        [
            [named_fragment("f", '{"x"', index=0, id="a")],
            [more_of(":1}", index=0)],
            [more_of('{"x":1}', index=0)],
        ],
        [("f", '{"x":1}')],
    ),
    "an object within one that begins alike": (
        [[named_fragment("f", '{"x":', index=0, id="a")], [more_of('{"x":1}}', index=0)]],
        [("f", '{"x":{"x":1}}')],
    ),
    "an index as text": (
        [[named_fragment("f", '{"x"', index="0", id="a")], [more_of(":1}", index="0")]],
        [("f", '{"x":1}')],
    ),
}


@pytest.mark.parametrize("shape", _REPEATED)
def test_nothing_is_given_twice(shape: str) -> None:
    """Whoever joins the pieces that are yielded has each id, name and argument once."""
    deltas, expected = _REPEATED[shape]
    events = [event_of({"tool_calls": fragments}) for fragments in deltas]
    chunks = chunks_of(*events, event_of({}, finish="tool_calls"))
    completion = accumulate(chunks)
    assert expected == [(name, arguments) for _, name, arguments in calls_of(completion)]
    joined: dict[int, list[str]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            for part in choice.delta.tool_calls or []:
                texts = joined.setdefault(part.index, ["", "", "", ""])
                texts[0] += part.id or ""
                texts[1] += part.type or ""
                if part.function is not None:
                    texts[2] += part.function.name or ""
                    texts[3] += part.function.arguments or ""
    calls = completion.choices[0].message.tool_calls or []
    assert [call.id for call in calls] == [texts[0] for texts in joined.values()]
    assert {"function", ""} >= {texts[1] for texts in joined.values()}
    assert expected == [(name, arguments or "{}") for _, _, name, arguments in joined.values()]


@pytest.mark.parametrize("nothing", [{}, {"name": "", "arguments": ""}, {"name": None}])
def test_an_empty_function_call_is_none(nothing: Any) -> None:
    """Some hosts write one beside each text."""
    delta = {"content": "Hi", "function_call": nothing}
    streamed = accumulate(chunks_of(event_of(delta), event_of({}, finish="stop")))
    message = {"role": "assistant", **delta}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = decode(HttpResponse(200, {}, json.dumps({"choices": [choice]}).encode()), "7")
    for completion in (streamed, whole):
        assert completion.choices[0].message.function_call is None
        assert "stop" == completion.choices[0].finish_reason
