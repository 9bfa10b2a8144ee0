"""What a provider writes for a call and reads in a recording, without a client.

    body_of(provider, {"model": "m", "messages": messages})
    completion_of(provider, exchange)

It sends nothing, and compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider import Provider
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import decode_json
from llmgate.testing import RecordedExchange, load_corpus
from llmgate.testing.driving import call_of, drive, first_request, read_stream
from llmgate.types import Completion

__all__ = ["body_of", "completion_of", "whole_payloads"]


def body_of(provider: Provider, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON body of the first request for a call with these arguments."""
    call = call_of(provider, arguments)
    flow: Any = provider.stream(call) if call.stream else provider.complete(call)
    return dict(decode_json(first_request(flow).body))


def completion_of(provider: Provider, exchange: RecordedExchange) -> Completion:
    """What the recorded replies say, whole or streamed."""
    messages = [{"role": "user", "content": "Hello"}]
    call = call_of(provider, {"model": "m", "messages": messages, "stream": exchange.is_stream})
    if not exchange.is_stream:
        return drive(provider.complete(call), exchange.replies).result
    decoder = drive(provider.stream(call), exchange.replies).result
    return accumulate(read_stream(decoder, [exchange.replies[-1].body]))


def whole_payloads(corpus: Path) -> Iterator[Any]:
    """The JSON of each whole response that was recorded, refusals left out."""
    for exchange in load_corpus(corpus, expect=None):
        if exchange.is_stream or exchange.is_refusal:
            continue
        try:
            yield decode_json(exchange.replies[-1].body)
        except DecodeError:
            continue
