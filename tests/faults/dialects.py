"""Each provider's wire as a server writes it: one answer, whole and streamed, and errors.

It knows no fault; what is done to these bytes is the business of the families of faults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmgate.provider import Provider
from llmgate_anthropic import Anthropic
from llmgate_azure import AzureOpenAI
from llmgate_bedrock import Bedrock
from llmgate_cohere import Cohere
from llmgate_gemini import Gemini
from llmgate_huggingface import HuggingFace
from llmgate_mistral import Mistral
from llmgate_ollama import Ollama
from llmgate_openai import OpenAI
from llmgate_replicate import Replicate
from tests.aws import message as aws_message
from tests.faults import dialect_responses
from tests.faults.calls import KEY
from tests.faults.dialect import TEXT, Dialect
from tests.faults.peer import Seen
from tests.faults.server import COMPLETION, chunk, event, reply

__all__ = ["DIALECTS"]


def _named(kind: str, data: Any) -> bytes:
    return f"event: {kind}\n".encode() + event(data)


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "code": None}}


# --- OpenAI, and Azure --------------------------------------------------------------------


def _openai(text: Any) -> dict[str, Any]:
    choice = {**COMPLETION["choices"][0], "message": {"role": "assistant", "content": text}}
    return {**COMPLETION, "choices": [choice]}


def _openai_piece(text: str) -> bytes:
    return event(chunk(text))


_OPENAI: dict[str, Any] = {
    "answer": _openai(TEXT),
    "answer_saying": _openai,
    "opening": (event(chunk("")),),
    "piece": _openai_piece,
    "finish": event(chunk(finish_reason="stop")),
    "marker": event("[DONE]"),
    "stream_error": event({"error": {"message": "busy", "type": "overloaded_error", "code": 503}}),
    "error_body": _error,
}


def _azure(url: str) -> Provider:
    return AzureOpenAI(api_key=KEY, base_url=url.removesuffix("/v1"))


# --- Anthropic ----------------------------------------------------------------------------


def _anthropic(text: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }


_OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
_BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
_ENDED = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 2},
}


def _anthropic_piece(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    said = {"type": "content_block_delta", "index": 0, "delta": delta}
    return _named("content_block_delta", said)


def _anthropic_opening() -> tuple[bytes, ...]:
    message: dict[str, Any] = {**_anthropic(""), "content": [], "stop_reason": None}
    started = _named("message_start", {"type": "message_start", "message": message})
    return started, _named("content_block_start", _BLOCK)


# --- Bedrock ------------------------------------------------------------------------------

_BEDROCK_COUNTS = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}


def _bedrock(text: Any) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": _BEDROCK_COUNTS,
    }


def _bedrock_event(name: str, kind: str = "event", **payload: Any) -> bytes:
    headers = {f":{kind}-type": name, ":message-type": kind}
    return aws_message(headers, json.dumps(payload).encode())


# --- Cohere -------------------------------------------------------------------------------

_TOKENS = {"tokens": {"input_tokens": 1, "output_tokens": 2}}


def _cohere(text: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": text}]},
        "usage": _TOKENS,
    }


def _cohere_event(kind: str, **more: Any) -> bytes:
    return _named(kind, {"type": kind, **more})


def _cohere_item(kind: str, **content: str) -> bytes:
    return _cohere_event(kind, index=0, delta={"message": {"content": content}})


_COHERE_START = _cohere_event(
    "message-start", id="c1", delta={"message": {"role": "assistant", "content": []}}
)
_COHERE_END = {"finish_reason": "COMPLETE", "usage": _TOKENS}
_COHERE_ERROR = {"finish_reason": "ERROR", "error": "overloaded"}


# --- Ollama -------------------------------------------------------------------------------


def _ollama(text: Any, *, done: bool = True) -> dict[str, Any]:
    part = {"model": "qwen3", "message": {"role": "assistant", "content": text}, "done": done}
    counts = {"done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2}
    return {**part, **counts} if done else part


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


# --- Gemini -------------------------------------------------------------------------------

_GEMINI_COUNTS = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}
_GEMINI_ERROR = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}


def _gemini_part(text: Any, **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    return {"candidates": [{"content": content, "index": 0, **more}]}


def _gemini(text: Any) -> dict[str, Any]:
    return {**_gemini_part(text, finishReason="STOP"), "usageMetadata": _GEMINI_COUNTS}


# --- Replicate ----------------------------------------------------------------------------

_SCHEMA = {
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["prompt"],
                "properties": {"prompt": {"type": "string"}},
            },
            "Output": {"type": "array", "items": {"type": "string"}},
        }
    }
}


def _replicate(text: Any) -> dict[str, Any]:
    return {
        "id": "p1",
        "model": "acme/chat",
        "status": "succeeded",
        "output": text,
        "error": None,
        "urls": {},
        "metrics": {"input_token_count": 1, "output_token_count": 2},
    }


def _replicate_output(text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: output\n{lines}\n".encode()


def _prediction(seen: Seen, url: str) -> bytes | None:
    """A prediction that has begun, whose stream is the next thing to be asked for."""
    if seen.method == "POST" and seen.target.endswith("/cancel"):
        return reply(200, body={})
    if seen.method == "POST" and "prefer" not in seen.headers:  # whoever streams does not wait
        stream = {"stream": f"{url.removesuffix('/v1')}/stream"}
        return reply(201, body={**_replicate(None), "status": "starting", "urls": stream})
    return None


# --- all ----------------------------------------------------------------------------------

DIALECTS: Mapping[str, Dialect] = {
    each.name: each
    for each in (
        Dialect(
            name="openai",
            model="openai/gpt-4o",
            make=lambda url: OpenAI(api_key=KEY, base_url=url),
            **_OPENAI,
        ),
        Dialect(name="azure", model="azure/gpt-4o", make=_azure, **_OPENAI),
        Dialect(
            name="responses",
            model="responses/gpt-4o",
            make=lambda url: OpenAI(api_key=KEY, base_url=url, api="responses"),
            error_body=_error,
            **dialect_responses.arguments(TEXT),
        ),
        Dialect(
            name="huggingface",
            model="huggingface/tgi",
            make=lambda url: HuggingFace(api_key=KEY, base_url=url),
            **_OPENAI,
        ),
        Dialect(
            name="mistral",
            model="mistral/mistral-small-latest",
            make=lambda url: Mistral(api_key=KEY, base_url=url),
            **_OPENAI,
        ),
        Dialect(
            name="anthropic",
            model="anthropic/claude-haiku-4-5",
            make=lambda url: Anthropic(api_key=KEY, base_url=url.removesuffix("/v1")),
            answer=_anthropic(TEXT),
            answer_saying=_anthropic,
            opening=_anthropic_opening(),
            piece=_anthropic_piece,
            finish=_named("content_block_stop", {"type": "content_block_stop", "index": 0})
            + _named("message_delta", _ENDED),
            marker=_named("message_stop", {"type": "message_stop"}),
            stream_error=_named("error", _OVERLOADED),
            error_body=lambda message: {
                "type": "error",
                "error": {"type": "api_error", "message": message},
            },
        ),
        Dialect(
            name="bedrock",
            model="bedrock/us.amazon.nova-lite-v1:0",
            make=lambda url: Bedrock(
                api_key=KEY, region="us-east-1", base_url=url.removesuffix("/v1")
            ),
            answer=_bedrock(TEXT),
            answer_saying=_bedrock,
            opening=(_bedrock_event("messageStart", role="assistant"),),
            piece=lambda text: _bedrock_event(
                "contentBlockDelta", contentBlockIndex=0, delta={"text": text}
            ),
            finish=b"",
            marker=_bedrock_event("contentBlockStop", contentBlockIndex=0)
            + _bedrock_event("messageStop", stopReason="end_turn")
            + _bedrock_event("metadata", usage=_BEDROCK_COUNTS),
            stream_error=_bedrock_event("serviceUnavailableException", "exception", message="busy"),
            error_body=lambda message: {"message": message},
            framing="messages",
        ),
        Dialect(
            name="cohere",
            model="cohere/command-a-03-2025",
            make=lambda url: Cohere(api_key=KEY, base_url=url.removesuffix("/v1")),
            answer=_cohere(TEXT),
            answer_saying=_cohere,
            opening=(_COHERE_START, _cohere_item("content-start", type="text", text="")),
            piece=lambda text: _cohere_item("content-delta", text=text),
            finish=_cohere_event("content-end", index=0),
            marker=_cohere_event("message-end", delta=_COHERE_END),
            stream_error=_cohere_event("message-end", delta=_COHERE_ERROR),
            error_body=lambda message: {"id": "e1", "message": message},
        ),
        Dialect(
            name="gemini",
            model="gemini/gemini-3.5-flash",
            make=lambda url: Gemini(api_key=KEY, base_url=url.removesuffix("/v1")),
            answer=_gemini(TEXT),
            answer_saying=_gemini,
            opening=(event(_gemini_part("")),),
            piece=lambda text: event(_gemini_part(text)),
            finish=event(_gemini("")),
            marker=b"",
            has_terminator=False,
            stream_error=event(_GEMINI_ERROR),
            error_body=lambda message: {
                "error": {"code": 500, "message": message, "status": "INTERNAL"}
            },
        ),
        Dialect(
            name="ollama",
            model="ollama/qwen3",
            make=lambda url: Ollama(api_key=KEY, base_url=url),
            answer=_ollama(TEXT),
            answer_saying=_ollama,
            opening=(),
            piece=lambda text: _line(_ollama(text, done=False)),
            finish=_line(_ollama("")),
            marker=b"",
            stream_error=_line({"error": "busy", "status": 503}),
            error_body=lambda message: {"error": message},
            framing="lines",
        ),
        Dialect(
            name="replicate",
            model="replicate/acme/chat",
            make=lambda url: Replicate(
                api_key=KEY,
                base_url=url,
                schemas={"acme/chat": _SCHEMA},
                poll_interval=0.01,
            ),
            answer=_replicate([TEXT]),
            answer_saying=lambda text: _replicate(text if text is None else [text]),
            opening=(),
            piece=_replicate_output,
            finish=b"",
            marker=b"event: done\ndata: {}\n\n",
            stream_error=b'event: error\ndata: {"detail": "overloaded"}\n\n',
            error_body=lambda message: {"detail": message, "title": "error"},
            aside=_prediction,
            idempotent=False,
        ),
    )
}
