"""Spans of rerankings, and what spans have from labels, bodies and modalities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from llmgate.middleware import ChatCall, RerankCall
from llmgate.reranking import Reranking, RerankUsage
from llmgate.types import Function, ToolCall
from llmgate_otel.attributes import of_chat_call

Record = Callable[..., Any]


def attributes_of(span: Any) -> dict[str, Any]:
    """The attributes."""
    return dict(span.attributes)


async def test_rerankings(record: Record) -> None:
    """They have a span as well, and count what was read."""
    made = record()
    await made.client.arerank("fake/m", "two", ["one", "two"])
    found = attributes_of(made.call)
    assert ("rerank m", "rerank") == (made.call.name, found["gen_ai.operation.name"])
    assert "fake" == found["gen_ai.provider.name"]
    assert "gen_ai.usage.output_tokens" not in found
    assert 1 == len(made.attempts)
    made.telemetry.is_enabled = False
    await made.client.arerank("fake/m", "two", ["one", "two"])
    assert 1 == len(made.attempts)


async def test_the_usage_of_a_reranking(record: Record) -> None:
    """Its tokens are input, where the provider counts in tokens."""
    made = record()
    for usage in (RerankUsage(prompt_tokens=7), RerankUsage(search_units=1), None):

        async def respond(_: Any, usage: RerankUsage | None = usage) -> Reranking:
            return Reranking([], model="m-1" if usage else "", usage=usage)

        await made.telemetry.rerank(RerankCall("fake/m", "q", ["d"]), respond)
    found = [attributes_of(each) for each in made.spans]
    assert [7, None, None] == [each.get("gen_ai.usage.input_tokens") for each in found]
    assert ["m-1", "m-1", None] == [each.get("gen_ai.response.model") for each in found]


async def test_what_stands_in_labels_and_in_the_body(record: Record) -> None:
    """Labels of the conventions are attributes, others are not; so are two keys of the body."""
    made = record("one")
    await made.client.acompletion(
        "fake/m",
        made.hi,
        labels={"gen_ai.conversation.id": "c-1", "tenant": "a"},
        extra_body={"top_k": 5, "previous_response_id": "r-1", "mine": 1},
    )
    found = attributes_of(made.call)
    assert ("c-1", 5, "r-1") == (
        found["gen_ai.conversation.id"],
        found["gen_ai.request.top_k"],
        found["gen_ai.request.previous_response.id"],
    )
    assert not {"tenant", "mine"} & found.keys()


@pytest.mark.parametrize(
    ("modalities", "expected"),
    [(["text", "audio"], "speech"), (["text", "image"], "image"), (["text"], None)],
)
def test_the_type_of_output_by_modalities(modalities: list[str], expected: str | None) -> None:
    """Speech, or a picture; a text alone is not said."""
    found = of_chat_call(ChatCall("m", [], {"modalities": modalities}), None)
    assert expected == found.get("gen_ai.output.type")


@pytest.mark.parametrize(
    "arguments", ["[" * 100_000, '{"a": "\\ud800"}', '{"n": 99999999999999999999}', "{", None]
)
async def test_odd_arguments_of_calls_harm_no_export(record: Record, arguments: Any) -> None:
    """A model may write anything: the call is made, and what is recorded can be sent."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments or ""}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = ToolCall("c", Function("f", arguments or ""))
    made = record([answer], content="both")
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}
    await made.client.acompletion("fake/m", [*made.hi, asked, result])
    for encoded in (encode_spans(made.spans), encode_logs(made.exported)):
        assert b"gen_ai.input.messages" in encoded.SerializeToString()
        assert b"gen_ai.output.messages" in encoded.SerializeToString()
