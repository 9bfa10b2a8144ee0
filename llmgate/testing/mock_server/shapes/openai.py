"""OpenAI's format: chat completions, embeddings, models. Source: the SDK ``openai``."""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate.testing.mock_server.answers import Asked, Said
from llmgate.testing.mock_server.shapes.shape import CREATED, Shape, server_sent

__all__ = ["OpenAIShape"]

_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class OpenAIShape(Shape):
    """It is also that of many other hosts; deployments of Azure's are known by their paths."""

    base_path = "/v1"

    def asked(self, path: str, body: Mapping[str, Any]) -> Asked | None:
        model, stream = str(body.get("model", "")), bool(body.get("stream"))
        if path.endswith("/chat/completions"):
            return Asked("chat", model, stream, body)
        if path.endswith("/embeddings"):
            return Asked("embeddings", model, False, body)
        return Asked("models") if path.endswith("/models") else None

    def completion(self, said: Said, asked: Asked) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in said.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": _reason(said)}
        about = _about("chat.completion", asked)
        return {**about, "choices": [choice], "usage": _usage(said, asked)}

    def events(self, said: Said, asked: Asked) -> list[bytes]:
        about = _about("chat.completion.chunk", asked)
        choices: list[dict[str, Any]] = [
            {"index": 0, "delta": delta, "finish_reason": None} for delta in _deltas(said)
        ]
        choices.append({"index": 0, "delta": {}, "finish_reason": _reason(said)})
        chunks: list[dict[str, Any]] = [{**about, "choices": [choice]} for choice in choices]
        options: Any = asked.body.get("stream_options")
        if options and options.get("include_usage"):
            chunks.append({**about, "choices": [], "usage": _usage(said, asked)})
        return [*map(server_sent, chunks), b"data: [DONE]\n\n"]

    def error(self, status: int, message: str) -> Any:
        kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def error_event(self, message: str) -> bytes:
        return server_sent(self.error(500, message))

    def inputs(self, asked: Asked) -> Sequence[Any]:
        given = asked.body.get("input", [])
        is_one = isinstance(given, str) or (given and isinstance(given[0], int))
        return [given] if is_one else given

    def embeddings(self, vectors: Sequence[Sequence[float]], asked: Asked) -> Any:
        is_packed = asked.body.get("encoding_format") == "base64"
        values = [b64encode(array("f", each)).decode() if is_packed else each for each in vectors]
        data = [
            {"object": "embedding", "index": index, "embedding": value}
            for index, value in enumerate(values)
        ]
        count = sum(len(str(text).split()) for text in self.inputs(asked))
        usage = {"prompt_tokens": count, "total_tokens": count}
        return {"object": "list", "model": asked.model, "data": data, "usage": usage}

    def models(self, names: Sequence[str]) -> Any:
        data = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "mock"}
            for name in names
        ]
        return {"object": "list", "data": data}


def _about(kind: str, asked: Asked) -> dict[str, Any]:
    return {"id": "chatcmpl-mock", "object": kind, "created": CREATED, "model": asked.model}


def _reason(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"


def _usage(said: Said, asked: Asked) -> dict[str, Any]:
    prompt, completion = asked.prompt_tokens, said.tokens
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _deltas(said: Said) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if said.text is None else ""}
    yield from ({"content": word} for word in said.words)
    for index, call in enumerate(said.calls):
        function = {"name": call.name, "arguments": ""}
        begun = {"index": index, "id": call.id, "type": "function", "function": function}
        yield {"tool_calls": [begun]}
        for piece in call.halves:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
