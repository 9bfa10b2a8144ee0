"""What completions say of themselves."""

from __future__ import annotations

import pytest

from llmgate.errors import DecodeError
from llmgate.report import Report
from llmgate.types import (
    Attempt,
    Choice,
    Completion,
    Exchange,
    Function,
    Message,
)

EXCHANGE = Exchange(
    provider="canned",
    report=Report(),
    headers={"x-ratelimit-limit": "9", "retry-after-ms": "5", "date": "today"},
    raw=b"{}",
    request_id="r1",
    attempts=(Attempt(1, 0.5, status=200),),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("provider", "canned"),
        ("report", EXCHANGE.report),
        ("raw", b"{}"),
        ("request_id", "r1"),
        ("headers", EXCHANGE.headers),
        ("rate_limit", {"x-ratelimit-limit": "9", "retry-after-ms": "5"}),
        ("attempts", (Attempt(1, 0.5, status=200),)),
    ],
)
def test_a_completion_tells_how_it_was_got(name: str, expected: object) -> None:
    """Beside OpenAI's fields there is the exchange, attribute by attribute."""
    assert expected == getattr(Completion([], exchange=EXCHANGE), name)


def test_a_completion_that_was_made_by_hand_was_got_nowhere() -> None:
    """Its exchange is empty, and no attribute fails."""
    completion = Completion([])
    assert ("", b"", None, {}, {}, ()) == (
        completion.provider,
        completion.raw,
        completion.request_id,
        completion.headers,
        completion.rate_limit,
        completion.attempts,
    )
    assert not completion.report
    assert completion.report is not Completion([]).report


def test_how_an_answer_was_got_makes_it_no_other_answer() -> None:
    """Two completions are equal when they say the same; nor are headers and bodies shown."""
    assert Completion([]) == Completion([], exchange=EXCHANGE)
    assert "exchange" not in repr(Completion([], exchange=EXCHANGE))
    assert "today" not in repr(EXCHANGE)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Choice(Message("hi")), Choice(Message("ho"), 1)], "hi"),
        ([Choice(Message())], ""),
        ([], ""),
    ],
)
def test_the_text_is_the_first_choice_s(found: list[Choice], expected: str) -> None:
    """It is empty where there is none, be it for want of a text or of a choice."""
    assert expected == Completion(found).text


@pytest.mark.parametrize(
    ("arguments", "expected"), [('{"a": 1}', {"a": 1}), ("", {}), (" \n", {}), ("{}", {})]
)
def test_a_call_s_arguments_are_parsed_on_demand(arguments: str, expected: object) -> None:
    """Empty text stands for no arguments."""
    assert expected == Function("f", arguments).parse_arguments()


@pytest.mark.parametrize("arguments", ["{", "[]", "null", '"a"', "\ud800", '{"a": 1} x'])
def test_arguments_that_are_no_json_object_are_refused(arguments: str) -> None:
    """What a model wrote is kept verbatim; reading it as arguments is what fails."""
    with pytest.raises(DecodeError):
        Function("f", arguments).parse_arguments()
