"""Anthropic's format: messages and models. Source: the SDK ``anthropic``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate.testing.mock_server.answers import Asked, Said
from llmgate.testing.mock_server.shapes.shape import Shape, server_sent

__all__ = ["AnthropicShape"]

_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicShape(Shape):
    """It has no embeddings."""

    overloaded = 529

    def asked(self, path: str, body: Mapping[str, Any]) -> Asked | None:
        if path.endswith("/messages"):
            return Asked("chat", str(body.get("model", "")), bool(body.get("stream")), body)
        return Asked("models") if path.endswith("/models") else None

    def completion(self, said: Said, asked: Asked) -> Any:
        content: list[dict[str, Any]] = []
        if said.text is not None:
            content.append({"type": "text", "text": said.text})
        content += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
            for call in said.calls
        ]
        return {**_message(asked, said.tokens), "content": content, "stop_reason": _reason(said)}

    def events(self, said: Said, asked: Asked) -> list[bytes]:
        return [server_sent(event, event["type"]) for event in _events(said, asked)]

    def error(self, status: int, message: str) -> Any:
        kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def error_event(self, message: str) -> bytes:
        return server_sent(self.error(529, message), "error")

    def inputs(self, asked: Asked) -> Sequence[Any]:
        raise NotImplementedError

    def embeddings(self, vectors: Sequence[Sequence[float]], asked: Asked) -> Any:
        raise NotImplementedError

    def models(self, names: Sequence[str]) -> Any:
        data = [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "2025-10-09T08:53:20Z",
            }
            for name in names
        ]
        return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def _message(asked: Asked, tokens: int) -> dict[str, Any]:
    return {
        "id": "msg_mock",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": asked.prompt_tokens, "output_tokens": tokens},
    }


def _reason(said: Said) -> str:
    return "tool_use" if said.calls else "end_turn"


def _events(said: Said, asked: Asked) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": _message(asked, 0)}
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if said.text is not None:
        words = [{"type": "text_delta", "text": word} for word in said.words]
        blocks.append(({"type": "text", "text": ""}, words))
    for call in said.calls:
        named = {"id": call.id, "name": call.name}
        begun: dict[str, Any] = {"type": "tool_use", **named, "input": {}}
        halves = [{"type": "input_json_delta", "partial_json": half} for half in call.halves]
        blocks.append((begun, halves))
    for index, (begun, deltas) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": _reason(said), "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": said.tokens}}
    yield {"type": "message_stop"}
