"""What a call reports while it runs: events, and the hooks that receive them.

Hooks run on a thread of their own, so that a slow or failing hook harms no call. Events hold no
credentials: they show requests as they are before ``authorize``.

Each event has ``labels``, those of the call, ``at``, when it happened in seconds since the epoch,
and ``monotonic``, the same on the clock of :func:`time.monotonic`, for differences between events.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from llmgate._text.dataclass import slotted
from llmgate.errors import InvalidRequestError, LLMGateError, excerpt
from llmgate.provider.http import HttpRequest, redacted, shown_url
from llmgate.report import Report
from llmgate.types import Completion, Usage

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "CallEnded",
    "CallStarted",
    "ChoosyHook",
    "ConnectionQueued",
    "Event",
    "FirstToken",
    "Hook",
    "LoggingHook",
    "RetryScheduled",
    "StructlogHook",
    "as_dictionary",
]


@slotted
class CallStarted:
    """A call begins. ``call_id`` is the same in all events of one call.

    ``operation`` is ``"chat"``, ``"embeddings"``, or ``"models"`` for a list of models, which has
    an empty text for ``model``.
    """

    call_id: str
    provider: str
    model: str
    stream: bool
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    operation: str = "chat"
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


@slotted
class AttemptStarted:
    """A request is about to be sent; ``request`` has no credentials."""

    call_id: str
    number: int
    request: HttpRequest
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


@slotted
class ConnectionQueued:
    """A request has waited ``seconds`` for a connection and is still waiting: the pool is full.

    A client opens 1,000 connections to a host, or half of ``ulimit -n`` if that is less;
    ``Client(limit=…)`` changes it. Waiting counts toward the call's deadline.
    """

    call_id: str
    number: int
    seconds: float
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


@slotted
class AttemptEnded:
    """An attempt is over: a response's headers and, where it is not a stream, its body have come.

    ``seconds`` is how long it took; ``error`` is None when it succeeded.
    """

    call_id: str
    number: int
    seconds: float
    status: int | None = None
    error: LLMGateError | None = None
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


@slotted
class RetryScheduled:
    """Another attempt follows after ``wait`` seconds."""

    call_id: str
    number: int
    wait: float
    error: LLMGateError
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


@slotted
class FirstToken:
    """The first token of a streamed completion has arrived, ``seconds`` after the call began."""

    call_id: str
    seconds: float
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


@slotted
class CallEnded:
    """A call is over; there is exactly one such event for each call.

    ``outcome`` is ``abandoned`` when a stream was closed or collected before its end. ``usage`` is
    what the provider reported, if it did.
    """

    call_id: str
    provider: str
    model: str
    outcome: Literal["ok", "error", "cancelled", "abandoned"]
    seconds: float
    attempts: int
    usage: Usage | None = None
    error: LLMGateError | None = None
    completion: Completion | None = field(default=None, repr=False)
    report: Report = field(default_factory=Report)
    labels: Mapping[str, Any] = field(default_factory=dict[str, Any])
    operation: str = "chat"
    at: float = field(default_factory=time.time, compare=False, repr=False)
    monotonic: float = field(default_factory=time.monotonic, compare=False, repr=False)


Event: TypeAlias = (
    CallStarted
    | AttemptStarted
    | ConnectionQueued
    | AttemptEnded
    | RetryScheduled
    | FirstToken
    | CallEnded
)
Hook: TypeAlias = Callable[[Event], object]
"""A callable that receives each event, one after the other, on a thread that is not the caller's.
Its results and exceptions are ignored. It cannot be ``async``."""


@runtime_checkable
class ChoosyHook(Protocol):
    """The ability of a hook to say beforehand which events it would ignore. Events that all hooks
    of a call ignore are not even queued."""

    def wants(self, event: Event, /) -> bool:
        """Whether to call the hook with an event. This is called on the call's task, which it must
        not block; if it raises, the hook is called.

        A hook may also have ``wants_kind(kind, is_failure)``, which decides for all events of a
        class, those with an error or those without. If all hooks of a call have it, events that
        none of them wants are not even made.
        """
        ...


def as_dictionary(event: Event) -> dict[str, Any]:
    """An event as the flat dictionary that ``logger_fn`` and the logging hooks receive.

    Texts that a provider wrote are escaped: they can forge no line of a log.
    """
    values: dict[str, Any] = {"event": _name(event), "time": event.at}
    for each in fields(event):
        if each.name not in ("at", "labels", "request", "completion", "report"):
            values[each.name] = _plain(getattr(event, each.name))
    if event.labels:
        values["labels"] = dict(event.labels)
    match event:
        case AttemptStarted(request=request):
            values |= {
                "method": request.method,
                "url": shown_url(request.url),
                "headers": redacted(request.headers),
                "body": request.body.decode("utf-8", "replace"),
            }
        case CallEnded(completion=completion, report=report):
            values |= {
                "completion": None if completion is None else completion.model_dump(),
                "report": [str(deviation) for deviation in report],
            }
        case _:
            pass
    return values


def _name(event: Event) -> str:
    if isinstance(event, CallEnded):
        return {"ok": "reply", "error": "failure"}.get(event.outcome, event.outcome)
    return _NAMES[type(event)]


_NAMES: Mapping[type[Event], str] = {
    CallStarted: "call",
    AttemptStarted: "request",
    ConnectionQueued: "connection_queued",
    AttemptEnded: "attempt",
    RetryScheduled: "retry",
    FirstToken: "first_token",
}


def _plain(value: Any) -> Any:
    if isinstance(value, Usage):
        return value.model_dump(exclude_none=True)
    if isinstance(value, LLMGateError):
        return excerpt(f"{type(value).__name__}: {value}")
    return value


class LoggingHook:
    """Writes each event to a standard logger: failures, and long waits for a connection, as
    warnings, the rest as ``level``.

    Prompts and completions are left out unless ``bodies`` is true.

    Raises:
        InvalidRequestError: when ``level``, a name or a number of :mod:`logging`, is none that the
            logger has a method for; or when ``logger`` is a name.
    """

    def __init__(
        self, logger: Any = None, *, level: str | int = "info", bodies: bool = False
    ) -> None:
        if logger is None:
            import logging  # noqa: PLC0415 - asked for by whoever makes this hook

            logger = logging.getLogger("llmgate")
        self._logger = logger
        self._level = _method_of(level, logger)
        self._bodies = bodies
        is_changed = type(self).__call__ is not LoggingHook.__call__  # to do more than to log
        self._numbers = {} if is_changed else _level_numbers(logger)

    def wants(self, event: Event, /) -> bool:
        """Whether the logger, if it is one of :mod:`logging`, writes at the event's level."""
        return self.wants_kind(type(event), getattr(event, "error", None) is not None)

    def wants_kind(self, kind: type[Event], is_failure: bool) -> bool:
        """The same for all events of this kind, with an error or without; unwanted ones are not
        made."""
        number = self._numbers.get(self._level_of(kind, is_failure))
        return number is None or self._logger.isEnabledFor(number)

    def __call__(self, event: Event) -> None:
        """Log one event."""
        if not self.wants(event):  # another hook wanted it
            return
        name, values = self._content(event)
        text = " ".join(f"{key}={value!r}" for key, value in values.items())
        self._method(event)("%s %s", name, text)

    def _content(self, event: Event) -> tuple[str, dict[str, Any]]:
        values = as_dictionary(event)
        private = set[str]() if self._bodies else {"body", "completion"}
        hidden = {"event", "time", "monotonic", "headers"} | private
        return values["event"], {key: v for key, v in values.items() if key not in hidden}

    def _method(self, event: Event) -> Callable[..., object]:
        level = self._level_of(type(event), getattr(event, "error", None) is not None)
        method: Callable[..., object] = getattr(self._logger, level)
        return method

    def _level_of(self, kind: type[Event], is_failure: bool) -> str:
        return "warning" if is_failure or kind is ConnectionQueued else self._level


def _method_of(level: object, logger: Any) -> str:
    """The name of the method that logs at a level: a hook that lacked it would log nothing, and
    nobody would know. Of a logger that is not of the standard library, the name is all there is."""
    if isinstance(logger, str):
        raise InvalidRequestError.expected("a logger", logger, "logger")
    if type(level) is int:
        import logging  # noqa: PLC0415 - for whoever gives such a number

        level = logging.getLevelName(level)
    name = level.lower() if isinstance(level, str) else ""
    if not name or (_is_standard(logger) and not callable(getattr(logger, name, None))):
        raise InvalidRequestError.expected("a level such as 'info'", level, "level")
    return name


def _is_standard(logger: Any) -> bool:
    logging = sys.modules.get("logging")
    return logging is not None and isinstance(logger, logging.Logger | logging.LoggerAdapter)


def _level_numbers(logger: Any) -> dict[str, int]:
    """The numbers of levels by the names of their methods; empty for a logger that is not from the
    standard library, which may decide differently."""
    if not _is_standard(logger):
        return {}
    import logging  # noqa: PLC0415 - it is there

    return {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}


class StructlogHook(LoggingHook):
    """Writes each event to a structlog logger, its values as key-value pairs."""

    def __init__(
        self, logger: Any = None, *, level: str | int = "info", bodies: bool = False
    ) -> None:
        if logger is None:
            import structlog  # noqa: PLC0415 - asked for by whoever makes this hook

            logger = structlog.get_logger("llmgate")
        super().__init__(logger, level=level, bodies=bodies)

    def __call__(self, event: Event) -> None:
        """Log one event."""
        name, values = self._content(event)
        self._method(event)(name, **values)
