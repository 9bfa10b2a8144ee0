"""One call while it runs: what the parts of the engine share, what hooks are told, and its errors.

It sends nothing and waits for nothing.
"""

from __future__ import annotations

import re
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import takewhile
from operator import eq
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from llmgate._core.deadline import Deadline
from llmgate._text.json import is_object
from llmgate.errors import DecodeError, LLMGateError, ProviderError, RequestError, told
from llmgate.hooks import CallEnded, CallStarted, Event
from llmgate.provider.http import HttpRequest, HttpResponse, Transport
from llmgate.types import Attempt, Completion, Exchange

if TYPE_CHECKING:
    from llmgate._core.retry import RetryBudget, RetryPolicy
    from llmgate.options import Timeout
    from llmgate.provider import Provider
    from llmgate.provider.call import ProviderCall

__all__ = ["CallState", "Outcome", "request_id"]

Result = TypeVar("Result")
Outcome: TypeAlias = Literal["ok", "error", "cancelled", "abandoned"]


_STRANGE = (Exception, CancelledError, GeneratorExit)
"""What a provider's code may raise by itself. Anything else is an interrupt that found it at work,
and a step that awaits nothing cannot be cancelled."""


@dataclass(slots=True, repr=False, eq=False)
class CallState:
    """One call while it runs.

    ``reply`` is what has come of the last attempt's reply, ``sent`` its request before and after
    ``authorize``, and ``on_abandon`` what is to be sent if nobody waits any more.
    """

    call: ProviderCall
    provider: Provider
    transport: Transport
    timeout: Timeout
    policy: RetryPolicy
    budget: RetryBudget
    emit: Callable[[Event], None] | None = None
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    retries: int = 0
    reply: HttpResponse | None = None
    on_abandon: HttpRequest | None = None
    sent: tuple[HttpRequest, HttpRequest] | None = None
    ended: bool = False
    deadline: Deadline = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = Deadline(self.timeout)

    def __repr__(self) -> str:
        return f"CallState({self.provider.name!r}, {self.call.model!r})"

    def exchange(self) -> Exchange:
        """What an answer tells of how it was got."""
        reply = self.reply or HttpResponse(0)
        return Exchange(
            provider=self.provider.name,
            report=self.call.report,
            headers=reply.headers,
            raw=reply.body,
            request_id=request_id(reply.headers),
            attempts=tuple(self.attempts),
        )

    # --- what hooks are told ---

    def start(self) -> None:
        """Tell the hooks that the call begins."""
        if self.emit is not None:
            call = self.call
            self.emit(CallStarted(call.id, self.provider.name, call.model, call.stream))

    def end(
        self,
        outcome: Outcome,
        error: LLMGateError | None = None,
        completion: Completion | None = None,
    ) -> None:
        """The call is over, as the hooks are told; only the first time counts."""
        self.deadline.close()
        if self.ended or self.emit is None:
            return
        self.ended = True
        self.emit(
            CallEnded(
                self.call.id,
                self.provider.name,
                self.call.model,
                outcome,
                self.deadline.elapsed(),
                len(self.attempts),
                usage=None if completion is None else completion.usage,
                error=error,
                completion=completion,
                report=self.call.report,
            )
        )

    # --- its errors ---

    def run(self, step: Callable[..., Result], *arguments: Any, may_stop: bool = False) -> Result:
        """A step of a provider's own code. Whatever it raises becomes one of our errors, but for
        the ``StopIteration`` of a flow, which ``may_stop``."""
        try:
            return step(*arguments)
        except BaseException as error:
            is_end = may_stop and isinstance(error, StopIteration)
            if is_end or isinstance(error, LLMGateError) or not isinstance(error, _STRANGE):
                raise
            what = f"({told(error)})"
        if self.reply is None:
            raise RequestError(f"the provider could not translate the call {what}")
        raise DecodeError(
            f"the provider could not read the reply {what}", frame=self.reply.body or None
        )

    def explain(self, error: LLMGateError) -> LLMGateError:
        """The error with whose call it was, what was tried, and what the reply itself says."""
        error.provider = error.provider or self.provider.name
        error.model = error.model or self.call.model
        error.attempts = tuple(self.attempts)
        error.report = self.call.report
        with suppress(AttributeError, TypeError, ValueError):  # if a stranger gave what is no reply
            if self.reply is not None and not isinstance(error, RequestError):
                is_unread = self.call.stream and 200 <= self.reply.status < 300
                _add_reply(error, self.reply, with_body=bool(self.reply.body) or not is_unread)
        with suppress(AttributeError, TypeError, ValueError):  # or no request, which was not sent
            if self.sent is not None:
                _scrub(error, _secrets(*self.sent))
        return error


def _add_reply(error: LLMGateError, reply: HttpResponse, *, with_body: bool) -> None:
    from llmgate._core.retry import parse_retry_after  # noqa: PLC0415 - only after a failure

    in_stream = isinstance(error, ProviderError) and error.in_stream
    if error.status is None and not in_stream:  # an error inside a 200 has a status of its own
        error.status = reply.status
    error.request_id = error.request_id or request_id(reply.headers)
    error.headers = reply.headers
    if error.body is None and with_body:
        error.body = reply.body
    if error.retry_after is None:
        error.retry_after = parse_retry_after(reply.headers)


_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's id of a request, from the reply's headers."""
    for name in _REQUEST_ID_HEADERS:
        if name in headers:
            return headers[name]
    return None


# --- secrets: a server may repeat what it was sent, and no error may ----------------------

_SHORTEST_SECRET = 8
"""Shorter words ("Bearer") are no secrets, and replacing them would mangle the text."""
_LONG_BEGINNING = 16
"""So many characters of a secret are taken for it; fewer tell only whose key it is."""
_CREDENTIAL = re.compile(r"auth|cookie|credential|key|password|secret|signature|token", re.I)


def _secrets(request: HttpRequest, authorized: HttpRequest) -> list[str]:
    """What ``authorize`` added, and what stands under a credential's name; the longest first."""
    before = {*request.headers.items(), *parse_qsl(urlsplit(request.url).query)}
    url = urlsplit(authorized.url)
    values = [
        value
        for name, value in (*authorized.headers.items(), *parse_qsl(url.query))
        if (name, value) not in before or _CREDENTIAL.search(name)
    ]
    values.append(url.password or "")
    words = {word for value in values for word in (value, *value.split())}
    return sorted((word for word in words if len(word) >= _SHORTEST_SECRET), key=len, reverse=True)


def _scrub(error: LLMGateError, secrets: Iterable[str]) -> None:
    """The error's texts, bytes and headers without the secrets, and so the answer so far."""
    for name, value in vars(error).items():
        setattr(error, name, _without(value, secrets))
    error.args = tuple(_without(argument, secrets) for argument in error.args)


def _without(value: Any, secrets: Iterable[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = _hide(value, secret)
        return value
    if isinstance(value, bytes):  # each byte as one character
        raw = (secret.encode().decode("latin-1") for secret in secrets)
        return _without(value.decode("latin-1"), [*raw]).encode("latin-1")
    if is_object(value):
        return {_without(name, secrets): _without(item, secrets) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return type(items)(_without(item, secrets) for item in items)
    return _without_inside(value, secrets)


def _without_inside(value: Any, secrets: Iterable[str]) -> Any:
    """The same for an attempt, or the answer so far; anything else is left as it is."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    parts = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    clean = {name: _without(part, secrets) for name, part in parts.items()}
    return value if clean == parts else replace(value, **clean)


def _hide(text: str, secret: str) -> str:
    """The text without a secret, nor a long beginning of it, such as where a text was cut off."""
    beginning, pieces, start = secret[:_LONG_BEGINNING], list[str](), 0
    while (place := text.find(beginning, start)) >= 0:
        pieces += (text[start:place], "***")
        found = text[place : place + len(secret)]
        start = place + sum(takewhile(bool, map(eq, found, secret)))
    return "".join([*pieces, text[start:]])
