"""Gemini's format: generateContent, embeddings, models. Source: the SDK ``google-genai``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate.testing.mock_server.answers import Asked, Said
from llmgate.testing.mock_server.shapes.shape import Shape, server_sent

__all__ = ["GeminiShape"]

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_OPERATIONS = {
    "generateContent": ("chat", False),
    "streamGenerateContent": ("chat", True),
    "batchEmbedContents": ("embeddings", False),
    "embedContent": ("embeddings", False),
}


class GeminiShape(Shape):
    """That of the Developer API; Vertex AI's paths end alike."""

    def asked(self, path: str, body: Mapping[str, Any]) -> Asked | None:
        address, _, method = path.rpartition(":")
        if method in _OPERATIONS:
            operation, stream = _OPERATIONS[method]
            return Asked(operation, address.rpartition("/")[2], stream, body)
        return Asked("models") if path.endswith("/models") else None

    def completion(self, said: Said, asked: Asked) -> Any:
        parts = [] if said.text is None else [{"text": said.text}]
        return _response([*parts, *_calls(said)], said, asked)

    def events(self, said: Said, asked: Asked) -> list[bytes]:
        words = [_response([{"text": word}], said, asked, is_last=False) for word in said.words]
        return [server_sent(each) for each in (*words, _response(_calls(said), said, asked))]

    def error(self, status: int, message: str) -> Any:
        name = _STATUSES.get(status, "INTERNAL")
        return {"error": {"code": status, "message": message, "status": name}}

    def error_event(self, message: str) -> bytes:
        return server_sent(self.error(503, message))

    def inputs(self, asked: Asked) -> Sequence[Any]:
        requests: Sequence[Any] = asked.body.get("requests") or [asked.body]
        return [_text(each["content"]) for each in requests]

    def embeddings(self, vectors: Sequence[Sequence[float]], asked: Asked) -> Any:
        values = [{"values": each} for each in vectors]
        return {"embeddings": values} if "requests" in asked.body else {"embedding": values[0]}

    def models(self, names: Sequence[str]) -> Any:
        methods = ["generateContent", "embedContent"]
        return {
            "models": [
                {
                    "name": f"models/{name}",
                    "displayName": name,
                    "supportedGenerationMethods": methods,
                }
                for name in names
            ]
        }


def _text(content: Mapping[str, Any]) -> str:
    return "".join(part.get("text", "") for part in content.get("parts", ()))


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {"functionCall": {"id": call.id, "name": call.name, "args": call.input}}
        for call in said.calls
    ]


def _response(
    parts: Sequence[Mapping[str, Any]], said: Said, asked: Asked, *, is_last: bool = True
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if is_last:
        candidate["finishReason"] = "STOP"
    usage = {
        "promptTokenCount": asked.prompt_tokens,
        "candidatesTokenCount": said.tokens,
        "totalTokenCount": asked.prompt_tokens + said.tokens,
    }
    about = {"modelVersion": asked.model, "responseId": "mock"}
    return {"candidates": [candidate], "usageMetadata": usage, **about}
