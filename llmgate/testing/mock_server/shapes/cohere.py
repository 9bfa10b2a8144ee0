"""Cohere's format, version 2: chat, embed, models. Source: the SDK ``cohere``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate.testing.mock_server.answers import Asked, Call, Said
from llmgate.testing.mock_server.shapes.shape import Shape, server_sent

__all__ = ["CohereShape"]


class CohereShape(Shape):
    """Its list of models is that of version 1."""

    def asked(self, path: str, body: Mapping[str, Any]) -> Asked | None:
        model = str(body.get("model", ""))
        if path.endswith("/chat"):
            return Asked("chat", model, bool(body.get("stream")), body)
        if path.endswith("/embed"):
            return Asked("embeddings", model, False, body)
        return Asked("models") if path.endswith("/models") else None

    def completion(self, said: Said, asked: Asked) -> Any:
        message: dict[str, Any] = {"role": "assistant"}
        if said.text is not None:
            message["content"] = [{"type": "text", "text": said.text}]
        if said.calls:
            message["tool_calls"] = [_call(call, call.arguments) for call in said.calls]
        return {"id": "mock", "message": message, **_end(said, asked)}

    def events(self, said: Said, asked: Asked) -> list[bytes]:
        return [server_sent(event, event["type"]) for event in _events(said, asked)]

    def error(self, status: int, message: str) -> Any:  # noqa: ARG002 - it has no place for it
        return {"id": "mock", "message": message}

    def error_event(self, message: str) -> bytes:
        delta = {"finish_reason": "ERROR", "error": message}
        return server_sent({"type": "message-end", "delta": delta}, "message-end")

    def inputs(self, asked: Asked) -> Sequence[Any]:
        texts: Sequence[Any] | None = asked.body.get("texts")
        return asked.body.get("inputs", []) if texts is None else texts

    def embeddings(self, vectors: Sequence[Sequence[float]], asked: Asked) -> Any:
        texts: Any = asked.body.get("texts") or []
        units = {"input_tokens": sum(len(str(text).split()) for text in self.inputs(asked))}
        return {
            "id": "mock",
            "response_type": "embeddings_by_type",
            "embeddings": {"float": vectors},
            "texts": texts,
            "meta": {"api_version": {"version": "2"}, "billed_units": units},
        }

    def models(self, names: Sequence[str]) -> Any:
        return {
            "models": [
                {"name": name, "endpoints": ["chat", "embed"], "context_length": 128_000}
                for name in names
            ]
        }


def _call(call: Call, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _end(said: Said, asked: Asked) -> dict[str, Any]:
    counts = {"input_tokens": asked.prompt_tokens, "output_tokens": said.tokens}
    reason = "TOOL_CALL" if said.calls else "COMPLETE"
    return {"finish_reason": reason, "usage": {"billed_units": counts, "tokens": counts}}


def _events(said: Said, asked: Asked) -> Iterator[dict[str, Any]]:
    yield {"type": "message-start", "id": "mock", "delta": {"message": {"role": "assistant"}}}
    index = 0
    if said.text is not None:
        begun = {"message": {"content": {"type": "text", "text": ""}}}
        yield {"type": "content-start", "index": 0, "delta": begun}
        for word in said.words:
            added = {"message": {"content": {"text": word}}}
            yield {"type": "content-delta", "index": 0, "delta": added}
        yield {"type": "content-end", "index": 0}
        index = 1
    for at, call in enumerate(said.calls, index):
        delta = {"message": {"tool_calls": _call(call, "")}}
        yield {"type": "tool-call-start", "index": at, "delta": delta}
        for half in call.halves:
            piece = {"message": {"tool_calls": {"function": {"arguments": half}}}}
            yield {"type": "tool-call-delta", "index": at, "delta": piece}
        yield {"type": "tool-call-end", "index": at}
    yield {"type": "message-end", "delta": _end(said, asked)}
