"""The provider: settings, and the two flows over :mod:`encode`, :mod:`decode` and :mod:`stream`.

It does no I/O; the environment is read when it is made, and never after.
Source: https://docs.cohere.com/reference/chat
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from llmgate.errors import InvalidRequestError, MissingKeyError, ProviderError
from llmgate.provider import Decoder, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import (
    Flow,
    HttpRequest,
    HttpResponse,
    Secret,
    base_url_parts,
    encode_json,
    shown_url,
)
from llmgate.types import Chunk, Completion
from llmgate_cohere.decode import decode
from llmgate_cohere.encode import encode
from llmgate_cohere.errors import chat_error
from llmgate_cohere.stream import ChatDecoder

__all__ = ["Cohere"]

_OFFICIAL = "https://api.cohere.com"
_KEYS = ("CO_API_KEY", "COHERE_API_KEY")
_NATIVE = ("logprobs", "max_tokens")
_TRANSLATED = (
    "frequency_penalty",
    "function_call",
    "functions",
    "max_completion_tokens",
    "modalities",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
)


class Cohere(Provider):
    """Cohere's chat, or any host that speaks its second version.

    Args:
        api_key: The key; by default ``CO_API_KEY``, or ``COHERE_API_KEY``. Neither variable is sent
            to a host that is named here and is not Cohere's, since it is not that host's key.
        base_url: The address without ``/v2/chat``; by default ``CO_API_URL``, or Cohere's.
        headers: Further headers, such as ``X-Client-Name``.

    Raises:
        InvalidRequestError: when an address, a header or a key cannot be one.
    """

    protocol = 2
    name = "cohere"
    models: ClassVar[tuple[str, ...]] = ("command", "command-*", "c4ai-*")
    parameters: ClassVar[Mapping[str, Support] | None] = {
        **dict.fromkeys(_NATIVE, Support.NATIVE),
        **dict.fromkeys(_TRANSLATED, Support.TRANSLATED),
    }

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        address = os.environ.get("CO_API_URL") or _OFFICIAL
        self._base_url = _base_url_of(address if base_url is None else base_url)
        self._is_official = _is_official(self._base_url)
        given = _secret(api_key)
        self._key = given
        if given is None and (base_url is None or self._is_official):
            self._key = _key_of_environment()
        self._headers = _checked(headers or {})
        self._settings: dict[str, Any] = {
            "api_key": given,  # not that of the environment, which is for one host only
            "base_url": base_url,
            "headers": headers,
        }

    def configured(self, **settings: Any) -> Cohere:
        """The same provider with some of its settings changed."""
        return type(self)(**{**self._settings, **settings})

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one answer."""
        encoded = encode(replace(call, stream=False))
        reply = yield self._request(encoded.body)
        return decode(reply, call.id, encoded.model, encoded.names)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        encoded = encode(replace(call, stream=True))
        yield replace(self._request(encoded.body), stream=True)
        return ChatDecoder(call.id, encoded.model, encoded.names)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        credentials: dict[str, str] = {}
        if self._key is not None:
            credentials["authorization"] = f"Bearer {self._key.reveal()}"
        elif self._is_official and not request.has_header("authorization"):
            raise MissingKeyError("Cohere needs a key: set COHERE_API_KEY or pass api_key=")
        return request.with_headers({**self._headers, **credentials})

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return chat_error(reply)

    def __repr__(self) -> str:
        return f"Cohere(base_url={shown_url(self._base_url)!r})"

    def _request(self, body: Mapping[str, Any]) -> HttpRequest:
        headers = {"content-type": "application/json"}
        return HttpRequest("POST", f"{self._base_url}/v2/chat", headers, encode_json(body))


def _secret(key: str | Secret | None) -> Secret | None:
    return key if key is None or isinstance(key, Secret) else Secret(key)


def _key_of_environment() -> Secret | None:
    """The key, from the variable that Cohere documents or from the customary one."""
    for name in _KEYS:
        if text := os.environ.get(name):
            return Secret(text, name=name)
    return None


_ENDS = ("/chat", "/v2", "/v1", "/compatibility")


def _base_url_of(address: str) -> str:
    """An address as it was pasted, without the end that is appended to it."""
    parts = base_url_parts(address)
    path = parts.path.rstrip("/")
    for end in _ENDS:
        path = path.removesuffix(end).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_official(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host.endswith((".cohere.com", ".cohere.ai"))


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, each of which can be sent; values are never shown."""
    for name, value in headers.items():
        if not (name and f"{name}{value}".isascii() and f"{name}{value}".isprintable()):
            raise InvalidRequestError("expected printable ASCII text", path=f"headers.{name!a}")
    return dict(headers)
