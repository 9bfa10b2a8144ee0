"""What a provider says of a model's parameters, applied to a call: pure, and reported."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from llmgate import Client
from llmgate._core.abilities import abilities_of, apply_abilities
from llmgate.errors import PluginError, UnsupportedError
from llmgate.provider import ProviderCall, Rule, Support
from llmgate.report import Policy, Report
from llmgate.testing import FakeProvider
from tests.faults.calls import HI

LIMIT = Rule(reason="it counts more", to="max_completion_tokens")
ONE = Rule(reason="it reasons", allowed=(1,))
NEVER = Rule(reason="it refuses it", allowed=())


def applied(
    parameters: Any, abilities: Any, policy: Policy = "drop"
) -> tuple[dict[str, Any], dict[str, str]]:
    """What is sent, and what is reported."""
    call = ProviderCall("m", [], parameters, report=Report(policy))
    given = dict(parameters)
    fitted = apply_abilities(call, "acme", abilities)
    assert given == call.parameters, "the call was changed"
    return dict(fitted.parameters), {each.path: str(each) for each in call.report}


@pytest.mark.parametrize(
    ("given", "ability", "sent", "reported"),
    [
        ({"seed": 1}, Support.NATIVE, {"seed": 1}, None),
        ({"seed": 1}, Support.EMULATED, {"seed": 1}, None),
        ({"seed": 1}, Support.UNSUPPORTED, {}, "seed dropped: acme has no such parameter"),
        ({"seed": 1}, None, {}, "seed dropped: acme has no such parameter"),
        ({"temperature": 1.0}, ONE, {"temperature": 1.0}, None),
        ({"temperature": 0}, ONE, {}, "temperature dropped: it reasons"),
        ({"logit_bias": {"1": 1}}, NEVER, {}, "logit_bias dropped: it refuses it"),
        ({"seed": 1}, Rule(reason="-"), {"seed": 1}, None),
        (
            {"max_tokens": 5},
            LIMIT,
            {"max_completion_tokens": 5},
            "max_tokens renamed: sent as max_completion_tokens: it counts more",
        ),
        ({"n": 1}, None, {}, None),
        ({"n": 1}, NEVER, {}, None),
    ],
)
def test_one_parameter(
    given: dict[str, Any], ability: Any, sent: dict[str, Any], reported: str | None
) -> None:
    """Sent, dropped or renamed; what differs is in the report, with its reason."""
    name = next(iter(given))
    abilities = {} if ability is None else {name: ability}
    assert (sent, {name: reported} if reported else {}) == applied(given, abilities)


def test_values_and_a_name_of_one_rule() -> None:
    """A value that is allowed is sent under the other name."""
    rule = Rule(reason="so", allowed=["low"], to="effort")
    assert {"effort": "low"} == applied({"reasoning_effort": "low"}, {"reasoning_effort": rule})[0]
    assert {} == applied({"reasoning_effort": "high"}, {"reasoning_effort": rule})[0]


def test_both_names_are_given() -> None:
    """Which of them was meant is not for us to say."""
    given = {"max_tokens": 5, "max_completion_tokens": 6}
    abilities = {"max_tokens": LIMIT, "max_completion_tokens": Support.NATIVE}
    assert (given, {}) == applied(given, abilities)


def test_a_provider_that_takes_everything() -> None:
    """Nothing is looked at."""
    assert ({"seed": 1}, {}) == applied({"seed": 1}, None)


@pytest.mark.parametrize("ability", [Support.UNSUPPORTED, NEVER])
def test_what_would_change_the_meaning_is_refused(ability: Any) -> None:
    """Whatever the policy."""
    with pytest.raises(UnsupportedError, match="tools is not supported: ") as caught:
        applied({"tools": []}, {"tools": ability})
    assert "tools" == caught.value.parameter


def test_nothing_is_dropped_where_that_is_not_wanted() -> None:
    """Under ``unsupported="raise"``."""
    with pytest.raises(UnsupportedError, match="temperature is not supported: it reasons"):
        applied({"temperature": 0}, {"temperature": ONE}, "raise")


def test_what_is_dropped_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By name; a rename is not, as nothing is lost."""
    with caplog.at_level(logging.INFO, logger="llmgate"):
        applied({"seed": 1, "user": "u", "n": 1}, {})
        applied({"max_tokens": 1}, {"max_tokens": LIMIT})
    assert ["provider 'acme' does not support 'seed', 'user'; dropped"] == caplog.messages


class Choosy(FakeProvider):
    """Says of each model what a test wants."""

    said: Any = None
    asked: tuple[str, Mapping[str, Any]] | None = None

    def abilities(self, model: str, parameters: Any, /) -> Any:
        self.asked = (model, parameters)
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def test_a_provider_is_asked_for_the_model_and_the_parameters() -> None:
    """By default, what it says is its table."""
    provider = Choosy()
    provider.said = {"seed": Support.NATIVE}
    client = Client(providers={"fake": provider})
    shown = client.preview("fake/fake-1", HI, seed=1, temperature=0.5)
    assert ("fake-1", {"seed": 1, "temperature": 0.5}) == provider.asked
    assert ["temperature"] == [each.path for each in shown.report]
    assert FakeProvider.parameters is FakeProvider().abilities("x", {})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (KeyError("fake-1"), "say what 'fake-1' supports: KeyError: 'fake-1' at tests/test_abil"),
        (5, "the provider's abilities are 5, not a mapping"),
        (UnsupportedError("no"), "^no$"),
    ],
)
def test_a_provider_that_cannot_say(said: Any, message: str) -> None:
    """That is a bug in its code, unless it is an error of ours."""
    provider = Choosy()
    provider.said = said
    kind = UnsupportedError if isinstance(said, UnsupportedError) else PluginError
    with pytest.raises(kind, match=message):
        abilities_of(provider, "fake-1", {"seed": 1})
