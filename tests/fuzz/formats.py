"""Replies and streams in each vendor's format, written by hand for the fuzzers to begin with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.aws import event
from tests.faults import dialect_responses

__all__ = ["REPLIES", "REQUESTS", "SHAPES", "STREAMS"]

# --- answers in OpenAI's shape ------------------------------------------------------------

_USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
_FUNCTION = {"name": "f", "arguments": '{"a":1}'}
_MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": "Hi",
    "refusal": None,
    "reasoning_content": "Hm",
    "tool_calls": [
        {"id": "a", "type": "function", "function": _FUNCTION},
        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ],
    "annotations": [{"type": "url_citation", "url_citation": {"start_index": 0}}],
    "audio": {"id": "x", "data": "AAAA", "transcript": "Hi"},
}
_ENVELOPE = {"id": "1", "created": 1, "model": "m", "system_fingerprint": "fp", "x_new": {"a": 1}}
_LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": []}]}
_CHOICE = {"index": 0, "finish_reason": "stop", "logprobs": _LOGPROBS}
_COMPLETION = {**_ENVELOPE, "choices": [{**_CHOICE, "message": _MESSAGE}], "usage": _USAGE}
_PIECES: Sequence[Any] = (
    {"role": "assistant", "content": ""},
    {"content": "Hi"},
    {"reasoning_content": "Hm"},
    {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": _FUNCTION}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": " "}}]},
    {"tool_calls": [{"function": {"name": "g", "arguments": "{}"}}, {"id": "c"}]},
)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _events(values: Iterable[Any], end: bytes = b"") -> bytes:
    return b"".join(b"data: " + _json(value) + b"\n\n" for value in values) + end


def _delta(delta: Any, reason: str | None = None) -> dict[str, Any]:
    return {**_ENVELOPE, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


_CHAT_STREAM = _events(
    [*map(_delta, _PIECES), _delta({}, "tool_calls"), {"choices": [], "usage": _USAGE}],
    b"data: [DONE]\n\n",
)
SHAPES: Sequence[bytes] = (
    _json(_COMPLETION),
    _json({**_delta(_PIECES[3], "stop"), "usage": _USAGE}),
    _json(_MESSAGE),
    _json(_USAGE),
    b'{"choices":[],"created":1e3,"usage":{"prompt_tokens":NaN}}',
    b'{"choices":[{"message":{"content":"\\ud83d\\ude00"}}],"x":[Infinity,1e999,18446744073709551617]}',
)
REQUESTS: Sequence[bytes] = (
    _json(
        {
            "messages": [
                {"role": "system", "content": "x"},
                {"role": "user", "content": [{"type": "text", "text": "x"}], "name": "n"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
                _MESSAGE,
                {"role": "tool", "tool_call_id": "a", "content": "x"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
            "temperature": 0.5,
            "max_tokens": 5,
            "stop": ["a"],
            "logit_bias": {"5": 1},
            "metadata": {"a": "b"},
            "n": 2,
            "stream_options": {"include_usage": True},
        }
    ),
    b'[{"role":"user","content":"Hi"}]',
)

# --- the vendors' own formats -------------------------------------------------------------

_BLOCKS: Sequence[Any] = (
    {"type": "text", "text": "Hi", "citations": [{"type": "char_location", "cited_text": "x"}]},
    {"type": "thinking", "thinking": "Hm", "signature": "s"},
    {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}},
    {"type": "tool_use", "id": "b", "name": "x", "input": {"a": 1}},
    {"type": "server_tool_use", "id": "c", "name": "web_search", "input": {}},
)
_COUNTED = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1}
_MESSAGES_REPLY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": list(_BLOCKS),
    "stop_reason": "tool_use",
    "usage": _COUNTED,
}
_DELTAS: Sequence[Any] = (
    {"type": "text_delta", "text": "Hi"},
    {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "x"}},
    {"type": "thinking_delta", "thinking": "Hm"},
    {"type": "signature_delta", "signature": "s"},
    {"type": "input_json_delta", "partial_json": '{"a": 1}'},
    {"type": "new_delta", "text": "x"},
)


def _named(*values: Any) -> bytes:
    return b"".join(
        b"event: " + value["type"].encode() + b"\ndata: " + _json(value) + b"\n\n"
        for value in values
    )


_MESSAGES_STREAM = _named(
    {"type": "message_start", "message": {**_MESSAGES_REPLY, "content": [], "stop_reason": None}},
    {"type": "ping"},
    *(
        event
        for index, block in enumerate(_BLOCKS)
        for event in (
            {"type": "content_block_start", "index": index, "content_block": block},
            *({"type": "content_block_delta", "index": index, "delta": d} for d in _DELTAS),
            {"type": "content_block_stop", "index": index},
        )
    ),
    {"type": "new_event", "x": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": _COUNTED},
    {"type": "message_stop"},
)
_CITATION = {"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "tool", "id": "x"}]}
_COHERE_REPLY = {
    "id": "1",
    "finish_reason": "COMPLETE",
    "message": {
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": "Hm"}],
        "tool_plan": "so",
        "tool_calls": [{"id": "a", "type": "function", "function": _FUNCTION}],
        "citations": [_CITATION],
    },
    "usage": {"tokens": {"input_tokens": 3, "output_tokens": 2}, "billed_units": {}},
    "logprobs": [{"token_ids": [1], "text": "Hi", "logprobs": [-0.1]}],
}


def _cohere(kind: str, message: Any = None, index: int = 0) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


_TOOL_CALL = {"id": "a", "type": "function", "function": _FUNCTION}
_COHERE_STREAM = _named(
    {**_cohere("message-start", {"role": "assistant", "content": []}), "id": "1"},
    _cohere("tool-plan-delta", {"tool_plan": "so"}),
    _cohere("tool-call-start", {"tool_calls": {**_TOOL_CALL, "function": {"name": "f"}}}),
    _cohere("tool-call-delta", {"tool_calls": {"function": {"arguments": "{}"}}}),
    _cohere("tool-call-end"),
    _cohere("content-start", {"content": {"type": "text", "text": ""}}),
    _cohere("content-delta", {"content": {"text": "Hi"}}),
    _cohere("citation-start", {"citations": _CITATION}),
    _cohere("citation-end"),
    _cohere("content-end"),
    {"type": "new-event", "x": 1},
    {
        "type": "message-end",
        "delta": {"finish_reason": "COMPLETE", "usage": _COHERE_REPLY["usage"]},
    },
)
_LINE: dict[str, Any] = {
    "model": "m",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": "Hi", "thinking": "Hm"},
    "done": False,
}
_OLLAMA_CALLS = [
    {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
    {"function": {"name": "g"}},
]
_OLLAMA_REPLY = {
    **_LINE,
    "message": {
        "role": "assistant",
        "content": "",
        "tool_calls": _OLLAMA_CALLS,
        "images": ["aQ=="],
    },
    "logprobs": [{"token": "Hi", "logprob": -0.1}],
    "done": True,
    "done_reason": "stop",
    "eval_count": 3,
}
_PREDICTION = {
    "id": "p1",
    "model": "acme/chat",
    "status": "succeeded",
    "output": ["<think>Hm</think>", "Hi", " STOP there"],
    "created_at": "2026-01-01T00:00:00Z",
    "metrics": {"input_token_count": 3, "output_token_count": 2},
    "logs": "x",
    "urls": {"get": "https://api.replicate.com/v1/predictions/p1"},
}
_PREDICTION_STREAM = b"".join(
    b"event: " + name + b"\nid: 1:0\ndata: " + data + b"\n\n"
    for name, data in (
        *((b"output", b"<think>Hm"), (b"output", b"</think>"), (b"output", b"Hi <tool_call>")),
        (b"output", b'{"name": "f", "arguments": {"a": 1}}'),
        *((b"output", b"</tool_call> ST"), (b"logs", b"x"), (b"new", b"y"), (b"output", b"OK")),
        (b"done", b"{}"),
    )
)
_GEMINI_SOURCES = {
    "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 0, "endIndex": 2}, "groundingChunkIndices": [0]}
    ],
}
_GEMINI_CALL = {"name": "f", "args": {"a": [1]}, "id": "c"}
_GEMINI_REPLY = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Hm", "thought": True},
                    {"text": "Hi", "thoughtSignature": "c2ln"},
                    {"functionCall": _GEMINI_CALL},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"executableCode": {"code": "1"}},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
            "groundingMetadata": _GEMINI_SOURCES,
            "logprobsResult": {"chosenCandidates": [{"token": "Hi", "logProbability": -1}]},
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 3,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 1,
        "totalTokenCount": 6,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
    },
    "modelVersion": "m",
    "responseId": "r",
    "createTime": "2026-01-01T00:00:00Z",
}


def _gemini_event(*parts: Any, **more: Any) -> bytes:
    candidate = {"content": {"parts": [*parts]}, "index": 0, **more}
    counts = {"usageMetadata": {"promptTokenCount": 3}, "responseId": "r"}
    return b"data: " + _json({"candidates": [candidate], **counts}) + b"\r\n\r\n"


_GEMINI_STREAM = b"".join(
    (
        _gemini_event({"text": "Hm", "thought": True}),
        *(_gemini_event({"text": text}) for text in ("Hi", " there", "!")),
        _gemini_event({"functionCall": {"name": "f", "willContinue": True}}),
        _gemini_event(
            {"functionCall": {"partialArgs": [{"jsonPath": "$.a[0].b", "stringValue": "x"}]}}
        ),
        _gemini_event({"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP"),
    )
)
_BEDROCK_CALL = {"toolUseId": "c", "name": "f", "input": {"a": [1]}}
_BEDROCK_REPLY = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
                {"citationsContent": {"content": [{"text": "Hi"}], "citations": [{"title": "t"}]}},
                {"toolUse": _BEDROCK_CALL},
                {"image": {"format": "png"}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "cacheReadInputTokens": 1},
}


def _bedrock_event(name: str, **payload: Any) -> bytes:
    return event(name, _json(payload))


def _bedrock_delta(index: int, **delta: Any) -> bytes:
    return _bedrock_event("contentBlockDelta", contentBlockIndex=index, delta=delta)


_BEDROCK_STREAM = b"".join(
    (
        _bedrock_event("messageStart", role="assistant", p="abc"),
        _bedrock_delta(0, reasoningContent={"text": "Hm"}),
        _bedrock_delta(0, reasoningContent={"signature": "c2ln"}),
        _bedrock_event("contentBlockStop", contentBlockIndex=0),
        *(_bedrock_delta(1, text=text) for text in ("Hi", "!")),
        _bedrock_event(
            "contentBlockStart",
            contentBlockIndex=2,
            start={"toolUse": {"toolUseId": "c", "name": "f"}},
        ),
        *(_bedrock_delta(2, toolUse={"input": text}) for text in ('{"a":', "[1]}")),
        _bedrock_event("contentBlockStop", contentBlockIndex=2),
        _bedrock_event("messageStop", stopReason="tool_use"),
        _bedrock_event("metadata", usage={"inputTokens": 1, "outputTokens": 2}),
    )
)
_RESPONSES = dialect_responses.arguments("Hi")
_RESPONSES_STREAM = b"".join(
    (*_RESPONSES["opening"], _RESPONSES["piece"]("Hi"), _RESPONSES["finish"], _RESPONSES["marker"])
)
REPLIES: dict[str, tuple[bytes, ...]] = {
    "responses": (_json(_RESPONSES["answer"]),),
    "bedrock": (_json(_BEDROCK_REPLY), _json({"__type": "x#ThrottlingException"})),
    "openai": (_json(_COMPLETION),),
    "azure": (_json({**_COMPLETION, "prompt_filter_results": [{"prompt_index": 0}]}),),
    "anthropic": (_json(_MESSAGES_REPLY), _MESSAGES_STREAM),
    "cohere": (_json(_COHERE_REPLY),),
    "gemini": (_json(_GEMINI_REPLY), _json({"promptFeedback": {"blockReason": "SAFETY"}})),
    "huggingface": (_json(_COMPLETION),),
    "mistral": (_json(_COMPLETION),),
    "ollama": (_json(_OLLAMA_REPLY),),
    "replicate": (
        _json(_PREDICTION),
        _json({**_PREDICTION, "status": "processing", "output": None})
        + b"\x1e"
        + _json({**_PREDICTION, "output": {"text": "Hi"}}),
        _json({**_PREDICTION, "status": "failed", "error": "too long (E005)"}),
    ),
}
STREAMS = {
    "responses": _RESPONSES_STREAM,
    "bedrock": _BEDROCK_STREAM,
    "openai": _CHAT_STREAM,
    "azure": _CHAT_STREAM,
    "anthropic": _MESSAGES_STREAM,
    "cohere": _COHERE_STREAM,
    "gemini": _GEMINI_STREAM,
    "huggingface": _CHAT_STREAM,
    "mistral": _CHAT_STREAM,
    "ollama": b"\n".join(map(_json, (_LINE, _OLLAMA_REPLY))),
    "replicate": _PREDICTION_STREAM,
}
