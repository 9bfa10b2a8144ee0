"""Ollama's own format: chat, embed, tags. Source: the SDK ``ollama``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate.provider.http import encode_json
from llmgate.testing.mock_server.answers import Asked, Said
from llmgate.testing.mock_server.shapes.shape import Shape

__all__ = ["OllamaShape"]

_CREATED = "2025-10-09T08:53:20Z"


class OllamaShape(Shape):
    """A chat is a stream unless it says that it is none."""

    stream_type = "application/x-ndjson"

    def asked(self, path: str, body: Mapping[str, Any]) -> Asked | None:
        model = str(body.get("model", ""))
        if path.endswith("/chat"):
            return Asked("chat", model, body.get("stream") is not False, body)
        if path.endswith("/embed"):
            return Asked("embeddings", model, False, body)
        return Asked("models") if path.endswith("/tags") else None

    def completion(self, said: Said, asked: Asked) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": said.text or "", **_calls(said)}
        return {**_about(asked), "message": message, **_end(said, asked)}

    def events(self, said: Said, asked: Asked) -> list[bytes]:
        messages: list[dict[str, Any]] = [
            {"role": "assistant", "content": word} for word in said.words
        ]
        if said.calls:
            messages.append({"role": "assistant", "content": "", **_calls(said)})
        lines = [{**_about(asked), "message": message, "done": False} for message in messages]
        last = {"role": "assistant", "content": ""}
        lines.append({**_about(asked), "message": last, **_end(said, asked)})
        return [encode_json(line) + b"\n" for line in lines]

    def error(self, status: int, message: str) -> Any:  # noqa: ARG002 - it has no place for it
        return {"error": message}

    def error_event(self, message: str) -> bytes:
        return encode_json(self.error(500, message)) + b"\n"

    def inputs(self, asked: Asked) -> Sequence[Any]:
        given = asked.body.get("input", [])
        return [given] if isinstance(given, str) else given

    def embeddings(self, vectors: Sequence[Sequence[float]], asked: Asked) -> Any:
        count = sum(len(str(text).split()) for text in self.inputs(asked))
        return {"model": asked.model, "embeddings": vectors, "prompt_eval_count": count}

    def models(self, names: Sequence[str]) -> Any:
        details = {"format": "gguf", "family": "mock", "parameter_size": "1B"}
        about = {"modified_at": _CREATED, "size": 1, "digest": "0" * 64, "details": details}
        return {"models": [{"name": name, "model": name, **about} for name in names]}


def _about(asked: Asked) -> dict[str, Any]:
    return {"model": asked.model, "created_at": _CREATED}


def _calls(said: Said) -> dict[str, Any]:
    if not said.calls:
        return {}
    functions = [{"name": call.name, "arguments": call.input} for call in said.calls]
    return {"tool_calls": [{"function": function} for function in functions]}


def _end(said: Said, asked: Asked) -> dict[str, Any]:
    counts = {"prompt_eval_count": asked.prompt_tokens, "eval_count": said.tokens}
    return {"done": True, "done_reason": "stop", "total_duration": 1, **counts}
