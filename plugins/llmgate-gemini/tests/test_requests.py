"""Parameters, tools, formats and thinking, as Gemini takes them."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider import Rule
from llmgate_gemini import Gemini, VertexAI
from llmgate_gemini.traits import abilities_of

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tool(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": CITY, **more}}


def paths(call: Any) -> set[str]:
    return {deviation.path for deviation in call.report}


def test_parameters(sent: Any) -> None:
    """Each has its name in ``generationConfig``, and none is reported."""
    body, call = sent(
        temperature=0.5,
        top_p=0.25,
        seed=7,
        presence_penalty=0.5,
        frequency_penalty=0.25,
        n=2,
        logprobs=True,
        top_logprobs=3,
        max_tokens=9,
        stop=["a", "b"],
        model="gemini-3.5-flash",
    )
    assert {
        "temperature": 0.5,
        "topP": 0.25,
        "seed": 7,
        "presencePenalty": 0.5,
        "frequencyPenalty": 0.25,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
        "maxOutputTokens": 9,
        "stopSequences": ["a", "b"],
    } == body["generationConfig"]
    assert [] == list(call.report)


def test_no_alternatives_to_a_token(sent: Any) -> None:
    """None are asked for, as 0 is not a number of them."""
    body, _ = sent(logprobs=True, top_logprobs=0)
    assert {"responseLogprobs": True} == body["generationConfig"]


def test_several_choices_are_not_streamed(sent: Any) -> None:
    """The API has it so."""
    with pytest.raises(UnsupportedError, match="streams one choice"):
        sent(n=2, stream=True)


@pytest.mark.parametrize(
    ("given", "sent_tier"), [("auto", None), ("default", "standard"), ("flex", "flex")]
)
def test_service_tiers(given: str, sent_tier: str | None, sent: Any) -> None:
    """OpenAI's words, and Gemini's own."""
    body, call = sent(service_tier=given)
    assert sent_tier == body.get("serviceTier")
    assert ("service_tier" in call.report) == (sent_tier is None)


def test_extra_body_is_merged(sent: Any) -> None:
    """Safety settings, cached content and what else is Gemini's own."""
    own: dict[str, Any] = {
        "safetySettings": [],
        "cachedContent": "c/1",
        "generationConfig": {"topK": 4},
    }
    body, _ = sent(seed=1, extra_body=own)
    assert ([], "c/1") == (body["safetySettings"], body["cachedContent"])
    assert {"seed": 1, "topK": 4} == body["generationConfig"]


def test_labels(sent_to_vertex: Any) -> None:
    """Metadata and the user are labels of Vertex AI, where they can be."""
    body, call = sent_to_vertex(metadata={"team": "a", "Big": "b"}, user="u-1")
    assert {"team": "a", "user": "u-1"} == body["labels"]
    assert {"metadata.team", "metadata.Big", "user"} == paths(call)
    body, _ = sent_to_vertex()
    assert "labels" not in body


# --- thinking -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gemini-3.6-flash", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-4-argon", "max", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-flash-latest", "none", {"thinkingLevel": "LOW"}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "low", {"thinkingBudget": 2048, "includeThoughts": True}),
        ("gemini-2.0-flash", "none", None),
        ("gemini-2.5-flash-image", "none", None),
        ("gemma-4-27b-it", "none", None),
        ("gemini-1.5-pro", "low", None),
        ("gemini-3.6-flash", "extreme", None),
    ],
)
def test_thinking(model: str, effort: str, expected: Any, sent: Any) -> None:
    """A level or a budget, by what the model has; each is reported."""
    body, call = sent(model=model, reasoning_effort=effort)
    assert expected == body.get("generationConfig", {}).get("thinkingConfig")
    assert {"reasoning_effort"} == paths(call)


def test_what_models_refuse() -> None:
    """Penalties of 2.5, and sampling where it does nothing; a whole path is its model's name."""
    table = abilities_of("publishers/google/models/gemini-2.5-flash")
    penalty = table["presence_penalty"]
    assert isinstance(penalty, Rule)
    assert (0,) == penalty.allowed
    assert isinstance(abilities_of("gemini-3.8-flash")["temperature"], Rule)
    assert not isinstance(abilities_of("gemini-3.6-pro")["temperature"], Rule)
    assert Gemini().abilities("gemini-2.5-flash", {}) == abilities_of("gemini-2.5-flash")


# --- tools --------------------------------------------------------------------------------


def test_tools(sent: Any) -> None:
    """Functions are declared with their JSON schemas."""
    bare = {"type": "function", "function": {"name": "g", "description": "Tells."}}
    body, call = sent(tools=[tool(description="Finds."), bare])
    assert [
        {"name": "f", "description": "Finds.", "parametersJsonSchema": CITY},
        {"name": "g", "description": "Tells."},
    ] == body["tools"][0]["functionDeclarations"]
    assert "toolConfig" not in body
    assert [] == list(call.report)


def test_tools_of_older_models(sent: Any) -> None:
    """Their schemas are OpenAPI's, and an empty object is left out."""
    empty = {"name": "g", "parameters": {"type": "object"}}
    tools = [tool(strict=True), {"type": "function", "function": empty}]
    body, call = sent(tools=tools, model="gemini-2.0-flash")
    first, second = body["tools"][0]["functionDeclarations"]
    assert (CITY, {"name": "g"}) == (first["parameters"], second)
    assert {"tools[0].function.strict"} == paths(call)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "f"}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_choices(choice: Any, expected: Any, sent: Any) -> None:
    """OpenAI's words in Gemini's."""
    body, _ = sent(tools=[tool()], tool_choice=choice)
    assert {"functionCallingConfig": expected} == body["toolConfig"]


def test_a_choice_among_some(sent: Any) -> None:
    """They are named, and sent alone to models that take no names without a forced call."""
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}
    asked = {
        "tools": [tool(), tool("g")],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed},
    }
    body, _ = sent(**asked)
    calling = body["toolConfig"]["functionCallingConfig"]
    assert {"mode": "VALIDATED", "allowedFunctionNames": ["f"]} == calling
    body, _ = sent(**asked, model="gemini-2.0-flash")
    assert ["f"] == [each["name"] for each in body["tools"][0]["functionDeclarations"]]
    assert {"mode": "AUTO"} == body["toolConfig"]["functionCallingConfig"]


def test_strict_tools(sent: Any) -> None:
    """All calls are then held to their schemas."""
    body, call = sent(tools=[tool(strict=True)])
    assert {"mode": "VALIDATED"} == body["toolConfig"]["functionCallingConfig"]
    assert {"tools[0].function.strict"} == paths(call)
    body, _ = sent(tools=[tool(strict=True)], tool_choice="required")
    assert {"mode": "ANY"} == body["toolConfig"]["functionCallingConfig"]


def test_names(sent: Any) -> None:
    """They are sent in the characters that Gemini accepts, in calls as well."""
    function = {"name": "a b", "arguments": "{}"}
    made = {"id": "c", "type": "function", "function": function}
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "c", "content": "5"},
    ]
    body, call = sent(history, tools=[tool("a b")])
    assert "a_b" == body["tools"][0]["functionDeclarations"][0]["name"]
    assert "a_b" == body["contents"][1]["parts"][0]["functionCall"]["name"]
    assert "a_b" == body["contents"][2]["parts"][0]["functionResponse"]["name"]
    assert "tools[0].function.name" in call.report


def test_custom_tools_are_refused(sent: Any) -> None:
    """Gemini has functions only, and no choice where there are none."""
    with pytest.raises(UnsupportedError):
        sent(tools=[{"type": "custom", "custom": {"name": "x"}}])
    with pytest.raises(InvalidRequestError):
        sent(tool_choice="required")


def test_web_search(sent: Any) -> None:
    """It is a tool of the server's, alone or beside functions."""
    body, call = sent(web_search_options={"search_context_size": "low"})
    assert [{"googleSearch": {}}] == body["tools"]
    assert {"web_search_options", "web_search_options.search_context_size"} == paths(call)
    body, _ = sent(web_search_options={}, tools=[tool()])
    assert {"includeServerSideToolInvocations": True} == body["toolConfig"]
    body, _ = sent(web_search_options={}, tools=[tool()], model="gemini-2.5-flash")
    assert 2 == len(body["tools"])
    assert "toolConfig" not in body


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "urlContext"}, {"urlContext": {}}),
        ({"type": "googleSearch", "googleSearch": None}, {"googleSearch": {}}),
        (
            {"type": "fileSearch", "fileSearch": {"fileSearchStoreNames": ["a"]}},
            {"fileSearch": {"fileSearchStoreNames": ["a"]}},
        ),
    ],
)
def test_tools_of_the_server(sent: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Gemini's own, by their names, alone or beside functions, which Gemini 3 is told of."""
    body, call = sent(tools=[given])
    assert [expected] == body["tools"]
    assert "toolConfig" not in body
    assert set() == paths(call)
    body, _ = sent(tools=[given, tool("f")], tool_choice="required")
    assert "f" == body["tools"][0]["functionDeclarations"][0]["name"]
    assert expected == body["tools"][1]
    mode = {"functionCallingConfig": {"mode": "ANY"}}
    assert {**mode, "includeServerSideToolInvocations": True} == body["toolConfig"]


def test_tools_of_the_server_and_their_fields(sent: Any) -> None:
    """A search that is asked for twice is sent once, and unknown fields are reported."""
    code: dict[str, Any] = {"type": "codeExecution", "codeExecution": {}, "name": "x"}
    body, call = sent(tools=[{"type": "googleSearch"}, code], web_search_options={})
    assert [{"googleSearch": {}}, {"codeExecution": {}}] == body["tools"]
    assert {"tools[1].name", "web_search_options"} == paths(call)
    with pytest.raises(UnsupportedError, match=r"tools\[0\]: Gemini supports functions and code"):
        sent(tools=[{"type": "web_search"}])


def test_vertex_is_not_told_of_both_kinds_of_tools(sent_to_vertex: Any) -> None:
    """It has no such field."""
    body, _ = sent_to_vertex(tools=[tool(), {"type": "urlContext"}])
    assert ["functionDeclarations", "urlContext"] == [next(iter(each)) for each in body["tools"]]
    assert "toolConfig" not in body


# --- formats ------------------------------------------------------------------------------


def json_schema(**more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY, **more}}


def test_formats(sent: Any) -> None:
    """JSON, by a schema or without one."""
    mime = {"responseMimeType": "application/json"}
    body, _ = sent(response_format={"type": "json_object"})
    assert mime == body["generationConfig"]
    body, call = sent(response_format=json_schema(strict=True))
    assert {**mime, "responseJsonSchema": CITY} == body["generationConfig"]
    assert [] == list(call.report)
    body, _ = sent(response_format=json_schema(), model="gemini-2.0-flash")
    assert {**mime, "responseSchema": CITY} == body["generationConfig"]
    body, call = sent(response_format=json_schema(description="Of a city", strict=False))
    assert {"response_format.json_schema.description", "response_format.json_schema.strict"} == (
        paths(call)
    )
    body, _ = sent(response_format={"type": "json_schema", "json_schema": {"name": "x"}})
    assert mime == body["generationConfig"]
    body, _ = sent(response_format={"type": "text"})
    assert "generationConfig" not in body


def test_speech_and_pictures(sent: Any) -> None:
    """Kinds of output, and a voice."""
    body, _ = sent(modalities=["text", "image"], model="gemini-3-pro-image")
    assert {"responseModalities": ["TEXT", "IMAGE"]} == body["generationConfig"]
    audio = {"voice": "Kore", "format": "wav"}
    body, call = sent(
        modalities=["text", "audio"], audio=audio, model="gemini-2.5-flash-preview-tts"
    )
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    assert {"responseModalities": ["AUDIO"], "speechConfig": voice} == body["generationConfig"]
    assert {"modalities", "audio.format"} == paths(call)


def test_addresses() -> None:
    """Of both methods, and of models by their whole names; a query stays."""
    from llmgate.testing.driving import call_of, first_request

    def url(provider: Any, model: str, stream: bool = False) -> str:
        call = call_of(provider, {"model": model, "messages": [{"role": "user", "content": "Hi"}]})
        return first_request(provider.stream(call) if stream else provider.complete(call)).url

    base = "https://generativelanguage.googleapis.com/v1beta"
    assert f"{base}/models/gemini-x:generateContent" == url(Gemini(), "gemini-x")
    assert f"{base}/tunedModels/x:generateContent" == url(Gemini(), "tunedModels/x")
    streamed = f"{base}/models/gemini-x:streamGenerateContent?alt=sse"
    assert streamed == url(Gemini(), "gemini-x", stream=True)
    proxied = Gemini(api_key="k", base_url="https://a.example/v1beta/?x=1", api_version="v1")
    expected = "https://a.example/v1/models/gemini-x:streamGenerateContent?alt=sse&x=1"
    assert expected == url(proxied, "gemini-x", stream=True)
    assert "Gemini(base_url='https://a.example')" == repr(proxied)
    assert "https://b.example/v1/models/g:generateContent" == url(
        proxied.configured(base_url="https://b.example"), "g"
    )
    assert "VertexAI" in repr(VertexAI(api_key="k"))


@pytest.mark.parametrize("odd", ["f", 1, ["f"], None])
def test_the_function_of_a_tool_of_geminis_own(odd: Any, sent: Any) -> None:
    """It is an unknown field, whatever it holds, beside functions as well."""
    function = {"type": "function", "function": {"name": "f", "strict": True}}
    body, call = sent(tools=[{"type": "googleSearch", "function": odd}, function])
    assert [["functionDeclarations"], ["googleSearch"]] == [[*tool] for tool in body["tools"]]
    assert "tools[1].function.strict" in call.report
