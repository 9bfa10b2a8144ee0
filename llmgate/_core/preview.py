"""What a call would send, without sending it: the first request of its provider's flow.

It does no I/O, and shows no credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmgate._core.check import unwritable
from llmgate._core.failures import plugin_error
from llmgate._core.send import attempt_started, with_client_headers, with_given_headers
from llmgate._core.signing import PreviewSigning
from llmgate._text.redact import redact_query
from llmgate.errors import LLMGateError
from llmgate.provider.http import HttpRequest, decode_json, redacted
from llmgate.report import Report

if TYPE_CHECKING:
    from llmgate._core.settings import HeaderSource
    from llmgate.options import ChatCall
    from llmgate.provider import Provider
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.http import Flow


@dataclass(frozen=True, slots=True)
class Preview:
    """A request as it would be sent, byte for byte.

    ``headers`` are all of its headers; a value that may be a credential is ``***``. ``report`` says
    what differs between the call and this request. If a provider first requests something else,
    such as a model's schema, the preview is that first request.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    report: Report

    def json(self) -> Any:
        """The body as JSON; None if it is empty."""
        return decode_json(self.body) if self.body else None


def preview_of(
    call: ProviderCall, provider: Provider, asked: ChatCall, headers: HeaderSource | None
) -> Preview:
    """The first request of a call. ``asked`` is the call before it was fitted to its provider,
    ``headers`` is the client's source of headers for each attempt.

    Raises:
        LLMGateError: whatever would be raised before anything is sent, except for a missing key.
    """
    begin = provider.stream if call.stream else provider.complete
    first = _first_of(begin, call, provider)
    sent = with_given_headers(first, asked.extra_headers)
    if headers is not None:
        sent = with_client_headers(sent, headers, attempt_started(sent, call.id, 1, asked.labels))
    authorized = _authorized(provider, call, sent)
    url, shown = redact_query(authorized.url), redacted(authorized.headers)
    return Preview(sent.method, url, shown, sent.body, call.report)


def _first_of(
    begin: Callable[[ProviderCall], Flow[Any]], call: ProviderCall, provider: Provider
) -> HttpRequest:
    """The flow's first request; other exceptions of the provider become our errors."""
    try:
        flow = begin(call)
        try:
            first: HttpRequest = next(flow)
        finally:
            flow.close()
    except LLMGateError as error:
        failure: LLMGateError = error
    except Exception as error:  # noqa: BLE001 - third-party code may raise anything
        failure = plugin_error(error, provider, "encode the call")
    else:
        return first
    raise unwritable(call.messages) or failure


def _authorized(provider: Any, call: ProviderCall, request: HttpRequest) -> HttpRequest:
    """The request with credentials, if these are available without waiting.

    A key is available at once; a token that must be fetched is not fetched for a preview.
    """
    authorizing = provider.authorize(request, PreviewSigning(call))
    try:
        _without_loop(lambda: authorizing.send(None))
    except StopIteration as stop:
        authorized: HttpRequest = stop.value
        return authorized
    except Exception:  # noqa: BLE001 - no key, say: a look needs none
        return request
    authorizing.close()
    return request


def _without_loop(step: Callable[[], object]) -> None:
    """Take one step of a coroutine on a thread without an event loop, so that it cannot start
    anything that outlives the preview, such as a thread that loads credentials."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        step()
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only here
    from contextvars import copy_context  # noqa: PLC0415 - likewise

    context = copy_context()
    with ThreadPoolExecutor(1, thread_name_prefix="llmgate-preview") as threads:
        threads.submit(context.run, step).result()
