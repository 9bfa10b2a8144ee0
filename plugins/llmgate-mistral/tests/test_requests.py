"""What is sent for a call, and what is reported of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_mistral import Mistral

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("weather", "clock")
]
PROVIDER = Mistral(api_key="mistral-test")


def sent(messages: Any = HELLO, **options: Any) -> tuple[dict[str, Any], ProviderCall]:
    """The body of a call, and the call with its report."""
    call = call_of(PROVIDER, {"model": "mistral-small-latest", "messages": messages, **options})
    flow: Any = PROVIDER.stream(call) if call.stream else PROVIDER.complete(call)
    return decode_json(first_request(flow).body), call


def report_of(call: ProviderCall) -> list[str]:
    """The report as texts."""
    return [f"{deviation.path} {deviation.kind}" for deviation in call.report]


# --- parameters ---


@pytest.mark.parametrize(
    ("model", "effort", "fields", "kinds"),
    [
        ("mistral-small-latest", "high", {"reasoning_effort": "high"}, []),
        ("mistral-small-latest", "none", {"reasoning_effort": "none"}, []),
        (
            "magistral-medium-latest",
            "low",
            {"prompt_mode": "reasoning"},
            ["reasoning_effort renamed"],
        ),
        ("magistral-medium-latest", "none", {}, ["reasoning_effort dropped"]),
    ],
)
def test_reasoning(model: str, effort: str, fields: dict[str, Any], kinds: list[str]) -> None:
    """Magistral always reasons, and takes a prompt for it."""
    body, call = sent(model=model, reasoning_effort=effort)
    del body["model"], body["messages"]
    assert (body, report_of(call)) == (fields, kinds)


@pytest.mark.parametrize(
    ("tier", "fields", "kinds"),
    [
        ("auto", {"service_tier": "auto"}, []),
        ("default", {"service_tier": "standard_only"}, []),
        ("flex", {}, ["service_tier dropped"]),
    ],
)
def test_tiers(tier: str, fields: dict[str, Any], kinds: list[str]) -> None:
    """One that Mistral has not is left out."""
    body, call = sent(service_tier=tier)
    del body["model"], body["messages"]
    assert (body, report_of(call)) == (fields, kinds)


@pytest.mark.parametrize(
    ("choice", "names", "native", "kinds"),
    [
        (None, ["weather", "clock"], None, []),
        ("auto", ["weather", "clock"], "auto", []),
        ("required", ["weather", "clock"], "any", []),
        (
            "none",
            [],
            None,
            ["tool_choice converted", "tools[0] dropped", "tools[1] dropped"],
        ),
        (
            {"type": "function", "function": {"name": "clock"}},
            ["weather", "clock"],
            {"type": "function", "function": {"name": "clock"}},
            [],
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "clock"}}],
                },
            },
            ["clock"],
            "any",
            ["tool_choice converted", "tools[0] dropped"],
        ),
    ],
)
def test_the_choice_among_tools(
    choice: Any, names: list[str], native: Any, kinds: list[str]
) -> None:
    """It is said in Mistral's words; where none may be called, none is sent."""
    options = {} if choice is None else {"tool_choice": choice}
    body, call = sent(tools=TOOLS, **options)
    assert [tool["function"]["name"] for tool in body.get("tools", ())] == names
    assert body.get("tool_choice") == native
    assert report_of(call) == kinds


def test_no_limit_of_tokens_is_refused() -> None:
    """The error names the parameter that was given."""
    call = ProviderCall("m", HELLO, {"max_completion_tokens": -1})
    with pytest.raises(InvalidRequestError) as caught:
        first_request(PROVIDER.complete(call))
    assert caught.value.path == "max_completion_tokens"


# --- parts ---


@pytest.mark.parametrize(
    ("part", "native", "kinds"),
    [
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "a"},
            ["cache_control dropped"],
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
            [],
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "input_audio", "input_audio": "UklGRg=="},
            ["input_audio converted"],
        ),
        (
            {"type": "file", "file": {"file_id": "f1", "filename": "a.pdf"}},
            {"type": "file", "file_id": "f1"},
            ["file.filename dropped"],
        ),
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
            {
                "type": "document_url",
                "document_url": "data:application/pdf;base64,JVBE",
                "document_name": "a.pdf",
            },
            [],
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}},
            {"type": "document_url", "document_url": "data:application/pdf;base64,JVBE"},
            [],
        ),
        (
            {"type": "document_url", "document_url": "https://a.example/b.pdf"},
            {"type": "document_url", "document_url": "https://a.example/b.pdf"},
            [],
        ),
    ],
)
def test_parts(part: Any, native: Any, kinds: list[str]) -> None:
    """They are put in Mistral's terms; its own kinds are sent as they are."""
    call = ProviderCall("m", [{"role": "user", "content": [part]}])
    body = decode_json(first_request(PROVIDER.complete(call)).body)
    assert body["messages"][0]["content"] == [native]
    assert report_of(call) == [f"messages[0].content[0].{kind}" for kind in kinds]


def test_a_file_without_content_is_refused() -> None:
    """The path says which part it is."""
    with pytest.raises(UnsupportedError) as caught:
        sent([{"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf"}}]}])
    assert caught.value.parameter == "messages[0].content[0]"


# --- messages ---


def called(identifier: str = "abcdefghi", **fields: Any) -> dict[str, Any]:
    """A response that calls."""
    function = {"name": "weather", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": identifier, "type": "function", "function": function, **fields}],
    }


def result(identifier: str = "abcdefghi", **fields: Any) -> dict[str, Any]:
    """The result of a call."""
    return {"role": "tool", "tool_call_id": identifier, "content": "Rain", **fields}


def test_ids_of_mistral_are_sent_as_they_are() -> None:
    """Nine letters or digits; the index that Mistral gave goes back as well."""
    body, call = sent([*HELLO, called(index=1), result(name="weather")])
    assert body["messages"][1:] == [
        {**called(index=1), "content": ""},
        {"role": "tool", "content": "Rain", "name": "weather", "tool_call_id": "abcdefghi"},
    ]
    assert report_of(call) == []


@pytest.mark.parametrize(
    "identifier", ["toolu_01A2B3C4D5", "call_é", "functions.x:0", "1", "\ud800"]
)
def test_other_ids_are_converted(identifier: str) -> None:
    """The same for the call and its result, in each call, and reported."""
    messages: Any = [*HELLO, called(identifier), result(identifier)]
    call = ProviderCall("m", messages)
    messages = decode_json(first_request(PROVIDER.complete(call)).body)["messages"]
    converted = messages[1]["tool_calls"][0]["id"]
    assert re.fullmatch("[A-Za-z0-9]{9}", converted)
    assert messages[2]["tool_call_id"] == converted
    assert report_of(call) == [
        "messages[1].tool_calls[0].id converted",
        "messages[2].tool_call_id converted",
    ]


def test_fields_that_mistral_refuses_are_left_out() -> None:
    """A signature, a name, an annotation: each is reported."""
    extra: Any = called(extra_content={"google": {}})
    extra["tool_calls"][0]["function"]["thought"] = "x"
    messages: list[Any] = [
        {**HELLO[0], "name": "ann"},
        {**extra, "annotations": [{}], "reasoning_content": "Hm", "provider_data": {"x": {}}},
        result(cache_control={}),
    ]
    body, call = sent(messages)
    assert body["messages"] == [*HELLO, {**called(), "content": ""}, result()]
    assert report_of(call) == [
        "messages[0].name dropped",
        "messages[1].tool_calls[0].extra_content dropped",
        "messages[1].tool_calls[0].function.thought dropped",
        "messages[1].reasoning_content dropped",
        "messages[1].annotations dropped",
        "messages[1].provider_data.x dropped",
        "messages[2].cache_control dropped",
    ]


def test_refusals_are_text() -> None:
    """Beside a text, in place of one, and behind parts."""
    parts = [{"type": "text", "text": "So"}]
    messages = [
        *HELLO,
        {"role": "assistant", "content": "So, ", "refusal": "no"},
        *HELLO,
        {"role": "assistant", "content": None, "refusal": "no"},
        *HELLO,
        {"role": "assistant", "content": parts, "refusal": "no"},
        *HELLO,
    ]
    body, _ = sent(messages)
    assert [each["content"] for each in body["messages"][1::2]] == [
        "So, no",
        "no",
        [*parts, {"type": "text", "text": "no"}],
    ]


def test_messages_that_say_nothing_are_left_out() -> None:
    """They are refused; so is a conversation without any message, which is Mistral's to say."""
    body, call = sent([*HELLO, {"role": "assistant", "content": ""}, *HELLO])
    assert body["messages"] == [*HELLO, *HELLO]
    assert report_of(call) == ["messages[1] dropped"]
    assert sent([{"role": "assistant", "content": None}])[0]["messages"] == []


def test_the_order_that_is_required() -> None:
    """Instructions stand before responses, a response behind a result; the user's texts stay."""
    system = {"role": "system", "content": "Be brief."}
    late = {"role": "developer", "content": "Be kind."}
    body, call = sent([system, *HELLO, called(), result(), late, *HELLO, system, *HELLO])
    assert [each["role"] for each in body["messages"]] == [
        *("system", "system", "user", "assistant", "tool", "assistant", "user", "system", "user"),
    ]
    assert body["messages"][1] == {"role": "system", "content": "Be kind."}
    assert body["messages"][5] == {"role": "assistant", "content": "OK"}
    assert report_of(call) == [
        "messages[4].role converted",
        "messages[4] converted",
        "messages[5] injected",
    ]


def test_only_instructions_keep_their_order() -> None:
    """There is nothing to stand behind."""
    system = [{"role": "system", "content": text} for text in ("a", "b")]
    body, call = sent(system)
    assert (body["messages"], report_of(call)) == (system, [])


def test_a_response_at_the_end_is_a_prefix() -> None:
    """It is continued, as with other providers; one that says so is sent as it is."""
    begun = {"role": "assistant", "content": "Once"}
    body, call = sent([*HELLO, begun])
    assert body["messages"][1] == {**begun, "prefix": True}
    assert report_of(call) == ["messages[1].prefix injected"]
    body, call = sent([*HELLO, {**begun, "prefix": True}])
    assert body["messages"][1] == {**begun, "prefix": True}
    assert report_of(call) == []


def test_a_call_of_a_custom_tool_is_refused() -> None:
    """Mistral has functions only."""
    custom = {"id": "a", "type": "custom", "custom": {"name": "x", "input": "y"}}
    with pytest.raises(UnsupportedError):
        sent([*HELLO, {"role": "assistant", "tool_calls": [custom]}, *HELLO])


# --- thinking ---


def thought(text: str, **fields: Any) -> dict[str, Any]:
    """A chunk of thinking."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **fields}


def text(value: str) -> dict[str, Any]:
    """A chunk of text."""
    return {"type": "text", "text": value}


@pytest.mark.parametrize(
    ("parts", "content", "native"),
    [
        ([thought("Hm."), text("So")], "So", [thought("Hm."), text("So")]),
        (
            [thought("Hm,"), thought(" so.", closed=True, signature="s"), text("1")],
            "144",
            [thought("Hm, so.", closed=True, signature="s"), text("144")],
        ),
        ([thought("Hm.")], "changed", [thought("Hm."), text("changed")]),
        ([thought("Hm.")], "", [thought("Hm.")]),
        ([thought("a"), thought("b")], [text("c")], [thought("ab"), text("c")]),
        (
            [{"type": "thinking", "thinking": ["a", 5]}, {"type": "thinking"}, text("b"), 5],
            None,
            [thought("a")],
        ),
        ([text("a"), {"type": "reference", "reference_ids": [1]}], "a", None),
        (
            [{"type": "reference", "reference_ids": [1]}],
            "b",
            [text("b"), {"type": "reference", "reference_ids": [1]}],
        ),
    ],
)
def test_thinking_goes_back(parts: list[Any], content: Any, native: Any) -> None:
    """As Mistral gave it; what a stream gave in pieces is joined."""
    message: Any = {
        "role": "assistant",
        "content": content,
        "reasoning_content": "Hm.",
        "content_parts": parts,
    }
    call = ProviderCall("m", [*HELLO, message, *HELLO])
    body = decode_json(first_request(PROVIDER.complete(call)).body)
    assert body["messages"][1] == {"role": "assistant", "content": native or parts}
    assert report_of(call) == []
