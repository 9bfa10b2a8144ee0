"""The provider of Amazon Bedrock: settings, and flows over ``request`` and ``response``. No I/O.

The environment and the profile are read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from llmgate.errors import InvalidRequestError, ProviderError
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
from llmgate.provider.kit import Settings, Vendor, json_request, key_from, read_token_count
from llmgate.provider.kit import base_url as plain_url
from llmgate.types import Chunk, Completion
from llmgate_bedrock.address import hosts_of, model_path, region_in, runtime_url
from llmgate_bedrock.credentials import CREDENTIALS, Authorizer, default_region
from llmgate_bedrock.request.body import encode
from llmgate_bedrock.response.errors import bedrock_error
from llmgate_bedrock.response.stream import Context, ConverseDecoder, decode
from llmgate_bedrock.rules import PARAMETERS, abilities_of, traits_of

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model, TokenCount
    from llmgate.provider.emulation import ToolEmulation

__all__ = ["Bedrock"]

_VENDOR = Vendor(
    name="Bedrock",
    base_url_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"),
    credentials=CREDENTIALS,
)


class Bedrock(Provider, Embedder, ModelLister):
    """Amazon Bedrock: chat by Converse, embeddings by InvokeModel.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code. The same holds for whatever else AWS's credentials
    are made of.

    Args:
        api_key: A Bedrock API key, sent as ``Authorization: Bearer``; by default
            ``AWS_BEARER_TOKEN_BEDROCK``.
        region: By default that of the profile, or ``AWS_REGION``, or ``AWS_DEFAULT_REGION``. A
            model's ARN names its own.
        profile: A profile of AWS's shared files.
        aws_access_key_id: The access key to sign with; by default ``AWS_ACCESS_KEY_ID``, or what
            else AWS's chain of credentials finds.
        aws_secret_access_key: Its secret; by default ``AWS_SECRET_ACCESS_KEY``.
        aws_session_token: The token of a temporary one; by default ``AWS_SESSION_TOKEN``.
        base_model: The model behind an ARN that does not say it, for what that model takes.
        base_url: By default ``AWS_ENDPOINT_URL_BEDROCK_RUNTIME`` (or ``AWS_ENDPOINT_URL``), or the
            region's.
        headers: Further headers.

    Raises:
        InvalidRequestError: for a setting that cannot be sent, and for half an access key.
    """

    protocol = 2
    name = "bedrock"
    parameters: ClassVar[Mapping[str, Support] | None] = PARAMETERS

    def __init__(  # noqa: PLR0913 - settings by name, each optional
        self,
        *,
        api_key: str | Secret | None = None,
        region: str | None = None,
        profile: str | None = None,
        aws_access_key_id: str | Secret | None = None,
        aws_secret_access_key: str | Secret | None = None,
        aws_session_token: str | Secret | None = None,
        base_model: str | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        api_key = key_from(api_key)
        aws_session_token = key_from(aws_session_token, "aws_session_token")
        aws_access_key_id = key_from(aws_access_key_id, "aws_access_key_id")
        aws_secret_access_key = key_from(aws_secret_access_key, "aws_secret_access_key")
        self._region = region or default_region(profile)
        self._base_model = base_model
        own_url = None if self._region is None else runtime_url(self._region)
        address = own_url if base_url is None else plain_url(base_url)
        self._settings = Settings(
            replace(_VENDOR, base_url=own_url, hosts=hosts_of(address or "")),
            api_key=api_key,
            region=region,
            profile=profile,
            aws_access_key_id=aws_access_key_id,
            aws_secret_access_key=aws_secret_access_key,
            aws_session_token=aws_session_token,
            base_model=base_model,
            base_url=base_url,
            headers=headers,
        )
        self._authorizer = Authorizer(self._settings, profile)
        self._elsewhere: dict[str, Bedrock] = {}

    def configured(self, **settings: Any) -> Bedrock:
        """The same provider with some of its settings changed; a profile replaces keys."""
        if settings.get("profile") is not None:
            settings = {**dict.fromkeys(CREDENTIALS), **settings}
        return type(self)(**self._settings.changed(**settings))

    def abilities(
        self, model: str, parameters: ChatParameters, /
    ) -> Mapping[str, Support | Rule] | None:
        """The provider's table, but for what this family of models refuses."""
        return abilities_of(self._base_model or model, parameters)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        request, context, emulation = self._prepared(call, "converse")
        response = yield request
        completion = decode(response, context)
        return completion if emulation is None else emulation.completion(completion)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        request, context, emulation = self._prepared(call, "converse-stream")
        yield replace(request, stream=True)
        decoder = ConverseDecoder(context)
        return decoder if emulation is None else emulation.decoder(decoder)

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """One request, with what of the call is its prompt."""
        from llmgate_bedrock import counting  # noqa: PLC0415 - seldom

        model = counting.counted_model(self._base_model or call.model)
        encoded = encode(call, traits_of(model))
        url = self._url(call.model, "count-tokens", model)
        response = yield counting.count_request(encoded.body, url)
        return read_token_count(response, "inputTokens")

    def _prepared(
        self, call: ProviderCall, operation: str
    ) -> tuple[HttpRequest, Context, ToolEmulation | None]:
        """The request, how to read its response, and the tools in words where a model has none."""
        traits, emulation = traits_of(self._base_model or call.model), None
        if not traits.tools and _has_tools(call):
            from llmgate.provider.emulation import ToolEmulation  # noqa: PLC0415 - rarely needed

            emulation = ToolEmulation.of(call)
        body, names, output_tool = encode(call if emulation is None else emulation.call, traits)
        if operation == "converse-stream" and "toolConfig" in body and not traits.streams_tools:
            operation, reason = "converse", f"{call.model} streams no response that may be a call"
            call.report.add("emulated", "stream", f"{reason}: it is sent whole, and read in pieces")
        request = json_request(self._url(call.model, operation), body)
        return request, Context(call.id, call.model, call.report, names, output_tool), emulation

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_bedrock import embeddings  # noqa: PLC0415 - not paid for by chat

        url = self._url(call.model, "invoke")
        response = yield embeddings.embedding_request(call, url, self._base_model or call.model)
        return embeddings.decode_embeddings(response, call)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What a model takes beside its texts."""
        from llmgate_bedrock.embeddings import embedding_abilities  # noqa: PLC0415 - likewise

        return embedding_abilities(self._base_model or model)

    def list_models(self) -> Flow[list[Model]]:
        """The models and the inference profiles of the region, in as many requests as pages."""
        from llmgate_bedrock.models import list_models  # noqa: PLC0415 - likewise

        self._check_region()
        return list_models(self._settings.base_url.replace("://bedrock-runtime", "://bedrock", 1))

    async def authorize(self, request: HttpRequest, signing: Signing, /) -> HttpRequest:
        """The request with the key, or signed."""
        provider = self._in_region_of(request.url)
        region = region_in(request.url) or self._region or region_in(signing.model)
        return await provider._authorizer.authorized(request, signing, region)

    def error(self, response: HttpResponse, /) -> ProviderError:
        """What an error's status and body mean; one about credentials is retried where they, or
        the date of the signature, are others the next time."""
        authorizer = self._authorizer
        is_skewed = authorizer.clock.is_wrong(response)
        return bedrock_error(response, is_skewed=is_skewed, is_renewed=authorizer.uses_chain)

    def __repr__(self) -> str:
        return f"Bedrock(base_url={self._settings.shown_url!r})"

    def _url(self, model: str, operation: str, sent: str | None = None) -> str:
        """The address of an operation; ``sent`` is the name that it has, if it is another one."""
        provider = self._in_region_of(model)
        provider._check_region()
        return provider._settings.url(model_path(sent or model, operation))

    def _check_region(self) -> None:
        if self._settings.shown_url is None:
            reason = (
                "Bedrock needs a region: set AWS_REGION, or pass provider_settings={'region': …}"
            )
            raise InvalidRequestError(reason, path="region")

    def _in_region_of(self, text: str) -> Bedrock:
        """This provider in the region that an ARN or an address names, if no address was given."""
        region = region_in(text)
        own_url = None if self._region is None else runtime_url(self._region)
        if region in (None, self._region) or self._settings.shown_url != own_url:
            return self
        if region not in self._elsewhere:
            self._elsewhere[region] = self.configured(region=region)
            self._elsewhere[region]._authorizer.clock = self._authorizer.clock
        return self._elsewhere[region]


def _has_tools(call: ProviderCall) -> bool:
    return bool(call.parameters.get("tools")) or any(
        message["role"] == "tool" or (message["role"] == "assistant" and message.get("tool_calls"))
        for message in call.messages
    )
