"""The provider: settings, and the two flows over :mod:`encode` and :mod:`decode`. No I/O."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from llmgate.errors import InvalidRequestError, MissingKeyError, ProviderError
from llmgate.options import Call, ChatParameters
from llmgate.provider import Decoder, Provider, Support
from llmgate.types import Completion
from llmgate.wire import Flow, HttpReply, HttpRequest, Secret
from llmgate_openai.decode import ChatDecoder, decode
from llmgate_openai.encode import COMPATIBLE, Dialect, chat_request
from llmgate_openai.errors import chat_error

__all__ = ["OpenAI", "base_url_of"]

_OFFICIAL = "https://api.openai.com/v1"


class OpenAI(Provider):
    """OpenAI, or any host that speaks its chat completions.

    Args:
        api_key: The key; by default ``OPENAI_API_KEY``. That variable is not sent to a host that is
            named here and is not OpenAI's, since it is not that host's key.
        base_url: The address up to and with ``/v1``; by default ``OPENAI_BASE_URL``, or OpenAI's.
        organization: Sent as ``OpenAI-Organization``; by default ``OPENAI_ORG_ID``.
        project: Sent as ``OpenAI-Project``; by default ``OPENAI_PROJECT_ID``.
        headers: Further headers; by default those in ``OPENAI_CUSTOM_HEADERS`` (lines of
            ``Name: value``).
        dialect: How the host departs from OpenAI's format; by default told from the address.

    Raises:
        InvalidRequestError: when an address or a key cannot be one.
    """

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
        self._base_url = base_url_of(base_url or os.environ.get("OPENAI_BASE_URL") or _OFFICIAL)
        self._is_official = _is_official(self._base_url)
        self._dialect = dialect or (Dialect() if self._is_official else COMPATIBLE)
        if api_key is None and (base_url is None or self._is_official):
            api_key = os.environ.get("OPENAI_API_KEY") or None
        self._key = Secret(api_key) if isinstance(api_key, str) else api_key
        self._settings["api_key"] = self._key
        self._headers = {
            **_known("OpenAI-Organization", organization or os.environ.get("OPENAI_ORG_ID")),
            **_known("OpenAI-Project", project or os.environ.get("OPENAI_PROJECT_ID")),
            **(_custom_headers() if headers is None else headers),
        }

    def configured(self, **settings: Any) -> OpenAI:
        """The same provider with some of its settings changed."""
        return type(self)(**{**self._settings, **settings})

    def takes_legacy_functions(self) -> bool:
        """OpenAI itself still takes them; of its imitators few do, and silently ignore them."""
        return self._is_official

    def complete(self, call: Call) -> Flow[Completion]:
        """One request, one answer."""
        reply = yield chat_request(call, self._url, self._dialect)
        return decode(reply, call.id)

    def stream(self, call: Call) -> Flow[Decoder]:
        """One request, and a decoder for its events."""
        yield chat_request(call, self._url, self._dialect)
        return ChatDecoder(call.id)

    async def authorize(self, request: HttpRequest) -> HttpRequest:
        """The request with the key, where there is one."""
        if self._key is None:
            if self._is_official:
                raise MissingKeyError("OpenAI needs a key: set OPENAI_API_KEY or pass api_key=")
            return replace(request, headers={**request.headers, **self._headers})
        authorization = {"Authorization": f"Bearer {self._key.reveal()}"}
        return replace(request, headers={**request.headers, **self._headers, **authorization})

    def error(self, reply: HttpReply) -> ProviderError:
        """What an error's status and body mean."""
        return chat_error(reply)

    def __repr__(self) -> str:
        return f"OpenAI(base_url={self._base_url!r})"

    @property
    def _url(self) -> str:
        return f"{self._base_url}/chat/completions"


def base_url_of(address: str) -> str:
    """An address as it was pasted, without the end that is appended to it.

    Raises:
        InvalidRequestError: when it is no http or https URL.
    """
    address = address.strip()
    parts = urlsplit(address) if address.isprintable() else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidRequestError(f"{address!r:.80} is no http or https URL", path="base_url")
    return address.rstrip("/").removesuffix("/chat/completions").rstrip("/")


def _is_official(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def _known(name: str, value: str | None) -> dict[str, str]:
    return {name: value} if value else {}


def _custom_headers() -> dict[str, str]:
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
