"""What rows change in a call: each column and each quirk by itself, and its report."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import UnsupportedError
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate_compatible import host

GREETING = [{"role": "user", "content": "Hi"}]
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop",
        }
    ],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("a", "b")
]


async def sent(
    chat: dict[str, Any], messages: Any = None, when: Any = None, **parameters: Any
) -> tuple[dict[str, Any], list[str]]:
    """The body of a call to a host that departs from the format so, and the report."""
    made = host("acme", base_url="https://acme.example/v1", title="Acme", chat=chat, when=when)
    transport = CannedTransport([Canned(200, body=json.dumps(ANSWER).encode())])
    provider = with_transport(made(api_key="k"), transport)
    async with Client(providers={"acme": provider}) as client:
        call: Any = client.acompletion
        answer = await call("acme/m", messages or GREETING, **parameters)
    (request,) = transport.requests
    return json.loads(request.body), [f"{each.path} {each.kind}" for each in answer.report]


# --- parameters ---


async def test_a_host_of_which_nothing_is_known_is_sent_what_was_asked() -> None:
    """Every parameter under its own name."""
    body, report = await sent({}, max_completion_tokens=5, reasoning_effort="low", n=1)
    expected = {"model": "m", "messages": GREETING, "max_completion_tokens": 5}
    assert {**expected, "reasoning_effort": "low", "n": 1} == body
    assert [] == report


async def test_what_a_host_lacks_is_left_out_or_refused() -> None:
    """By whether it would change the meaning."""
    chat = {"without": ["seed", "n"]}
    body, report = await sent(chat, seed=1)
    assert "seed" not in body
    assert ["seed dropped"] == report
    with pytest.raises(UnsupportedError, match="n is not supported"):
        await sent(chat, n=2)


async def test_values_and_names_are_the_hosts_own() -> None:
    """A value that it does not take is dropped, a parameter is sent under its name."""
    chat = {
        "values": {"tool_choice": ["auto"]},
        "renames": {"user": "user_id"},
        "limit": "max_tokens",
    }
    body, report = await sent(
        chat, tools=TOOLS, tool_choice="required", user="ada", max_completion_tokens=5
    )
    assert ("ada", 5) == (body["user_id"], body["max_tokens"])
    assert {"tool_choice", "user", "max_completion_tokens"}.isdisjoint(body)
    assert ["max_completion_tokens renamed", "tool_choice dropped", "user renamed"] == sorted(
        report
    )
    body, _ = await sent({"limit": "max_completion_tokens"}, max_tokens=5)
    assert 5 == body["max_completion_tokens"]


@pytest.mark.parametrize(
    ("chat", "effort", "expected"),
    [
        ({"effort": {"minimal": "low"}}, "minimal", {"reasoning_effort": "low"}),
        ({"effort": {"minimal": "low"}}, "high", {"reasoning_effort": "high"}),
        ({"effort": {"none": {"think": False}}}, "none", {"think": False}),
        ({"effort": {"*": {"think": True}}}, "high", {"think": True}),
        ({"effort_field": "reasoning.effort"}, "low", {"reasoning": {"effort": "low", "own": 1}}),
    ],
)
async def test_an_effort_is_sent_in_the_hosts_terms(
    chat: dict[str, Any], effort: str, expected: dict[str, Any]
) -> None:
    """As another word, or as something that is merged into the body; the caller's own wins."""
    extra = {"reasoning": {"own": 1}} if "effort_field" in chat else {}
    body, report = await sent(chat, reasoning_effort=effort, extra_body=extra)
    assert expected == {key: body[key] for key in body if key not in ("model", "messages")}
    assert (
        ["reasoning_effort converted"] if effort != "high" or "*" in str(chat) else []
    ) == report


async def test_a_body_of_the_row_is_merged_and_the_callers_wins() -> None:
    """Both are in the report, or were the caller's own."""
    body, report = await sent(
        {"body": {"split": True, "x": {"y": 1, "z": 1}}}, extra_body={"x": {"y": 2}}
    )
    assert (True, {"y": 2, "z": 1}) == (body["split"], body["x"])
    assert ["split injected", "x injected"] == report


async def test_usage_is_asked_for_where_it_has_to_be() -> None:
    """Where stream_options are refused, not even when the caller asks for it."""
    for chat, options, expected in (
        ({"asks_usage": True}, None, True),
        ({}, None, False),
        ({}, {"include_usage": True}, True),
        ({"quirks": ["no_stream_options"]}, {"include_usage": True}, False),
    ):
        made = host("acme", base_url="https://acme.example/v1", chat=chat)
        provider = made(api_key="k")
        async with Client(providers={"acme": provider}) as client:
            preview = client.preview("acme/m", GREETING, stream=True, stream_options=options)
        assert ("stream_options" in json.loads(preview.body)) is expected
        if chat and not expected:
            assert "stream_options.include_usage" in preview.report


# --- tools ---

NAMED = {"type": "function", "function": {"name": "b"}}


async def test_a_tool_that_cannot_be_chosen_by_name_is_the_only_one() -> None:
    """Any other choice stays as it is."""
    chat = {"quirks": ["named_tool_as_required"]}
    body, report = await sent(chat, tools=TOOLS, tool_choice=NAMED)
    assert (["b"], "required") == (
        [tool["function"]["name"] for tool in body["tools"]],
        body["tool_choice"],
    )
    assert ["tool_choice converted"] == report
    for choice in ("auto", "required", {"type": "function", "function": {"name": "none"}}):
        body, report = await sent(chat, tools=TOOLS, tool_choice=choice)
        assert (choice, 2, []) == (body["tool_choice"], len(body["tools"]), report)


async def test_no_call_is_forced_while_the_host_reasons() -> None:
    """Unless its reasoning is turned off, in either way."""
    chat = {"quirks": ["free_choice_while_thinking"]}
    for options, is_sent in (
        ({}, False),
        ({"reasoning_effort": "none"}, True),
        ({"extra_body": {"thinking": {"type": "disabled"}}}, True),
        ({"extra_body": {"thinking": {"type": "enabled"}}}, False),
    ):
        body, report = await sent(chat, tools=TOOLS, tool_choice=NAMED, **options)
        assert is_sent is ("tool_choice" in body)
        assert is_sent is ("tool_choice dropped" not in report)


# --- the form of a response ---

SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (GREETING, 2),
        ([{"role": "system", "content": "Be brief."}, *GREETING], 2),
        ([{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *GREETING], 3),
    ],
)
async def test_a_schema_that_is_not_taken_is_in_the_prompt(messages: Any, expected: int) -> None:
    """In the system message, which may have to be made."""
    chat = {"quirks": ["schema_in_prompt"]}
    body, report = await sent(chat, messages, response_format=SCHEMA)
    assert {"type": "json_object"} == body["response_format"]
    assert expected == len(body["messages"])
    assert body["messages"][0]["content"].endswith('JSON schema:\n{"type": "object"}')
    assert ["response_format emulated"] == report
    body, report = await sent(chat, messages, response_format={"type": "json_object"})
    assert (messages, []) == (body["messages"], report)


async def test_any_object_is_a_schema_where_only_schemas_are_taken() -> None:
    """Both allow the same."""
    chat = {"quirks": ["object_as_schema"]}
    body, report = await sent(chat, response_format={"type": "json_object"})
    assert {"type": "object"} == body["response_format"]["json_schema"]["schema"]
    assert ["response_format converted"] == report
    body, report = await sent(chat, response_format=SCHEMA)
    assert (SCHEMA, []) == (body["response_format"], report)


# --- messages ---


async def test_roles_and_texts_are_those_that_the_host_knows() -> None:
    """Each change is reported."""
    system = [{"role": "developer", "content": "A"}, {"role": "system", "content": "B"}]
    body, report = await sent({"quirks": ["system_role", "one_system"]}, [*system, *GREETING])
    assert [{"role": "system", "content": "A\n\nB"}, *GREETING] == body["messages"]
    assert ["messages[0].role renamed", "messages[1] merged"] == report
    body, report = await sent({"quirks": ["alternating"]}, [*system, *GREETING, *GREETING])
    assert [*system, {"role": "user", "content": "Hi\n\nHi"}] == body["messages"]
    assert ["messages[3] merged"] == report


async def test_what_holds_more_than_text_is_not_joined() -> None:
    """Nothing of it may be lost."""
    parts = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    body, report = await sent({"quirks": ["alternating"]}, [*GREETING, parts, *GREETING])
    assert ([*GREETING, parts, *GREETING], []) == (body["messages"], report)
    body, report = await sent({"quirks": ["text_content"]}, [parts])
    assert (GREETING, ["messages[0].content converted"]) == (body["messages"], report)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    message = {"role": "user", "content": [image]}
    body, report = await sent({"quirks": ["text_content"]}, [message])
    assert ([message], []) == (body["messages"], report)


async def test_names_are_left_out_where_they_are_refused() -> None:
    """And reported."""
    message = {"role": "user", "content": "Hi", "name": "ada"}
    body, report = await sent({"quirks": ["no_names"]}, [message])
    assert (GREETING, ["messages[0].name dropped"]) == (body["messages"], report)


CALL = {"id": "f.x:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "f.x:0", "content": "1"}


def called(**fields: Any) -> list[dict[str, Any]]:
    """A history with one call."""
    return [*GREETING, {"role": "assistant", "tool_calls": [CALL], **fields}, RESULT]


@pytest.mark.parametrize(
    ("echo", "fields", "expected", "reported"),
    [
        ("given", {"reasoning": "R"}, {"reasoning": "R"}, []),
        (
            "none",
            {"reasoning": "R", "reasoning_details": [1]},
            {},
            ["reasoning", "reasoning_details"],
        ),
        ("none", {}, {}, []),
        ("reasoning", {"reasoning_content": "R"}, {"reasoning": "R"}, ["reasoning_content"]),
        ("reasoning", {"reasoning_details": [1]}, {}, ["reasoning_details"]),
        ("required", {"reasoning": "R"}, {"reasoning_content": "R"}, ["reasoning"]),
        ("required", {}, {"reasoning_content": " "}, ["reasoning_content"]),
        ("required", {"tool_calls": None, "content": "A", "refusal": "x"}, {}, []),
        ("details", {"reasoning_content": "R"}, {"reasoning": "R"}, ["reasoning_content"]),
        (
            "details",
            {"reasoning_content": "R", "reasoning_details": [1]},
            {"reasoning_details": [1]},
            ["reasoning_content"],
        ),
        (
            "tags",
            {"reasoning_content": "R"},
            {"content": "<think>R</think>"},
            ["reasoning_content"],
        ),
        (
            "tags",
            {"reasoning": "R", "content": [{"type": "text", "text": "A"}]},
            {"content": [{"type": "text", "text": "A"}]},
            ["reasoning"],
        ),
    ],
)
async def test_reasoning_goes_back_as_the_host_takes_it(
    echo: str, fields: dict[str, Any], expected: dict[str, Any], reported: list[str]
) -> None:
    """Converted where it can be, left out where not, and reported either way."""
    history = called(**fields)[: 3 if fields.get("tool_calls", 1) else 2]
    body, report = await sent({"echo": echo}, history)
    message = body["messages"][1]
    names = ["reasoning", "reasoning_content", "reasoning_details"]
    if echo == "tags":
        names.append("content")
    assert expected == {name: message[name] for name in names if message.get(name)}
    assert [f"messages[1].{name}" for name in reported] == [each.split()[0] for each in report]


async def test_fields_and_calls_are_those_of_a_request() -> None:
    """Where a host refuses all others."""
    fields: dict[str, Any] = {"annotations": [{}], "refusal": "no", "content": "A"}
    signed = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}, "index": 0}
    for quirks, kept in (([], {"extra_content", "index"}), (["known_fields"], set[str]())):
        body, report = await sent({"quirks": quirks}, called(**fields, tool_calls=[signed]))
        message = body["messages"][1]
        assert kept == {"extra_content", "index"} & message["tool_calls"][0].keys()
        assert (not quirks) is ("annotations" in message)
        assert (not quirks) is (not report)
    body, _ = await sent({"quirks": ["known_fields", "signed_calls"]}, called(tool_calls=[signed]))
    assert "s" in str(body["messages"][1]["tool_calls"])


async def test_a_call_without_a_signature_is_marked_where_one_is_required() -> None:
    """As is documented for calls that another model made."""
    body, report = await sent({"quirks": ["signatures_required"]}, called())
    signature = body["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
    assert "skip_thought_signature_validator" == signature
    assert ["messages[1].tool_calls[0].extra_content injected"] == report
    signed = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
    _, report = await sent({"quirks": ["signatures_required"]}, called(tool_calls=[signed]))
    assert [] == report


async def test_ids_are_plain_where_they_have_to_be() -> None:
    """In the call and in its result alike."""
    body, report = await sent({"quirks": ["plain_ids", "content_with_calls"]}, called())
    assert "f_x_0" == body["messages"][1]["tool_calls"][0]["id"]
    assert "f_x_0" == body["messages"][2]["tool_call_id"]
    assert "" == body["messages"][1]["content"]
    assert [
        "messages[1].tool_calls[0].id converted",
        "messages[2].tool_call_id converted",
    ] == report


async def test_an_empty_list_of_calls_is_not_sent() -> None:
    """It says nothing, and hosts refuse it."""
    message: dict[str, Any] = {"role": "assistant", "content": "A", "tool_calls": []}
    body, _ = await sent({"echo": "none"}, [*GREETING, message, *GREETING])
    assert {"role": "assistant", "content": "A"} == body["messages"][1]


async def test_content_in_parts_goes_back_to_whoever_gave_it_so() -> None:
    """Others are sent its text."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "A",
        "content_parts": [{"type": "text", "text": "A"}],
    }
    body, _ = await sent({"quirks": ["content_parts"]}, [*GREETING, message, *GREETING])
    assert [{"type": "text", "text": "A"}] == body["messages"][1]["content"]
    body, report = await sent({"echo": "none"}, [*GREETING, message, *GREETING])
    assert "A" == body["messages"][1]["content"]
    assert ["messages[1].content_parts dropped"] == report
