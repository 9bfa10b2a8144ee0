"""What is sent for a call: parameters, tools, formats and reasoning, by family of models."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall

Sent = Callable[..., tuple[dict[str, Any], ProviderCall]]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-4-7"
OLD = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
TITAN = "amazon.titan-text-express-v1"
MISTRAL = "mistral.mistral-large-2402-v1:0"
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": CITY}}
OTHER: dict[str, Any] = {"type": "function", "function": {"name": "g"}}
NAMED = {"type": "function", "function": {"name": "f"}}
FORMAT: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "a b", "schema": CITY}}
CALLED: list[Any] = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "5"},
]


def reported(call: ProviderCall) -> set[str]:
    return {f"{each.path} {each.kind}" for each in call.report}


# --- parameters ---------------------------------------------------------------------------


def test_a_scale_that_ends_at_one(sent: Sent) -> None:
    """Higher values are sent as 1."""
    body, call = sent(model=NOVA, temperature=1.5, top_p=2)
    assert {"temperature": 1, "topP": 1} == body["inferenceConfig"]
    assert {"temperature clamped", "top_p clamped"} == reported(call)


def test_claude_takes_one_of_two(sent: Sent) -> None:
    """Its rules are Anthropic's, and seen by a preview; the latest take neither."""
    body, call = sent(model=CLAUDE, temperature=0.5, top_p=0.5)
    assert {"temperature": 0.5} == body["inferenceConfig"]
    assert {"top_p dropped"} == reported(call)
    body, _ = sent(model=OPUS, temperature=0.5)
    assert "inferenceConfig" not in body


@pytest.mark.parametrize(
    ("given", "body", "report"),
    [
        ("priority", {"type": "priority"}, set[str]()),
        ("auto", None, {"service_tier dropped"}),
        ("scale", None, {"service_tier dropped"}),
    ],
)
def test_tiers(sent: Sent, given: str, body: Any, report: set[str]) -> None:
    """Those that Bedrock has."""
    found, call = sent(service_tier=given)
    assert (body, report) == (found.get("serviceTier"), reported(call))


def test_metadata_is_of_sixteen(sent: Sent) -> None:
    """What is beyond is reported."""
    body, call = sent(metadata={f"k{number:02}": "v" for number in range(17)})
    assert 16 == len(body["requestMetadata"])
    assert {"metadata.k16 dropped"} == reported(call)


def test_nothing_is_sent_that_was_not_asked(sent: Sent) -> None:
    """A plain call is its messages."""
    body, call = sent()
    assert {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]} == body
    assert not reported(call)


# --- reasoning ----------------------------------------------------------------------------

MORE = "additionalModelRequestFields"


@pytest.mark.parametrize(
    ("model", "given", "body"),
    [
        (
            CLAUDE,
            {"reasoning_effort": "low", "max_tokens": 8_000},
            {
                "inferenceConfig": {"maxTokens": 8_000},
                MORE: {"thinking": {"type": "enabled", "budget_tokens": 2_048}},
            },
        ),
        (
            CLAUDE,
            {"reasoning_effort": "high"},
            {
                "inferenceConfig": {"maxTokens": 64_000},
                MORE: {"thinking": {"type": "enabled", "budget_tokens": 16_384}},
            },
        ),
        (CLAUDE, {"reasoning_effort": "none"}, {MORE: {"thinking": {"type": "disabled"}}}),
        (
            CLAUDE,
            {"reasoning_effort": "low", "max_tokens": 100},
            {"inferenceConfig": {"maxTokens": 100}},
        ),
        (
            OPUS,
            {"reasoning_effort": "xhigh"},
            {"outputConfig": {"effort": "xhigh"}, MORE: {"thinking": {"type": "adaptive"}}},
        ),
        (
            "anthropic.claude-opus-5-v1:0",
            {"reasoning_effort": "max"},
            {"outputConfig": {"effort": "max"}},
        ),
        (OLD, {"reasoning_effort": "low"}, {}),
        ("anthropic.claude-v2:1", {"reasoning_effort": "low"}, {}),
        (NOVA, {"reasoning_effort": "low"}, {}),
        (NOVA_2, {"reasoning_effort": "none"}, {MORE: {"reasoningConfig": {"type": "disabled"}}}),
        (
            NOVA_2,
            {"reasoning_effort": "xhigh", "max_completion_tokens": 9, "top_p": 0.5},
            {MORE: {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}},
        ),
        (OSS, {"reasoning_effort": "minimal"}, {MORE: {"reasoning_effort": "low"}}),
        (OSS, {"reasoning_effort": "huge"}, {}),
    ],
)
def test_reasoning(sent: Sent, model: str, given: dict[str, Any], body: dict[str, Any]) -> None:
    """In the way that each family has; what is not sent is in the report."""
    found, call = sent(model=model, **given)
    del found["messages"]
    assert body == found
    assert any(path.startswith("reasoning_effort ") for path in reported(call))


def test_calls_that_were_made_without_thinking(sent: Sent) -> None:
    """A turn goes on as it began; nor is a forced call thought about."""
    body, call = sent(CALLED, model=CLAUDE, tools=[TOOL], reasoning_effort="low")
    assert MORE not in body
    assert "reasoning_effort dropped" in reported(call)
    body, call = sent(model=CLAUDE, tools=[TOOL], tool_choice="required", reasoning_effort="low")
    assert {"any": {}} == body["toolConfig"]["toolChoice"]
    assert "reasoning_effort dropped" in reported(call)


def test_sampling_beside_thinking(sent: Sent) -> None:
    """Claude takes no temperature below 1 while it thinks."""
    body, call = sent(model=CLAUDE, temperature=0.5, reasoning_effort="low", max_tokens=8_000)
    assert {"maxTokens": 8_000} == body["inferenceConfig"]
    assert "temperature dropped" in reported(call)
    extra = {MORE: {"thinking": {"type": "enabled", "budget_tokens": 1_024}}}
    _, call = sent(model=CLAUDE, temperature=0.5, extra_body=extra)
    assert {"temperature dropped"} == reported(call)
    body, _ = sent(model=CLAUDE, extra_body={MORE: None})  # what it says is Bedrock's to refuse
    assert body[MORE] is None


# --- tools --------------------------------------------------------------------------------


def among(mode: str) -> dict[str, Any]:
    """A choice of one of several."""
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [NAMED]}}


def test_a_tool_by_the_family(sent: Sent) -> None:
    """What a tool has, and what of it a family takes."""
    function: dict[str, Any] = {
        "name": "f.g",
        "description": " ",
        "parameters": {"properties": {}},
        "strict": True,
    }
    tool: dict[str, Any] = {
        "type": "function",
        "function": function,
        "cache_control": {"type": "ephemeral"},
    }
    spec: dict[str, Any] = {"inputSchema": {"json": {"type": "object", "properties": {}}}}
    body, call = sent(model=CLAUDE, tools=[tool])
    assert [
        {"toolSpec": {"name": "f_g", "strict": True, **spec}},
        {"cachePoint": {"type": "default"}},
    ] == body["toolConfig"]["tools"]
    assert {
        "tools[0].function.name converted",
        "tools[0].cache_control converted",
    } == reported(call)
    body, call = sent(model=NOVA, tools=[tool])
    assert [{"toolSpec": {"name": "f_g", **spec}}] == body["toolConfig"]["tools"]
    assert {
        "tools[0].function.name converted",
        "tools[0].function.strict dropped",
        "tools[0].cache_control dropped",
    } == reported(call)


@pytest.mark.parametrize(
    ("model", "choice", "names", "sent_choice"),
    [
        (CLAUDE, "auto", "fg", {"auto": {}}),
        (CLAUDE, NAMED, "fg", {"tool": {"name": "f"}}),
        (MISTRAL, NAMED, "f", {"any": {}}),
        (LLAMA, "auto", "fg", {"auto": {}}),
        (NOVA, among("auto"), "f", {"auto": {}}),
        (NOVA, among("required"), "f", {"any": {}}),
        (CLAUDE, None, "fg", None),
    ],
)
def test_choices(sent: Sent, model: str, choice: Any, names: str, sent_choice: Any) -> None:
    """By what the family has; otherwise by what is sent."""
    given: dict[str, Any] = {} if choice is None else {"tool_choice": choice}
    body, call = sent(model=model, tools=[TOOL, OTHER], **given)
    config = body["toolConfig"]
    assert names == "".join(tool["toolSpec"]["name"] for tool in config["tools"])
    assert sent_choice == config.get("toolChoice")
    assert (names == "f") is ("tool_choice converted" in reported(call))


@pytest.mark.parametrize("model", [LLAMA, "anthropic.claude-opus-5-5-v1:0"])
def test_a_call_that_cannot_be_forced(sent: Sent, model: str) -> None:
    """Is refused before anything is sent."""
    with pytest.raises(UnsupportedError, match="cannot be made to call"):
        sent(model=model, tools=[TOOL], tool_choice="required")


def test_no_call_at_all(sent: Sent) -> None:
    """Claude is told so; others are sent no tool, but for those of earlier calls."""
    body, call = sent(model=CLAUDE, tools=[TOOL], tool_choice="none")
    assert {"tool_choice": {"type": "none"}} == body[MORE]
    assert {"tool_choice converted"} == reported(call)
    body, call = sent(model=NOVA, tools=[TOOL], tool_choice="none")
    assert "toolConfig" not in body
    assert {"tool_choice converted", "tool_choice dropped"} == reported(call)
    body, call = sent(CALLED, model=NOVA, tools=[TOOL], tool_choice="none")
    assert ["tools"] == [*body["toolConfig"]]
    assert {"tool_choice converted"} == reported(call)


@pytest.mark.parametrize(
    ("choice", "sent_choice"),
    [
        (None, {"type": "auto"}),
        ("required", {"type": "any"}),
        (NAMED, {"type": "tool", "name": "f"}),
    ],
)
def test_one_call_at_a_time(sent: Sent, choice: Any, sent_choice: dict[str, Any]) -> None:
    """In Claude's own words; other families have none."""
    given = {} if choice is None else {"tool_choice": choice}
    body, call = sent(model=CLAUDE, tools=[TOOL], parallel_tool_calls=False, **given)
    assert {"tool_choice": {**sent_choice, "disable_parallel_tool_use": True}} == body[MORE]
    assert "parallel_tool_calls converted" in reported(call)
    body, call = sent(model=CLAUDE, tools=[TOOL], parallel_tool_calls=True)
    assert MORE not in body
    assert {"parallel_tool_calls dropped"} == reported(call)
    body, call = sent(model=NOVA, tools=[TOOL], parallel_tool_calls=False)
    assert {"parallel_tool_calls dropped"} == reported(call)


def test_earlier_calls_without_their_tools(sent: Sent) -> None:
    """The API refuses them, so the tools are there by name."""
    body, call = sent(CALLED, model=CLAUDE)
    schema: dict[str, Any] = {"json": {"type": "object", "properties": {}}}
    assert [{"toolSpec": {"name": "f", "inputSchema": schema}}] == body["toolConfig"]["tools"]
    assert {"tools injected"} == reported(call)
    body, call = sent(CALLED, model=CLAUDE, extra_body={"toolConfig": {"tools": []}})
    assert {"tools": []} == body["toolConfig"]
    assert not reported(call)


def test_tools_that_are_none(sent: Sent) -> None:
    """Custom tools are refused, and so are tools of other vendors."""
    for tool in ({"type": "custom", "custom": {"name": "f"}}, {"type": "web_search"}):
        with pytest.raises(UnsupportedError, match="functions"):
            sent(tools=[tool])
    body, _ = sent(tools=[{"type": "systemTool", "systemTool": {"name": "nova_grounding"}}])
    assert {"tools": [{"systemTool": {"name": "nova_grounding"}}]} == body["toolConfig"]


def test_tools_in_words(sent: Sent) -> None:
    """For a model that has none; its history is in words, too."""
    body, call = sent(CALLED, model=TITAN, tools=[TOOL])
    assert "toolConfig" not in body
    assert "toolUse" not in str(body)
    assert '"name": "f"' in body["messages"][0]["content"][0]["text"]
    assert "tools emulated" in reported(call)


# --- formats ------------------------------------------------------------------------------


def test_a_schema(sent: Sent) -> None:
    """As a format, where the model has it, in its dialect."""
    named = {"name": "a b", "description": "d", "schema": CITY}
    body, call = sent(model=CLAUDE, response_format={"type": "json_schema", "json_schema": named})
    found = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert {"schema", "name", "description"} == found.keys()
    assert {**CITY, "additionalProperties": False} == json.loads(found["schema"])
    assert {"response_format.json_schema.schema converted"} == reported(call)


@pytest.mark.parametrize("model", [OLD, NOVA, "anthropic.claude-opus-4-1-20250805-v1:0"])
def test_a_schema_by_a_forced_tool(sent: Sent, model: str) -> None:
    """Where the model has no format, and can be made to call a tool."""
    described = {"name": "a b", "schema": CITY, "description": "d"}
    asked = {"type": "json_schema", "json_schema": described}
    body, call = sent(model=model, response_format=asked)
    tool = {"name": "a_b", "description": "d", "inputSchema": {"json": CITY}}
    choice = {"tool": {"name": "a_b"}}
    assert {"tools": [{"toolSpec": tool}], "toolChoice": choice} == body["toolConfig"]
    assert {"response_format emulated"} == reported(call)


@pytest.mark.parametrize(
    ("model", "options"),
    [(LLAMA, {}), (NOVA, {"tools": [TOOL]}), (TITAN, {})],
)
def test_a_schema_in_words(sent: Sent, model: str, options: dict[str, Any]) -> None:
    """Where there is neither, or there are tools of the caller's: at the place for instructions."""
    body, call = sent(model=model, response_format=FORMAT, **options)
    words = body["system"] if model != TITAN else body["messages"][-1]["content"][1:]
    assert json.dumps(CITY) in words[0]["text"]
    assert "response_format emulated" in reported(call)


def test_open_maps_are_no_format(sent: Sent) -> None:
    """The dialect cannot say them: a tool can."""
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    named = {"name": "a", "schema": schema}
    body, _ = sent(model=CLAUDE, response_format={"type": "json_schema", "json_schema": named})
    assert schema == body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]


def test_other_formats(sent: Sent) -> None:
    """JSON of no schema is requested in words; text is what comes anyway."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    body, call = sent(messages, response_format={"type": "json_object"})
    assert ["Be brief."] == [each["text"] for each in body["system"][:1]]
    assert "JSON" in body["system"][1]["text"]
    assert {"response_format emulated"} == reported(call)
    body, call = sent(response_format={"type": "text"})
    assert ({"messages"}, {"response_format dropped"}) == ({*body}, reported(call))
    with pytest.raises(InvalidRequestError, match="json_schema"):
        sent(response_format={"type": "grammar"})
