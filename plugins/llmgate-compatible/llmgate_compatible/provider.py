"""The providers: one class for each row, made when it is asked for. No I/O.

The bodies and responses are OpenAI's, and read and written by ``llmgate_openai``; what differs is
in the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

from llmgate.errors import ProviderError, UnsupportedError
from llmgate.options import ChatParameters
from llmgate.provider import Decoder, Provider, Rule, Signing, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Secret
from llmgate.provider.kit import Settings, key_from
from llmgate.types import Chunk, Completion
from llmgate_compatible.address import base_url_in, missing_setting, vendor_of
from llmgate_compatible.errors import named_error
from llmgate_compatible.operations import (
    WithEmbeddings,
    WithModels,
    WithRerankings,
    WithTokens,
)
from llmgate_compatible.request import fitted_call, leaves_unchanged
from llmgate_compatible.response import HostDecoder, adjusted, is_adjusted
from llmgate_compatible.responses import (
    abilities_there,
    checked_api,
    complete_there,
    stream_there,
)
from llmgate_compatible.rows import Chat, Row, chat_of
from llmgate_openai import ChatDecoder, Dialect, chat_error, chat_request, decode
from llmgate_openai.api import PREFIX, Api

__all__ = ["CompatibleHost", "class_of"]


class CompatibleHost(Provider):
    """A host of OpenAI's format, as its row describes it.

    A key from the environment goes to the vendor's own hosts and to an address that the environment
    names, never to an address given in code.

    Args:
        api_key: The key; by default that of the first of the row's variables that is set.
        base_url: The address up to and with its version; by default that of the environment, or
            the row's.
        headers: Further headers. A credential among them is sent instead of the key.
        api: ``"responses"`` sends each call to the Responses API, for a host whose row has it.
        settings: What the placeholders of the row's address stand for.

    Raises:
        InvalidRequestError: when an address, a key, a header or a setting cannot be sent.
    """

    protocol = 2
    row: ClassVar[Row]
    key_variables: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        api: Api | None = None,
        **settings: Any,
    ) -> None:
        self._api: Api | None = checked_api(self.row, api)
        api_key = key_from(api_key)
        self._is_key_given = api_key is not None
        vendor = vendor_of(self.row, settings)
        self._own_settings = settings
        self._is_address_given = base_url is not None
        self._settings = Settings(
            vendor,
            api_key=api_key,
            base_url=base_url_in(self.row) if base_url is None else base_url,
            headers=headers,
            api=api,
            **settings,
        )

    def configured(self, **settings: Any) -> Self:
        """The same provider with some of its settings changed."""
        if not self._is_address_given:
            settings = {"base_url": None, **settings}
        return type(self)(**self._settings.changed(**settings))

    def is_configured(self) -> bool:
        """Whether somebody has set it up: a server that needs no key is there for everybody, and a
        key in a variable that many programs use may be meant for another host."""
        if self.row.keyless:
            return self._settings.key() is not None or self._has_address()
        read = next(filter(self._settings.variable, self.row.key), None)
        return self._is_key_given or read not in _USED_BY_MANY

    def _has_address(self) -> bool:
        named = self._settings.variable(*self.row.address) if self.row.address else None
        return self._is_address_given or named is not None

    def abilities(
        self,
        model: str,
        parameters: ChatParameters,  # noqa: ARG002 - they depend on the model alone
        /,
    ) -> Mapping[str, Support | Rule]:
        """What the row says of this model, and of the API."""
        if self._uses_responses(model):
            return abilities_there(self.row)
        return self._fit(model).abilities

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one completion."""
        if self._uses_responses(call.model):
            return (yield from complete_there(call, self._url("/responses"), self.row, self._api))
        fit = self._fit(call.model)
        response = yield self._chat_request(call, fit)
        if not fit.is_adjusted:
            return decode(response, call.id, call.report)
        try:
            return adjusted(decode(response, call.id, call.report), fit.chat)
        except ProviderError as error:
            named = named_error(error, fit.chat.errors, response)
        raise named

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its events."""
        if self._uses_responses(call.model):
            return (yield from stream_there(call, self._url("/responses"), self.row, self._api))
        fit = self._fit(call.model)
        yield self._chat_request(call, fit)
        decoder = ChatDecoder(call.id, choices=call.parameters.get("n", 1), report=call.report)
        return HostDecoder(decoder, fit.chat) if fit.is_adjusted else decoder

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key, where there is one."""
        return self._settings.authorized(request, self.row.headers)

    def error(self, reply: HttpResponse) -> ProviderError:
        """What an error's status and body mean."""
        return named_error(chat_error(reply), self.row.chat.errors, reply)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._settings.shown_url!r})"

    def _url(self, path: str) -> str:
        if self._settings.shown_url is None:
            missing = missing_setting(self.row, self._own_settings)
            if missing is not None:
                raise missing
        return self._settings.url(path)

    def _chat_request(self, call: ProviderCall, fit: _Fit) -> HttpRequest:
        if not self.row.chat_path:
            raise UnsupportedError(f"{self.row.title} has no chat completions", parameter="model")
        if fit.is_fitted and not leaves_unchanged(call, fit.chat):
            call = fitted_call(call, fit.chat, self.row.title)
        return chat_request(call, self._url(self.row.chat_path), fit.dialect)

    def _uses_responses(self, model: str) -> bool:
        is_there = self.row.responses is not None
        return is_there and (self._api == "responses" or model.startswith(PREFIX))

    def _fit(self, model: str) -> _Fit:
        return _fit_of(type(self), model if self.row.when else "")


def class_of(row: Row) -> type[CompatibleHost]:
    """The provider of a row."""
    abilities = [
        *([WithEmbeddings] if "embeddings" in row.paths else []),
        *([WithRerankings] if "rerank" in row.paths else []),
        *([WithTokens] if "tokens" in row.paths else []),
        *([WithModels] if "models" in row.paths else []),
    ]
    own = {
        "row": row,
        "name": row.name,
        "models": row.claims,
        "key_variables": row.key,
        "parameters": {
            name: Support.UNSUPPORTED if name in row.chat.without else Support.NATIVE
            for name in _PARAMETERS
        },
        "__doc__": CompatibleHost.__doc__,
        "__module__": __name__,
    }
    return type(row.name, (CompatibleHost, *abilities), own)


_PARAMETERS = tuple(ChatParameters.__annotations__)
_USED_BY_MANY = frozenset({"INFERENCE_API_KEY", "INFERENCE_KEY", "MODEL_API_KEY"})
"""Variables that are read for calls of their host alone, and not for a list of all models."""


# --- what a row makes of one model --------------------------------------------------------


class _Fit(NamedTuple):
    """What holds for one model; ``is_fitted`` and ``is_adjusted`` say whether a call has to be
    changed, or its response."""

    chat: Chat
    dialect: Dialect
    abilities: Mapping[str, Support | Rule]
    is_fitted: bool
    is_adjusted: bool


@lru_cache(maxsize=512)
def _fit_of(host: type[CompatibleHost], model: str) -> _Fit:
    row = host.row
    chat = chat_of(row, model)
    dialect = Dialect(
        provider=row.name, gated=False, stream_usage=chat.asks_usage, takes_reasoning=True
    )
    is_fitted = bool(
        chat.quirks or chat.body or chat.effort or chat.effort_field or chat.echo != "given"
    )
    return _Fit(chat, dialect, _abilities_of(chat, row.title), is_fitted, is_adjusted(chat))


def _abilities_of(chat: Chat, title: str) -> dict[str, Support | Rule]:
    abilities: dict[str, Support | Rule] = dict.fromkeys(_PARAMETERS, Support.NATIVE)
    abilities |= dict.fromkeys(chat.without, Support.UNSUPPORTED)
    for name, values in chat.values.items():
        reason = f"{title} takes {', '.join(map(str, values)) or 'none'} here"
        abilities[name] = Rule(reason, allowed=values)
    for name, to in chat.renames.items():
        abilities[name] = Rule(f"{title} calls it so", to=to)
    if chat.limit:
        other = "max_tokens" if chat.limit == "max_completion_tokens" else "max_completion_tokens"
        abilities[other] = Rule(f"{title} counts that limit alone", to=chat.limit)
    return abilities
