"""The provider: settings, and the flows over ``request``, ``response`` and OpenAI's. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import ProviderError, UnsupportedError
from llmgate.provider import (
    Decoder,
    EmbeddingAbilities,
    Provider,
    RerankAbilities,
    Signing,
    Support,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import Credential, Settings, Vendor, key_from
from llmgate.provider.kit import headers as checked_headers
from llmgate.types import Chunk, Completion
from llmgate_huggingface.address import complete_address, server_root
from llmgate_huggingface.request.body import NATIVE, TRANSLATED, fitted
from llmgate_huggingface.response.errors import huggingface_error
from llmgate_openai import ChatDecoder, Dialect, chat_request, decode

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model
    from llmgate.reranking import RerankCall, Reranking

__all__ = ["HuggingFace"]

_VENDOR = Vendor(
    name="Hugging Face",
    hosts=("huggingface.co",),
    base_url="https://router.huggingface.co/v1",
    base_url_variables=("HUGGINGFACE_BASE_URL", "HUGGINGFACE_API_BASE"),
    credentials={
        "api_key": Credential(("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_KEY"))
    },
    complete_address=complete_address,
)
_DIALECT = Dialect(provider="huggingface", gated=False)
_OWN_SERVERS = "/hf-inference/"


class HuggingFace(Provider):
    """Hugging Face's router, one of its Inference Endpoints, or a server of TGI's or TEI's.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The token; by default ``HF_TOKEN`` (or ``HUGGING_FACE_HUB_TOKEN``,
            ``HUGGINGFACE_API_KEY``). A server of one's own needs none.
        base_url: The address of an endpoint or a server, with or without ``/v1``; by default
            ``HUGGINGFACE_BASE_URL`` or ``HUGGINGFACE_API_BASE``, or the router's.
        bill_to: The organization that pays, sent as ``X-HF-Bill-To``.
        tgi: Whether the server is TGI; by default every one is that is not behind the router.
        headers: Further headers. An ``Authorization`` among them is sent instead of the token.

    Raises:
        InvalidRequestError: when an address, a token or a header cannot be sent.
    """

    protocol = 2
    name = "huggingface"
    parameters: ClassVar[Mapping[str, Support] | None] = {
        **dict.fromkeys(NATIVE, Support.NATIVE),
        **dict.fromkeys(TRANSLATED, Support.TRANSLATED),
    }

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        bill_to: str | None = None,
        tgi: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._settings = settings = Settings(
            _VENDOR, api_key=api_key, base_url=base_url, bill_to=bill_to, tgi=tgi, headers=headers
        )
        self._headers = checked_headers({"X-HF-Bill-To": bill_to})
        is_own = not settings.is_official or _OWN_SERVERS in settings.base_url
        self._is_tgi = is_own if tgi is None else tgi
        self._dialect = _DIALECT

    def configured(self, **settings: Any) -> HuggingFace:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        response = yield self._chat_request(call)
        return decode(response, call.id, call.report)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        yield self._chat_request(call)
        return ChatDecoder(call.id, choices=call.parameters.get("n", 1), report=call.report)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors: by feature extraction, or as a server of TEI's has it."""
        if self._settings.is_official:
            from llmgate_huggingface import embeddings as own  # noqa: PLC0415 - no chat pays for it

            response = yield own.feature_request(call, self._settings.base_url)
            return own.decode_features(response, call)
        from llmgate_openai import embeddings  # noqa: PLC0415 - likewise

        url = self._settings.url("/embeddings")
        response = yield embeddings.embedding_request(call, url, prefers_base64=False)
        return embeddings.decode_embeddings(response)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - it is the host's
        """What the host takes."""
        from llmgate_huggingface.embeddings import OF_FEATURES, OF_TEI  # noqa: PLC0415 - likewise

        return OF_FEATURES if self._settings.is_official else OF_TEI

    def rerank(self, call: RerankCall) -> Flow[Reranking]:
        """One request, a score for each document, of a server of TEI's.

        Raises:
            UnsupportedError: on Hugging Face's own hosts.
        """
        from llmgate_huggingface import reranking  # noqa: PLC0415 - likewise

        if self._settings.is_official:
            reason = "Hugging Face's own hosts rerank nothing: set base_url to a server of TEI's"
            raise UnsupportedError(reason, parameter="documents")
        url = server_root(self._settings.base_url) + "/rerank"
        response = yield reranking.rerank_request(call, url)
        return reranking.decode_reranking(response)

    def rerank_abilities(self, model: str) -> RerankAbilities:  # noqa: ARG002 - it is the host's
        """Texts, all of which get a score."""
        return RerankAbilities({"truncate": Support.NATIVE})

    def list_models(self) -> Flow[list[Model]]:
        """The router's models; of a server that has no list, the one that it says it serves."""
        from llmgate_huggingface.response.models import huggingface_models  # noqa: PLC0415

        url = self._settings.url("/models")
        about = HttpRequest("GET", server_root(self._settings.base_url) + "/info")
        has_none = (404, 405)

        def other(error: ProviderError) -> HttpRequest | None:
            return about if error.status in has_none and not self._settings.is_official else None

        response = yield HttpRequest("GET", url, on_refusal=other)
        return huggingface_models(response)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the token, where there is one."""
        return self._settings.authorized(request, self._headers)

    def error(self, response: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return huggingface_error(response)

    def __repr__(self) -> str:
        return f"HuggingFace(base_url={self._settings.shown_url!r})"

    def _chat_request(self, call: ProviderCall) -> HttpRequest:
        url = self._settings.url("/chat/completions")
        return chat_request(
            fitted(call, is_tgi=self._is_tgi), url, self._dialect, self._forgo_usage
        )

    def _forgo_usage(self) -> None:
        """Ask this host no more for the usage of streams. It is the host's trait, of no call."""
        self._dialect = self._dialect._replace(stream_usage=None)
