"""The provider: settings, and the two flows over ``encode``, ``decode`` and ``stream``. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from llmgate.errors import InvalidRequestError, MissingKeyError, ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import Decoder, EmbeddingAbilities, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret, base_url_parts, shown_url
from llmgate.types import Chunk, Completion
from llmgate_openai.request.body import COMPATIBLE, Dialect, chat_request
from llmgate_openai.response.body import decode
from llmgate_openai.response.errors import chat_error
from llmgate_openai.response.stream import ChatDecoder

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model

__all__ = ["OpenAI", "base_url_of", "chat_url", "route_url"]

_OFFICIAL = "https://api.openai.com/v1"


class OpenAI(Provider):
    """OpenAI, or any host that speaks its chat completions.

    Args:
        api_key: The key; by default ``OPENAI_API_KEY``. What the environment says of keys and
            headers is not sent to a host that is named here and is not OpenAI's: it is not its own.
        base_url: The address up to and with ``/v1``; by default ``OPENAI_BASE_URL``, or OpenAI's.
        organization: Sent as ``OpenAI-Organization``; by default ``OPENAI_ORG_ID``.
        project: Sent as ``OpenAI-Project``; by default ``OPENAI_PROJECT_ID``.
        headers: Further headers; by default those in ``OPENAI_CUSTOM_HEADERS`` (lines of
            ``Name: value``). An ``Authorization`` among them is sent in place of the key.
        dialect: How the host departs from OpenAI's format; by default told from the address.

    Raises:
        InvalidRequestError: when an address or a key cannot be one.
    """

    protocol = 2
    name = "openai"
    models: ClassVar[tuple[str, ...]] = (
        "gpt-*",
        "chatgpt-*",
        "o1*",
        "o3*",
        "o4*",
        "ft:gpt-*",
        "codex-*",
        "computer-use-*",
        "davinci-*",
        "text-davinci-*",
        "text-embedding-*",
    )
    parameters: ClassVar[Mapping[str, Support] | None] = dict.fromkeys(
        ChatParameters.__annotations__, Support.NATIVE
    )

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        self._settings: dict[str, Any] = {
            "api_key": api_key,
            "base_url": base_url,
            "organization": organization,
            "project": project,
            "headers": headers,
            "dialect": dialect,
        }
        environment: Mapping[str, str] = os.environ
        address = environment.get("OPENAI_BASE_URL") or _OFFICIAL
        self._base_url = base_url_of(address if base_url is None else base_url)
        self._url = chat_url(self._base_url)
        self._is_official = _is_official(self._base_url)
        self._dialect = dialect or (Dialect() if self._is_official else COMPATIBLE)
        if base_url and not self._is_official:
            environment = {}  # its credentials are for another host
        self._key = _secret(environment.get("OPENAI_API_KEY") or None)
        if api_key is not None:
            self._key = self._settings["api_key"] = _secret(api_key)
        self._headers = _checked_headers(
            {
                "OpenAI-Organization": organization or environment.get("OPENAI_ORG_ID"),
                "OpenAI-Project": project or environment.get("OPENAI_PROJECT_ID"),
                **(_custom_headers(environment) if headers is None else headers),
            }
        )
        self._has_authorization = _has_authorization(self._headers)

    def configured(self, **settings: Any) -> OpenAI:
        """The same provider with some of its settings changed."""
        return type(self)(**{**self._settings, **settings})

    def takes_legacy_functions(self) -> bool:
        """OpenAI itself still takes them; of its imitators few do, and silently ignore them."""
        return self._is_official

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one answer."""
        reply = yield chat_request(call, self._url, self._dialect)
        return decode(reply, call.id)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        yield chat_request(call, self._url, self._dialect)
        return ChatDecoder(call.id, choices=call.parameters.get("n", 1))

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_openai import embeddings  # noqa: PLC0415 - not paid for by chat

        url = route_url(self._base_url, "embeddings")
        response = yield embeddings.embedding_request(call, url, prefers_base64=self._is_official)
        return embeddings.decode_embeddings(response)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """OpenAI's own limits; a host of which nothing is known is sent just what was asked."""
        from llmgate_openai.embeddings import embedding_abilities  # noqa: PLC0415 - likewise

        if self._is_official:
            return embedding_abilities(model)
        return EmbeddingAbilities(takes_tokens=True)

    def list_models(self) -> Flow[list[Model]]:
        """One request, all models."""
        from llmgate_openai.models import decode_models  # noqa: PLC0415 - likewise

        response = yield HttpRequest("GET", route_url(self._base_url, "models"))
        return decode_models(response)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        if request.has_header("authorization") or self._has_authorization:
            return request.with_headers(self._headers)
        if self._key is not None:
            credentials = {"Authorization": f"Bearer {self._key.reveal()}"}
            return request.with_headers({**self._headers, **credentials})
        if self._is_official:
            raise MissingKeyError("OpenAI needs a key: set OPENAI_API_KEY or pass api_key=")
        return request.with_headers(self._headers)

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return chat_error(reply)

    def __repr__(self) -> str:
        return f"OpenAI(base_url={shown_url(self._base_url)!r})"


def _has_authorization(headers: Mapping[str, str]) -> bool:
    return "authorization" in [name.lower() for name in headers]


def base_url_of(address: str) -> str:
    """An address as it was pasted, without the end that is appended to it.

    Raises:
        InvalidRequestError: when it is no http or https URL.
    """
    parts = base_url_parts(address)
    path = parts.path.rstrip("/")
    for route in ("/chat/completions", "/embeddings"):
        path = path.removesuffix(route).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def chat_url(base_url: str) -> str:
    """Where chat completions are asked for."""
    return route_url(base_url, "chat/completions")


def route_url(base_url: str, route: str) -> str:
    """The address of a route; a query of the host's address stays at its end."""
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=f"{parts.path}/{route}"))


def _is_official(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def _secret(key: str | Secret | None) -> Secret | None:
    return key if key is None or isinstance(key, Secret) else Secret(key)


def _custom_headers(environment: Mapping[str, str]) -> dict[str, str]:
    lines = environment.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _checked_headers(headers: Mapping[str, str | None]) -> dict[str, str]:
    """The headers that have a value, each of which can be sent; values are never shown."""
    given = {name: value for name, value in headers.items() if value}
    for name, value in given.items():
        if not (name and f"{name}{value}".isascii() and f"{name}{value}".isprintable()):
            raise InvalidRequestError("expected printable ASCII text", path=f"headers.{name!a}")
    return given
