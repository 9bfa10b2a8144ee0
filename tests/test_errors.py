"""The errors: their tree, what they carry, and that no text in them can forge a line of a log."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any

import pytest

from llmgate import errors
from llmgate.errors import (
    BadRequestError,
    ConflictError,
    ConnectError,
    ContentFilterError,
    DeadlineExceededError,
    DecodeError,
    InternalError,
    InvalidRequestError,
    LLMGateError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    RequestError,
    RequestTimeoutError,
    ServerError,
    StreamTruncatedError,
    UnsupportedError,
    describe_value,
    error_class,
    excerpt,
    origin_of,
)
from llmgate.report import Report
from llmgate.types import Attempt, Choice, Completion, Message, Usage

CLASSES: list[type[LLMGateError]] = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, LLMGateError)
]
PROVIDER_ERRORS = [kind for kind in CLASSES if issubclass(kind, ProviderError)]


def drawn_tree() -> dict[str, str]:
    """Each class and its base, as the module's docstring draws them."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([│├└─ ]*)(LLMGateError|\w+Error)\b", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        path[depth:] = [found[2]]
        parents[found[2]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    """Who reads the module's first lines knows every class, and which one catches which."""
    assert drawn_tree() == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_every_error_is_public() -> None:
    """Each class, and nothing that does not exist, is in ``__all__``."""
    functions = {"error_class", "excerpt", "origin_of", "describe_error", "describe_value"}
    assert {kind.__name__ for kind in CLASSES} | functions == set(errors.__all__)


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        pytest.param(RequestError, ValueError, id="a refused argument is a ValueError"),
        pytest.param(InvalidRequestError, ValueError, id="and so is its kind with a path"),
        pytest.param(DeadlineExceededError, TimeoutError, id="a passed limit is a TimeoutError"),
    ],
)
def test_an_error_is_also_the_builtin_that_fits(
    kind: type[LLMGateError], base: type[Exception]
) -> None:
    """Code that knows nothing of llmgate catches what it would catch of Python itself."""
    with pytest.raises(base, match=r"^no$"):
        raise kind("no")


def filled(kind: type[LLMGateError]) -> LLMGateError:
    """An error of that class with everything set that it can hold."""
    error = kind(
        "it failed",
        status=418,
        code="teapot",
        request_id="r1",
        retry_after=1.5,
        headers={"x-a": "b"},
        body=b"body",
    )
    error.provider, error.model = "canned", "m"
    error.attempts = (Attempt(1, 0.1, status=418), Attempt(2, 0.1, wait=0.5, status=418))
    error.report = Report("raise")
    return error


SPECIAL: dict[type[Any], tuple[str, Any]] = {
    ContentFilterError: ("details", {"hate": {"filtered": True}}),
    InvalidRequestError: ("path", "messages[0]"),
    UnsupportedError: ("parameter", "tools"),
    ProviderError: ("retryable", True),
    BadRequestError: ("in_stream", True),
    DeadlineExceededError: ("phase", "idle"),
    StreamTruncatedError: ("partial", Completion([Choice(Message("half"))])),
    DecodeError: ("frame", b"{"),
    errors.OutputError: ("usage", Usage(1, 2, 3)),
    errors.OutputValidationError: ("path", "items[0]"),
    errors.OutputTruncatedError: ("text", "{"),
    errors.OutputRefusedError: ("completion", Completion([Choice(Message("half"))])),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_whole(kind: type[LLMGateError]) -> None:
    """A pool of processes hands errors over as pickles: class, text and every attribute stay."""
    error = filled(kind)
    name, value = SPECIAL.get(kind, ("message", error.message))
    setattr(error, name, value)
    loaded: Any = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert (type(error), str(error)) == (loaded.__class__, str(loaded))
    assert "raise" == loaded.report.policy
    assert {**vars(error), "report": None} == {**vars(loaded), "report": None}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_can_be_copied(kind: type[LLMGateError]) -> None:
    """Frameworks copy exceptions to raise them elsewhere."""
    error = filled(kind)
    assert vars(error) == vars(copy.copy(error))


@pytest.mark.parametrize(("kind", "attribute"), [(k, a) for k, (a, _) in SPECIAL.items()])
def test_an_attribute_of_one_class_is_a_keyword_of_it(kind: type[Any], attribute: str) -> None:
    """What makes a class special is given when it is made, and read under the same name."""
    value = SPECIAL[kind][1]
    error = kind("it failed", status=400, **{attribute: value})
    assert (value, 400) == (getattr(error, attribute), error.status)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (LLMGateError("it failed"), "it failed"),
        (
            InvalidRequestError("is missing", path="messages[0].role"),
            "messages[0].role: is missing",
        ),
        (InvalidRequestError("is wrong"), "is wrong"),
        (ProviderError("no", status=400, code="bad"), "no (status 400, code bad)"),
        (
            filled(RateLimitError),
            "it failed (provider canned, model m, status 418, code teapot, request id r1, "
            "attempts 2)",
        ),
        (
            ProviderError("no", code="a\nERROR forged", request_id="\x1b[2J"),
            "no (code a\\nERROR forged, request id \\x1b[2J)",
        ),
    ],
    ids=["bare", "with its path", "without one", "with a status", "with all", "not forged"],
)
def test_the_text_of_an_error_says_whose_call_it_was(error: LLMGateError, text: str) -> None:
    """The context is shown as far as it is known, and a provider's words are escaped in it."""
    assert text == str(error)


def test_a_call_without_a_model_names_none_in_the_text() -> None:
    """As a list of a provider's models, whose call has an empty name."""
    error = ProviderError("no")
    error.provider, error.model = "canned", ""
    assert "no (provider canned)" == str(error)


def test_a_single_attempt_is_not_counted_in_the_text() -> None:
    """Only a call that was tried again says how often."""
    error = LLMGateError("it failed")
    error.attempts = (Attempt(1, 0.1),)
    assert "it failed" == str(error)


NEVER_RETRYABLE = {
    "AuthenticationError",
    "BadRequestError",
    "ContentFilterError",
    "ContextWindowError",
    "NotFoundError",
    "PermissionDeniedError",
    "QuotaExceededError",
}


@pytest.mark.parametrize("kind", PROVIDER_ERRORS, ids=lambda kind: kind.__name__)
def test_a_class_says_whether_trying_again_can_help(kind: type[ProviderError]) -> None:
    """None leaves it to the status; False says that the same request would fail the same way."""
    expected = False if kind.__name__ in NEVER_RETRYABLE else None
    assert expected is kind("no").retryable


@pytest.mark.parametrize(
    ("status", "expected"), [(400, False), (408, True), (422, False), (425, True)]
)
def test_a_status_that_passes_makes_a_bad_request_worth_another_try(
    status: int, expected: bool
) -> None:
    """A timeout of the server's and a request that came too early say nothing against it."""
    assert expected is BadRequestError("no", status=status).retryable


@pytest.mark.parametrize("marked", [True, False])
def test_a_provider_s_own_word_on_trying_again_wins_over_its_class(marked: bool) -> None:
    """A plugin that knows better says so when it makes the error."""
    assert marked is QuotaExceededError("no", retryable=marked).retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, ProviderError),
        (400, BadRequestError),
        (401, errors.AuthenticationError),
        (402, QuotaExceededError),
        (403, errors.PermissionDeniedError),
        (404, NotFoundError),
        (408, RequestTimeoutError),
        (409, ConflictError),
        (413, BadRequestError),
        (422, BadRequestError),
        (429, RateLimitError),
        (499, BadRequestError),
        (500, ServerError),
        (502, ServerError),
        (503, OverloadedError),
        (504, ServerError),
        (529, OverloadedError),
        (599, ServerError),
    ],
)
def test_a_status_stands_for_one_class(status: int, kind: type[ProviderError]) -> None:
    """Where a body says nothing more precise, the status alone decides."""
    assert kind is error_class(status)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
        ("\x1b[31mred\x07\x9b", "\\x1b[31mred\\x07\\x9b"),
        ("\u2028\u202e\u200b", "\\u2028\\u202e\\u200b"),
        ("grüße 日本 🙂 it's", "grüße 日本 🙂 it's"),
        ("\ud800", "\\ud800"),
        (b"\xff\xfe{}", "\\xff\\xfe{}"),
        (b"", ""),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 300 + "…"),
        ("é".encode() * 500, "é" * 300 + "…"),
    ],
)
def test_an_excerpt_is_short_and_printable(text: str | bytes, expected: str) -> None:
    """Line ends, terminal escapes and marks that reorder text are escaped, and length is cut."""
    assert expected == excerpt(text)


def test_an_excerpt_is_as_long_as_it_may_be() -> None:
    """The limit counts the characters of the text itself."""
    assert "ab…" == excerpt("abc", 2)


class _Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        ("a\nb", "'a\\nb'"),
        ([1] * 100, "[" + "1, " * 19 + "1,…"),
        (10**5000, "a value of type int"),
        (_Unshowable(), "a value of type _Unshowable"),
    ],
    ids=["a number", "a text", "a long list", "an endless number", "an object that raises"],
)
def test_whatever_a_caller_gives_can_be_shown(value: object, expected: str) -> None:
    """No value makes the error about it fail."""
    assert expected == describe_value(value)


@pytest.mark.parametrize("kind", [ContentFilterError, ConnectError])
def test_what_no_reply_said_is_none(kind: type[LLMGateError]) -> None:
    """An error made of a text alone has every attribute, empty."""
    error = kind("no")
    names = ("status", "code", "request_id", "retry_after", "headers", "body", "provider", "model")
    assert [None] * len(names) == [getattr(error, name) for name in names]
    assert ((), None) == (error.attempts, error.report)


# --- bugs ---------------------------------------------------------------------------------


def test_where_a_bug_is() -> None:
    """File, line and function of the innermost frame; no path of this machine, and no value."""

    def fails(secret: str) -> None:
        raise KeyError(secret)

    with pytest.raises(KeyError) as caught:
        fails("canary")
    line = fails.__code__.co_firstlineno + 1
    assert f"tests/test_errors.py:{line} in fails" == origin_of(caught.value)
    error = InternalError("it failed", origin=origin_of(caught.value))
    assert f"it failed at tests/test_errors.py:{line} in fails" == str(error)
    assert error.origin.endswith(" in fails")


def test_a_bug_without_a_place() -> None:
    """An exception that was never raised comes from nowhere."""
    assert "" == origin_of(KeyError())
    assert "it failed" == str(InternalError("it failed"))


def test_an_error_says_what_was_expected() -> None:
    """And shows the beginning of the value that was given in its place."""
    error = InvalidRequestError.expected("a positive number", "x" * 99, "timeout.idle")
    assert "timeout.idle" == error.path
    assert f"timeout.idle: expected a positive number, got '{'x' * 59}…" == str(error)
