"""The formats that a mock server speaks, each in a module of its own.

They make bodies from answers and send nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate.testing.mock_server.shapes import anthropic, cohere, gemini, ollama, openai
from llmgate.testing.mock_server.shapes.shape import Shape

__all__ = ["SHAPES", "Shape", "shape_of"]

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "openai": openai.OpenAIShape(),
        "anthropic": anthropic.AnthropicShape(),
        "gemini": gemini.GeminiShape(),
        "cohere": cohere.CohereShape(),
        "ollama": ollama.OllamaShape(),
    }
)


def shape_of(path: str, headers: Mapping[str, str]) -> tuple[Shape, str]:
    """Whose format a request has, and its path there: ``/cohere/v1/models`` says so itself,
    otherwise it is seen from the path and the headers."""
    first, _, rest = path.lstrip("/").partition("/")
    if first in SHAPES:
        return SHAPES[first], f"/{rest}"
    if path.endswith("/messages") or "anthropic-version" in headers:
        return SHAPES["anthropic"], path
    if path.startswith(("/v1beta", "/v1alpha")):
        return SHAPES["gemini"], path
    if path.startswith("/v2/"):
        return SHAPES["cohere"], path
    if path.startswith("/api/"):
        return SHAPES["ollama"], path
    return SHAPES["openai"], path
