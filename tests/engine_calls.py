"""Providers and calls, for tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from llmgate import Client
from llmgate.provider import Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse
from llmgate.types import Chunk, Completion
from tests.faults.calls import (
    HI,
    MODEL,
)
from tests.faults.server import COMPLETION, reply

ANSWER = reply(body=COMPLETION)


async def consume(client: Client, *, streamed: bool, **options: Any) -> None:
    """Make a call and take the whole answer."""
    if not streamed:
        await client.acompletion(MODEL, HI, **options)
        return
    async for _ in await client.acompletion(MODEL, HI, stream=True, **options):
        pass


# --- flows of several steps, and requests that are not to be sent twice -------------------


class Steps(Provider):
    """A provider whose flow is given as a function."""

    protocol = 2
    name = "steps"

    def __init__(
        self, flow: Callable[[ProviderCall], Generator[HttpRequest, HttpResponse, Any]]
    ) -> None:
        self._flow = flow

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        answer: Completion = yield from self._flow(call)
        return answer

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        decoder: Decoder[Chunk] = yield from self._flow(call)
        return decoder


def client_for(
    flow: Callable[[ProviderCall], Generator[HttpRequest, HttpResponse, Any]], **settings: Any
) -> Client:
    """A client whose provider is this flow."""
    return Client(providers={"steps": Steps(flow)}, timeout=5.0, **settings)
