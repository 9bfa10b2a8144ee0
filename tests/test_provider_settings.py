"""Settings of one call for its provider, beside the key, the address and the version."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from llmgate import Client
from llmgate._core.provider_settings import without_settings
from llmgate._core.registry import Registry
from llmgate._text.redact import Hidden, HiddenSettings
from llmgate.errors import InvalidRequestError, UnknownProviderError
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from tests.faults.calls import HI, MODEL
from tests.plain_provider import PlainProvider

CANARY = "canary-7f2b90c1"


class Regional(FakeProvider):
    """A provider with settings of its own."""

    made = 0

    def __init__(
        self,
        *,
        api_key: str = "key",
        region: str = "north",
        access_token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        type(self).made += 1
        super().__init__(["Hi"] * 9, api_key=api_key)
        self.region = region
        if region == "nowhere":
            raise ValueError(f"{access_token} {api_key} {headers}")


async def test_a_setting_reaches_the_providers_factory() -> None:
    """One provider is made for each set of settings, whatever their order and their kind."""
    Regional.made = 0
    client = Client(providers={"regional": Regional})
    for settings in (
        {"region": "south", "headers": {"a": "1", "b": "2"}},
        {"headers": {"b": "2", "a": "1"}, "region": "south"},
        {"region": "south", "headers": {"a": "1", "b": "3"}},
        {"region": "south"},
        {"region": "south", "headers": None},
    ):
        await client.acompletion("regional/fake-1", HI, provider_settings=settings)
    assert 3 == Regional.made
    registry: Any = client._registry  # what is remembered shows nowhere else
    assert {"south"} == {made.region for made in registry._made.values()}


async def test_a_setting_of_a_provider_that_was_passed_as_an_instance() -> None:
    """It is set anew, where that can be."""
    body = b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}'
    transport = CannedTransport([Canned(body=body)] * 2)
    provider = with_transport(PlainProvider(api_key="k"), transport)
    async with Client(providers={"openai": provider}) as client:
        await client.acompletion(MODEL, HI, provider_settings={"organization": "org-1"})
        with pytest.raises(InvalidRequestError, match="did you mean 'organization'") as caught:
            await client.acompletion(MODEL, HI, provider_settings={"organisation": "org-1"})
    assert "provider_settings.organisation" == caught.value.path
    assert "org-1" == transport.requests[0].headers["OpenAI-Organization"]
    fake = Client(providers={"fake": FakeProvider()})
    with pytest.raises(InvalidRequestError, match="passed as an instance: set region there"):
        await fake.acompletion("fake/fake-1", HI, provider_settings={"region": "a"})


def endless() -> list[Any]:
    """A list that contains itself."""
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("given", "path", "reason"),
    [
        ({"regoin": "x"}, "provider_settings.regoin", "has no such setting: did you mean 'region'"),
        ({"zzz": "x"}, "provider_settings.zzz", "has no such setting \\(provider"),
        ({"api_key": CANARY}, "provider_settings.api_key", "give it as api_key= instead"),
        ({"base_url": CANARY}, "provider_settings.base_url", "give it as base_url= instead"),
        ({5: "x"}, "provider_settings", "the name of a setting must be a string, not 5"),
        ("region", "provider_settings", "expected a dictionary, got str"),
        ({"region": bytearray(1)}, "provider_settings.region", "can be hashed, got bytearray"),
        ({"region": endless()}, "provider_settings.region", "too deeply, or contains itself"),
    ],
)
async def test_what_is_no_setting(given: Any, path: str, reason: str) -> None:
    """It is refused, and no value is quoted."""
    client = Client(providers={"regional": Regional})
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        await client.acompletion("regional/fake-1", HI, provider_settings=given)
    assert path == caught.value.path
    assert CANARY not in str(caught.value)


async def test_credentials_among_the_settings_do_not_show() -> None:
    """Neither in an error of the factory, nor in a frame of ours, nor in what is remembered."""
    client = Client(providers={"regional": Regional})
    settings = {
        "region": "nowhere",
        "access_token": CANARY,
        "headers": {"x": [f"{CANARY}/x", {f"{CANARY}+y"}]},
    }
    with pytest.raises(UnknownProviderError, match="failed to start: ValueError") as caught:
        await client.acompletion("regional/fake-1", HI, provider_settings=settings)
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    ours = "\n".join(line for line in shown.splitlines() if "settings = {" not in line)
    assert CANARY not in ours
    assert CANARY not in str(caught.value)
    good = {"access_token": CANARY, "headers": {"x": CANARY}}
    await client.acompletion("regional/fake-1", HI, provider_settings=good)
    assert CANARY not in repr(vars(client._registry))


def test_kinds_of_values_are_told_apart() -> None:
    """True is not 1, and a list is not a tuple."""

    def make(**settings: Any) -> FakeProvider:
        return FakeProvider([str(settings)])

    registry = Registry({"any": make})
    values: list[Any] = [1, True, 1.0, [1], (1,), {1}, {"a": 1}, {"a": True}]
    made = {id(registry.provider("any", {"x": value})) for value in values}
    assert len(values) == len(made)
    assert id(registry.provider("any", {"x": {"a": 1}})) in made


def test_what_a_factory_says_is_kept_but_for_credentials() -> None:
    """A version is none, nor is a short word."""
    settings = {"api_key": "k1", "api_version": "2024-10-21", "region": "eu", "token": CANARY}
    text = f"no 2024-10-21 in eu with k1 and {CANARY}"
    assert "no 2024-10-21 in eu with *** and ***" == without_settings(text, settings)


def test_what_is_hidden_does_not_show() -> None:
    """It is revealed on purpose alone, and not pickled."""
    hidden = Hidden([CANARY])
    assert [CANARY] == hidden.reveal()
    assert "{'token': '***'}" == repr(HiddenSettings(token=CANARY))
    assert CANARY not in f"{hidden}{hidden!r}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(hidden)
