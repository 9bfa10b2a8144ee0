"""Blocks, tools and rules of Anthropic in the place of OpenAI's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmgate.errors import UnsupportedError
from llmgate.provider import Rule
from llmgate.report import Report
from llmgate.testing.driving import call_of
from llmgate_anthropic import Anthropic, encode

HELLO: Any = [{"role": "user", "content": "Hello"}]
HAIKU, OPUS, OLD = "claude-haiku-4-5", "claude-opus-5-5", "claude-3-5-haiku-latest"
TOOLS: Any = [{"type": "function", "function": {"name": "now"}}]
CALL: Any = {
    "role": "assistant",
    "tool_calls": [
        {"id": "call.1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    ],
}
RESULT: Any = {"role": "tool", "tool_call_id": "call.1", "content": "Noon"}


def encoded(
    provider: Anthropic, messages: Any = HELLO, model: str = HAIKU, **options: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and the kind and path of each deviation."""
    asked = {"model": model, "messages": messages, "max_tokens": 1000} | options
    call = call_of(provider, {key: value for key, value in asked.items() if value is not None})
    body = encode(call).body
    return body, [(deviation.kind, deviation.path) for deviation in call.report]


def text(said: str) -> dict[str, str]:
    """A block of text."""
    return {"type": "text", "text": said}


USE: Any = {"type": "tool_use", "id": "call_1", "name": "now", "input": {}}


def test_ids_stay_apart(provider: Anthropic) -> None:
    """Two ids that differ only in characters that Anthropic refuses are not sent as one."""
    calls = [{**CALL["tool_calls"][0], "id": name} for name in ("a.b", "a_b", "a:b")]
    results = [{**RESULT, "tool_call_id": name} for name in ("a.b", "a_b", "a:b")]
    body, _ = encoded(provider, [*HELLO, {"role": "assistant", "tool_calls": calls}, *results])
    sent = [block["id"] for block in body["messages"][1]["content"]]
    answered = [block["tool_use_id"] for block in body["messages"][2]["content"]]
    assert 3 == len(set(sent))
    assert sent == answered


def test_anthropic_s_own_blocks_are_taken_as_they_are(provider: Anthropic) -> None:
    """Who knows Anthropic's blocks may give them, each in the turn that may hold it."""
    found: Any = {"type": "search_result", "source": "a", "title": "A", "content": []}
    search: Any = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    call = {**CALL["tool_calls"][0], "id": "call_1"}
    answer = {"role": "assistant", "content": [thought, search], "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [found]}
    body, report = encoded(provider, [{"role": "user", "content": [found]}, answer, result])
    assert [found] == body["messages"][0]["content"]
    assert [thought, search, USE] == body["messages"][1]["content"]
    assert [found] == body["messages"][2]["content"][0]["content"]
    assert [] == report


@pytest.mark.parametrize(
    ("role", "block"),
    [
        ("user", {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}),
        ("system", {"type": "image", "source": {"type": "url", "url": "https://a.example"}}),
        ("assistant", {"type": "image_url", "image_url": {"url": "https://a.example"}}),
    ],
)
def test_blocks_in_the_wrong_turn_are_refused(role: str, block: Any, provider: Anthropic) -> None:
    """A block that the API would refuse at its place is refused with its path."""
    with pytest.raises(UnsupportedError, match=r"messages\[1\]\.content\[0\]"):
        encoded(provider, [*HELLO, {"role": role, "content": [block]}])


@pytest.mark.parametrize(("model", "place"), [("claude-opus-4-8", "messages"), (HAIKU, "system")])
@pytest.mark.parametrize("kind", ["tool_addition", "tool_removal", "tomorrow"])
def test_a_system_message_may_hold_blocks_of_its_own(
    kind: str, model: str, place: str, provider: Anthropic
) -> None:
    """They are sent as they are, wherever the model takes instructions."""
    block: Any = {"type": kind, "tool": {"type": "tool_reference", "tool_name": "now"}}
    messages: Any = [*HELLO, {"role": "system", "content": [block, text("In French.")]}]
    body, _ = encoded(provider, messages, model)
    assert [block, text("In French.")] == (
        body["messages"][1]["content"] if place == "messages" else body["system"]
    )


def test_a_search_result_of_its_own_is_for_the_assistant_alone(provider: Anthropic) -> None:
    """Kinds whose names end as those of its servers' tools do stand in its own turns."""
    block: Any = {"type": "tomorrow_tool_result", "content": []}
    body, _ = encoded(provider, [*HELLO, {"role": "assistant", "content": [block]}, *HELLO])
    assert [block] == body["messages"][1]["content"]
    with pytest.raises(UnsupportedError, match="supports no 'tomorrow_tool_result'"):
        encoded(provider, [{"role": "user", "content": [block]}])


def test_anthropic_s_own_tools_are_sent_as_they_are(provider: Anthropic) -> None:
    """A tool with a dated type is its own; other kinds of tools are refused."""
    search = {"type": "web_search_20260209", "name": "web_search", "max_uses": 2}
    call = call_of(provider, {"messages": HELLO, "model": HAIKU, "max_tokens": 5, "tools": TOOLS})
    own: Any = {"tools": [search, {"type": "bash_20250124"}, *TOOLS]}
    assert [search, {"name": "bash_20250124", "type": "bash_20250124"}] == (
        encode(replace(call, parameters=own)).body["tools"][:2]
    )
    foreign: Any = {"tools": [{"type": "openrouter:web_search"}]}
    with pytest.raises(UnsupportedError, match=r"tools\[0\]: .*'openrouter:web_search'"):
        encode(replace(call, parameters=foreign))


def test_a_call_of_a_host_s_own_kind_is_sent_as_a_function_s(provider: Anthropic) -> None:
    """What another host called ``builtin_function`` is a function with arguments all the same."""
    call = call_of(provider, {"messages": [*HELLO, CALL, RESULT], "model": HAIKU, "max_tokens": 5})
    own = {**CALL["tool_calls"][0], "id": "c1", "type": "builtin_function"}
    messages: Any = [*HELLO, {"role": "assistant", "tool_calls": [own]}, *HELLO]
    call = replace(call, messages=messages, report=Report())
    assert [{**USE, "id": "c1"}] == encode(call).body["messages"][1]["content"]
    assert ["messages[1].tool_calls[0].type"] == [deviation.path for deviation in call.report]


def test_rules_say_what_a_model_refuses(provider: Anthropic) -> None:
    """Sampling is refused by newer models and versions, and both at once by those between."""
    both: Any = {"temperature": 1, "top_p": 0.9}
    abilities = provider.abilities
    assert Anthropic.parameters == abilities("claude-opus-3", both)
    assert Anthropic.parameters == abilities(OPUS, {"stop": "x"})
    for model, expected in ((OPUS, {"temperature", "top_p"}), (HAIKU, {"top_p"})):
        taken = abilities(model, both) or {}
        assert expected == {name for name, each in taken.items() if isinstance(each, Rule)}
    assert Anthropic.parameters == abilities(HAIKU, {"top_p": 0.9})
    newest = Anthropic(api_key="k", api_version="2026-10-21").abilities("smollm2", both) or {}
    assert isinstance(newest["temperature"], Rule)
    body, report = encoded(provider, temperature=0.5, extra_body={"temperature": 0.2})
    assert (0.2, []) == (body["temperature"], report)
    body, report = encoded(provider, top_p=0.5, extra_body={"temperature": 0.2})
    assert ([("dropped", "top_p")], False) == (report, "top_p" in body)


def test_extra_body_is_merged_deeply(provider: Anthropic) -> None:
    """The caller's own value wins, and what stands beside it stays."""
    extra = {"metadata": {"team": "a"}, "tool_choice": {"disable_parallel_tool_use": True}}
    body, _ = encoded(provider, tools=TOOLS, tool_choice="auto", user="u", extra_body=extra)
    assert {"user_id": "u", "team": "a"} == body["metadata"]
    assert {"type": "auto", "disable_parallel_tool_use": True} == body["tool_choice"]


def test_files_say_what_they_lose(provider: Anthropic) -> None:
    """A kind of text, a title of an image and unknown keys are reported where they are lost."""
    files: list[dict[str, Any]] = [
        {"file_data": "data:text/markdown;base64,SGVsbG8="},
        {"file_data": "data:image/png;base64,AAAA", "filename": "a.png"},
        {"file_id": "file_1", "page": 2},
    ]
    parts = [{"type": "file", "file": file} for file in files]
    refusal = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    body, report = encoded(provider, [{"role": "user", "content": parts}, refusal, *HELLO])
    kinds = [block["type"] for block in body["messages"][0]["content"]]
    assert ["document", "image", "document"] == kinds
    assert [
        ("converted", "messages[0].content[0].file.file_data"),
        ("dropped", "messages[0].content[1].file.filename"),
        ("dropped", "messages[0].content[2].file.page"),
        ("converted", "messages[1].content[0]"),
    ] == report
