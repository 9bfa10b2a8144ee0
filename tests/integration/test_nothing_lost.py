"""Every value of a response ends in the completion or in its report, also of what vendors publish
and nobody has recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from llmgate_anthropic import Anthropic
from llmgate_cohere import Cohere
from llmgate_gemini import Gemini
from llmgate_openai import OpenAI
from tests.integration.nothing_lost import TEXT, asked, check
from tests.kept import lost

ANTHROPIC = Anthropic(api_key="k")
COHERE = Cohere(api_key="k")
GEMINI = Gemini(api_key="k")
OPENAI = OpenAI(api_key="k")
RESPONSES = OpenAI(api_key="k", api="responses")


def test_what_is_lost_is_found() -> None:
    """A value that is nowhere, with where it was; a piece of a text is not lost."""
    completion, call = asked(
        OPENAI, stream=False, body=b'{"choices": [{"message": {"content": "Hi"}}]}'
    )
    payload = {
        "a": [{"b": "Hi"}, {"b": "H"}, {"b": "gone"}],
        "c": 12345,
        "d": True,
        "content": True,
    }
    assert {("a.b", "'gone'"), ("c", "12345"), ("d", "True")} == lost(
        completion, call.report, [payload]
    )


# --- Gemini -----------------------------------------------------------------------------


def candidate(*parts: Any, reason: str = "STOP", **more: Any) -> dict[str, Any]:
    return {"content": {"parts": [*parts]}, "finishReason": reason, "index": 0, **more}


RATED = [{"category": "HARM_X", "probability": "HIGH", "blocked": True}]
BLOCKED = {"blockReason": "OTHER", "blockReasonMessage": "because", "safetyRatings": RATED}
COUNTED = [{"modality": "IMAGE", "tokenCount": 258}, {"modality": "DOCUMENT", "tokenCount": 11}]
COUNTS = {
    "promptTokenCount": 10,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 100,
    "toolUsePromptTokenCount": 7,
    "totalTokenCount": 122,
    "cachedContentTokenCount": 4,
    "promptTokensDetails": COUNTED,
    "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 77}],
    "trafficType": "ON_DEMAND",
}
GROUNDED = {
    "groundingChunks": [
        {"web": {"uri": "https://a.example", "title": "a", "domain": "a.example"}},
        {"maps": {"uri": "https://m.example", "placeId": "p", "title": "m"}},
    ],
    "groundingSupports": [
        {
            "segment": {"endIndex": 5},
            "groundingChunkIndices": [0, 1],
            "confidenceScores": [0.5, 0.25],
        }
    ],
    "searchEntryPoint": {"renderedContent": "<div>"},
    "webSearchQueries": ["q"],
}
CODE = {"executableCode": {"language": "PYTHON", "code": "print(1)", "id": "c1"}}
RESULT = {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "Trace", "id": "c1"}}
SERVER_CALL = {
    "toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["q"]}, "id": "t1"}
}
GEMINIS: Mapping[str, Any] = {
    "a blocked prompt": {"promptFeedback": BLOCKED, "usageMetadata": {"promptTokenCount": 12}},
    "a picture": {
        "candidates": [
            candidate(
                {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "s"}
            )
        ]
    },
    "a video": {
        "candidates": [candidate({"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}})]
    },
    "a file": {"candidates": [candidate({"fileData": {"mimeType": "a/b", "fileUri": "gs://b/o"}})]},
    "code": {"candidates": [candidate(TEXT, CODE, RESULT, TEXT)]},
    "a call of the server": {"candidates": [candidate(SERVER_CALL, TEXT)]},
    "an unknown part": {"candidates": [candidate({"hologram": {"data": "zz"}, "partMetadata": 5})]},
    "several candidates": {
        "candidates": [
            candidate(TEXT),
            {**candidate({"text": "other"}, reason="SPII"), "index": 1},
        ],
        "usageMetadata": COUNTS,
    },
    "sources": {"candidates": [candidate(TEXT, groundingMetadata=GROUNDED)]},
    "a failure": {
        "candidates": [
            {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "why", "index": 0}
        ]
    },
    "more than a shape has": {
        "candidates": [
            candidate(TEXT, reason="CONTINUATION", continuationToken="ct", avgLogprobs=-0.125)
        ],
        "modelStatus": {"modelStage": "DEPRECATED"},
        "createTime": "2026-01-02T03:04:05Z",
    },
}


@pytest.mark.parametrize("payload", GEMINIS.values(), ids=GEMINIS.keys())
def test_of_gemini(payload: dict[str, Any]) -> None:
    """Whole and streamed alike."""
    given = {**payload, "responseId": "r", "modelVersion": "m"}
    given["usageMetadata"] = payload.get("usageMetadata", COUNTS)
    given.pop("createTime", None)
    body = json.dumps(given).encode()
    whole = check(GEMINI, [given], body, stream=False)
    streamed = check(GEMINI, [given], b"data: " + body + b"\n\n", stream=True)
    assert whole.model_dump() == streamed.model_dump()


# --- Anthropic, OpenAI, Cohere ----------------------------------------------------------


PLACES = [
    {"type": "char_location", "cited_text": "c1", "document_index": 8, "start_char_index": 6},
    {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "ei"},
    {"type": "search_result_location", "source": "src", "search_result_index": 9},
]
CLAUDES: Mapping[str, Any] = {
    "mcp": [
        {
            "type": "mcp_tool_use",
            "id": "m1",
            "name": "n",
            "server_name": "sn",
            "input": {"a": "bb"},
        },
        {
            "type": "mcp_tool_result",
            "tool_use_id": "m1",
            "content": [{"type": "text", "text": "mr"}],
        },
    ],
    "code": [
        {
            "type": "server_tool_use",
            "id": "s1",
            "name": "bash_code_execution",
            "input": {"c": "ls"},
        },
        {
            "type": "bash_code_execution_tool_result",
            "tool_use_id": "s1",
            "content": {"stdout": "so", "return_code": 7, "content": [{"file_id": "file_1"}]},
        },
    ],
    "files": [{"type": "container_upload", "file_id": "file_9"}],
    "hidden thoughts": [{"type": "redacted_thinking", "data": "RD"}],
    "citations": [{"type": "text", "text": "hello", "citations": PLACES}],
    "unknown": [{"type": "hologram", "zz": "yy"}],
}


@pytest.mark.parametrize("blocks", CLAUDES.values(), ids=CLAUDES.keys())
@pytest.mark.parametrize("reason", ["pause_turn", "refusal", "model_context_window_exceeded"])
def test_of_anthropic(blocks: list[Any], reason: str) -> None:
    """Blocks of the server, containers, edits of the context, and reasons with their details."""
    payload = {
        "id": "msg_1",
        "model": "m",
        "content": blocks,
        "stop_reason": reason,
        "stop_details": {"category": "cyber", "explanation": "why"},
        "usage": {
            "input_tokens": 11,
            "output_tokens": 22,
            "server_tool_use": {"web_search_requests": 3},
        },
        "container": {"id": "c1", "expires_at": "2027", "skills": [{"skill_id": "pdf"}]},
        "context_management": {"applied_edits": [{"cleared_tool_uses": 5}]},
    }
    check(ANTHROPIC, [payload], json.dumps(payload).encode(), stream=False)


ITEMS: Mapping[str, Any] = {
    "search": {
        "type": "web_search_call",
        "id": "w",
        "action": {"query": "q", "sources": [{"url": "u"}]},
    },
    "code": {"type": "code_interpreter_call", "id": "c", "code": "1", "outputs": [{"logs": "2"}]},
    "picture": {
        "type": "image_generation_call",
        "id": "i",
        "result": "iVBO",
        "revised_prompt": "rp",
    },
    "mcp": {"type": "mcp_call", "id": "m", "server_label": "sl", "arguments": "{}", "output": "o"},
    "shell": {"type": "shell_call", "id": "s", "call_id": "c", "action": {"commands": ["ls"]}},
    "thoughts": {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "ec"},
    "unknown": {"type": "hologram", "id": "h", "zz": "yy"},
}


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS.keys())
def test_of_responses(item: dict[str, Any]) -> None:
    """Items of the server's own tools."""
    said = {
        "type": "output_text",
        "text": "hello",
        "annotations": [{"type": "file_path", "file_id": "f"}],
    }
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [said]}
    payload = {
        "id": "resp_1",
        "status": "completed",
        "model": "m",
        "output": [item, message],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        "metadata": {"kk": "vv"},
        "service_tier": "flex",
    }
    check(RESPONSES, [payload], json.dumps(payload).encode(), stream=False)


MESSAGES: Mapping[str, Any] = {
    "sound": {"audio": {"id": "a1", "data": "AAAA", "expires_at": 17, "transcript": "tr"}},
    "notes": {
        "content": "x",
        "annotations": [{"type": "file_citation", "file_citation": {"file_id": "f"}}],
    },
    "refusal": {"refusal": "no"},
    "custom": {
        "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "n", "input": "i"}}]
    },
    "thoughts": {
        "content": "x",
        "reasoning_details": [{"text": "hm", "signature": "s", "index": 0}],
    },
    "unknown": {"content": "x", "foo": {"bar": "baz"}},
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_of_openai(message: dict[str, Any]) -> None:
    """Whole, and in one chunk."""
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "token_ids": [1234],
        "content_filter_results": {"a": "b"},
    }
    head = {"id": "x", "created": 17, "model": "m", "service_tier": "flex", "x_host": {"id": "req"}}
    said = {"role": "assistant", **message}
    payload = {**head, "choices": [{**choice, "message": said}]}
    check(OPENAI, [payload], json.dumps(payload).encode(), stream=False)
    calls = [{**each, "index": n} for n, each in enumerate(said.get("tool_calls", ()))]
    delta = {**said, "tool_calls": calls} if calls else said
    chunk = {**head, "choices": [{**choice, "delta": delta}]}
    body = b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"
    check(OPENAI, [payload], body, stream=True)


def test_of_cohere() -> None:
    """Sources, counts and unknown parts."""
    cited = {
        "start": 0,
        "end": 2,
        "text": "he",
        "sources": [{"type": "tool", "id": "t", "tool_output": {"x": "yy"}}],
    }
    parts = [{"type": "text", "text": "hello"}, {"type": "hologram", "zz": "ww"}]
    payload = {
        "id": "c1",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": parts, "citations": [cited]},
        "usage": {
            "billed_units": {"input_tokens": 11, "search_units": 3},
            "tokens": {"output_tokens": 22},
        },
    }
    check(COHERE, [payload], json.dumps(payload).encode(), stream=False)
