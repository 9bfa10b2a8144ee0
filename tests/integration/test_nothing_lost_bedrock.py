"""Shapes that Bedrock publishes and nobody recorded: nothing of them is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from llmgate_bedrock import Bedrock
from tests.aws import event
from tests.integration.nothing_lost import TEXT, check

BEDROCK = Bedrock(api_key="k", region="us-east-1")
TRACE = {
    "guardrail": {
        "modelOutput": ["mo"],
        "inputAssessment": {"g": {"topicPolicy": {"topics": [{"name": "n", "detected": True}]}}},
        "actionReason": "Guardrail blocked.",
    },
    "promptRouter": {"invokedModelId": "arn:x"},
}
CITED = {
    "title": "t",
    "source": "s",
    "location": {"documentPage": {"documentIndex": 8, "start": 6, "end": 9}},
    "sourceContent": [{"text": "sc"}],
}
SERVER_USE = {"toolUseId": "t", "name": "web", "type": "server_tool_use"}
BLOCKS: Mapping[str, list[dict[str, Any]]] = {
    "hidden thoughts": [{"reasoningContent": {"redactedContent": "UkVE"}}, TEXT],
    "signed thoughts": [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}],
    "citations": [TEXT, {"citationsContent": {"content": [TEXT], "citations": [CITED]}}],
    "a picture": [{"image": {"format": "png", "source": {"bytes": "iVBO"}}}, TEXT],
    "a failed picture": [{"image": {"format": "png", "source": {}, "error": {"message": "no"}}}],
    "a video": [{"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/k"}}}}],
    "sound": [{"audio": {"format": "wav", "source": {"bytes": "AAAA"}}}],
    "a document": [{"document": {"format": "pdf", "name": "n", "source": {"bytes": "JVBE"}}}],
    "a call of the server": [
        {"toolUse": {**SERVER_USE, "input": {"q": "x"}}},
        {"toolResult": {"toolUseId": "t", "status": "success", "content": [{"json": {"k": "v"}}]}},
    ],
    "an unknown block": [{"hologram": {"z": "zz"}}, TEXT],
}


@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS.keys())
def test_of_bedrock(blocks: list[dict[str, Any]]) -> None:
    """Blocks that few models send, beside traces and counts."""
    payload = {
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": "guardrail_intervened",
        "usage": {
            "inputTokens": 11,
            "outputTokens": 22,
            "totalTokens": 33,
            "cacheDetails": [{"a": 5}],
        },
        "metrics": {"latencyMs": 987},
        "trace": TRACE,
        "performanceConfig": {"latency": "optimized"},
        "additionalModelResponseFields": {"stop_sequence": "XX"},
    }
    check(BEDROCK, [payload], json.dumps(payload).encode(), stream=False)


DELTAS: Mapping[str, list[dict[str, Any]]] = {
    "hidden thoughts": [{"reasoningContent": {"redactedContent": "UkVE"}}],
    "both kinds of thoughts": [
        {"reasoningContent": {"text": "hm"}},
        {"reasoningContent": {"redactedContent": "UkVE"}},
        {"reasoningContent": {"signature": "s"}},
    ],
    "citations": [TEXT, {"citation": CITED}],
    "a picture": [
        {"image": {"format": "png", "source": {"bytes": "iVBO"}}},
        {"image": {"source": {"bytes": "Rw0K"}}},
    ],
    "an unknown delta": [{"hologram": {"x": "yy"}}],
}


@pytest.mark.parametrize("deltas", DELTAS.values(), ids=DELTAS.keys())
def test_of_bedrocks_streams(deltas: list[dict[str, Any]]) -> None:
    """Deltas of one block, an unknown event, and metadata before the end."""
    usage = {"inputTokens": 11, "outputTokens": 22, "totalTokens": 33}
    events: list[tuple[str, Any]] = [
        ("messageStart", {"role": "assistant"}),
        *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": each}) for each in deltas),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("futureEvent", {"a": "bbb"}),
        ("metadata", {"usage": usage, "trace": TRACE, "metrics": {"latencyMs": 987}}),
        ("messageStop", {"stopReason": "end_turn", "additionalModelResponseFields": {"c": "dd"}}),
    ]
    body = b"".join(event(name, json.dumps(payload).encode()) for name, payload in events)
    check(BEDROCK, [payload for _, payload in events], body, stream=True)
