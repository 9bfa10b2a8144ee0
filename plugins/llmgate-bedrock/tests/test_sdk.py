"""AWS's own package, pointed at a loopback server, sends and reads what this plugin does.

The calls are made of kinds of conversations and of parameters; no two of them send the same keys.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

import pytest

from llmgate import completion, embedding
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.testing.driving import call_of, drive
from llmgate_bedrock import Bedrock
from tests.bedrock import recorded
from tests.sdk import SdkServer

SESSION: Any = import_module("botocore.session")
CONFIG: Any = import_module("botocore.config")
EVENTS: Any = import_module("botocore.eventstream")
PARSERS: Any = import_module("botocore.parsers")

ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    "metrics": {"latencyMs": 1},
}
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "additionalProperties": False,
}
PNG = b"\x89PNG\r\n"
DATA = base64.b64encode(PNG).decode()


@dataclass(frozen=True)
class Piece:
    """A part of a call: as llmgate has it, and as AWS's package has it.

    Pieces of one ``kind`` exclude each other.
    """

    ours: dict[str, Any]
    theirs: dict[str, Any]
    kind: str = ""


Turn = tuple[list[Any], dict[str, Any]]


def talk(*turns: Turn, system: Turn | None = None) -> Piece:
    """A conversation: each turn in both forms, and what is said before all."""
    messages = [message for said, _ in turns for message in said]
    theirs: dict[str, Any] = {"messages": [sent for _, sent in turns]}
    if system is not None:
        messages = [*system[0], *messages]
        theirs |= system[1]
    return Piece({"messages": messages}, theirs)


def user(*parts: tuple[Any, list[Any]]) -> Turn:
    content = [block for _, blocks in parts for block in blocks]
    said = {"role": "user", "content": [part for part, _ in parts]}
    return [said], {"role": "user", "content": content}


TEXT = ({"type": "text", "text": "What is it?"}, [{"text": "What is it?"}])
IMAGE = (
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
    [{"image": {"format": "png", "source": {"bytes": PNG}}}],
)
STORED = (
    {"type": "image_url", "image_url": {"url": "s3://bucket/cat.jpg"}},
    [{"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/cat.jpg"}}}}],
)
VIDEO = (
    {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{DATA}"}},
    [{"video": {"format": "mp4", "source": {"bytes": PNG}}}],
)
SOUND = (
    {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
    [{"audio": {"format": "wav", "source": {"bytes": PNG}}}],
)
DOCUMENT = (
    {
        "type": "file",
        "file": {"filename": "notes.md", "file_data": f"data:text/markdown;base64,{DATA}"},
    },
    [{"document": {"format": "md", "name": "notes", "source": {"bytes": PNG}}}],
)
CACHED = (
    {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    [{"text": "Long."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
)
GUARDED = (
    {"type": "guardContent", "guardContent": {"text": {"text": "Ask", "qualifiers": ["query"]}}},
    [{"guardContent": {"text": {"text": "Ask", "qualifiers": ["query"]}}}],
)
FOUND = {"source": "s", "title": "t", "content": [{"text": "x"}], "citations": {"enabled": True}}
SEARCH = ({"type": "searchResult", "searchResult": FOUND}, [{"searchResult": FOUND}])
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}}
BRIEF: Turn = ([{"role": "system", "content": "Be brief."}], {"system": [{"text": "Be brief."}]})
CACHED_BRIEF: Turn = (
    [{"role": "system", "content": [{**CACHED[0], "cache_control": {"type": "ephemeral"}}]}],
    {"system": [{"text": "Long."}, {"cachePoint": {"type": "default"}}]},
)
NO: Turn = (
    [{"role": "assistant", "content": "No."}],
    {"role": "assistant", "content": [{"text": "No."}]},
)


def thought() -> Turn:
    """An earlier response with a signed thought."""
    content = [THOUGHT, {"text": "No."}]
    data = {"bedrock": {"content": content}}
    said = {"role": "assistant", "content": "No.", "provider_data": data}
    return [said], {"role": "assistant", "content": content}


def called(*, failed: bool | None = None) -> list[Turn]:
    """A call with its result."""
    function = {"name": "f", "arguments": '{"city": "Bern"}'}
    call = {"id": "c1", "type": "function", "function": function}
    used = {"toolUseId": "c1", "name": "f", "input": {"city": "Bern"}}
    said: Turn = (
        [{"role": "assistant", "content": None, "tool_calls": [call]}],
        {"role": "assistant", "content": [{"toolUse": used}]},
    )
    flag = {} if failed is None else {"is_error": failed}
    status = {} if failed is None else {"status": "error" if failed else "success"}
    result = {"role": "tool", "tool_call_id": "c1", "content": "sun", **flag}
    given = {"toolUseId": "c1", "content": [{"text": "sun"}], **status}
    return [said, ([result], {"role": "user", "content": [{"toolResult": given}]})]


TALKS = (
    talk(user(TEXT)),
    talk(user(TEXT), system=BRIEF),
    talk(user(CACHED), system=CACHED_BRIEF),
    talk(user(IMAGE, TEXT)),
    talk(user(STORED), system=BRIEF),
    talk(user(TEXT, DOCUMENT)),
    talk(user(TEXT, VIDEO, SOUND), NO, user(TEXT)),
    talk(user(GUARDED, SEARCH)),
    talk(user(TEXT), thought(), user(TEXT), system=CACHED_BRIEF),
)
CALLS = (
    talk(user(TEXT), *called()),
    talk(user(TEXT), *called(failed=True), system=BRIEF),
    talk(user(CACHED), *called(failed=False), NO, user(IMAGE)),
)


def config(ours: str, theirs: str, value: Any) -> Piece:
    return Piece({ours: value}, {"inferenceConfig": {theirs: value}})


def fields(**values: Any) -> dict[str, Any]:
    return {"additionalModelRequestFields": values}


def tools(choice: Any, sent: Any, *, cached: bool = False, **function: Any) -> Piece:
    """A function, and the choice of it."""
    spec: dict[str, Any] = {"name": "f", "inputSchema": {"json": function.get("parameters", CITY)}}
    spec |= {key: function[key] for key in ("description", "strict") if key in function}
    tool = {"type": "function", "function": {"name": "f", "parameters": CITY, **function}}
    listed: list[Any] = [{"toolSpec": spec}]
    if cached:
        tool["cache_control"] = {"type": "ephemeral"}
        listed.append({"cachePoint": {"type": "default"}})
    ours = {"tools": [tool]} | ({} if choice is None else {"tool_choice": choice})
    chosen = {} if sent is None else {"toolChoice": sent}
    return Piece(ours, {"toolConfig": {"tools": listed, **chosen}}, "tools")


NAMED = {"type": "function", "function": {"name": "f"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}
SENT_FORMAT = {
    "type": "json_schema",
    "structure": {"jsonSchema": {"schema": json.dumps(CITY, separators=(",", ":")), "name": "x"}},
}
TOOLS = (
    tools(None, None),
    tools("auto", {"auto": {}}, description="Finds."),
    tools("required", {"any": {}}, cached=True),
    tools(NAMED, {"tool": {"name": "f"}}, strict=True),
    Piece(
        {"tools": [{"type": "systemTool", "systemTool": {"name": "nova_grounding"}}]},
        {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
        "tools",
    ),
)
PARAMETERS = (
    config("temperature", "temperature", 0.5),
    config("top_p", "topP", 0.25),
    config("max_tokens", "maxTokens", 9_000),
    config("stop", "stopSequences", ["a", "b"]),
    Piece({"response_format": FORMAT}, {"outputConfig": {"textFormat": SENT_FORMAT}}),
    Piece({"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}),
    Piece({"metadata": {"a": "b"}}, {"requestMetadata": {"a": "b"}}),
    Piece({"extra_body": fields(top_k=5)}, fields(top_k=5), "extra"),
    Piece(
        {"extra_body": {"performanceConfig": {"latency": "optimized"}}},
        {"performanceConfig": {"latency": "optimized"}},
        "extra",
    ),
    Piece(
        {"extra_body": {"guardrailConfig": {"guardrailIdentifier": "g", "trace": "enabled"}}},
        {"guardrailConfig": {"guardrailIdentifier": "g", "trace": "enabled"}},
        "extra",
    ),
    *TOOLS,
)


def made(count: int) -> Iterator[tuple[Piece, list[Piece]]]:
    """Calls of a conversation and of some parameters."""
    random = Random(4400)
    for number in range(count):
        chosen = random.sample(PARAMETERS, random.randrange(5))
        kinds = [piece.kind for piece in chosen if piece.kind]
        has_both = {"temperature", "top_p"} <= {key for each in chosen for key in each.ours}
        if len(kinds) != len({*kinds}) or has_both:
            continue  # Claude takes one of the two
        has_functions = any(each in TOOLS[:4] for each in chosen)
        talks = CALLS if has_functions and number % 2 else TALKS
        yield talks[number % len(talks)], chosen


def merged(values: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for value in values:
        for key, item in value.items():
            before = whole.get(key)
            whole[key] = {**before, **item} if is_object(before) and is_object(item) else item
    return whole


def keys_in(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys."""
    if is_object(value):
        for key, child in value.items():
            yield f"{path}.{key}"
            yield from keys_in(child, f"{path}.{key}")
    elif is_array(value):
        for child in value:
            yield from keys_in(child, path)


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """A server on loopback, which answers everything alike."""
    with SdkServer(json.dumps(ANSWER).encode()) as made_server:
        yield made_server


def client_of(server: SdkServer) -> Any:
    return SESSION.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=CONFIG.Config(retries={"max_attempts": 1}),
    )


def asked_by_us(server: SdkServer, model: str, ours: dict[str, Any]) -> Any:
    server.asked.clear()
    options: dict[str, Any] = {"api_key": "k", "base_url": server.url, **ours}
    completion(f"bedrock/{model}", options.pop("messages"), **options)
    return server.asked[-1]


def test_both_send_the_same(server: SdkServer) -> None:
    """The path and the body are those of the vendor's own package, for more than 100 kinds."""
    client = client_of(server)
    seen: set[frozenset[str]] = set()
    for conversation, pieces in made(500):
        ours = merged([conversation.ours, *(piece.ours for piece in pieces)])
        sent = asked_by_us(server, MODEL, ours)
        keys = frozenset(keys_in(sent.json))
        if keys in seen:
            continue
        seen.add(keys)
        theirs = merged([conversation.theirs, *(piece.theirs for piece in pieces)])
        client.converse(modelId=MODEL, **theirs)
        asked = server.asked[-1]
        assert (asked.path, asked.json) == (sent.path, sent.json)
    assert 100 <= len(seen)


@pytest.mark.parametrize(
    ("model", "ours", "theirs"),
    [
        (
            MODEL,
            {"reasoning_effort": "low", "max_tokens": 4_000},
            fields(thinking={"type": "enabled", "budget_tokens": 2_000}),
        ),
        (
            NOVA,
            {"reasoning_effort": "medium", "max_tokens": 4_000},
            fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "medium"}),
        ),
        (
            "openai.gpt-oss-120b-1:0",
            {"reasoning_effort": "high", "max_tokens": 4_000},
            fields(reasoning_effort="high"),
        ),
    ],
)
def test_reasoning_is_sent_alike(
    server: SdkServer, model: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """In the fields of each family."""
    sent = asked_by_us(server, model, {"messages": [{"role": "user", "content": "Hi"}], **ours})
    client_of(server).converse(
        modelId=model,
        messages=[{"role": "user", "content": [{"text": "Hi"}]}],
        inferenceConfig={"maxTokens": 4_000},
        **theirs,
    )
    asked = server.asked[-1]
    assert (asked.path, asked.json) == (sent.path, sent.json)


@pytest.mark.parametrize(
    "model",
    [
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
        "amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc~d1",
    ],
)
def test_the_path_of_a_model(server: SdkServer, model: str) -> None:
    """An id, or an ARN, is one segment of it."""
    sent = asked_by_us(server, model, {"messages": [{"role": "user", "content": "Hi"}]})
    client_of(server).converse(
        modelId=model, messages=[{"role": "user", "content": [{"text": "Hi"}]}]
    )
    assert server.asked[-1].path == sent.path


def test_embeddings_are_asked_for_alike() -> None:
    """At the same address; the bodies are the vendors' own."""
    with SdkServer(b'{"embedding": [0.5], "inputTextTokenCount": 1}') as server:
        model = "amazon.titan-embed-text-v2:0"
        body = json.dumps({"inputText": "a", "dimensions": 256}).encode()
        client_of(server).invoke_model(modelId=model, body=body)
        embedding(f"bedrock/{model}", ["a"], dimensions=256, api_key="k", base_url=server.url)
        theirs, ours = server.asked
    assert (theirs.path, theirs.json) == (ours.path, ours.json)


def test_streams_are_read_alike() -> None:
    """Each recorded stream: the texts, calls and counts of the events that the package decodes."""
    service: Any = SESSION.get_session().get_service_model("bedrock-runtime")
    shape = service.operation_model("ConverseStream").output_shape.members["stream"]
    provider = Bedrock(api_key="k", region="us-east-1")
    call = call_of(provider, {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]})
    streams = [each for each in recorded() if each.is_stream]
    for exchange in streams:
        body = exchange.replies[-1].body
        buffer = EVENTS.EventStreamBuffer()
        buffer.add_data(body)
        parser = PARSERS.EventStreamJSONParser()
        events = [parser.parse(message.to_response_dict(), shape) for message in buffer]
        decoder = drive(provider.stream(call), [HttpResponse(200, {}, b"")]).result
        frames = decoder.framer.feed(body)
        ours = accumulate(chunk for frame in frames for chunk in decoder.feed(frame))
        deltas = [
            each["contentBlockDelta"]["delta"] for each in events if "contentBlockDelta" in each
        ]
        said = ours.choices[0].message
        assert "".join(each.get("text", "") for each in deltas) == (said.content or "")
        thoughts = [each.get("reasoningContent", {}).get("text", "") for each in deltas]
        assert "".join(thoughts) == (said.reasoning_content or "")
        (metadata,) = [each["metadata"] for each in events if "metadata" in each]
        assert ours.usage is not None
        assert metadata["usage"]["totalTokens"] == ours.usage.total_tokens
        (stop,) = [each["messageStop"]["stopReason"] for each in events if "messageStop" in each]
        assert stop == ours.choices[0].native_finish_reason
    assert streams or not recorded()
