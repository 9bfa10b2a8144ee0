"""Recorded exchanges: what was asked, what a provider replied, and what is to become of it.

They are values, and files are read only when somebody asks for it; nothing is judged here.
"""

from __future__ import annotations

import warnings
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from llmgate import errors
from llmgate.errors import LLMGateError, error_class
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse, decode_json, encode_json
from llmgate.testing._expectations import plainly_said

__all__ = [
    "Asked",
    "Expect",
    "GoldenCall",
    "NothingExpectedWarning",
    "RecordedExchange",
    "load_corpus",
    "load_recording",
    "plain_expectations",
]

Asked: TypeAlias = ProviderCall | Mapping[str, Any]
"""A call, or the keywords of ``acompletion``; in these, ``model`` may go without its provider."""

_PLAIN_CALL: Mapping[str, Any] = {
    "model": "model",
    "messages": [{"role": "user", "content": "Hi"}],
}


@dataclass(frozen=True, slots=True)
class GoldenCall:
    """A call, and the JSON that is to be sent for it, key by key and value by value.

    What else is expected may be left out: ``url``, before ``authorize``; ``headers``, among those
    after it, with ``CANARY`` as the key; and the whole ``report`` of the call, as texts such as
    ``"seed dropped"``: a path and a kind. ``error`` is the class of what is raised in place of a
    request; ``body`` is then None. ``settings`` and ``environment`` are with which arguments of its
    class, and under which variables alone, the provider is made for it; without the latter it is
    the provider under test, configured with these settings.
    """

    name: str
    call: Asked
    body: Any = None
    url: str | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    report: Sequence[str] | None = None
    error: type[LLMGateError] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether the provider under test sends it as it is."""
        return self.error is None and not self.settings and not self.environment


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """A call with the replies that were recorded for it, and what is expected of them.

    ``call`` says with ``stream`` whether the last of ``replies`` is a stream; its body is the whole
    of what came. A unary and a streamed exchange of one name are expected to give the same answer.
    What is expected of the first choice may be left out: ``text``, ``reasoning``, ``tool_calls``
    (pairs of a name and arguments, or the input of a custom tool), ``finish_reason``,
    and ``usage`` (the counts to look at). ``completion`` holds whatever else is expected of the
    whole, as ``model_dump()`` writes it; what it does not mention is not looked at. ``error`` is
    the class of what is to be raised in place of an answer, ``code`` and ``retryable`` are what it
    is expected to say, ``message`` is its text, and ``status`` and ``request_id`` are what the
    response says of these where its own status is a success. ``report`` is the whole report at the
    end, of what was sent and of what was decoded, as texts such as ``"seed dropped"``.
    ``request`` is what was sent for it, by whomever; ``tags`` are free words about the recording.
    """

    name: str
    call: Asked
    replies: Sequence[HttpResponse]
    text: str | None = None
    reasoning: str | None = None
    tool_calls: Sequence[tuple[str, Any]] | None = None
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    completion: Mapping[str, Any] | None = None
    error: type[LLMGateError] | None = None
    code: str | None = None
    retryable: bool | None = None
    message: str | None = None
    status: int | None = None
    request_id: str | None = None
    report: Sequence[str] | None = None
    request: HttpRequest | None = field(default=None, repr=False)
    tags: frozenset[str] = frozenset()

    @property
    def is_stream(self) -> bool:
        """Whether the last reply is a stream."""
        call = self.call
        return call.stream if isinstance(call, ProviderCall) else bool(call.get("stream"))

    @property
    def expects_something(self) -> bool:
        """Whether anything is said of what is to become of it."""
        said = (self.text, self.reasoning, self.tool_calls, self.finish_reason, self.usage)
        return any(value is not None for value in (*said, self.completion, self.error))

    @property
    def is_refusal(self) -> bool:
        """Whether the last reply's status is no success."""
        return not 200 <= self.replies[-1].status < 300


Expect: TypeAlias = Callable[[RecordedExchange], Mapping[str, Any]]
"""Says what is to be expected of a recording: fields of the exchange, such as ``text``."""


class NothingExpectedWarning(UserWarning):
    """Recordings of which nothing is expected: with them, only crashes are found."""


def plain_expectations(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What a response of OpenAI's shape plainly says: text, reasoning, calls, reason and usage."""
    return plainly_said(exchange.replies[-1], is_stream=exchange.is_stream)


def load_corpus(
    path: str | Path,
    *,
    call: Callable[[HttpRequest], Mapping[str, Any]] | None = None,
    expect: Expect | None = plain_expectations,
) -> list[RecordedExchange]:
    """The recordings below a directory, in the order of their paths; see :func:`load_recording`.

    A :class:`NothingExpectedWarning` names those of which nothing is expected. Where recordings are
    wanted for their bytes alone, ``expect=None`` says so.
    """
    files = sorted(Path(path).rglob("*.json"))
    found = [load_recording(file, call=call, expect=expect) for file in files]
    unjudged = [exchange.name for exchange in found if not exchange.expects_something]
    if unjudged and expect is not None:
        warnings.warn(_warning(unjudged, len(found)), NothingExpectedWarning, stacklevel=2)
    return found


def _warning(unjudged: Sequence[str], total: int) -> str:
    return (
        f"{len(unjudged)} of {total} recordings expect nothing, so only crashes are found with "
        f"them: say what is expected in the file (`expected`), or by expect=: {', '.join(unjudged)}"
    )


def load_recording(
    path: str | Path,
    *,
    call: Callable[[HttpRequest], Mapping[str, Any]] | None = None,
    expect: Expect | None = plain_expectations,
) -> RecordedExchange:
    """One recording: a JSON file with ``id``, ``features``, ``request`` and ``response``.

    A body is JSON (``body``), text as it came (``text``, ``body_text``), or ``base64``. ``tags``
    become the features, ``endpoint:…`` and ``fidelity:…``. A reply of status 400 or more, and a
    stream with the feature ``mid_stream_error``, are expected to raise. ``expected``, where the
    file has it, holds further fields of the exchange: ``{"text": "Hi", "usage": {…}}``,
    ``{"error": "RateLimitError"}``.

    Args:
        path: The file.
        call: Makes the keywords of ``acompletion`` out of what was sent; without it the call is a
            plain greeting, since what was sent is in the provider's own format.
        expect: Says what a response that is no error is to become, where ``expected`` does not; by
            default what a response of OpenAI's shape plainly says.

    Raises:
        OSError, DecodeError, KeyError: when it is no such file.
    """
    recorded = decode_json(Path(path).read_bytes())
    request, reply = _request(recorded["request"]), _reply(recorded["response"])
    features = frozenset(recorded.get("features", ()))
    asked = dict(_PLAIN_CALL if call is None else call(request))
    asked["stream"] = "stream" in features
    if not asked["stream"]:  # a stream that was asked for may have been refused
        asked.pop("stream_options", None)
    exchange = RecordedExchange(
        name=recorded["id"],
        call=asked,
        replies=(reply,),
        error=_expected_error(reply, features),
        request=request,
        tags=features | _about(recorded),
    )
    if expect is not None and exchange.error is None:
        exchange = replace(exchange, **expect(exchange))
    return replace(exchange, **_stated(recorded.get("expected", {})))


def _stated(expected: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says is expected, where an error is a name and a call is a list."""
    stated = dict(expected)
    if "error" in stated:
        stated["error"] = getattr(errors, stated["error"])
    if "tool_calls" in stated:
        stated["tool_calls"] = [(name, arguments) for name, arguments in stated["tool_calls"]]
    return stated


def _expected_error(reply: HttpResponse, features: frozenset[str]) -> type[LLMGateError] | None:
    if reply.status >= 400:
        return error_class(reply.status)
    failed = {"mid_stream_error", "error_as_first_event"} & features
    return LLMGateError if failed else None


def _about(recorded: Mapping[str, Any]) -> frozenset[str]:
    fidelity = recorded.get("source", {}).get("fidelity")
    known = {"endpoint": recorded.get("endpoint"), "fidelity": fidelity}
    return frozenset(f"{name}:{value}" for name, value in known.items() if value is not None)


def _request(recorded: Mapping[str, Any]) -> HttpRequest:
    text = recorded.get("body_text")
    body = text.encode() if text is not None else _json(recorded.get("body"))
    return HttpRequest(
        recorded["method"], recorded.get("url") or "", recorded.get("headers", {}), body
    )


def _reply(recorded: Mapping[str, Any]) -> HttpResponse:
    headers = recorded.get("headers", {})
    return HttpResponse(recorded["status"], headers, _body(recorded))


def _body(recorded: Mapping[str, Any]) -> bytes:
    """The bytes as they came, where they are known, else the JSON written anew."""
    if "base64" in recorded:
        return b64decode(recorded["base64"])
    if "text" in recorded:
        return str(recorded["text"]).encode()
    return encode_json(recorded["body"])


def _json(value: Any) -> bytes:
    return b"" if value is None else encode_json(value)
