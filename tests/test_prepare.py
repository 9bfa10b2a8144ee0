"""The path of a call: parse, resolve and fit, and again for another provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest

from llmgate import Client
from llmgate._core.prepare import fit, parse, provider_of, resolve
from llmgate._core.registry import Registry, Target
from llmgate.errors import InvalidRequestError, UnknownProviderError, UnsupportedError
from llmgate.options import ChatCall, Timeout
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Secret
from llmgate.testing import FakeProvider

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
WEATHER: dict[str, Any] = {"name": "weather", "parameters": {"type": "object"}}


class Plain(FakeProvider):
    """It takes a temperature, choices and tools."""

    name = "plain"
    models: ClassVar[tuple[str, ...]] = ()
    parameters: ClassVar[Mapping[str, Support] | None] = {
        "temperature": Support.NATIVE,
        "tools": Support.NATIVE,
    }


def registry() -> Registry:
    """One provider that takes everything, and one that does not."""
    return Registry({"fake": FakeProvider(), "plain": Plain()})


def parsed(model: str = "fake/m", *, stream: bool = False, **options: Any) -> ChatCall:
    """A call, not yet anybody's."""
    return parse(
        model, HELLO, stream, cast("Any", options), registry=registry(), unsupported="drop"
    )


def fitted(call: ChatCall) -> ProviderCall:
    """The call as its provider reads it."""
    providers = registry()
    target = resolve(call, providers)
    return fit(call, target, provider_of(call, target, providers))


# --- parse ---


def test_a_call_is_parsed_without_a_provider() -> None:
    """What it asks for is known, and whether anybody can do it is not asked."""
    call = parsed("nobody/knows-it", temperature=0.5, seed=None, timeout=3, max_retries=1)
    expected = ChatCall(
        "nobody/knows-it",
        HELLO,
        {"temperature": 0.5},
        timeout=Timeout(total=3),
        max_retries=1,
    )
    assert expected == call
    with pytest.raises(UnknownProviderError):
        resolve(call, registry())


def test_what_is_for_the_provider_s_factory_is_apart() -> None:
    """Keys and addresses are settings, and in no representation of the call."""
    key = Secret("canary-5d1e")
    call = parsed(api_key=key, base_url="https://a.invalid", extra_headers={"x": "canary-77"})
    assert {"api_key": key, "base_url": "https://a.invalid"} == call.settings
    assert "canary" not in repr(call)
    assert "a.invalid" not in repr(call)


@pytest.mark.parametrize(
    "early",
    [
        {"force_timeout": 5, "api_base": "https://a.invalid"},
        {"forceTimeout": 5, "api_base": "https://a.invalid"},
    ],
)
def test_the_early_form_is_gone_when_a_call_is_parsed(early: dict[str, Any]) -> None:
    """Nobody behind ``parse`` has to know it."""
    assert parsed(timeout=5, base_url="https://a.invalid") == parsed(**early)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"timeout": 1, "force_timeout": 1}, "force_timeout"),
        ({"force_timeout": 1, "forceTimeout": 1}, "forceTimeout"),
        ({"base_url": "https://a", "api_base": "https://b"}, "api_base"),
    ],
)
def test_an_option_under_two_names_is_refused(given: dict[str, Any], path: str) -> None:
    """It would be for us to guess which of them counts."""
    with pytest.raises(InvalidRequestError, match="under another name: give one") as caught:
        parsed(**given)
    assert path == caught.value.path


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", Target("plain", "gpt-4o")),
        ("plain/gpt-4o", Target("plain", "gpt-4o")),
        ("fake/gpt-4o", Target("plain", "fake/gpt-4o")),
    ],
)
def test_a_provider_that_was_switched_to_takes_every_model(model: str, expected: Target) -> None:
    """As ``azure=True`` of the early form does; the provider's own prefix is taken off."""
    assert expected == resolve(parsed(model, plain=True), registry())


BAD_MODELS: list[Any] = ["", "  ", None, 5, "plain/"]


@pytest.mark.parametrize("model", BAD_MODELS, ids=repr)
def test_a_switch_makes_no_model_of_nothing(model: Any) -> None:
    """What is no name without it is none with it."""
    with pytest.raises(InvalidRequestError, match="model"):
        resolve(parsed(model, plain=True), registry())


# --- fit ---


def test_the_same_call_is_fitted_to_one_provider_and_then_another() -> None:
    """Which is what a fallback does: nothing of the first remains, and the call is unchanged."""
    call = parsed(temperature=0.5, seed=7)
    before = replace(call)
    first = fitted(call)
    second = fitted(replace(call, model="plain/m"))
    third = fitted(call)
    assert {"temperature": 0.5, "seed": 7} == first.parameters == third.parameters
    assert {"temperature": 0.5} == second.parameters
    assert ([], ["seed"], []) == tuple([d.path for d in c.report] for c in (first, second, third))
    assert before == call


def test_each_fitted_call_has_an_id_of_its_own() -> None:
    """Their events are told apart by it."""
    call = parsed()
    assert fitted(call).id != fitted(call).id


def test_functions_become_tools_for_a_provider_that_has_only_those() -> None:
    """And what the provider lacks of them is seen as what it lacks of tools."""
    call = parsed("plain/m", functions=[WEATHER])
    assert {"tools": [{"type": "function", "function": WEATHER}]} == fitted(call).parameters
    assert {"functions": [WEATHER]} == call.parameters


def test_what_a_call_cannot_do_without_is_refused_by_fit() -> None:
    """Not before: another provider may have it."""
    call = parsed("plain/m", n=2)
    with pytest.raises(UnsupportedError):
        fitted(call)
    assert {"n": 2} == fitted(replace(call, model="fake/m")).parameters


def test_the_options_of_a_stream_are_for_us() -> None:
    """A provider is told only whether its usage was asked for; what else is given is reported."""
    caught: list[ProviderCall] = []

    class Catching(FakeProvider):
        def stream(self, call: ProviderCall) -> Any:
            caught.append(call)
            return super().stream(call)

    client = Client(providers={"fake": Catching()})
    options: list[Any] = [{}, {"include_usage": False}, {"include_usage": True, "other": 1}]
    for given in options:
        shown = client.preview("fake/x", HELLO, stream=True, seed=1, stream_options=given)
        assert ["stream_options.other"] * ("other" in given) == [d.path for d in shown.report]
    assert [False, False, True] == [call.include_usage for call in caught]
    assert [{"seed": 1}] * 3 == [call.parameters for call in caught]


@pytest.mark.parametrize("stream", ["yes", "false", 1, 0, []])
def test_stream_is_a_bool(stream: Any) -> None:
    """A text would be true whatever it says."""
    complete: Any = Client(providers={"fake": FakeProvider()}).completion
    with pytest.raises(InvalidRequestError, match="expected True or False") as caught:
        complete("fake/x", HELLO, stream=stream)
    assert "stream" == caught.value.path
