"""Claude on Vertex AI: the flows of ``llmgate-anthropic``, at Google's addresses.

The bodies are Anthropic's, but that the model is in the address and the version in the body.
Source: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from llmgate.provider.http import Flow, HttpRequest, decode_json, encode_json
from llmgate_anthropic import Anthropic
from llmgate_gemini.request.address import method_url

__all__ = ["claude", "on_vertex"]

Result = TypeVar("Result")

_FIRST_VERSION = "2023-06-01"
_VERTEX_VERSION = "vertex-2023-10-16"


def claude() -> Anthropic:
    """Anthropic's provider, whose flows are used alone: it has no key, and is sent nothing."""
    return Anthropic(base_url="https://api.anthropic.com", headers={})


def on_vertex(flow: Flow[Result], model_url: str) -> Flow[Result]:
    """A flow of Anthropic's whose requests go to a model of Vertex AI."""
    try:
        request = next(flow)
        while True:
            response = yield _at(request, model_url)
            request = flow.send(response)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    finally:
        flow.close()


def _at(request: HttpRequest, model_url: str) -> HttpRequest:
    body: dict[str, Any] = decode_json(request.body)
    headers = {name.lower(): value for name, value in request.headers.items()}
    version = headers.pop("anthropic-version", _FIRST_VERSION)
    body.pop("model", None)
    body.setdefault("anthropic_version", _VERTEX_VERSION if version == _FIRST_VERSION else version)
    method = "streamRawPredict" if body.get("stream") else "rawPredict"
    url = method_url(model_url, method)
    return replace(request, url=url, headers=headers, body=encode_json(body))
