"""The provider: settings, and the flows over ``request``, ``response`` and OpenAI's. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import ProviderError
from llmgate.provider import Decoder, EmbeddingAbilities, Provider, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import Credential, Settings, Vendor, key_from
from llmgate.types import Chunk, Completion
from llmgate_mistral.request.body import NATIVE, TRANSLATED, in_mistrals_terms
from llmgate_mistral.response.errors import MistralDecoder, mistral_error, whole
from llmgate_openai import Dialect, chat_request, decode

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model

__all__ = ["Mistral"]


def _complete_address(address: str) -> str:
    """An address of Mistral's own without its version, as its regions are written."""
    is_bare = re.fullmatch(r"https://[a-z.]*mistral\.ai/?", address)
    return f"{address.rstrip('/')}/v1" if is_bare else address


_VENDOR = Vendor(
    name="Mistral",
    hosts=("mistral.ai",),
    base_url="https://api.mistral.ai/v1",
    base_url_variables=("MISTRAL_BASE_URL", "MISTRAL_API_BASE"),
    endings=("/chat/completions", "/embeddings"),
    credentials={"api_key": Credential(("MISTRAL_API_KEY",))},
    complete_address=_complete_address,
)
_DIALECT = Dialect(provider="mistral", gated=False, stream_usage=None, takes_reasoning=True)


class Mistral(Provider):
    """Mistral, in any of its regions, or another host of its models.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The key; by default ``MISTRAL_API_KEY``.
        base_url: The address up to and with ``/v1``; by default ``MISTRAL_BASE_URL`` or
            ``MISTRAL_API_BASE``, or Mistral's.
        headers: Further headers. An ``Authorization`` among them is sent instead of the key.

    Raises:
        InvalidRequestError: when an address, a key or a header cannot be sent.
    """

    protocol = 2
    name = "mistral"
    models: ClassVar[tuple[str, ...]] = (
        "codestral-*",
        "devstral-*",
        "magistral-*",
        "ministral-*",
        "mistral-*",
        "open-mistral-*",
        "open-mixtral-*",
        "pixtral-*",
        "voxtral-*",
    )
    parameters: ClassVar[Mapping[str, Support] | None] = {
        **dict.fromkeys(NATIVE, Support.NATIVE),
        **dict.fromkeys(TRANSLATED, Support.TRANSLATED),
    }

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._settings = Settings(_VENDOR, api_key=api_key, base_url=base_url, headers=headers)

    def configured(self, **settings: Any) -> Mistral:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        response = yield self._chat_request(call)
        return whole(decode(response, call.id, call.report))

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        yield self._chat_request(call)
        return MistralDecoder(call.id, choices=call.parameters.get("n", 1), report=call.report)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_openai import embeddings  # noqa: PLC0415 - not paid for by chat

        url = self._settings.url("/embeddings")
        response = yield embeddings.embedding_request(call, url, prefers_base64=False)
        return embeddings.decode_embeddings(response)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What the model takes."""
        from llmgate_mistral.embeddings import abilities_of  # noqa: PLC0415 - likewise

        return abilities_of(model)

    def list_models(self) -> Flow[list[Model]]:
        """One request, all models, those of the key's own organization among them."""
        from llmgate_mistral.response.models import mistral_models  # noqa: PLC0415 - likewise

        response = yield HttpRequest("GET", self._settings.url("/models"))
        return mistral_models(response)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return mistral_error(response)

    def __repr__(self) -> str:
        return f"Mistral(base_url={self._settings.shown_url!r})"

    def _chat_request(self, call: ProviderCall) -> HttpRequest:
        url = self._settings.url("/chat/completions")
        return chat_request(in_mistrals_terms(call), url, _DIALECT)
