"""The provider: settings, credentials, and OpenAI's flows at Azure's addresses. No I/O of its own.

The bodies are OpenAI's; see ``llmgate_openai``. What differs is where they go, who may send them,
and what the content filter adds, which stays in ``extra`` of the completion and of its choices.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from llmgate.errors import (
    ContentFilterError,
    InvalidRequestError,
    ProviderError,
    UnsupportedError,
)
from llmgate.options import ChatParameters
from llmgate.provider import Decoder, EmbeddingAbilities, Provider, Rule, Signing, Support
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import (
    Credential,
    Settings,
    Vendor,
    key_from,
    variable,
)
from llmgate.provider.kit.tokens import ask_for_token
from llmgate.types import Chunk, Completion
from llmgate_azure.endpoint import Endpoint, Family, endpoint_of
from llmgate_azure.response.errors import azure_error, filter_findings
from llmgate_openai import ChatDecoder, Dialect, abilities_of, chat_request, decode
from llmgate_openai.api import Api, ApiChoice, as_api, choose_api, responses_abilities

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model
    from llmgate_openai.responses import ResponsesDialect

__all__ = ["AzureOpenAI", "TokenProvider"]

TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]
"""Returns an Entra token. It is called on each attempt, so it should cache the token; one that is
not async is called on a thread. ``azure.identity.aio.get_bearer_token_provider`` makes such one."""

AnyCall = TypeVar("AnyCall", "ProviderCall", "EmbeddingCall")

_OPENAI_FAMILIES = (Family.DATED, Family.V1)
_OPENAI_EMBEDDINGS: Mapping[str, Support] = dict.fromkeys(
    ("dimensions", "encoding_format", "user"), Support.NATIVE
)
_VERSIONS = ("OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION", "AZURE_API_VERSION")
_CLOUDS = ("azure.com", "azure.us", "azure.cn")
_SERVICES = ("openai", "cognitiveservices", "services.ai", "models.ai")
_VENDOR = Vendor(
    name="Azure",
    hosts=tuple(f"{service}.{cloud}" for service in _SERVICES for cloud in _CLOUDS),
    base_url_variables=("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
    credentials={
        "token": Credential(("AZURE_OPENAI_AD_TOKEN",)),
        "api_key": Credential(("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"), "api-key", ""),
    },
    needs_key=True,
    bare_hosts=_CLOUDS,
)
"""The hosts are those that Microsoft runs; behind others below these domains, such as gateways and
virtual machines, is whoever made them."""


class AzureOpenAI(Provider):
    """Azure OpenAI, or a model of Microsoft Foundry. A call's model is the name of a deployment.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code. The same holds for a token.

    Args:
        api_key: The resource's key; by default ``AZURE_OPENAI_API_KEY`` (or ``AZURE_API_KEY``).
        base_url: The endpoint, as it was copied; by default ``AZURE_OPENAI_ENDPOINT`` (or
            ``AZURE_API_BASE``).
        api_version: A dated version, or ``v1``; by default ``OPENAI_API_VERSION`` (or
            ``AZURE_OPENAI_API_VERSION``, ``AZURE_API_VERSION``), or what the endpoint says.
        token: An Entra token; by default ``AZURE_OPENAI_AD_TOKEN``, which takes precedence over a
            key from the environment.
        token_provider: A callable that returns one, see :data:`TokenProvider`.
        headers: Further headers.
        api: ``"responses"`` sends each call to the Responses API, ``"chat"`` none. By default those
            are sent there which chat completions are known to refuse, where the endpoint has it.

    Raises:
        InvalidRequestError: for a setting that cannot be sent, and for several credentials.
    """

    protocol = 2
    name = "azure"
    parameters: ClassVar[Mapping[str, Support] | None] = dict.fromkeys(
        ChatParameters.__annotations__, Support.NATIVE
    )

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        api_version: str | None = None,
        token: str | Secret | None = None,
        token_provider: TokenProvider | None = None,
        headers: Mapping[str, str] | None = None,
        api: Api | None = None,
    ) -> None:
        self._api: Api | None = as_api(api)
        api_key, token = key_from(api_key), key_from(token, "token")
        given = [each for each in (api_key, token, token_provider) if each is not None]
        if len(given) > 1:
            raise InvalidRequestError("give one of api_key, token and token_provider")
        self._token_provider = token_provider
        self._settings = Settings(
            _VENDOR,
            api_key=api_key,
            base_url=base_url,
            api_version=api_version,
            token=token,
            token_provider=token_provider,
            headers=headers,
            api=api,
        )
        has_address = self._settings.shown_url is not None
        version = api_version or variable(*_VERSIONS)
        self._endpoint = endpoint_of(self._settings.url(""), version) if has_address else None
        self._refuses_usage = False

    def configured(self, **settings: Any) -> AzureOpenAI:
        """The same provider with some of its settings changed; a credential replaces another."""
        names = ("api_key", "token", "token_provider")
        if any(settings.get(name) is not None for name in names):
            settings = {**dict.fromkeys(names), **settings}
        return type(self)(**self._settings.changed(**settings))

    def abilities(
        self, model: str, parameters: ChatParameters, /
    ) -> Mapping[str, Support | Rule] | None:
        """Everything, but for what OpenAI's models refuse, and what a version of the API lacks.

        A deployment is taken for the model whose name it begins with. A name of any other kind says
        nothing, and the call is sent as it is.
        """
        choice, endpoint = self._choice(model, parameters), self._endpoint
        is_openai = endpoint is not None and endpoint.family in _OPENAI_FAMILIES
        if choice.is_responses:
            named = self._known_as(choice.model)
            return responses_abilities(named, parameters, gated=is_openai)
        if endpoint is None or not is_openai:
            return self.parameters
        named = self._known_as(model)
        has_tools = bool(parameters.get("tools") or parameters.get("functions"))
        abilities = abilities_of(named, parameters.get("reasoning_effort"), has_tools)
        lacking = endpoint.lacking()
        return {**abilities, **lacking} if lacking else abilities

    def takes_legacy_functions(self) -> bool:
        """Azure still takes them, as OpenAI does."""
        return True

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        choice = self._choice(call.model, call.parameters)
        response = yield self._request(call, choice)
        try:
            if choice.is_responses:
                from llmgate_openai.responses import decode_response  # noqa: PLC0415 - not paid for by chat

                return decode_response(response, call, self._responses_dialect())
            return decode(response, call.id, call.report)
        except ContentFilterError as error:  # in place of a completion, with status 200
            error.details = error.details or filter_findings(response)
            raise

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        choice = self._choice(call.model, call.parameters)
        yield self._request(call, choice)
        if choice.is_responses:
            from llmgate_openai.responses import decoder_of  # noqa: PLC0415 - likewise

            return decoder_of(call, self._responses_dialect())
        return ChatDecoder(
            call.id,
            choices=call.parameters.get("n", 1),
            report=call.report,
            accumulator=Accumulator(),
        )

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_openai import embeddings  # noqa: PLC0415 - not paid for by chat

        endpoint, call = self._fitted(call)
        url = endpoint.embeddings_url(call.model)
        is_openai = endpoint.family in _OPENAI_FAMILIES
        response = yield embeddings.embedding_request(call, url, prefers_base64=is_openai)
        return embeddings.decode_embeddings(response)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - a deployment's name says nothing
        """OpenAI's; a model of Foundry takes what its maker's does, of which nothing is known."""
        endpoint = self._endpoint
        if endpoint is None or endpoint.family in _OPENAI_FAMILIES:
            return EmbeddingAbilities(_OPENAI_EMBEDDINGS, max_batch=2048, takes_tokens=True)
        return EmbeddingAbilities(max_batch=96, takes_tokens=True)

    def list_models(self) -> Flow[list[Model]]:
        """The models that can be deployed here, in one request; deployments are not listed."""
        from llmgate_azure.models import base_models  # noqa: PLC0415 - likewise

        if self._endpoint is None and not self._has_credentials():
            raise self._settings.missing_key()  # it is not set up: a list of all leaves it out
        url = self._known_endpoint().models_url()
        if url is None:
            raise UnsupportedError("azure does not list the models of this endpoint")
        response = yield HttpRequest("GET", url)
        return base_models(response)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, or with a fresh token."""
        headers: dict[str, str] = {}
        if self._token_provider and not request.has_header("authorization", "api-key"):
            token = Secret(await ask_for_token(self._token_provider), name="token")
            headers["Authorization"] = f"Bearer {token.reveal()}"
        return self._settings.authorized(request, headers)

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean; a 401 is retried with a fresh token."""
        error = azure_error(reply)
        if reply.status == 401 and self._token_provider is not None:
            error.retryable = True
        return error

    def __repr__(self) -> str:
        root = None if self._endpoint is None else self._endpoint.root
        return f"AzureOpenAI(base_url={root!r})"

    def _choice(self, model: str, parameters: ChatParameters) -> ApiChoice:
        endpoint = self._endpoint
        gated = endpoint is not None and endpoint.has_responses
        known = self._known_as(model)
        return choose_api(model, parameters, self._api, gated=gated, named=known)

    def _known_as(self, model: str) -> str:
        """The deployment, whose name may be that of its model."""
        return (self._endpoint.deployment if self._endpoint else None) or model

    def _responses_dialect(self) -> ResponsesDialect:
        from llmgate_openai.responses import ResponsesDialect  # noqa: PLC0415 - likewise

        return ResponsesDialect("azure")

    def _responses_request(self, call: ProviderCall, choice: ApiChoice) -> HttpRequest:
        from llmgate_openai.responses import responses_request  # noqa: PLC0415 - likewise

        endpoint, call = self._fitted(replace(call, model=choice.model))
        url = endpoint.responses_url()
        if url is None:
            reason = "this endpoint of Azure has no Responses API: use one of /openai/v1"
            raise UnsupportedError(reason, parameter="api")
        fitted = choice._replace(model=call.model)
        return responses_request(call, url, fitted, self._responses_dialect())

    def _request(self, call: ProviderCall, choice: ApiChoice) -> HttpRequest:
        if choice.is_responses:
            return self._responses_request(call, choice)
        endpoint, call = self._fitted(call)
        asks_usage = None if self._refuses_usage else endpoint.streams_usage
        dialect = Dialect(
            provider="azure",
            gated=False,  # the rules of models are those of ``abilities``
            stream_usage=asks_usage,
            takes_reasoning=True,
        )
        return chat_request(call, endpoint.chat_url(call.model), dialect, self._forgo_usage)

    def _forgo_usage(self) -> None:
        """Ask this endpoint no more for the usage of streams. It is its trait, of no call."""
        self._refuses_usage = True

    def _fitted(self, call: AnyCall) -> tuple[Endpoint, AnyCall]:
        """The endpoint, and the call with the deployment that it names."""
        endpoint = self._known_endpoint()
        if endpoint.is_default:
            call.report.add(
                "defaulted", "api_version", "the endpoint needs one", sent=endpoint.version
            )
        if endpoint.deployment not in (None, call.model):
            call.report.add(
                "converted",
                "model",
                "the endpoint names its deployment",
                given=call.model,
                sent=endpoint.deployment,
            )
            call = replace(call, model=endpoint.deployment or call.model)
        return endpoint, call

    def _has_credentials(self) -> bool:
        keys = self._settings.key("api_key"), self._settings.key("token"), self._token_provider
        return any(each is not None for each in keys)

    def _known_endpoint(self) -> Endpoint:
        if self._endpoint is None:
            raise InvalidRequestError(
                "Azure needs an endpoint: set AZURE_OPENAI_ENDPOINT or pass base_url=",
                path="base_url",
            )
        return self._endpoint
