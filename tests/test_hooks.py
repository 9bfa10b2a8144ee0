"""Events, and the hooks that log them: nothing secret is shown, and no line is forged.

How hooks are called is in ``dispatch/``.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
import structlog
from structlog.testing import CapturingLogger

from llmgate.errors import InvalidRequestError, ProviderError, RateLimitError
from llmgate.hooks import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallStarted,
    ConnectionQueued,
    Event,
    FirstToken,
    LoggingHook,
    RetryScheduled,
    StructlogHook,
    as_dictionary,
)
from llmgate.provider.http import HttpRequest
from llmgate.report import Report
from llmgate.types import Choice, Completion, Message, Usage

CANARY = "sk-canary-0123456789"
FORGERY = "no\nERROR forged\x1b[2J"
REQUEST = HttpRequest(
    "POST",
    f"https://user:{CANARY}@host/v1/chat?key={CANARY}",
    {"authorization": f"Bearer {CANARY}", "x-api-key": CANARY, "content-type": "application/json"},
    b'{"model":"m"}',
)
ERROR = RateLimitError(FORGERY, status=429, code="a\nb", body=CANARY.encode())
USAGE = Usage(1, 2, 3)
COMPLETION = Completion([Choice(Message("Hello\nworld"), 0, "stop")], id="x", usage=USAGE)


def reported() -> Report:
    """A report with an entry."""
    report = Report()
    report.drop("seed", FORGERY)
    return report


STARTED = CallStarted("c", "canned", "m", stream=False)
EVENTS: dict[str, tuple[Event, dict[str, Any]]] = {
    "call": (STARTED, {"provider": "canned", "model": "m", "stream": False, "operation": "chat"}),
    "request": (
        AttemptStarted("c", 1, REQUEST),
        {
            "number": 1,
            "method": "POST",
            "url": "https://host/v1/chat",
            "headers": {
                "authorization": "***",
                "x-api-key": "***",
                "content-type": "application/json",
            },
            "body": '{"model":"m"}',
        },
    ),
    "connection_queued": (ConnectionQueued("c", 1, 1.0), {"number": 1, "seconds": 1.0}),
    "attempt": (
        AttemptEnded("c", 1, 0.5, 429, ERROR),
        {
            "number": 1,
            "seconds": 0.5,
            "status": 429,
            "error": "RateLimitError: no\\nERROR forged\\x1b[2J (status 429, code a\\nb)",
        },
    ),
    "retry": (
        RetryScheduled("c", 2, 0.5, ProviderError("no")),
        {"number": 2, "wait": 0.5, "error": "ProviderError: no"},
    ),
    "first_token": (FirstToken("c", 0.25), {"seconds": 0.25}),
    "reply": (
        CallEnded("c", "canned", "m", "ok", 1.5, 2, USAGE, None, COMPLETION, reported()),
        {
            "provider": "canned",
            "model": "m",
            "outcome": "ok",
            "seconds": 1.5,
            "attempts": 2,
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            "operation": "chat",
            "error": None,
            "completion": COMPLETION.model_dump(),
            "report": [f"seed dropped: {FORGERY}"],
        },
    ),
    "failure": (
        CallEnded("c", "canned", "m", "error", 1.5, 1, error=ProviderError("no")),
        {
            "provider": "canned",
            "model": "m",
            "outcome": "error",
            "seconds": 1.5,
            "attempts": 1,
            "usage": None,
            "operation": "chat",
            "error": "ProviderError: no",
            "completion": None,
            "report": [],
        },
    ),
}
ANY_EVENT = pytest.mark.parametrize(
    ("name", "event"), [pytest.param(name, event, id=name) for name, (event, _) in EVENTS.items()]
)


# --- events as dictionaries ---


@pytest.mark.parametrize(
    ("name", "event", "values"), [(name, event, values) for name, (event, values) in EVENTS.items()]
)
def test_an_event_is_a_flat_dictionary(name: str, event: Event, values: dict[str, Any]) -> None:
    """Its name, its time, the call's id, and its own values in plain types."""
    fields = as_dictionary(event)
    assert (event.at, event.monotonic) == (fields.pop("time"), fields.pop("monotonic"))
    assert {"event": name, "call_id": "c"} | values == fields


@pytest.mark.parametrize("kind", [CallStarted, AttemptStarted, FirstToken])
def test_an_event_says_when_it_happened(kind: Any) -> None:
    """On both clocks; two events that differ in nothing else are equal."""
    values = {CallStarted: ("p", "m", False), AttemptStarted: (1, REQUEST), FirstToken: (0.5,)}[
        kind
    ]
    before = time.time(), time.monotonic()
    first, second = kind("c", *values), kind("c", *values)
    after = time.time(), time.monotonic()
    assert before[0] <= first.at <= second.at <= after[0]
    assert before[1] <= first.monotonic <= second.monotonic <= after[1]
    assert first == second


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        ("ok", "reply"),
        ("error", "failure"),
        ("cancelled", "cancelled"),
        ("abandoned", "abandoned"),
    ],
)
def test_the_end_of_a_call_is_named_after_its_outcome(outcome: Any, name: str) -> None:
    """There is exactly one such event for each call."""
    assert name == as_dictionary(CallEnded("c", "canned", "m", outcome, 1.0, 1))["event"]


@ANY_EVENT
def test_an_event_shows_no_credentials(name: str, event: Event) -> None:
    """Neither as a dictionary nor as itself."""
    assert CANARY not in f"{as_dictionary(event)!r} {event!r}"


def test_a_body_that_is_no_text_is_shown_all_the_same() -> None:
    """A hook fails on no request."""
    request = HttpRequest("POST", "https://host", body=b"\xff")
    assert "\ufffd" == as_dictionary(AttemptStarted("c", 1, request))["body"]


# --- the hooks that write logs ---


@ANY_EVENT
def test_an_event_is_one_line_of_a_log(
    name: str, event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    """Failures and long waits are warnings; no line is forged, no credential is shown, and neither
    prompt nor answer is in it."""
    with caplog.at_level(logging.DEBUG, "llmgate"):
        LoggingHook()(event)
    (record,) = caplog.records
    text = record.getMessage()
    is_a_warning = getattr(event, "error", None) is not None or name == "connection_queued"
    assert (logging.WARNING if is_a_warning else logging.INFO) == record.levelno
    assert text.isprintable()
    assert text.startswith(f"{name} call_id='c' ")
    for secret in (CANARY, "Hello", '{"model"', "authorization"):
        assert secret not in text


def test_prompts_and_answers_are_logged_when_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    """By ``bodies=True``, at the level that was asked for."""
    hook = LoggingHook(level="debug", bodies=True)
    with caplog.at_level(logging.DEBUG, "llmgate"):
        hook(EVENTS["request"][0])
        hook(EVENTS["reply"][0])
    request, reply = (record.getMessage() for record in caplog.records)
    assert [logging.DEBUG] * 2 == [record.levelno for record in caplog.records]
    assert '{"model":"m"}' in request
    assert "Hello\\nworld" in reply
    assert CANARY not in request + reply


def test_a_logger_of_the_user_s_own_is_used() -> None:
    """Any object with the methods of a logger."""
    logger = CapturingLogger()
    LoggingHook(logger, level="critical")(STARTED)
    ((method, (template, *values), _),) = logger.calls
    expected = "call call_id='c' provider='canned' model='m' stream=False operation='chat'"
    assert ("critical", expected) == (method, template % tuple(values))


def test_what_no_logger_would_write_is_not_wanted(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is it written in another way; what failed is a warning, and is wanted."""
    hook = LoggingHook()
    failed = AttemptEnded("c", 1, 0.1, error=RateLimitError("too many"))
    with caplog.at_level(logging.WARNING, "llmgate"):
        assert (False, True) == (hook.wants(STARTED), hook.wants(failed))
        hook(STARTED)
    assert not caplog.records
    with caplog.at_level(logging.INFO, "llmgate"):
        assert hook.wants(STARTED)


def test_a_logger_that_is_no_logger_of_the_library_wants_everything() -> None:
    """Nor does a hook that does more than log miss an event, or one with a level of its own."""

    class Counting(LoggingHook):
        def __call__(self, event: Event) -> None:
            """Do something else."""

    class Own(logging.Logger):
        def our_own(self, template: str, *values: object) -> None:
            """Log at a level without a number."""

    quiet = logging.getLogger("llmgate.quiet")
    quiet.setLevel(logging.CRITICAL)
    assert not LoggingHook(quiet).wants(STARTED)
    assert not LoggingHook(logging.LoggerAdapter(quiet)).wants(STARTED)
    for hook in (
        Counting(quiet),
        LoggingHook(Own("llmgate.own", logging.CRITICAL), level="our_own"),
        LoggingHook(CapturingLogger()),
        StructlogHook(CapturingLogger()),
    ):
        assert hook.wants(STARTED)


@pytest.mark.parametrize("level", ["INFO", logging.INFO, "info"])
def test_a_level_may_be_spelled_as_logging_does(
    level: str | int, caplog: pytest.LogCaptureFixture
) -> None:
    """By its name in capitals, or by its number."""
    with caplog.at_level(logging.INFO, "llmgate"):
        LoggingHook(level=level)(STARTED)
    assert [logging.INFO] == [record.levelno for record in caplog.records]


def test_a_level_that_is_none_is_refused() -> None:
    """The hook would fail with each event, and nobody would know; so would a logger's name."""
    made: Any = LoggingHook
    for level in ("inof", 5, "", None, True):
        with pytest.raises(InvalidRequestError, match=r"^level: expected a level such as 'info'"):
            made(level=level)
    with pytest.raises(InvalidRequestError, match=r"^logger: expected a logger, got 'app'"):
        made("app")


@ANY_EVENT
def test_an_event_is_one_entry_of_structlog(name: str, event: Event) -> None:
    """Its values as key-value pairs, without headers, prompt and answer."""
    logger = CapturingLogger()
    StructlogHook(logger)(event)
    ((method, arguments, values),) = logger.calls
    hidden = {"headers", "body", "completion"}
    expected = {k: value for k, value in EVENTS[name][1].items() if k not in hidden}
    is_a_warning = expected.get("error") or name == "connection_queued"
    assert ("warning" if is_a_warning else "info", (name,)) == (method, arguments)
    assert {"call_id": "c"} | expected == values


def test_structlog_s_own_logger_is_the_default() -> None:
    """The user's configuration of structlog holds."""
    with structlog.testing.capture_logs() as entries:
        StructlogHook(level="debug")(STARTED)
    (entry,) = entries
    assert ("call", "debug", "canned") == (entry["event"], entry["log_level"], entry["provider"])
