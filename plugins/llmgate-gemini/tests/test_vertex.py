"""Vertex AI: addresses, settings, and Claude by Anthropic's own flows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import (
    InvalidRequestError,
)
from llmgate.provider.http import HttpResponse
from llmgate.testing import FixedSigning
from llmgate.testing.driving import call_of, drive, read_stream
from llmgate_anthropic import Anthropic
from llmgate_gemini import VertexAI
from tests.integration.vertex_calls import HI, authorized, url_of

# --- addresses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
    ],
)
def test_locations(location: str | None, host: str) -> None:
    """Each has a host of its own."""
    provider = VertexAI(project="p", location=location, access_token="t")
    path = f"projects/p/locations/{location or 'global'}/publishers/google/models/gemini-x"
    assert f"https://{host}/v1beta1/{path}:generateContent" == url_of(provider)
    streamed = f"https://{host}/v1beta1/{path}:streamGenerateContent?alt=sse"
    assert streamed == url_of(provider, stream=True)


def test_a_location_is_no_host() -> None:
    """What is none could lead a key elsewhere."""
    with pytest.raises(InvalidRequestError, match="location"):
        VertexAI(location="evil.example/")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("endpoints/123", "projects/p/locations/global/endpoints/123"),
        ("projects/q/locations/l/endpoints/1", "projects/q/locations/l/endpoints/1"),
        ("publishers/x/models/y", "projects/p/locations/global/publishers/x/models/y"),
        ("x/y", "projects/p/locations/global/publishers/x/models/y"),
    ],
)
def test_models(model: str, path: str) -> None:
    """A model by its name, its publisher's, or its whole path."""
    provider = VertexAI(project="p", access_token="t")
    expected = f"https://aiplatform.googleapis.com/v1beta1/{path}:generateContent"
    assert expected == url_of(provider, model)


def test_express_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key needs no project; one that is given in code is without that of the environment."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-east1")
    base = "https://aiplatform.googleapis.com/v1beta1"
    express = f"{base}/publishers/google/models/gemini-x:generateContent"
    assert express == url_of(VertexAI(api_key="k"))
    assert express == url_of(VertexAI(api_key="k"), "publishers/google/models/gemini-x")
    with_project = f"{base}/projects/q/locations/global/publishers/google/models/gemini-x"
    provider = VertexAI(api_key="k", project="q", location="global")
    assert f"{with_project}:generateContent" == url_of(provider)
    with pytest.raises(InvalidRequestError, match="project"):
        url_of(VertexAI(api_key="k"), "endpoints/1")


def test_a_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for express mode: where there is a project, there are credentials."""
    monkeypatch.setenv("GOOGLE_API_KEY", "from-environment")
    headers = authorized(VertexAI(), FixedSigning())
    assert "from-environment" == headers["x-goog-api-key"]
    headers = authorized(VertexAI(project="p", access_token="t"), FixedSigning())
    assert ("Bearer t", None) == (headers["authorization"], headers.get("x-goog-api-key"))
    foreign = VertexAI(project="p", base_url="https://proxy.example/v1")
    assert {} == authorized(foreign, FixedSigning())


def test_settings() -> None:
    """One credential replaces another, and several at once are refused."""
    with pytest.raises(InvalidRequestError, match="one of"):
        VertexAI(api_key="k", access_token="t")
    provider = VertexAI(access_token="t", project="p").configured(api_key="k", location="eu")
    assert url_of(provider).startswith(
        "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p"
    )
    assert "project='p'" in repr(provider)
    assert url_of(provider.configured(location="us")).startswith("https://aiplatform.us.rep.")


def test_a_project_is_needed() -> None:
    """Where no credential names one."""
    with pytest.raises(InvalidRequestError, match="GOOGLE_CLOUD_PROJECT"):
        url_of(VertexAI(access_token="t"))


# --- Claude -------------------------------------------------------------------------------


MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}


@pytest.fixture
def vertex() -> VertexAI:
    """With a project in a region."""
    return VertexAI(project="p", location="us-east5", access_token="t")


def test_claude(vertex: VertexAI) -> None:
    """The body is Anthropic's without the model, which is in the address, and with a version."""
    asked = {"model": "claude-3-haiku@20240307", "messages": [HI], "temperature": 0.5}
    call = call_of(vertex, asked)
    reply = HttpResponse(200, {}, json.dumps(MESSAGE).encode())
    driven = drive(vertex.complete(call), [reply])
    assert "Hi" == driven.result.text
    (request,) = driven.requests
    body = json.loads(request.body)
    base = "https://us-east5-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-east5"
    expected = f"{base}/publishers/anthropic/models/claude-3-haiku@20240307:rawPredict"
    assert expected == request.url
    assert ("vertex-2023-10-16", False) == (body["anthropic_version"], "model" in body)
    assert "anthropic-version" not in {name.lower() for name in request.headers}


def test_claude_streams(vertex: VertexAI) -> None:
    """By Anthropic's decoder."""
    call = call_of(vertex, {"model": "claude-haiku-4-5", "messages": [HI], "stream": True})
    driven = drive(vertex.stream(call), [HttpResponse(200, {}, b"")])
    (request,) = driven.requests
    assert request.stream
    assert request.url.endswith("claude-haiku-4-5:streamRawPredict")
    events: list[Any] = [
        {"type": "message_start", "message": {**MESSAGE, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": MESSAGE["content"][0]},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    chunks = read_stream(driven.result, [data])
    assert "Hi" == "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def test_claudes_abilities_are_anthropics(vertex: VertexAI) -> None:
    """And Gemini's models have labels beside their own."""
    anthropic = Anthropic(base_url="https://api.anthropic.com")
    for model in ("claude-opus-5", "publishers/anthropic/models/claude-opus-5"):
        assert anthropic.abilities(model, {}) == vertex.abilities(model, {})
    abilities = vertex.abilities("gemini-3.6-flash", {})
    assert abilities is not None
    assert "user" in abilities
