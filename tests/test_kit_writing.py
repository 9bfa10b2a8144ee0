"""The kit of providers: what writes requests."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmgate.errors import (
    InvalidRequestError,
    UnsupportedError,
)
from llmgate.provider.kit import (
    NameMap,
    ToolChoice,
    arguments_delta,
    check_text_only,
    drop_others,
    function_tools,
    json_request,
    merge_body,
    own_data,
    parameter,
    piece_chunk,
    stop_list,
    token_limit,
)
from llmgate.report import Report
from llmgate.types import ChoiceDelta, Chunk, ChunkChoice, FunctionDelta, ToolCallDelta
from tests.kit_calls import HOST, call_with, reported

# --- writing --------------------------------------------------------------------------------


def test_a_request_is_a_post_of_json() -> None:
    """With further headers, if there are any."""
    request = json_request(HOST, {"a": 1}, {"x-version": "2"}, stream=True)
    assert ("POST", HOST, b'{"a":1}', True) == (
        request.method,
        request.url,
        request.body,
        request.stream,
    )
    assert {"content-type": "application/json", "x-version": "2"} == request.headers
    assert {"content-type": "application/json"} == json_request(HOST, {}).headers


def test_extra_body_is_merged_deeply() -> None:
    """Objects recursively; everything else is replaced, and nothing is changed in place."""
    body = {"a": {"b": 1, "c": {"d": 2}}, "e": [1], "f": {"g": 1}, "h": 5}
    extra = {"a": {"c": {"x": 3}}, "e": [2], "f": None, "h": {"i": 1}, "new": {"j": 1}}
    assert {
        "a": {"b": 1, "c": {"d": 2, "x": 3}},
        "e": [2],
        "f": None,
        "h": {"i": 1},
        "new": {"j": 1},
    } == merge_body(body, extra)
    assert {"b": 1, "c": {"d": 2}} == body["a"]


def test_parameters_are_read() -> None:
    """One that was not given is None."""
    assert 1 == parameter(call_with({"seed": 1}), "seed")
    assert parameter(call_with(), "seed") is None
    assert ["a"] == stop_list(call_with({"stop": "a"}))
    assert ["a", "b"] == stop_list(call_with({"stop": ["a", "b"]}))
    assert [] == stop_list(call_with())


@pytest.mark.parametrize(
    ("parameters", "limit", "report"),
    [
        ({}, None, []),
        ({"max_tokens": 5}, ("max_tokens", 5), []),
        ({"max_completion_tokens": 5}, ("max_completion_tokens", 5), []),
        ({"max_completion_tokens": 5, "max_tokens": 5}, ("max_completion_tokens", 5), []),
        (
            {"max_completion_tokens": 5, "max_tokens": 6},
            ("max_completion_tokens", 5),
            [("dropped", "max_tokens")],
        ),
    ],
)
def test_one_limit_counts(parameters: Any, limit: Any, report: Any) -> None:
    """The newer name wins."""
    call = call_with(parameters)
    assert limit == token_limit(call)
    assert report == reported(call)


def test_text_is_all_that_some_can_do() -> None:
    """Asking for it is no more than that; asking for another kind is refused."""
    call = call_with({"modalities": ["text"]})
    check_text_only(call, "Acme")
    check_text_only(call_with(), "Acme")
    assert [("dropped", "modalities")] == reported(call)
    with pytest.raises(UnsupportedError, match="Acme"):
        check_text_only(call_with({"modalities": ["audio"]}), "Acme")


def test_unknown_fields_are_dropped() -> None:
    """Null says nothing; who wants none dropped gets an error."""
    call = call_with()
    fields = {"role": "user", "mood": "good", "nothing": None}
    drop_others(fields, {"role"}, "messages[0]", call, "there is no such field")
    assert [("dropped", "messages[0].mood")] == reported(call)
    with pytest.raises(UnsupportedError):
        drop_others(fields, {"role"}, "m", call_with(report=Report("raise")), "no such field")


def test_own_data_is_found() -> None:
    """And that of others is reported."""
    call = call_with()
    message = {"provider_data": {"acme": {"a": 1}, "other": {}}}
    assert {"a": 1} == own_data(message, "acme", "messages[0]", call)
    assert [("dropped", "messages[0].provider_data.other")] == reported(call)
    assert own_data({"provider_data": None}, "acme", "m", call) is None
    assert own_data({"provider_data": {}}, "acme", "m", call) is None
    wrong_data: list[tuple[Any, str]] = [
        ("x", "m.provider_data"),
        ({"acme": []}, "m.provider_data.acme"),
    ]
    for wrong, path in wrong_data:
        with pytest.raises(InvalidRequestError, match="must be a dictionary") as caught:
            own_data({"provider_data": wrong}, "acme", "m", call)
        assert path == caught.value.path


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


TOOLS = [function("a"), function("b")]
CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "c"}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [function(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


@pytest.mark.parametrize(
    ("given", "expected", "selected"),
    [
        ("auto", ToolChoice("auto"), [0, 1]),
        ("none", ToolChoice("none"), [0, 1]),
        ("required", ToolChoice("required"), [0, 1]),
        (function("b"), ToolChoice("required", function="b"), [1]),
        (allowed("auto", "a"), ToolChoice("auto", allowed=("a",)), [0]),
        (allowed("required", "b", "a"), ToolChoice("required", allowed=("b", "a")), [0, 1]),
    ],
)
def test_a_tool_choice_is_read(given: Any, expected: ToolChoice, selected: list[int]) -> None:
    """In each of its forms."""
    call = call_with({"tools": TOOLS, "tool_choice": given})
    choice = ToolChoice.of(call, "Acme")
    assert expected == choice
    assert selected == [place for place, _ in expected.select(function_tools(call, "Acme"))]


@pytest.mark.parametrize(
    ("given", "tools", "message"),
    [
        ("required", [], "there is no tool to call"),
        (function("c"), TOOLS, "'c' is not among the tools"),
        (allowed("auto", "c"), TOOLS, "'c' is not among the tools"),
        (allowed("often", "a"), TOOLS, "names no function"),
        ({"type": "function"}, TOOLS, "names no function"),
        ("sometimes", TOOLS, "names no function"),
    ],
)
def test_what_is_no_choice_is_refused(given: Any, tools: Any, message: str) -> None:
    """Naming the parameter."""
    with pytest.raises(InvalidRequestError, match=message) as caught:
        ToolChoice.of(call_with({"tools": tools, "tool_choice": given}), "Acme")
    assert "tool_choice" == caught.value.path


def test_a_choice_may_be_absent_or_among_tools_of_the_body() -> None:
    """Which nobody here can know."""
    assert ToolChoice.of(call_with({"tools": TOOLS}), "Acme") is None
    call = call_with({"tool_choice": function("z")}, extra_body={"tools": []})
    assert ToolChoice("required", function="z") == ToolChoice.of(call, "Acme")


def test_custom_tools_are_refused() -> None:
    """For a vendor that has functions only; without tools there are none."""
    with pytest.raises(UnsupportedError, match=r"tools\[1\]: Acme supports functions only"):
        function_tools(call_with({"tools": [*TOOLS[:1], CUSTOM]}), "Acme")
    with pytest.raises(UnsupportedError, match="tool_choice"):
        ToolChoice.of(call_with({"tools": [CUSTOM], "tool_choice": CUSTOM}), "Acme")
    assert [] == function_tools(call_with(), "Acme")
    own = {"type": "search"}
    call = call_with({"tools": [own, *TOOLS[:1]]})
    assert [(1, TOOLS[0])] == function_tools(call, "Acme", ("search",))
    with pytest.raises(UnsupportedError, match="Acme supports functions and crawl, not 'search'"):
        function_tools(call, "Acme", ("crawl",))


def test_names_are_sent_in_the_characters_that_are_accepted() -> None:
    """One for one, and back; a change is in the report."""
    accepted = re.compile("[A-Za-z_][A-Za-z0-9_]*")
    given = ["fine", "a-b", "a b", "a_b", "7up", "x" * 9, "x" * 10, "fine"]
    names = NameMap(given, accepted, "Acme takes letters", longest=8)
    call = call_with()
    sent = [names.sent(name, "tools[0]", call) for name in given]
    assert ["fine", "a_b_", "a_b__", "a_b", "_7up", "x" * 8, "x" * 7 + "_", "fine"] == sent
    assert given == [names.given(name) for name in sent]
    assert 5 == len(call.report)
    assert ("converted", "tools[0]", "a-b", "a_b_") == (
        call.report[0].kind,
        call.report[0].path,
        call.report[0].given,
        call.report[0].sent,
    )


def test_names_of_no_accepted_character_are_told_apart_within_the_length() -> None:
    """However many there are."""
    given = [chr(0x5929 + number) * 64 for number in range(100)]
    names = NameMap([*given, "_" * 63 + "1"], re.compile("[A-Za-z_][A-Za-z0-9_]*"), "Acme")
    sent = [names.sent(name, "tools[0]", call_with()) for name in given]
    assert ["_" * 64, "_" * 62 + "_3", "_" * 62 + "_4"] == sent[:3]
    assert {64} == {*map(len, sent)}
    assert given == [names.given(name) for name in sent]
    assert 100 == len({*sent})


def test_a_piece_of_a_stream_is_a_chunk() -> None:
    """It is equal to a chunk made of all its parts, and has none of what was not given."""
    head = ("id-1", 1_764_000_000, "model-1")
    fragment = ToolCallDelta(2, function=FunctionDelta(None, "{"))
    assert fragment == arguments_delta(2, "{")
    assert Chunk([ChunkChoice(ChoiceDelta("Hi"))], *head) == piece_chunk(head, "Hi")
    delta = ChoiceDelta(reasoning_content="Hm", tool_calls=[fragment])
    made = piece_chunk(head, None, "Hm", [arguments_delta(2, "{")], 3)
    assert Chunk([ChunkChoice(delta, 3)], *head) == made
    assert Chunk([ChunkChoice(delta, 3)], *head).model_dump() == made.model_dump()
