"""Every value of every recording ends in the completion or in its report.

The plugins' own conformance suites say what is played, and by which provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate.provider.accumulate import accumulate
from llmgate.testing import RecordedExchange
from llmgate.testing.driving import call_of, drive, read_stream
from tests.bedrock import events_in
from tests.kept import lost
from tests.test_every_recording import loaded

PLUGINS = Path(__file__).parents[2] / "plugins"
SUMS_SO_FAR = "llmgate-local"
"""The plugin whose chunks have timings of all that came before."""
FILES = [
    *(
        each
        for each in PLUGINS.glob("*/tests/test_conformance.py")
        if SUMS_SO_FAR not in each.parts
    ),
    *(PLUGINS.glob("*/tests/test_responses_conformance.py")),
]
IMPLIED = frozenset(
    {
        *("type", "role", "object", "done", "willContinue", "thought"),  # how a payload is built
        *("obfuscation", "p"),  # padding
        *("sequence_number", "item_id", "jsonPath"),  # where a fragment belongs
        *("created", "created_at", "ts_us"),  # of the first chunk
    }
)
"""Names of fields whose values say nothing once a response is whole."""
COUNTED = frozenset(
    {
        *("input_tokens", "output_tokens", "completion_tokens", "total_tokens", "inputTokens"),
        *("candidatesTokenCount", "totalTokenCount"),
    }
)
"""Counts so far, and counts that are sums of others in OpenAI's shape."""
REPLACED = frozenset(
    {
        "choices.delta.token_id",  # the last one stands for all
        "choices.delta.content",  # parted into reasoning and text at its tags
        "content.type",
        "delta.partial_json",  # of a call of the server: it is a value by now
        "contentBlockDelta.delta.toolUse.input",
        "item.encrypted_content",  # a draft; that of the whole item is kept
        "item.id",  # of plain messages and calls, which go back without
        "item.status",
        *("item.content.logprobs.logprob", "response.output.content.logprobs.logprob"),  # rounded
        "message.tool_calls.function.arguments",  # "null" is an empty object
        "output",  # a piece of a text with tags
        "output.id",
        "response.output.encrypted_content",
        "response.output.id",
        "response.status",
        "id",  # of a later chunk
    }
)
"""Paths of what has another form in the completion."""


def payloads_of(exchange: RecordedExchange) -> Iterator[Any]:
    """The JSON values in a response: one, or those of its events or lines."""
    body = exchange.replies[-1].body
    if body[:1] == b"\0":
        yield from ({name: payload} for name, payload in events_in(body))
        return
    try:
        yield json.loads(body)
        return
    except ValueError:
        lines = body.decode().splitlines()
    for line in lines:
        try:
            yield json.loads(line.removeprefix("data:"))
        except ValueError:  # the name of an event, or text
            continue


def is_implied(path: str) -> bool:
    """Whether a value at this path need not be anywhere."""
    return path in REPLACED or path.rpartition(".")[2] in IMPLIED | COUNTED


@pytest.mark.parametrize("file", sorted(FILES), ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_nothing_of_a_recording_is_lost(file: Path) -> None:
    """Text, calls, counts, ids, sources, traces and whatever else there is."""
    gone: dict[str, set[tuple[str, str]]] = {}
    for suite in vars(loaded(file)).values():
        exchanges = getattr(suite, "exchanges", ()) if isinstance(suite, type) else ()
        for exchange in exchanges:
            if exchange.error is None:
                found = {each for each in _lost(suite, exchange) if not is_implied(each[0])}
                gone |= {exchange.name: found} if found else {}
    assert {} == gone


def _lost(suite: Any, exchange: RecordedExchange) -> set[tuple[str, str]]:
    provider, replies = suite.provider, exchange.replies
    call = call_of(provider, exchange.call)
    if exchange.is_stream:
        decoder = drive(provider.stream(call), replies, error=provider.error).result
        completion = accumulate(read_stream(decoder, [replies[-1].body]))
    else:
        completion = drive(provider.complete(call), replies, error=provider.error).result
    return lost(completion, call.report, payloads_of(exchange))
