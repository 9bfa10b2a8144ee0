"""The provider: settings, and the two flows over :mod:`encode`, :mod:`decode` and :mod:`stream`.

It does no I/O; the environment is read when it is made, and never after.
"""

from __future__ import annotations

import os
import re
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
from llmgate_anthropic.decode import decode
from llmgate_anthropic.encode import WITH_SAMPLING, Encoded, encode
from llmgate_anthropic.errors import messages_error
from llmgate_anthropic.stream import MessagesDecoder

__all__ = ["Anthropic"]

_OFFICIAL = "https://api.anthropic.com"
_NATIVE = ("temperature", "top_p")
_TRANSLATED = (
    "function_call",
    "functions",
    "max_completion_tokens",
    "max_tokens",
    "modalities",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "service_tier",
    "stop",
    "tool_choice",
    "tools",
    "user",
    "web_search_options",
)


class Anthropic(Provider):
    """Anthropic's Messages, or any host that speaks them.

    Args:
        api_key: The key, sent as ``x-api-key``; by default ``ANTHROPIC_API_KEY``.
        auth_token: A token, sent as ``Authorization: Bearer`` where there is no key; by default
            ``ANTHROPIC_AUTH_TOKEN``. Neither variable is sent to a host that is named here and is
            not Anthropic's, since it is not that host's key.
        base_url: The address without ``/v1``; by default ``ANTHROPIC_BASE_URL``, or Anthropic's.
        api_version: The ``anthropic-version``; by default the newest that takes what is sent.
        headers: Further headers, such as ``anthropic-beta``; by default those in
            ``ANTHROPIC_CUSTOM_HEADERS`` (lines of ``Name: value``).

    Raises:
        InvalidRequestError: when an address, a version or a key cannot be one.
    """

    protocol = 2
    name = "anthropic"
    models: ClassVar[tuple[str, ...]] = ("claude-*",)
    parameters: ClassVar[Mapping[str, Support] | None] = {
        **dict.fromkeys(_NATIVE, Support.NATIVE),
        **dict.fromkeys(_TRANSLATED, Support.TRANSLATED),
    }

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        auth_token: str | Secret | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._base_url = _base_url_of(
            os.environ.get("ANTHROPIC_BASE_URL") or _OFFICIAL if base_url is None else base_url
        )
        self._is_official = _is_official(self._base_url)
        self._key = _secret(api_key, "api_key")
        self._token = _secret(auth_token, "auth_token")
        given = {"api_key": self._key, "auth_token": self._token}
        is_own = (
            base_url is None or self._is_official
        )  # the environment names it, or it is Anthropic's
        if self._key is self._token is None and is_own:
            self._key = _secret(os.environ.get("ANTHROPIC_API_KEY") or None, "api_key")
            self._token = _secret(os.environ.get("ANTHROPIC_AUTH_TOKEN") or None, "auth_token")
        self._version = _version_of(api_version)
        self._headers = dict(headers or {})
        if headers is None and is_own:
            self._headers = _custom_headers()
        self._settings: dict[str, Any] = {
            **given,  # not those of the environment, which are for one host only
            "base_url": base_url,
            "api_version": api_version,
            "headers": headers,
        }

    def configured(self, **settings: Any) -> Anthropic:
        """The same provider with some of its settings changed."""
        return type(self)(**{**self._settings, **settings})

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one answer; a long answer is asked for as a stream, and read as a whole."""
        encoded = self._encoded(call)
        reply = yield self._request(encoded)
        return decode(reply, call.id, encoded.answer_tool)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        encoded = self._encoded(replace(call, stream=True))
        yield replace(self._request(encoded), stream=True)
        return MessagesDecoder(call.id, encoded.answer_tool)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key or the token, where there is one; never with both."""
        credentials: dict[str, str] = {}
        if self._key is not None:
            credentials["x-api-key"] = self._key.reveal()
        elif self._token is not None:
            credentials["authorization"] = f"Bearer {self._token.reveal()}"
        elif self._is_official and not request.has_header("x-api-key", "authorization"):
            raise MissingKeyError("Anthropic needs a key: set ANTHROPIC_API_KEY or pass api_key=")
        return request.with_headers({**self._headers, **credentials})

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return messages_error(reply)

    def __repr__(self) -> str:
        return f"Anthropic(base_url={shown_url(self._base_url)!r})"

    def _encoded(self, call: ProviderCall) -> Encoded:
        """Hosts that imitate Anthropic know its first version, if any."""
        return encode(call, self._version or (None if self._is_official else WITH_SAMPLING))

    def _request(self, encoded: Encoded) -> HttpRequest:
        headers = {"content-type": "application/json", "anthropic-version": encoded.version}
        url = f"{self._base_url}/v1/messages"
        return HttpRequest("POST", url, headers, encode_json(encoded.body))


def _secret(given: str | Secret | None, name: str) -> Secret | None:
    return given if given is None or isinstance(given, Secret) else Secret(given, name=name)


def _base_url_of(address: str) -> str:
    """An address as it was pasted, without the end that is appended to it."""
    parts = base_url_parts(address)
    path = parts.path.rstrip("/").removesuffix("/messages").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_official(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "api.anthropic.com" or host.endswith(".api.anthropic.com")


def _version_of(given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
        raise InvalidRequestError(f"expected a date, got {given!r:.40}", path="api_version")
    return given


def _custom_headers() -> dict[str, str]:
    lines = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
