"""Cohere's own SDK reads what this plugin reads in each recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llmgate.provider.accumulate import accumulate
from llmgate.testing import RecordedExchange, drive, load_corpus, read_stream
from llmgate.testing.driving import call_of
from llmgate.types import Completion
from tests.integration.cohere_sdk import HELLO, PROVIDER, ask_the_sdk
from tests.sdk import SdkServer

pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, of its own code


def test_the_sdk_reads_the_same(corpus: Path, server: SdkServer) -> None:
    """Text, thoughts, calls, citations, counts and reason are what Cohere's SDK reads."""
    for exchange in load_corpus(corpus, expect=None):
        if "endpoint:v2/chat" not in exchange.tags or exchange.is_refusal:
            continue
        server.answer = exchange.replies[-1].body
        read = ask_the_sdk(server, model="command-r", messages=HELLO, stream=exchange.is_stream)
        expected = as_their_events(read) if exchange.is_stream else as_they_read(read)
        assert expected == as_we_read(exchange), exchange.name


def as_they_read(reply: Any) -> dict[str, Any]:
    """What counts of a reply, from the SDK's."""
    message: Any = reply.message
    items: list[Any] = message.content or []
    calls: list[Any] = message.tool_calls or []
    cited: list[Any] = message.citations or []
    return {
        "id": reply.id,
        "text": "".join(item.text for item in items if item.type == "text"),
        "thoughts": "".join(item.thinking for item in items if item.type == "thinking")
        + (message.tool_plan or ""),
        "calls": [
            (call.id, call.function.name, none_is_empty(call.function.arguments)) for call in calls
        ],
        "citations": [(citation.start, citation.end, citation.text) for citation in cited],
        "reason": reply.finish_reason,
        "counts": counts_of(reply.usage),
    }


def as_their_events(events: list[Any]) -> dict[str, Any]:
    """The same, from the SDK's events."""
    of: dict[str, list[Any]] = {}
    for event in events:
        of.setdefault(event.type, []).append(event)
    contents = [
        event.delta.message.content
        for event in of.get("content-start", []) + of.get("content-delta", [])
    ]
    plans = [event.delta.message.tool_plan for event in of.get("tool-plan-delta", [])]
    calls = {event.index: event.delta.message.tool_calls for event in of.get("tool-call-start", [])}
    pieces = {index: call.function.arguments or "" for index, call in calls.items()}
    for event in of.get("tool-call-delta", []):
        pieces[event.index] += event.delta.message.tool_calls.function.arguments
    cited = [event.delta.message.citations for event in of.get("citation-start", [])]
    last = of["message-end"][0].delta
    return {
        "id": of["message-start"][0].id,
        "text": "".join(content.text or "" for content in contents),
        "thoughts": "".join(content.thinking or "" for content in contents) + "".join(plans),
        "calls": [
            (call.id, call.function.name, none_is_empty(pieces[index]))
            for index, call in calls.items()
        ],
        "citations": [(citation.start, citation.end, citation.text) for citation in cited],
        "reason": last.finish_reason,
        "counts": counts_of(last.usage),
    }


def none_is_empty(arguments: str) -> str:
    """No arguments are the empty object."""
    return "{}" if arguments in ("", "null") else arguments


def counts_of(usage: Any) -> tuple[Any, ...]:
    """Counts, tokens of images among those of the prompt."""
    extra: Mapping[str, Any] = usage.tokens.model_extra or {}
    images, billed = extra.get("image_tokens", 0), usage.billed_units
    return (
        usage.tokens.input_tokens + images,
        usage.tokens.output_tokens,
        usage.cached_tokens,
        billed.input_tokens,
        billed.output_tokens,
    )


def as_we_read(exchange: RecordedExchange) -> dict[str, Any]:
    """The same from ours."""
    answer = answer_to(exchange)
    choice, usage = answer.choices[0], answer.usage
    assert usage is not None
    details, billed = usage.prompt_tokens_details, usage.extra["billed_units"]
    data: dict[str, Any] = (choice.message.provider_data or {}).get("cohere", {})
    return {
        "id": answer.id,
        "text": answer.text,
        "thoughts": choice.message.reasoning_content or "",
        "calls": [
            (call.id, call.function.name, call.function.arguments)
            for call in choice.message.tool_calls or []
            if call.function
        ],
        "citations": [(c["start"], c["end"], c["text"]) for c in data.get("citations", [])],
        "reason": choice.native_finish_reason,
        "counts": (
            usage.prompt_tokens,
            usage.completion_tokens,
            details.cached_tokens if details else None,
            billed["input_tokens"],
            billed["output_tokens"],
        ),
    }


def answer_to(exchange: RecordedExchange) -> Completion:
    """What we make of a recording."""
    call = call_of(PROVIDER, {"model": "m", "messages": HELLO, "stream": exchange.is_stream})
    if not exchange.is_stream:
        return drive(PROVIDER.complete(call), exchange.replies).result
    decoder = drive(PROVIDER.stream(call), exchange.replies).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))
