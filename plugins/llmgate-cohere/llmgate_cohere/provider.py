"""The provider: settings, and the flows over ``request`` and ``response``. No I/O.

The environment is read when a provider is made, never on import.
Source: https://docs.cohere.com/reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import (
    Decoder,
    EmbeddingAbilities,
    Provider,
    RerankAbilities,
    Rule,
    Signing,
    Support,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import Credential, Settings, Vendor, json_request, key_from
from llmgate.types import Chunk, Completion
from llmgate_cohere.request.body import Encoded, encode
from llmgate_cohere.response.body import decode
from llmgate_cohere.response.errors import chat_error
from llmgate_cohere.response.stream import ChatDecoder
from llmgate_cohere.rules import PARAMETERS, abilities_of

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model, TokenCount
    from llmgate.reranking import RerankCall, Reranking

__all__ = ["Cohere"]

_VENDOR = Vendor(
    name="Cohere",
    hosts=("cohere.com", "cohere.ai"),
    base_url="https://api.cohere.com",
    base_url_variables=("CO_API_URL",),
    endings=("/chat", "/embed", "/rerank", "/v2", "/v1", "/compatibility"),
    credentials={"api_key": Credential(("CO_API_KEY", "COHERE_API_KEY"))},
)


class Cohere(Provider):
    """Cohere's API in version 2 (chat, embeddings, rerankings, models), or a host that speaks it.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The key; by default ``CO_API_KEY``, or ``COHERE_API_KEY``.
        base_url: The address without ``/v2/chat``; by default ``CO_API_URL``, or Cohere's.
        headers: Further headers, such as ``X-Client-Name``.

    Raises:
        InvalidRequestError: when an address, a header or a key cannot be sent.
    """

    protocol = 2
    name = "cohere"
    models: ClassVar[tuple[str, ...]] = (
        *("command", "command-*", "c4ai-*", "embed-*"),
        *("rerank-english-*", "rerank-multilingual-*", "rerank-v*"),
    )
    parameters: ClassVar[Mapping[str, Support] | None] = PARAMETERS

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._settings = Settings(_VENDOR, api_key=api_key, base_url=base_url, headers=headers)

    def configured(self, **settings: Any) -> Cohere:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def abilities(self, model: str, _: ChatParameters, /) -> Mapping[str, Support | Rule]:
        """What this model takes of the parameters."""
        return abilities_of(model)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        encoded = encode(replace(call, stream=False))
        response = yield self._chat_request(encoded)
        return decode(response, call.id, encoded.model, encoded.names, call.report)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        encoded = encode(replace(call, stream=True))
        yield self._chat_request(encoded, stream=True)
        return ChatDecoder(call.id, encoded.model, encoded.names, call.report)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_cohere import embeddings  # noqa: PLC0415 - not paid for by chat

        request = embeddings.embedding_request(call, self._settings.url("/v2/embed"))
        response = yield request
        return embeddings.decode_embeddings(response, call)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """Texts alone, in batches of what one request may hold."""
        from llmgate_cohere.embeddings import embedding_abilities  # noqa: PLC0415 - likewise

        return embedding_abilities(model)

    def rerank(self, call: RerankCall) -> Flow[Reranking]:
        """One request, a score for each document."""
        from llmgate_cohere import reranking  # noqa: PLC0415 - not paid for by chat

        response = yield reranking.rerank_request(call, self._settings.url("/v2/rerank"))
        return reranking.decode_reranking(response, call.report)

    def rerank_abilities(self, model: str) -> RerankAbilities:  # noqa: ARG002 - all take the same
        """All but ``truncate``, as a document that is too long is always cut."""
        return RerankAbilities({"top_n": Support.NATIVE}, takes_objects=True)

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """One request for each 65,536 characters of the texts, which is what Cohere counts."""
        from llmgate_cohere.counting import count_texts  # noqa: PLC0415 - not paid for by chat

        return (yield from count_texts(call, self._settings.url("/v1/tokenize")))

    def list_models(self) -> Flow[list[Model]]:
        """One request for each page of models."""
        from llmgate_cohere.models import list_models  # noqa: PLC0415 - likewise

        return (yield from list_models(self._settings.url("/v1/models")))

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return chat_error(response)

    def __repr__(self) -> str:
        return f"Cohere(base_url={self._settings.shown_url!r})"

    def _chat_request(self, encoded: Encoded, *, stream: bool = False) -> HttpRequest:
        return json_request(self._settings.url("/v2/chat"), encoded.body, stream=stream)
