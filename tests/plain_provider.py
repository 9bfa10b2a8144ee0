"""A provider of OpenAI's chat format and nothing beside it, for the tests of the core.

It knows no model, no parameter and no error of a vendor's; it sends what it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.errors import DecodeError, ProviderError, StreamTruncatedError, error_class
from llmgate.provider import (
    Configurable,
    Decoder,
    Embedder,
    EmbeddingAbilities,
    Provider,
    Signing,
    status_error,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, SSEFramer
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, decode_json, is_object
from llmgate.provider.kit import Credential, Settings, Vendor, json_request, merge_body
from llmgate.types import Chunk, Completion

__all__ = ["PlainProvider"]

_VENDOR = Vendor(
    "OpenAI",
    hosts=("api.openai.com",),
    base_url="https://api.openai.com/v1",
    endings=("/chat/completions",),
    credentials={"api_key": Credential(("OPENAI_API_KEY",))},
)


class PlainProvider(Provider, Configurable, Embedder):
    """The provider; ``base_url`` is that of a fault server, as a rule."""

    protocol = 2
    name = "openai"
    models: ClassVar[tuple[str, ...]] = ("gpt-*", "o3*")

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
    ) -> None:
        self._settings = Settings(
            _VENDOR, api_key=api_key, base_url=base_url, organization=organization
        )
        self._headers = {"OpenAI-Organization": organization} if organization else {}

    def configured(self, **settings: Any) -> PlainProvider:
        """Another one, with these settings in place of its own."""
        return type(self)(**self._settings.changed(**settings))

    def __repr__(self) -> str:
        return f"PlainProvider({self._settings.shown_url})"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one response."""
        response = yield self._request(call)
        return _completion(response.json())

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder of its events."""
        yield replace(self._request(call), stream=True)
        return _Decoder()

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        """The request with the key, in ``Authorization``."""
        return self._settings.authorized(request, self._headers)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        body = {"model": call.model, "input": call.input, **call.parameters}
        response = yield json_request(self._settings.url("/embeddings"), body)
        return Embeddings.model_validate(response.json())

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """It takes tokens, too."""
        return EmbeddingAbilities(takes_tokens=True)

    def error(self, response: HttpResponse) -> ProviderError:
        """An error of its status, with what an error object says."""
        return _error_in(response.body, response.status) or status_error(response)

    def _request(self, call: ProviderCall) -> HttpRequest:
        body = {"model": call.model, "messages": call.messages, **call.parameters}
        if call.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            if not call.include_usage:
                call.report.add("injected", "stream_options.include_usage", "to have the usage")
        url = self._settings.url("/chat/completions")
        return json_request(url, merge_body(body, call.extra_body))


def _completion(body: Any) -> Completion:
    if not is_object(body) or "choices" not in body:
        raise DecodeError("the response is not a completion")
    return Completion.model_validate(body)


def _error_in(body: bytes, status: int | None = None) -> ProviderError | None:
    """The error whose object a body is; in a stream it is of the status that its code says."""
    try:
        payload = decode_json(body)
    except DecodeError:
        return None
    error = payload.get("error") if is_object(payload) else None
    if not is_object(error):
        return None
    code, in_stream = error.get("code"), status is None
    meant = _CODES.get(code, code if isinstance(code, int) else 0) if status is None else status
    return error_class(meant)(
        str(error.get("message")), status=meant or None, code=code, in_stream=in_stream
    )


_CODES: Mapping[Any, int] = {"rate_limit_exceeded": 429}


class _Decoder:
    """Reads one stream, up to ``[DONE]`` or a finish reason."""

    def __init__(self) -> None:
        self.framer = SSEFramer()
        self.finished = False
        self._has_reason = False

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one event."""
        if frame.data.strip() == b"[DONE]":
            self.finished = True
            return ()
        if error := _error_in(frame.data):
            raise error
        chunk = Chunk.model_validate(decode_json(frame.data))
        self._has_reason |= any(choice.finish_reason for choice in chunk.choices)
        return (chunk,)

    def close(self) -> Iterable[Chunk]:
        """The bytes have ended."""
        if not self._has_reason:
            raise StreamTruncatedError("the stream ended without a finish reason")
        return ()
