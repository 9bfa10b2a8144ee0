"""The provider: settings, and the flows over ``request`` and ``response``. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import InvalidRequestError, ProviderError
from llmgate.provider import Decoder, EmbeddingAbilities, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret, is_object
from llmgate.provider.kit import Credential, Settings, Vendor, json_request, key_from
from llmgate.types import Chunk, Completion
from llmgate_ollama.address import complete_address
from llmgate_ollama.request.body import encode
from llmgate_ollama.response.body import decode
from llmgate_ollama.response.errors import ollama_error
from llmgate_ollama.response.stream import ChatDecoder

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model

__all__ = ["Ollama"]

_VENDOR = Vendor(
    name="Ollama",
    hosts=("ollama.com",),
    base_url="http://127.0.0.1:11434",
    base_url_variables=("OLLAMA_HOST", "OLLAMA_BASE_URL", "OLLAMA_API_BASE"),
    endings=("/completions", "/chat", "/v1", "/api"),
    credentials={"api_key": Credential(("OLLAMA_API_KEY",))},
    complete_address=complete_address,
)
_NATIVE = (
    "frequency_penalty",
    "logprobs",
    "presence_penalty",
    "seed",
    "temperature",
    "top_logprobs",
    "top_p",
)
_TRANSLATED = (
    "max_completion_tokens",
    "max_tokens",
    "modalities",
    "reasoning_effort",
    "response_format",
    "stop",
    "tools",
)


class Ollama(Provider):
    """A server of Ollama's, on this machine or elsewhere, or Ollama's cloud.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The key of Ollama's cloud, or of a proxy; by default ``OLLAMA_API_KEY``. A server
            of one's own needs none.
        base_url: The address; by default ``OLLAMA_HOST`` (or ``OLLAMA_BASE_URL``,
            ``OLLAMA_API_BASE``), or ``http://127.0.0.1:11434``. Scheme and port may be left out.
        headers: Further headers. An ``Authorization`` among them is sent instead of the key.
        keep_alive: How long the model stays loaded after a call, in seconds or as ``"5m"``; 0
            unloads it at once, -1 never does.
        options: Options of the model for every call, such as ``{"num_ctx": 8192}``; what a call
            says itself counts more.

    Raises:
        InvalidRequestError: when an address, a key, a header or an option cannot be sent.
    """

    protocol = 2
    name = "ollama"
    parameters: ClassVar[Mapping[str, Support] | None] = {
        **dict.fromkeys(_NATIVE, Support.NATIVE),
        **dict.fromkeys(_TRANSLATED, Support.TRANSLATED),
        "tool_choice": Support.EMULATED,
    }

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        keep_alive: float | str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._settings = Settings(
            _VENDOR,
            api_key=api_key,
            base_url=base_url,
            headers=headers,
            keep_alive=keep_alive,
            options=options,
        )
        if options is not None and not is_object(options):
            raise InvalidRequestError("must be a dictionary", path="options")
        self._defaults: dict[str, Any] = {}
        if keep_alive is not None:
            self._defaults["keep_alive"] = keep_alive
        if options:
            self._defaults["options"] = dict(options)

    def configured(self, **settings: Any) -> Ollama:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        response = yield self._chat_request(call)
        return decode(response, call.id, call.report)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its lines."""
        yield self._chat_request(call)
        return ChatDecoder(call.id, call.report)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_ollama import embeddings  # noqa: PLC0415 - not paid for by chat

        url = self._settings.url("/api/embed")
        response = yield embeddings.embedding_request(call, url, self._defaults)
        return embeddings.decode_embeddings(response, call.report)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - all take the same
        """What every model takes."""
        from llmgate_ollama.embeddings import ABILITIES  # noqa: PLC0415 - likewise

        return ABILITIES

    def list_models(self) -> Flow[list[Model]]:
        """One request: the models that the server has; those of the cloud are not among them."""
        from llmgate_ollama.models import decode_models  # noqa: PLC0415 - likewise

        response = yield HttpRequest("GET", self._settings.url("/api/tags"))
        return decode_models(response)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return ollama_error(response)

    def __repr__(self) -> str:
        return f"Ollama(base_url={self._settings.shown_url!r})"

    def _chat_request(self, call: ProviderCall) -> HttpRequest:
        url = self._settings.url("/api/chat")
        return json_request(url, encode(call, self._defaults), stream=call.stream)
