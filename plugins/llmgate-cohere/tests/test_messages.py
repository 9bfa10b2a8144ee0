"""Messages and tools as Cohere takes them."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.testing.driving import call_of
from llmgate_cohere import encode
from tests.integration.cohere_calls import (
    CALL,
    CALLED,
    CITY,
    HELLO,
    IMAGE,
    PROVIDER,
    RESULT,
    TEXT,
    TOOLS,
    WEATHER,
    encoded,
    tool,
)

NOW: dict[str, Any] = {"name": "now"}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
DATA = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


# --- messages -----------------------------------------------------------------------------

SYSTEM = {"role": "system", "content": "Be brief."}
KIND = {"role": "developer", "content": "Be kind."}
BRIEF, KINDLY = {"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}
MESSAGES: list[tuple[list[Any], list[Any], list[tuple[str, str]]]] = [
    ([SYSTEM, *HELLO], [SYSTEM, *HELLO], []),
    ([KIND, *HELLO], [{"role": "system", "content": "Be kind."}, *HELLO], []),
    (
        [SYSTEM, KIND, *HELLO],
        [{"role": "system", "content": [BRIEF, KINDLY]}, *HELLO],
        [("merged", "messages[1]")],
    ),
    ([*HELLO, SYSTEM], [SYSTEM, *HELLO], [("converted", "messages[1]")]),
    (
        [SYSTEM, *HELLO, KIND],
        [{"role": "system", "content": [BRIEF, KINDLY]}, *HELLO],
        [("converted", "messages[2]")],
    ),
    (
        [{"role": "user", "content": [TEXT, IMAGE]}],
        [{"role": "user", "content": [TEXT, IMAGE]}],
        [],
    ),
    ([{"role": "user", "content": [DATA]}], [{"role": "user", "content": [DATA]}], []),
    (
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {**IMAGE["image_url"], "detail": "original"}}
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {**IMAGE["image_url"], "detail": "high"}}
                ],
            }
        ],
        [("converted", "messages[0].content[0].image_url.detail")],
    ),
    (
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image_url",
                        "image_url": {**IMAGE["image_url"], "x": 1, "detail": None},
                    }
                ],
            }
        ],
        [{"role": "user", "content": [IMAGE]}],
        [("dropped", "messages[0].content[0].image_url.x")],
    ),
    (
        [{"role": "user", "content": "Hi", "name": "ann"}],
        [{"role": "user", "content": "Hi"}],
        [("dropped", "messages[0].name")],
    ),
    (
        [{"role": "user", "content": [{**TEXT, "cache_control": {"type": "ephemeral"}}]}],
        [{"role": "user", "content": [TEXT]}],
        [("dropped", "messages[0].content[0].cache_control")],
    ),
    (
        [*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO],
        [*HELLO, {"role": "assistant", "content": "Hi"}, *HELLO],
        [],
    ),
    (
        [*HELLO, {"role": "assistant", "content": [TEXT]}],
        [*HELLO, {"role": "assistant", "content": [TEXT]}],
        [],
    ),
    (
        [*HELLO, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}],
        [*HELLO, {"role": "assistant", "content": [{"type": "text", "text": "No"}]}],
        [("converted", "messages[1].content[0]")],
    ),
    (
        [*HELLO, {"role": "assistant", "content": None, "refusal": "No"}],
        [*HELLO, {"role": "assistant", "content": "No"}],
        [("converted", "messages[1].refusal")],
    ),
    (
        [*HELLO, {"role": "assistant", "content": "Hi", "refusal": "No"}],
        [
            *HELLO,
            {"role": "assistant", "content": [TEXT, {"type": "text", "text": "No"}]},
        ],
        [("converted", "messages[1].refusal")],
    ),
    (
        [*HELLO, {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}, TEXT]}],
        [*HELLO, {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm"}, TEXT]}],
        [],
    ),
    ([*HELLO, {"role": "assistant", "content": ""}], HELLO, [("dropped", "messages[1]")]),
    (
        [*HELLO, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}],
        [*HELLO, {"role": "assistant", "content": "Hi"}],
        [("dropped", "messages[1].reasoning_content")],
    ),
    (
        [*HELLO, {"role": "assistant", "content": "Hi", "provider_data": {"acme": {}}, "x": 1}],
        [*HELLO, {"role": "assistant", "content": "Hi"}],
        [("dropped", "messages[1].x"), ("dropped", "messages[1].provider_data.acme")],
    ),
    (
        [*HELLO, CALLED, RESULT],
        [*HELLO, {"role": "assistant", "tool_calls": [CALL]}, RESULT],
        [],
    ),
    (
        [*HELLO, {**CALLED, "content": ""}, RESULT],
        [*HELLO, {"role": "assistant", "tool_calls": [CALL]}, RESULT],
        [],
    ),
    (
        [*HELLO, {**CALLED, "content": "I look."}, RESULT],
        [*HELLO, {"role": "assistant", "tool_calls": [CALL], "tool_plan": "I look."}, RESULT],
        [("renamed", "messages[1].content")],
    ),
    (
        [*HELLO, {**CALLED, "content": [{"type": "thinking", "thinking": "Hm"}]}, RESULT],
        [
            *HELLO,
            {
                "role": "assistant",
                "tool_calls": [CALL],
                "content": [{"type": "thinking", "thinking": "Hm"}],
            },
            RESULT,
        ],
        [],
    ),
    (
        [*HELLO, {**CALLED, "tool_calls": [{**CALL, "index": 0}]}, RESULT],
        [*HELLO, {"role": "assistant", "tool_calls": [CALL]}, RESULT],
        [("dropped", "messages[1].tool_calls[0].index")],
    ),
    (
        [*HELLO, CALLED, {**RESULT, "content": [TEXT]}],
        [*HELLO, {"role": "assistant", "tool_calls": [CALL]}, {**RESULT, "content": [TEXT]}],
        [],
    ),
    (
        [
            *HELLO,
            CALLED,
            {**RESULT, "content": [{"type": "document", "document": {"data": {"a": 1}}}]},
        ],
        [
            *HELLO,
            {"role": "assistant", "tool_calls": [CALL]},
            {**RESULT, "content": [{"type": "document", "document": {"data": {"a": 1}}}]},
        ],
        [],
    ),
]


@pytest.mark.parametrize(("given", "sent", "reported"), MESSAGES)
def test_messages(given: Any, sent: Any, reported: Any) -> None:
    """Each role and part has its turn; what is moved, joined or left out is reported."""
    body, deviations = encoded(given)
    assert sent == body["messages"]
    assert reported == deviations


# --- tools --------------------------------------------------------------------------------

CUT = [("converted", "tool_choice")]
ALLOWED = {"tools": [{"type": "function", "function": {"name": "weather"}}]}
CHOICES: list[tuple[Any, list[str], str | None, list[tuple[str, str]]]] = [
    ("auto", ["weather", "clock"], None, CUT),
    ("none", ["weather", "clock"], "NONE", []),
    ("required", ["weather", "clock"], "REQUIRED", []),
    (
        {"type": "function", "function": {"name": "clock"}},
        ["clock"],
        "REQUIRED",
        [*CUT, ("dropped", "tools[0]")],
    ),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", **ALLOWED}},
        ["weather"],
        None,
        [*CUT, ("dropped", "tools[1]")],
    ),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", **ALLOWED}},
        ["weather"],
        "REQUIRED",
        [*CUT, ("dropped", "tools[1]")],
    ),
]


@pytest.mark.parametrize(("choice", "names", "word", "reported"), CHOICES)
def test_choices(choice: Any, names: list[str], word: str | None, reported: Any) -> None:
    """A choice is Cohere's word; a choice among some of the tools sends only these."""
    clock = tool({"name": "clock", "parameters": CITY})
    body, deviations = encoded(tools=[*TOOLS, clock], tool_choice=choice)
    assert names == [item["function"]["name"] for item in body["tools"]]
    assert word == body.get("tool_choice")
    assert reported == deviations


TOOL_FORMS: list[tuple[list[Any], list[Any], bool | None, list[tuple[str, str]]]] = [
    (TOOLS, TOOLS, None, []),
    (
        [tool(NOW)],
        [tool(NOW, parameters=NOTHING)],
        None,
        [("defaulted", "tools[0].function.parameters")],
    ),
    ([tool(WEATHER, strict=True)], TOOLS, True, []),
    ([tool(WEATHER, strict=False)], TOOLS, None, []),
    (
        [tool(WEATHER, strict=True), tool({"name": "b", "parameters": CITY})],
        [*TOOLS, tool({"name": "b", "parameters": CITY})],
        None,
        [("dropped", "tools[0].function.strict")],
    ),
    (
        [tool({"name": "b", "parameters": NOTHING, "strict": True})],
        [tool({"name": "b", "parameters": NOTHING})],
        None,
        [("dropped", "tools[0].function.strict")],
    ),
    (
        [{**tool(WEATHER, x=1), "y": 2}],
        TOOLS,
        None,
        [("dropped", "tools[0].function.x"), ("dropped", "tools[0].y")],
    ),
    (
        [tool(WEATHER, name="get-weather"), tool(WEATHER, name="get_weather")],
        [tool(WEATHER, name="get_weather_"), tool(WEATHER, name="get_weather")],
        None,
        [("converted", "tools[0].function.name")],
    ),
    (
        [tool(WEATHER, name="3d")],
        [tool(WEATHER, name="_3d")],
        None,
        [("converted", "tools[0].function.name")],
    ),
]


@pytest.mark.parametrize(("given", "sent", "strict", "reported"), TOOL_FORMS)
def test_tools(given: Any, sent: Any, strict: bool | None, reported: Any) -> None:
    """A tool has a schema and a name in Cohere's letters; strictness is for all or none."""
    body, deviations = encoded(tools=given)
    assert sent == body["tools"]
    assert strict == body.get("strict_tools")
    assert reported == deviations


def test_names_are_one_for_one() -> None:
    """A name is written the same in tools and history, and given back as it was."""
    called = {**CALL, "function": {"name": "get-it", "arguments": "{}"}}
    call = call_of(
        PROVIDER,
        {
            "model": "m",
            "messages": [*HELLO, {**CALLED, "tool_calls": [called]}, RESULT],
            "tools": [tool(WEATHER, name="get-it"), tool(WEATHER, name="get.it")],
            "tool_choice": {"type": "function", "function": {"name": "get.it"}},
        },
    )
    sent = encode(call)
    assert ["get-it", "get.it"] == [sent.names.given(name) for name in ("get_it", "get_it_")]
    assert [tool(WEATHER, name="get_it_")] == sent.body["tools"]
    assert sent.body["messages"][1]["tool_calls"][0]["function"]["name"] == "get_it"
