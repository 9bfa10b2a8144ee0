"""The provider: settings, and the flows over ``request`` and ``response``. No I/O.

The environment is read when a provider is made, never on import.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from llmgate.errors import ProviderError
from llmgate.options import ChatParameters
from llmgate.provider import Decoder, EmbeddingAbilities, Provider, Rule, Signing, Support
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import Credential, Settings, Vendor, base_url, key_from
from llmgate.provider.kit import headers as checked_headers
from llmgate.types import Chunk, Completion
from llmgate_openai.api import Api, ApiChoice, as_api, choose_api, responses_abilities
from llmgate_openai.request.body import chat_request
from llmgate_openai.request.dialect import COMPATIBLE, Dialect
from llmgate_openai.response.body import decode
from llmgate_openai.response.errors import chat_error
from llmgate_openai.response.stream import ChatDecoder
from llmgate_openai.rules import EVERYTHING, abilities_of

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model
    from llmgate_openai.responses import ResponsesDialect

__all__ = ["OpenAI", "base_url_of", "chat_url", "route_url"]

_ENDINGS = ("/chat/completions", "/completions", "/embeddings", "/responses")
_VENDOR = Vendor(
    name="OpenAI",
    hosts=("api.openai.com",),
    base_url="https://api.openai.com/v1",
    base_url_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    endings=_ENDINGS,
    credentials={"api_key": Credential(("OPENAI_API_KEY",))},
    headers_variable="OPENAI_CUSTOM_HEADERS",
)


_ORGANIZATION = ("OPENAI_ORG_ID", "OPENAI_ORGANIZATION")


class OpenAI(Provider):
    """OpenAI, or any host that speaks its chat completions.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code. The same holds for headers from the environment.

    Args:
        api_key: The key; by default ``OPENAI_API_KEY``.
        base_url: The address up to and with ``/v1``; by default ``OPENAI_BASE_URL`` (or
            ``OPENAI_API_BASE``), or OpenAI's.
        organization: Sent as ``OpenAI-Organization``; by default ``OPENAI_ORG_ID`` (or
            ``OPENAI_ORGANIZATION``).
        project: Sent as ``OpenAI-Project``; by default ``OPENAI_PROJECT_ID``.
        headers: Further headers; by default those in ``OPENAI_CUSTOM_HEADERS`` (lines of
            ``Name: value``). An ``Authorization`` among them is sent instead of the key.
        dialect: How the host departs from OpenAI's format; by default it follows from the address.
        api: ``"responses"`` sends each call to the Responses API, ``"chat"`` none. By default
            OpenAI's own host gets those there which its chat completions are known to refuse.

    Raises:
        InvalidRequestError: when an address, a key or a header cannot be sent, or there is no such
            API.
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
        "ft:o1*",
        "ft:o3*",
        "ft:o4*",
        "codex-*",
        "computer-use-*",
        "davinci-*",
        "text-davinci-*",
        "text-embedding-*",
        "responses/*",
    )
    parameters: ClassVar[Mapping[str, Support] | None] = EVERYTHING

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect | None = None,
        api: Api | None = None,
    ) -> None:
        api_key = key_from(api_key)
        self._api: Api | None = as_api(api)
        self._settings = settings = Settings(
            _VENDOR,
            api_key=api_key,
            base_url=base_url,
            organization=organization,
            project=project,
            headers=headers,
            dialect=dialect,
            api=api,
        )
        self._headers = checked_headers(
            {
                "OpenAI-Organization": organization or settings.variable(*_ORGANIZATION),
                "OpenAI-Project": project or settings.variable("OPENAI_PROJECT_ID"),
            }
        )
        self._dialect = dialect or (Dialect() if settings.is_official else COMPATIBLE)

    def configured(self, **settings: Any) -> OpenAI:
        """The same provider with some of its settings changed."""
        return type(self)(**self._settings.changed(**settings))

    def takes_legacy_functions(self) -> bool:
        """OpenAI itself still takes them; most of its imitators silently ignore them."""
        return self._settings.is_official

    def abilities(
        self, model: str, parameters: ChatParameters, /
    ) -> Mapping[str, Support | Rule] | None:
        """Everything, but for what OpenAI itself refuses of a model, and what the API lacks."""
        choice, gated = self._choice(model, parameters), self._dialect.gated
        if choice.is_responses:
            return responses_abilities(choice.model, parameters, gated=gated)
        if gated:
            has_tools = bool(parameters.get("tools") or parameters.get("functions"))
            return abilities_of(model, parameters.get("reasoning_effort"), has_tools)
        return EVERYTHING

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        self._report_address(call)
        choice = self._choice(call.model, call.parameters)
        if choice.is_responses:
            from llmgate_openai.responses import decode_response  # noqa: PLC0415 - not paid for by chat

            response = yield self._responses_request(call, choice)
            return decode_response(response, call, self._responses_dialect())
        response = yield self._chat_request(call)
        return decode(response, call.id, call.report)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        self._report_address(call)
        choice = self._choice(call.model, call.parameters)
        if choice.is_responses:
            from llmgate_openai.responses import decoder_of  # noqa: PLC0415 - likewise

            yield self._responses_request(call, choice)
            return decoder_of(call, self._responses_dialect())
        yield self._chat_request(call)
        return ChatDecoder(
            call.id,
            choices=call.parameters.get("n", 1),
            report=call.report,
            accumulator=Accumulator(),
        )

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_openai import embeddings  # noqa: PLC0415 - not paid for by chat

        self._report_address(call)
        url, prefers_base64 = self._settings.url("/embeddings"), self._settings.is_official
        response = yield embeddings.embedding_request(call, url, prefers_base64=prefers_base64)
        return embeddings.decode_embeddings(response)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """OpenAI's own limits; a host of which nothing is known is sent just what was asked."""
        from llmgate_openai.embeddings import embedding_abilities  # noqa: PLC0415 - likewise

        if self._settings.is_official:
            return embedding_abilities(model)
        return EmbeddingAbilities(takes_tokens=True)

    def list_models(self) -> Flow[list[Model]]:
        """One request, all models."""
        from llmgate_openai.models import decode_models  # noqa: PLC0415 - likewise

        response = yield HttpRequest("GET", self._settings.url("/models"))
        return decode_models(response)

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        return self._settings.authorized(request, self._headers)

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return chat_error(reply)

    def __repr__(self) -> str:
        return f"OpenAI(base_url={self._settings.shown_url!r})"

    def _choice(self, model: str, parameters: ChatParameters) -> ApiChoice:
        return choose_api(model, parameters, self._api, gated=self._dialect.gated)

    def _responses_request(self, call: ProviderCall, choice: ApiChoice) -> HttpRequest:
        from llmgate_openai.responses import responses_request  # noqa: PLC0415 - as above

        url = self._settings.url("/responses")
        return responses_request(call, url, choice, self._responses_dialect())

    def _responses_dialect(self) -> ResponsesDialect:
        from llmgate_openai.responses import ResponsesDialect  # noqa: PLC0415 - as above

        own, gated = self._dialect.provider, self._dialect.gated
        return ResponsesDialect(own, gated=gated, open_reasoning=not gated)

    def _chat_request(self, call: ProviderCall) -> HttpRequest:
        url = self._settings.url("/chat/completions")
        on_usage_refused = None if self._dialect.gated else self._forgo_usage
        return chat_request(call, url, self._dialect, on_usage_refused)

    def _forgo_usage(self) -> None:
        """Ask this host no more for the usage of streams. It is the host's trait, of no call."""
        self._dialect = self._dialect._replace(stream_usage=None)

    def _report_address(self, call: ProviderCall | EmbeddingCall) -> None:
        """Record where the address is that of a variable under its former name."""
        if self._settings.named_by != "OPENAI_API_BASE":
            return
        reason = "OPENAI_API_BASE names the address, as OPENAI_BASE_URL is not set"
        call.report.add("defaulted", "base_url", reason, sent=self._settings.shown_url)


def base_url_of(address: str) -> str:
    """An address as it was pasted, without the route at its end.

    Raises:
        InvalidRequestError: when it is not an http(s) URL.
    """
    return base_url(address, *_ENDINGS)


def chat_url(address: str) -> str:
    """Where chat completions are asked for."""
    return route_url(address, "chat/completions")


def route_url(address: str, route: str) -> str:
    """The address of a route; a query of the host's address stays at its end."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=f"{parts.path}/{route}"))
