"""The provider: settings, and the flows over ``request`` and ``response``. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import Decoder, Provider, Rule, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import (
    Credential,
    Settings,
    Vendor,
    json_request,
    key_from,
    read_token_count,
)
from llmgate.types import Chunk, Completion
from llmgate_anthropic.request.body import WITH_SAMPLING, Encoded, encode
from llmgate_anthropic.response.body import decode
from llmgate_anthropic.response.errors import messages_error
from llmgate_anthropic.response.stream import MessagesDecoder
from llmgate_anthropic.rules import PARAMETERS, abilities_of

if TYPE_CHECKING:
    from llmgate.models import TokenCount

__all__ = ["Anthropic"]

_VENDOR = Vendor(
    name="Anthropic",
    hosts=("api.anthropic.com",),
    base_url="https://api.anthropic.com",
    base_url_variables=("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"),
    endings=("/messages", "/v1"),
    credentials={
        "api_key": Credential(("ANTHROPIC_API_KEY",), "x-api-key", ""),
        "auth_token": Credential(("ANTHROPIC_AUTH_TOKEN",)),
    },
    headers_variable="ANTHROPIC_CUSTOM_HEADERS",
)


class Anthropic(Provider):
    """Anthropic's Messages, or any host that speaks them.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code. The same holds for a token and for headers.

    Args:
        api_key: The key, sent as ``x-api-key``; by default ``ANTHROPIC_API_KEY``.
        auth_token: A token, sent as ``Authorization: Bearer`` where there is no key; by default
            ``ANTHROPIC_AUTH_TOKEN``.
        base_url: The address without ``/v1``; by default ``ANTHROPIC_BASE_URL`` (or
            ``ANTHROPIC_API_BASE``), or Anthropic's.
        api_version: The ``anthropic-version``; by default the newest that takes what is sent.
        headers: Further headers, such as ``anthropic-beta``; by default those in
            ``ANTHROPIC_CUSTOM_HEADERS`` (lines of ``Name: value``).

    Raises:
        InvalidRequestError: when an address, a version, a key or a header cannot be sent.
    """

    protocol = 2
    name = "anthropic"
    models: ClassVar[tuple[str, ...]] = ("claude-*",)
    parameters: ClassVar[Mapping[str, Support] | None] = PARAMETERS

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        auth_token: str | Secret | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key, auth_token = key_from(api_key), key_from(auth_token, "auth_token")
        self._settings = Settings(
            _VENDOR,
            api_key=api_key,
            auth_token=auth_token,
            base_url=base_url,
            api_version=api_version,
            headers=headers,
        )
        if api_version is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", api_version):
            reason = f"must be a date, not {api_version!r:.40}"
            raise InvalidRequestError(reason, path="api_version")
        # Hosts that imitate Anthropic know its first version, if any.
        self._version = api_version or (None if self._settings.is_official else WITH_SAMPLING)

    def configured(self, **settings: Any) -> Anthropic:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def abilities(
        self, model: str, parameters: ChatParameters, /
    ) -> Mapping[str, Support | Rule] | None:
        """The provider's table, but for what this model refuses."""
        return abilities_of(model, parameters, self._version)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion; a long one is requested as a stream and joined."""
        encoded = encode(call, self._version)
        response = yield self._request(encoded)
        return decode(response, call.id, encoded.output_tool, call.report)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        encoded = encode(call if call.stream else replace(call, stream=True), self._version)
        yield self._request(encoded, stream=True)
        return MessagesDecoder(call.id, encoded.output_tool, report=call.report)

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """One request, with what of the call is its prompt."""
        from llmgate_anthropic.counting import count_request  # noqa: PLC0415 - seldom

        encoded = encode(replace(call, stream=False), self._version)
        url = self._settings.url("/v1/messages/count_tokens")
        response = yield count_request(encoded, url)
        return read_token_count(response, "input_tokens")

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key or the token, where there is one; never with both."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse, /) -> ProviderError:
        """What an error's status and body mean."""
        return messages_error(response)

    def __repr__(self) -> str:
        return f"Anthropic(base_url={self._settings.shown_url!r})"

    def _request(self, encoded: Encoded, *, stream: bool = False) -> HttpRequest:
        url, headers = self._settings.url("/v1/messages"), {"anthropic-version": encoded.version}
        return json_request(url, encoded.body, headers, stream=stream)
