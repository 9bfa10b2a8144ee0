"""The provider of the Gemini Developer API: settings, and flows over ``request`` and ``response``.

It does no I/O; the environment is read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from llmgate.errors import ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import (
    Decoder,
    Embedder,
    EmbeddingAbilities,
    ModelLister,
    Provider,
    Rule,
    Signing,
    Support,
)
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
from llmgate_gemini.request.address import full_name, method_url
from llmgate_gemini.request.body import encode
from llmgate_gemini.request.parts import Api
from llmgate_gemini.response.body import decode
from llmgate_gemini.response.candidate import Context
from llmgate_gemini.response.errors import content_error
from llmgate_gemini.response.stream import ContentDecoder
from llmgate_gemini.traits import PARAMETERS, abilities_of

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model, TokenCount

__all__ = ["Gemini", "complete", "stream"]

_VENDOR = Vendor(
    name="Gemini",
    hosts=("generativelanguage.googleapis.com",),
    base_url="https://generativelanguage.googleapis.com",
    base_url_variables=("GOOGLE_GEMINI_BASE_URL",),
    endings=("/models", "/v1beta", "/v1alpha", "/v1"),
    credentials={"api_key": Credential(("GOOGLE_API_KEY", "GEMINI_API_KEY"), "x-goog-api-key", "")},
)


class Gemini(Provider, Embedder, ModelLister):
    """Google's Gemini Developer API.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The key; by default ``GOOGLE_API_KEY``, or else ``GEMINI_API_KEY``.
        base_url: The address without the version; by default ``GOOGLE_GEMINI_BASE_URL``, or
            Google's.
        api_version: ``v1beta`` by default.
        headers: Further headers.

    Raises:
        InvalidRequestError: when an address, a key or a header cannot be sent.
    """

    protocol = 2
    name = "gemini"
    models: ClassVar[tuple[str, ...]] = ("gemini-*", "gemma-*")
    parameters: ClassVar[Mapping[str, Support] | None] = PARAMETERS

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._settings = Settings(
            _VENDOR, api_key=api_key, base_url=base_url, api_version=api_version, headers=headers
        )
        self._version = api_version or "v1beta"

    def configured(self, **settings: Any) -> Gemini:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def abilities(
        self,
        model: str,
        parameters: ChatParameters,  # noqa: ARG002 - they do not matter
        /,
    ) -> Mapping[str, Support | Rule] | None:
        """Everything that Gemini has, but for what it refuses of a model."""
        return abilities_of(model)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        return complete(call, self._settings.url(self._path(call.model)), self._api())

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        return stream(call, self._settings.url(self._path(call.model)), self._api())

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """One request, with what would be sent."""
        url = self._settings.url(self._path(call.model))
        asked = {"model": full_name(call.model), **encode(call, self._api()).body}
        body = {"generateContentRequest": asked}
        response = yield json_request(method_url(url, "countTokens"), body)
        return read_token_count(response, "totalTokens")

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_gemini.embeddings import embed_batch  # noqa: PLC0415 - not paid for by chat

        return embed_batch(call, self._settings.url(self._path(call.model)))

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What a model takes beside its texts."""
        from llmgate_gemini.embeddings import batch_abilities  # noqa: PLC0415 - likewise

        return batch_abilities(model)

    def list_models(self) -> Flow[list[Model]]:
        """As many requests as there are pages."""
        from llmgate_gemini.listing import list_pages  # noqa: PLC0415 - likewise

        return list_pages(self._settings.url(f"/{self._version}/models"))

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse, /) -> ProviderError:
        """What an error's status and body mean."""
        return content_error(response)

    def __repr__(self) -> str:
        return f"Gemini(base_url={self._settings.shown_url!r})"

    def _path(self, model: str) -> str:
        return f"/{self._version}/{quote(full_name(model))}"

    def _api(self) -> Api:
        return Api(is_vertex=False, files_url=f"{self._settings.base_url}/{self._version}")


def complete(call: ProviderCall, model_url: str, api: Api) -> Flow[Completion]:
    """One request, one completion."""
    body, names = encode(call, api)
    response = yield json_request(method_url(model_url, "generateContent"), body)
    return decode(response, Context(call.id, call.report, names))


def stream(call: ProviderCall, model_url: str, api: Api) -> Flow[Decoder[Chunk]]:
    """One request, and a decoder for its events; by default they would be one JSON array."""
    body, names = encode(call, api)
    url = method_url(model_url, "streamGenerateContent", "alt=sse")
    yield json_request(url, body, stream=True)
    return ContentDecoder(Context(call.id, call.report, names))
