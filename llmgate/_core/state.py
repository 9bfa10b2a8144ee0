"""The state of a running call: what its request and stream share, its events, and its errors.

It sends nothing and awaits nothing.
"""

from __future__ import annotations

import re
import sys
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, cast

from llmgate._core.deadline import Deadline
from llmgate._core.failures import plugin_error
from llmgate._core.token_cache import REJECTED, TokenCache
from llmgate._text.dataclass import slotted
from llmgate._text.redact import find_secrets, is_repeated, redact
from llmgate.errors import (
    AuthenticationError,
    DecodeError,
    LLMGateError,
    ProviderError,
    RequestError,
    excerpt,
)
from llmgate.hooks import CallEnded, CallStarted, Event
from llmgate.provider.http import HttpRequest, HttpResponse, Transport
from llmgate.types import Attempt, Completion, Exchange

if TYPE_CHECKING:
    from llmgate._core.retry import RetryBudget, RetryPolicy
    from llmgate._core.settings import HeaderSource
    from llmgate.cost import Prices
    from llmgate.options import Timeout
    from llmgate.provider import Provider
    from llmgate.provider.contract import Expiring
    from llmgate.report import Report
    from llmgate.types import Usage

Result = TypeVar("Result")
Outcome: TypeAlias = Literal["ok", "error", "cancelled", "abandoned"]


_PLUGIN_ERRORS = (Exception, CancelledError, GeneratorExit)
"""What a provider's code may raise by itself: it awaits nothing, so it cannot be cancelled.
Anything else is an interrupt of the process."""


class FittedCall(Protocol):
    """The fields that the calls of every operation have once their provider is known."""

    @property
    def operation(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def report(self) -> Report: ...


@slotted
class CallState:
    """The state of one running call.

    ``response`` is what has arrived of the last attempt's response; ``response_headers`` are its
    headers without credentials, once the attempt has ended. ``previous`` is the response to the
    previous attempt at the same request. ``sent`` is the request before and after ``authorize``.
    ``found_secrets`` caches which credentials were found in what. ``on_abandon`` is the request to
    send if the caller stops waiting. ``wants`` says which events need not be made; it is None
    unless all hooks can tell. ``tokens`` are shared by the client's calls, and ``tokens_used`` are
    those that this call has used, by key. ``headers`` is called on each attempt; ``extra_headers``
    are the call's own.
    """

    call: FittedCall
    provider: Provider
    transport: Transport
    timeout: Timeout
    retry_policy: RetryPolicy
    budget: RetryBudget
    emit: Callable[[Event], None] | None = None
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    tokens: TokenCache = field(default_factory=TokenCache)
    headers: HeaderSource | None = None
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prices: Prices | None = None
    tokens_used: dict[str, Expiring] = field(default_factory=dict[str, "Expiring"])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    numbers: Iterator[int] = field(default_factory=partial(iter, range(1, sys.maxsize)))
    reserved: int = 0
    retries: int = 0
    response: HttpResponse | None = None
    response_headers: Mapping[str, str] | None = None
    previous: HttpResponse | None = None
    on_abandon: HttpRequest | None = None
    sent: tuple[HttpRequest, HttpRequest] | None = None
    found_secrets: tuple[object, tuple[str, ...]] = (None, ())
    wants: Callable[[type[Event], bool], bool] | None = None
    ended: bool = False
    deadline: Deadline = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = Deadline(self.timeout)

    def __repr__(self) -> str:
        return f"CallState({self.provider.name!r}, {self.call.model!r})"

    def reserve_number(self) -> int:
        """The number of the next attempt. Each attempt of a call has its own number, even when
        several of its requests run at once."""
        self.reserved = self.reserved or next(self.numbers)
        return self.reserved

    def take_number(self) -> int:
        """Reserve the number of an attempt, and use it."""
        number = self.reserve_number()
        self.reserved = 0
        return number

    def is_rejected_again(self, error: LLMGateError) -> bool:
        """Whether new credentials, made after a rejection, were rejected as well: that is final."""
        before = self.previous
        is_rejection = isinstance(error, AuthenticationError)
        return is_rejection and before is not None and before.status in REJECTED

    def exchange(self) -> Exchange:
        """How the response was obtained, for completions and streams."""
        headers = self.response_headers or {}
        return Exchange(
            self.provider.name,
            self.call.report,
            headers,
            b"" if self.response is None else self.response.body,
            request_id(headers),
            tuple(self.attempts),
            None,
            self.call.model,
            self.prices,
        )

    def redacted_headers(self, response: HttpResponse) -> Mapping[str, str]:
        """The headers of a response, without any credentials that the server repeated."""
        headers, secrets = response.headers, self._secrets()
        if is_repeated("\n".join((*headers, *headers.values())), secrets):
            return {redact(name, secrets): redact(headers[name], secrets) for name in headers}
        return headers

    def _secrets(self) -> tuple[str, ...]:
        """The credentials of the last request, in every form in which a server may repeat them."""
        if self.sent is None:
            return ()
        before, secrets = self.found_secrets
        if before is not self.sent:
            request, sent = self.sent
            secrets = find_secrets(request.headers, request.url, sent.headers, sent.url)
            self.found_secrets = self.sent, secrets
        return secrets

    # --- events ---

    def is_wanted(self, kind: type[Event], *, is_failure: bool = False) -> bool:
        """Whether a hook may want an event of this kind, with or without an error."""
        return self.wants is None or self.wants(kind, is_failure)

    def is_end_wanted(self, error: LLMGateError | None) -> bool:
        """Whether a hook may want the event that the call has ended."""
        return self.emit is not None and self.is_wanted(CallEnded, is_failure=error is not None)

    def start(self) -> None:
        """Emit the event that the call begins."""
        if self.emit is not None and self.is_wanted(CallStarted):
            call = self.call
            name = self.provider.name
            self.emit(
                CallStarted(call.id, name, call.model, call.stream, self.labels, call.operation)
            )

    def end(
        self,
        outcome: Outcome,
        error: LLMGateError | None = None,
        completion: Completion | None = None,
        usage: Usage | None = None,
    ) -> None:
        """Stop the deadline, and emit the event that the call has ended; once."""
        self.deadline.close()
        if self.ended or self.emit is None:
            return
        self.ended = True
        if not self.is_wanted(CallEnded, is_failure=error is not None):
            return
        if completion is not None:  # a redacted copy: the caller's own stays as it is
            completion = _redact_completion(completion, self._secrets())
            usage = completion.usage
        self.emit(
            CallEnded(
                self.call.id,
                self.provider.name,
                self.call.model,
                outcome,
                self.deadline.elapsed(),
                len(self.attempts),
                usage,
                error,
                completion,
                self.call.report,
                self.labels,
                self.call.operation,
            )
        )

    # --- errors ---

    def attach_attempts(self, error: BaseException) -> None:
        """Attach the attempts so far to a cancellation, for :func:`attempts_of`."""
        vars(error)[_MARK] = (*attempts_of(error), *self.attempts)

    def run(self, step: Callable[..., Result], *arguments: Any, may_stop: bool = False) -> Result:
        """Run a step of a provider's own code. Our errors pass; other exceptions become a
        :class:`PluginError`, except the ``StopIteration`` of a flow that ``may_stop``."""
        try:
            return step(*arguments)
        except BaseException as error:
            is_end = may_stop and isinstance(error, StopIteration)
            if is_end or isinstance(error, LLMGateError) or not isinstance(error, _PLUGIN_ERRORS):
                raise
            action = "encode the call" if self.response is None else "decode the response"
            failure = plugin_error(error, self.provider, action)
        raise failure

    def explain(self, error: LLMGateError) -> LLMGateError:
        """The error with the provider, model, attempts, report and response of the call."""
        error.provider = error.provider or self.provider.name
        error.model = error.model or self.call.model
        error.attempts = tuple(self.attempts)
        error.report = self.call.report
        # a provider may give an invalid response
        with suppress(AttributeError, TypeError, ValueError):
            if self.response is not None and not isinstance(error, RequestError):
                is_unread = self.call.stream and 200 <= self.response.status < 300
                _add_response(
                    error, self.response, with_body=bool(self.response.body) or not is_unread
                )
        with suppress(AttributeError, TypeError, ValueError):  # or an invalid request, not sent
            if self.sent is not None:
                _redact_error(error, self._secrets())
        return error


_MARK = "_llmgate_attempts"


def attempts_of(error: BaseException) -> tuple[Attempt, ...]:
    """The attempts that were made before a cancellation."""
    found: tuple[Attempt, ...] = vars(error).get(_MARK, ())
    return found


def _add_response(error: LLMGateError, response: HttpResponse, *, with_body: bool) -> None:
    from llmgate._core.retry import parse_retry_after  # noqa: PLC0415 - only after a failure

    in_stream = isinstance(error, ProviderError) and error.in_stream
    if error.status is None and not in_stream:  # an error inside a 200 may have its own status
        error.status = response.status
    error.request_id = error.request_id or request_id(response.headers)
    error.headers = response.headers
    if error.body is None and with_body:
        error.body = response.body
    if isinstance(error, DecodeError):
        _describe_html_page(error, response.headers)
    if error.retry_after is None:
        error.retry_after = parse_retry_after(response.headers)


def _describe_html_page(error: DecodeError, headers: Mapping[str, str]) -> None:
    """Describe an HTML page that came in place of a response: a login page, a proxy's notice."""
    text = (error.body or error.frame or b"")[:_PAGE_HEAD].lstrip()
    is_labelled = "html" in headers.get("content-type", "").lower()
    if not (_PAGE.match(text) or (is_labelled and text[:1] == b"<" and text[:5] != b"<?xml")):
        return
    title = _TITLE.search(text)
    named = f"titled {excerpt(title[1], 80)!r}" if title else f"which begins {excerpt(text, 80)!r}"
    error.message = (
        f"an HTML page came in place of a response, {named}: check base_url, and whether a proxy "
        "or a login page stands in between"
    )
    error.args = (error.message,)


_PAGE_HEAD = 4096
_PAGE = re.compile(rb"(<\?xml[^>]*>\s*)?(<!--[^>]*-->\s*)?<(!doctype\s+html|html)\b", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]*[^<\s])", re.IGNORECASE)

_REQUEST_ID_HEADERS = (
    *("x-request-id", "request-id", "x-amzn-requestid", "x-amz-request-id"),
    *("apim-request-id", "x-ms-request-id", "x-ms-client-request-id", "x-goog-request-id"),
    *("x-trace-id", "x-correlation-id", "cf-ray"),
)
"""Vendors' headers first, then those of proxies in front of them."""


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's id of a request, from the response's headers."""
    for name in _REQUEST_ID_HEADERS:
        if name in headers:
            return headers[name]
    return None


def _redact_completion(completion: Completion, secrets: tuple[str, ...]) -> Completion:
    """A completion without the secrets. If its body is available, checking that is enough, unless a
    JSON escape could hide a secret there."""
    raw = completion.raw
    is_plain = raw and (b"\\" not in raw or (b"\\u00" not in raw and b"\\/" not in raw))
    is_plain = is_plain and not _may_be_escaped(secrets)
    if is_plain and not is_repeated(raw.decode("latin-1"), secrets):
        return completion
    return cast("Completion", redact(completion, secrets))


@lru_cache(maxsize=64)
def _may_be_escaped(secrets: tuple[str, ...]) -> bool:
    """Whether JSON may spell one of them differently."""
    return any('"' in secret or "\\" in secret for secret in secrets)


def _redact_error(error: LLMGateError, secrets: Iterable[str]) -> None:
    """Redact the secrets in an error's texts, bytes and headers, and in its partial completion."""
    for name, value in vars(error).items():
        setattr(error, name, redact(value, secrets))
    error.args = tuple(redact(argument, secrets) for argument in error.args)
