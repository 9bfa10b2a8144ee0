"""Google's own package, pointed at a loopback server, sends what this plugin sends.

The calls are made of kinds of conversations and of parameters; no two of them send the same keys.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from google import genai
from google.genai import types

from llmgate import completion, embedding
from llmgate.provider.http import is_array, is_object
from llmgate_gemini import Gemini, VertexAI
from tests.sdk import Asked, SdkServer

ANSWER = b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}'
KEY = "key-1234567890"
MODEL = "gemini-3.5-flash"
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
PNG = base64.b64encode(b"\x89PNG\r\n").decode()


@dataclass(frozen=True)
class Piece:
    """A part of a call: as this API has it, and as Google's package has it.

    Pieces of one ``kind`` exclude each other.
    """

    ours: dict[str, Any]
    theirs: dict[str, Any]
    kind: str = ""


def talk(*turns: tuple[str, list[Any], list[Any]], system: str | None = None) -> Piece:
    """A conversation: the role and the parts of each turn, and what is said before all."""
    messages: list[Any] = [{"role": "system", "content": system}] if system else []
    messages += [message for _, said, _ in turns for message in said]
    contents = [types.Content(role=role, parts=parts) for role, _, parts in turns]
    instruction = types.Content(parts=[types.Part(text=system)]) if system else None
    config = {} if instruction is None else {"system_instruction": instruction}
    return Piece({"messages": messages}, {"contents": contents, "config": config})


def user(*parts: tuple[Any, types.Part]) -> tuple[str, list[Any], list[Any]]:
    return ("user", [{"role": "user", "content": [o for o, _ in parts]}], [t for _, t in parts])


TEXT = ({"type": "text", "text": "What is it?"}, types.Part(text="What is it?"))
IMAGE = (
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    types.Part(inline_data=types.Blob(mime_type="image/png", data=b"\x89PNG\r\n")),
)
CLOSE = (
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}},
    types.Part(
        inline_data=types.Blob(mime_type="image/png", data=b"\x89PNG\r\n"),
        media_resolution=types.PartMediaResolution(
            level=types.PartMediaResolutionLevel.MEDIA_RESOLUTION_HIGH
        ),
    ),
)
VIDEO = (
    {"type": "video_url", "video_url": {"url": "https://youtu.be/x"}},
    types.Part(file_data=types.FileData(file_uri="https://youtu.be/x", mime_type="video/mp4")),
)


def called(signature: bytes, **message: Any) -> list[tuple[str, list[Any], list[Any]]]:
    """A call with its result."""
    function = {"name": "f", "arguments": '{"city": "Bern"}'}
    call = {"id": "c1", "type": "function", "function": function}
    said = {"role": "assistant", "content": None, "tool_calls": [call], **message}
    made = types.FunctionCall(id="c1", name="f", args={"city": "Bern"})
    given = types.FunctionResponse(id="c1", name="f", response={"output": "sun"})
    result = {"role": "tool", "tool_call_id": "c1", "content": "sun"}
    return [
        ("model", [said], [types.Part(function_call=made, thought_signature=signature)]),
        ("user", [result], [types.Part(function_response=given)]),
    ]


SKIP = b"skip_thought_signature_validator"
SAID = ("model", [{"role": "assistant", "content": "No."}], [types.Part(text="No.")])
TALKS = (
    talk(user(TEXT)),
    talk(user(TEXT), system="Be brief."),
    talk(user(IMAGE)),
    talk(user(CLOSE), system="Be brief."),
    talk(user(TEXT, VIDEO)),
    talk(user(VIDEO), SAID, user(TEXT), system="Be brief."),
    talk(user(TEXT, IMAGE), SAID, user(VIDEO)),
    talk(user(TEXT), *called(SKIP)),
    talk(user(IMAGE, TEXT), *called(SKIP), system="Be brief."),
)


def sampling(ours: str, theirs: str, value: Any, kind: str = "") -> Piece:
    return Piece({ours: value}, {theirs: value}, kind)


def tools(ours: dict[str, Any], calling: Any, **declared: Any) -> Piece:
    """A function, and the choice of it."""
    declaration = types.FunctionDeclaration(name="f", **declared)
    config: dict[str, Any] = {"tools": [types.Tool(function_declarations=[declaration])]}
    if calling is not None:
        chosen = types.FunctionCallingConfig(**calling)
        config["tool_config"] = types.ToolConfig(function_calling_config=chosen)
    function: dict[str, Any] = {"name": "f"}
    if "parameters_json_schema" in declared:
        function["parameters"] = declared["parameters_json_schema"]
    if "description" in declared:
        function["description"] = declared["description"]
    return Piece({"tools": [{"type": "function", "function": function}], **ours}, config, "tools")


NAMED = {"type": "function", "function": {"name": "f"}}
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW)
VOICE = types.SpeechConfig(
    voice_config=types.VoiceConfig(
        prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore")
    )
)
JSON = "application/json"
PARAMETERS = (
    sampling("temperature", "temperature", 0.5),
    sampling("top_p", "top_p", 0.25),
    sampling("seed", "seed", 7),
    sampling("max_tokens", "max_output_tokens", 9),
    sampling("presence_penalty", "presence_penalty", 0.5),
    sampling("frequency_penalty", "frequency_penalty", 0.25),
    sampling("n", "candidate_count", 2),
    Piece({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
    sampling("logprobs", "response_logprobs", True, "logprobs"),
    Piece(
        {"logprobs": True, "top_logprobs": 3},
        {"response_logprobs": True, "logprobs": 3},
        "logprobs",
    ),
    Piece({"response_format": {"type": "json_object"}}, {"response_mime_type": JSON}, "format"),
    Piece(
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}},
        {"response_mime_type": JSON, "response_json_schema": CITY},
        "format",
    ),
    Piece({"reasoning_effort": "low"}, {"thinking_config": THINKING}),
    Piece({"service_tier": "flex"}, {"service_tier": types.ServiceTier.FLEX}),
    Piece({"modalities": ["text", "image"]}, {"response_modalities": ["TEXT", "IMAGE"]}),
    Piece({"audio": {"voice": "Kore"}}, {"speech_config": VOICE}),
    tools({}, None, parameters_json_schema=CITY),
    tools({"tool_choice": "required"}, {"mode": "ANY"}, description="Finds."),
    tools(
        {"tool_choice": NAMED},
        {"mode": "ANY", "allowed_function_names": ["f"]},
        description="Finds.",
        parameters_json_schema=CITY,
    ),
    Piece(
        {"web_search_options": {}},
        {"tools": [types.Tool(google_search=types.GoogleSearch())]},
        "tools",
    ),
    Piece(
        {"extra_body": {"cachedContent": "cachedContents/1"}},
        {"cached_content": "cachedContents/1"},
    ),
)


def made(count: int) -> Iterator[tuple[Piece, list[Piece]]]:
    """Calls of a conversation and of some parameters."""
    random = Random(4400)
    for number in range(count):
        chosen = random.sample(PARAMETERS, random.randrange(5))
        kinds = [piece.kind for piece in chosen if piece.kind]
        if len(kinds) == len({*kinds}):
            yield TALKS[number % len(TALKS)], chosen


def keys_in(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys."""
    if is_object(value):
        for key, child in value.items():
            yield f"{path}.{key}"
            yield from keys_in(child, f"{path}.{key}")
    elif is_array(value):
        for child in value:
            yield from keys_in(child, path)


def plain(body: Any) -> Any:
    """What the package sends without an empty object, and with names all in one spelling."""
    if is_array(body):
        return [plain(each) for each in body]
    if not is_object(body):
        return body
    return {
        re.sub("_(.)", lambda found: found[1].upper(), name): plain(value)
        for name, value in body.items()
        if not (name == "generationConfig" and value == {})
    }


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback, which answers everything alike."""
    with SdkServer(ANSWER) as made_server:
        yield made_server


def asked_by_us(server: SdkServer, provider: str, ours: dict[str, Any]) -> Asked:
    server.asked.clear()
    options: dict[str, Any] = {"api_key": KEY, "base_url": server.url, **ours}
    completion(f"{provider}/{MODEL}", options.pop("messages"), stream=False, **options)
    return server.asked[-1]


def options_for(server: SdkServer, version: str = "v1beta") -> types.HttpOptions:
    """The version that has all that is asked for."""
    return types.HttpOptions(base_url=server.url, api_version=version)


@pytest.mark.parametrize("provider", ["gemini", "vertex"])
def test_both_send_the_same(provider: str, server: SdkServer) -> None:
    """The address, the key's header and the body are those of the vendor's own package."""
    their_client: Any = genai.Client(
        vertexai=provider == "vertex",
        api_key=KEY,
        http_options=options_for(server, "v1beta1" if provider == "vertex" else "v1beta"),
    )
    seen: set[frozenset[str]] = set()
    for conversation, pieces in made(220):
        config: dict[str, Any] = dict(conversation.theirs["config"])
        ours: dict[str, Any] = dict(conversation.ours)
        for piece in pieces:
            config |= piece.theirs
            ours |= piece.ours
        if provider == "vertex" and "extra_body" in ours:
            continue  # the package writes the name of a cache in another way there
        sent = asked_by_us(server, provider, ours)
        keys = frozenset(keys_in(sent.json))
        if keys in seen:
            continue
        seen.add(keys)
        contents = conversation.theirs["contents"]
        their_client.models.generate_content(
            model=MODEL, contents=contents, config=types.GenerateContentConfig(**config)
        )
        theirs = server.asked[-1]
        assert (theirs.path, plain(theirs.json)) == (sent.path, sent.json)
        assert theirs.headers["x-goog-api-key"] == sent.headers["x-goog-api-key"]
    assert 100 <= len(seen)
    their_client.close()


def test_streams_are_asked_for_alike(server: SdkServer) -> None:
    """As server-sent events."""
    theirs: Any = genai.Client(api_key=KEY, http_options=options_for(server))
    with theirs as their_client:
        server.asked.clear()
        list(their_client.models.generate_content_stream(model=MODEL, contents="Hi"))
    chunks = completion(
        f"gemini/{MODEL}",
        [{"role": "user", "content": "Hi"}],
        stream=True,
        api_key=KEY,
        base_url=server.url,
    )
    list(chunks)
    theirs, ours = server.asked
    assert (theirs.path, theirs.json["contents"]) == (ours.path, ours.json["contents"])


def test_embeddings_are_asked_for_alike() -> None:
    """Each text by itself, and all in one request."""
    answer = b'{"embeddings": [{"values": [0.5]}, {"values": [0.5]}]}'
    with SdkServer(answer) as server:
        made_client: Any = genai.Client(api_key=KEY, http_options=options_for(server))
        with made_client as their_client:
            config = types.EmbedContentConfig(
                task_type="RETRIEVAL_QUERY", output_dimensionality=256
            )
            their_client.models.embed_content(
                model="gemini-embedding-001", contents=["a", "b"], config=config
            )
        embedding(
            "gemini/gemini-embedding-001",
            ["a", "b"],
            api_key=KEY,
            base_url=server.url,
            input_type="query",
            dimensions=256,
        )
        theirs, ours = server.asked
    assert theirs.path == ours.path
    for request in theirs.json["requests"]:
        del request["content"]["role"]  # there is only one
    assert theirs.json == ours.json


def test_the_address_is_that_of_the_package() -> None:
    """Of each location."""
    for location in ("global", "us", "eu", "us-central1"):
        their_client: Any = genai.Client(
            vertexai=True, project="p", location=location, credentials=_none()
        )
        base: str = their_client._api_client._http_options.base_url
        provider = VertexAI(project="p", location=location, access_token="t")
        assert base.rstrip("/") == provider._settings.base_url
        their_client.close()
    assert "https://generativelanguage.googleapis.com" == Gemini()._settings.base_url


def _none() -> Any:
    from google.auth.credentials import AnonymousCredentials

    make: Any = AnonymousCredentials
    return make()
