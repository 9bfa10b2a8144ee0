"""Whether all that a payload says is in the response."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate.provider import Provider
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.testing.driving import call_of, drive, read_stream
from llmgate.types import Completion
from tests.kept import lost

IMPLIED = frozenset({"type", "role", "object", "contentBlockIndex"})
"""Names of fields whose values say how a payload is built, and no more."""
HI = {"role": "user", "content": "Hi"}
TEXT = {"text": "hello"}


def asked(provider: Provider, *, stream: bool, body: bytes) -> tuple[Completion, Any]:
    """What a response becomes, and the call."""
    call = call_of(provider, {"model": "model", "messages": [HI], "stream": stream})
    if not stream:
        return drive(provider.complete(call), [HttpResponse(200, {}, body)]).result, call
    decoder = drive(provider.stream(call), [HttpResponse(200, {}, b"")]).result
    return accumulate(read_stream(decoder, [body])), call


def check(provider: Provider, payloads: Iterable[Any], body: bytes, *, stream: bool) -> Completion:
    """The completion, in which everything is."""
    completion, call = asked(provider, stream=stream, body=body)
    found = lost(completion, call.report, payloads)
    assert set() == {each for each in found if each[0].rpartition(".")[2] not in IMPLIED}
    return completion
