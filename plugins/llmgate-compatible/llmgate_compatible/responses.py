"""Calls by the Responses API, to the hosts whose rows have it: flows over ``llmgate_openai``.

A host gets them where it is asked for: by the model's name, or by the setting ``api``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmgate.errors import InvalidRequestError
from llmgate.options import ChatParameters
from llmgate.provider import Decoder, Rule, Support
from llmgate.provider.http import Flow, HttpRequest
from llmgate_compatible.rows import Responses, Row
from llmgate_openai.api import Api, as_api, choose_api, responses_abilities

if TYPE_CHECKING:
    from llmgate.provider.call import ProviderCall
    from llmgate.types import Chunk, Completion
    from llmgate_openai.responses import ResponsesDialect

__all__ = ["abilities_there", "checked_api", "complete_there", "stream_there"]


def checked_api(row: Row, api: Any) -> Api | None:
    """The setting ``api`` of a host.

    Raises:
        InvalidRequestError: when it names no API, or one that the host is not known to have.
    """
    if as_api(api) == "responses" and row.responses is None:
        reason = f"{row.title} is not known to have the Responses API: its row has no responses"
        raise InvalidRequestError(reason, path="provider_settings.api")
    return as_api(api)


def abilities_there(row: Row) -> Mapping[str, Support | Rule]:
    """How a host takes each parameter by that API."""
    refused = Rule(f"{row.title} refuses it", allowed=())
    own = dict.fromkeys(_own(row).without, refused)
    return {**responses_abilities("", ChatParameters(), gated=False), **own}


def complete_there(call: ProviderCall, url: str, row: Row, api: Api | None) -> Flow[Completion]:
    """One request, one completion."""
    from llmgate_openai.responses import decode_response  # noqa: PLC0415 - not paid for by chat

    response = yield _request(call, url, row, api)
    return decode_response(response, call, _dialect(row))


def stream_there(call: ProviderCall, url: str, row: Row, api: Api | None) -> Flow[Decoder[Chunk]]:
    """One request, and a decoder for its events."""
    from llmgate_openai.responses import decoder_of  # noqa: PLC0415 - likewise

    yield _request(call, url, row, api)
    return decoder_of(call, _dialect(row))


def _request(call: ProviderCall, url: str, row: Row, api: Api | None) -> HttpRequest:
    from llmgate_openai.responses import responses_request  # noqa: PLC0415 - likewise

    choice = choose_api(call.model, call.parameters, api, gated=False)
    return responses_request(call, url, choice, _dialect(row))


def _dialect(row: Row) -> ResponsesDialect:
    from llmgate_openai.responses import ResponsesDialect  # noqa: PLC0415 - likewise

    return ResponsesDialect(
        row.name, gated=False, encrypted=_own(row).encrypted, open_reasoning=True
    )


def _own(row: Row) -> Responses:
    return row.responses or Responses()
