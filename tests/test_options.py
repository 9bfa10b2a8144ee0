"""What a call may carry: limits of time, OpenAI's parameters, and the names of all of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from llmgate.errors import InvalidRequestError
from llmgate.options import MEANINGFUL, CallOptions, ChatParameters, Timeout
from llmgate.provider.call import ProviderCall

LIMITS = ("total", "connect", "first_token", "idle")


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0.001, 1, 86400, 1e308, None])
def test_a_limit_is_any_positive_number_of_seconds_or_none(name: str, value: float | None) -> None:
    """None is no limit."""
    limits: dict[str, Any] = {name: value}
    assert value == getattr(Timeout(**limits), name)


WRONG = {
    "zero": 0,
    "negative zero": -0.0,
    "negative": -1,
    "not a number": math.nan,
    "infinite": math.inf,
    "negative infinity": -math.inf,
    "a flag": True,
    "text": "5",
    "bytes": b"5",
    "a list": [5],
    "an integer beyond any float": 10**400,
    "an integer that cannot be shown": 10**5000,
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_any_other_limit_is_refused_before_anything_is_sent(name: str, value: Any) -> None:
    """The error says which limit, under the name that the caller gave it."""
    limits: dict[str, Any] = {name: value}
    with pytest.raises(InvalidRequestError, match="expected a positive number") as caught:
        Timeout(**limits)
    assert ("timeout" if name == "total" else f"timeout.{name}") == caught.value.path


def test_a_limit_s_error_shows_what_was_given() -> None:
    """So that a setting read from a file is found again."""
    with pytest.raises(InvalidRequestError) as caught:
        Timeout(total=-2.5)
    assert "timeout: expected a positive number of seconds, got -2.5" == str(caught.value)


def test_without_limits_a_call_has_ten_minutes() -> None:
    """Nothing waits for ever unless it is asked to."""
    assert Timeout(600.0, 10.0, None, 120.0) == Timeout()


def test_the_parameters_are_openai_s() -> None:
    """Every chat parameter of the installed ``openai`` package exists under the same name."""
    theirs = set(CompletionCreateParamsBase.__annotations__) - {"model", "messages", "stream"}
    assert set() == theirs - set(ChatParameters.__annotations__)


def test_what_changes_an_answer_s_meaning_is_a_parameter() -> None:
    """The set of what no provider may drop names no parameter that does not exist."""
    assert set() == MEANINGFUL - set(ChatParameters.__annotations__)


def test_the_early_form_s_arguments_are_still_options() -> None:
    """Callers of the early form of this API find their arguments."""
    early = {"force_timeout", "forceTimeout", "logger_fn", "verbose", "api_base"}
    assert early <= set(CallOptions.__annotations__)


def test_two_calls_share_nothing() -> None:
    """A call that is made without parameters, body or report has its own of each."""
    first, second = ProviderCall("m", []), ProviderCall("m", [])
    assert first.report is not second.report
    assert first.parameters is not second.parameters
    assert first.extra_body is not second.extra_body
    assert (False, "call") == (first.stream, first.id)
