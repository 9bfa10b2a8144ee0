"""Providers with one fault each, and the kit that is to find it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmgate.errors import LLMGateError, ProviderError, error_class
from llmgate.provider import Decoder
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, encode_json
from llmgate.testing import CANARY, FakeProvider, ProviderConformance, RecordedExchange
from llmgate.types import Choice, Chunk, Completion, Message
from tests.testing.recorded import EXCHANGES, GOLDEN


def kit(provider: Any, *exchanges: RecordedExchange, **attributes: Any) -> Any:
    """The kit with these attributes."""
    known = exchanges or EXCHANGES
    attributes = {"exchanges": known, "calls": (GOLDEN,), **attributes, "provider": provider}
    return type("Kit", (ProviderConformance,), attributes)()


def run(tested: Any, test: str) -> None:
    """Run one test of the kit with every case there is for it."""
    method = getattr(tested, test)
    arguments = list(inspect.signature(method).parameters)
    for case in tested._cases()[arguments[0]] if arguments else [None]:
        method(*([case] if arguments else []))


def sending(change: Callable[[HttpRequest, ProviderCall], HttpRequest]) -> FakeProvider:
    """A provider whose requests are changed."""

    class Sending(FakeProvider):
        def complete(self, call: ProviderCall) -> Flow[Completion]:
            return self._changed(super().complete(call), call)

        def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
            return self._changed(super().stream(call), call)

        def _changed(self, flow: Flow[Any], call: ProviderCall) -> Flow[Any]:
            reply = yield change(next(flow), call)
            try:
                flow.send(reply)
            except StopIteration as stop:
                return stop.value

    return Sending(api_key=CANARY)


def sending_body(change: Callable[[dict[str, Any], ProviderCall], Any]) -> FakeProvider:
    """A provider whose bodies are changed."""
    return sending(
        lambda request, call: replace(
            request, body=encode_json(change(json.loads(request.body), call))
        )
    )


def answering(decode: Callable[[HttpResponse, Completion | None], Completion]) -> FakeProvider:
    """A provider that decodes in another way; it is handed what the right way gives, if it does."""

    class Answering(FakeProvider):
        def complete(self, call: ProviderCall) -> Flow[Completion]:
            flow = super().complete(call)
            reply = yield next(flow)
            right: Completion | None = None
            try:
                flow.send(reply)
            except StopIteration as stop:
                right = stop.value
            except LLMGateError:
                pass
            return decode(reply, right)

    return Answering(api_key=CANARY)


def reworded(text: Any = "Hi", **changes: Any) -> FakeProvider:
    """A provider whose answers are all alike."""
    message = Message(**{"content": text, **changes.pop("message", {})})
    return answering(lambda reply, right: Completion([Choice(message, **changes)]))


def streaming(kind: Callable[[], Decoder[Chunk]]) -> FakeProvider:
    """A provider with this decoder."""

    class Streaming(FakeProvider):
        def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
            yield from super().stream(call)
            return kind()

    return Streaming(api_key=CANARY)


def refusing(error: Callable[[HttpResponse], Any]) -> FakeProvider:
    """A provider that explains errors like this."""

    class Refusing(FakeProvider):
        def error(self, reply: HttpResponse) -> ProviderError:
            explained: ProviderError = error(reply)
            return explained

    return Refusing(api_key=CANARY)


def declaring(**attributes: Any) -> FakeProvider:
    """A provider with other attributes."""
    made: FakeProvider = type("Declaring", (FakeProvider,), attributes)(api_key=CANARY)
    return made


def without(*names: str) -> Callable[[dict[str, Any], ProviderCall], dict[str, Any]]:
    """A body without these parameters."""

    def change(body: dict[str, Any], call: ProviderCall) -> dict[str, Any]:
        return {**body, "with": {k: v for k, v in body["with"].items() if k not in names}}

    return change


def loud(text: Callable[[HttpResponse], str]) -> FakeProvider:
    """A provider whose errors say this."""
    return refusing(lambda reply: error_class(reply.status)(text(reply)))


def gullible(reply: HttpResponse, right: Completion | None) -> Completion:
    return Completion([Choice(Message(reply.body.decode("utf-8", "replace")))])
