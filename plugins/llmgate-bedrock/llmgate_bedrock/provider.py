"""The provider of Amazon Bedrock: settings, and flows over ``request`` and ``response``. No I/O.

The environment and the profile are read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

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
from llmgate.provider.kit import Credential, Settings, Vendor, json_request, key_from, variable
from llmgate.types import Chunk, Completion
from llmgate_bedrock.address import control_url, model_path, runtime_url
from llmgate_bedrock.request.body import Encoded, encode
from llmgate_bedrock.response.errors import bedrock_error
from llmgate_bedrock.response.stream import Context, ConverseDecoder, decode
from llmgate_bedrock.rules import PARAMETERS, Traits, abilities_of, traits_of

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model
    from llmgate.provider.emulation import ToolEmulation

__all__ = ["Bedrock"]

_VENDOR = Vendor(
    name="Bedrock",
    base_url_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"),
    credentials={"api_key": Credential(("AWS_BEARER_TOKEN_BEDROCK",))},
)


class Bedrock(Provider, Embedder, ModelLister):
    """Amazon Bedrock, by Converse."""

    protocol = 2
    name = "bedrock"
    parameters: ClassVar[Mapping[str, Support] | None] = PARAMETERS

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        region: str | None = None,
        base_model: str | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._region = region or variable("AWS_REGION", "AWS_DEFAULT_REGION")
        self._base_model = base_model
        self._settings = Settings(
            self._vendor(),
            api_key=api_key,
            region=region,
            base_model=base_model,
            base_url=base_url,
            headers=headers,
        )

    def _vendor(self) -> Vendor:
        own = None if self._region is None else runtime_url(self._region)
        return replace(_VENDOR, base_url=own, hosts=(own.partition("://")[2],) if own else ())

    def configured(self, **settings: Any) -> Bedrock:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def abilities(
        self, model: str, parameters: ChatParameters, /
    ) -> Mapping[str, Support | Rule] | None:
        """The provider's table, but for what this family of models refuses."""
        return abilities_of(self._base_model or model, parameters)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        traits = self._traits(call.model)
        emulation = _emulation(call, traits)
        if emulation is None:
            return self._complete(call, traits)
        return _emulated(self._complete(emulation.call, traits), emulation)

    def _complete(self, call: ProviderCall, traits: Traits) -> Flow[Completion]:
        encoded = encode(call, traits)
        url = self._settings.url(model_path(call.model, "converse"))
        response = yield json_request(url, encoded.body)
        return decode(response, _context(call, encoded))

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        traits = self._traits(call.model)
        emulation = _emulation(call, traits)
        asked = call if emulation is None else emulation.call
        encoded = encode(asked, traits)
        url = self._settings.url(model_path(call.model, "converse-stream"))
        yield json_request(url, encoded.body, stream=True)
        decoder = ConverseDecoder(_context(asked, encoded))
        return decoder if emulation is None else emulation.decoder(decoder)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        return self._embed(call)

    def _embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        from llmgate_bedrock.embeddings import (  # noqa: PLC0415 - not paid for by chat
            decode_embeddings,
            embedding_request,
        )

        url = self._settings.url(model_path(call.model, "invoke"))
        response = yield embedding_request(call, url, self._base_model or call.model)
        return decode_embeddings(response, call)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What a model takes beside its texts."""
        from llmgate_bedrock.embeddings import embedding_abilities  # noqa: PLC0415 - likewise

        return embedding_abilities(self._base_model or model)

    def list_models(self) -> Flow[list[Model]]:
        """The models and the inference profiles of the region, in as many requests as pages."""
        from llmgate_bedrock.models import list_models  # noqa: PLC0415 - likewise

        return list_models(control_url(self._settings.url("")))

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, or signed."""
        return self._settings.authorized(request)

    def error(self, response: HttpResponse, /) -> ProviderError:
        """What an error's status and body mean."""
        return bedrock_error(response)

    def __repr__(self) -> str:
        return f"Bedrock(base_url={self._settings.shown_url!r})"

    def _traits(self, model: str) -> Traits:
        return traits_of(self._base_model or model)


def _emulation(call: ProviderCall, traits: Traits) -> ToolEmulation | None:
    """Tools in words, for a model that has none of its own."""
    is_needed = bool(call.parameters.get("tools")) or any(
        message["role"] == "tool" or message.get("tool_calls") for message in call.messages
    )
    if traits.tools or not is_needed:
        return None
    from llmgate.provider.emulation import ToolEmulation  # noqa: PLC0415 - rarely needed

    return ToolEmulation.of(call)


def _emulated(flow: Flow[Completion], emulation: ToolEmulation) -> Flow[Completion]:
    completion = yield from flow
    return emulation.completion(completion)


def _context(call: ProviderCall, encoded: Encoded) -> Context:
    return Context(call.id, call.model, call.report, encoded.names, encoded.output_tool)
