"""A provider is made once for its settings."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from llmgate._core.registry import Registry
from llmgate.errors import InvalidRequestError, UnknownProviderError
from llmgate.provider import PROTOCOL, Provider
from tests.registry.packages import Canned, Install, Rival

CANARY = "sk-canary-0123456789"


class Ready(Canned):
    """A provider that can be set up anew when it was made already."""

    def configured(self, *, api_key: str | None = None) -> Ready:
        """Another one, with this key."""
        return Ready(api_key=api_key)


class Outdated(Canned):
    """A provider of another version of the contract."""

    protocol = PROTOCOL + 6


def test_the_same_settings_give_the_same_provider() -> None:
    """It is made once; other settings make another one."""
    registry = Registry({"canned": Canned})
    first = registry.provider("canned", {"api_key": "a"})
    assert first is registry.provider("canned", {"api_key": " a\n"})
    assert first is not registry.provider("canned", {"api_key": "b"})
    assert first is not registry.provider("canned", {"api_key": "a", "base_url": "http://a"})
    assert first is not registry.provider("canned", {})


def test_a_setting_that_a_provider_lacks_is_refused() -> None:
    """It would be dropped in silence otherwise."""
    with pytest.raises(
        InvalidRequestError, match="the provider 'canned' has no such setting"
    ) as caught:
        Registry({"canned": Canned}).provider("canned", {"api_version": "1"})
    assert "api_version" == caught.value.path


def test_a_provider_that_takes_anything_is_given_everything() -> None:
    """It judges its settings itself."""

    def make(**settings: Any) -> Provider:
        return Canned(api_key=settings["api_version"])

    made: Any = Registry({"canned": make}).provider("canned", {"api_version": "1"})
    assert "1" == made.settings["api_key"]


def test_a_ready_made_provider_is_set_up_anew_where_it_can_be() -> None:
    """By its method ``configured``; otherwise a setting is refused, and the advice is where."""
    made: Any = Registry({"canned": Ready()}).provider("canned", {"api_key": "a"})
    assert "a" == made.settings["api_key"]
    with pytest.raises(
        InvalidRequestError, match="passed as an instance: set api_key, base_url there"
    ):
        Registry({"canned": Canned()}).provider("canned", {"base_url": "b", "api_key": "a"})
    with pytest.raises(InvalidRequestError, match="has no such setting"):
        Registry({"canned": Ready()}).provider("canned", {"base_url": "b"})


@pytest.mark.parametrize("given", [Outdated, Outdated()], ids=["made by us", "ready-made"])
def test_a_provider_of_another_contract_is_refused(given: Any) -> None:
    """Naming both versions."""
    with pytest.raises(UnknownProviderError) as caught:
        Registry({"canned": given}).provider("canned", {})
    expected = (
        "the provider 'canned' was written for version 8 of the provider contract, and this "
        "llmgate accepts version 2: upgrade whichever is older"
    )
    assert expected == str(caught.value)


BAD_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"api_key": ["a"]}, "expected a string, got list"),
    ({"base_url": {"a": 1}}, "expected a string, got dict"),
    ({"base_url": ({"a"},)}, "expected a string, got tuple"),
    ({"api_key": ""}, "the key is empty"),
    ({"api_key": f"{CANARY}\n{CANARY}"}, "the key has a line end"),
    ({"api_key": f"{CANARY}é"}, "a character outside ASCII"),
]


@pytest.mark.parametrize(("settings", "reason"), BAD_SETTINGS)
def test_a_setting_that_cannot_be_one_is_refused_by_its_name(
    settings: dict[str, Any], reason: str
) -> None:
    """With our own error, and without a key in its text or traceback."""
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        Registry({"canned": Canned}).provider("canned", settings)
    assert next(iter(settings)) == caught.value.path
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_key_is_kept_out_of_sight() -> None:
    """What the registry remembers shows no key."""
    registry = Registry({"canned": Canned})
    registry.provider("canned", {"api_key": CANARY})
    assert CANARY not in repr(vars(registry))


def test_an_unusual_setting_is_the_provider_s_to_judge() -> None:
    """A base URL with other letters is no key."""
    made: Any = Registry({"canned": Canned}).provider("canned", {"base_url": "http://bücher\n"})
    assert "http://bücher\n" == made.settings["base_url"]


def test_keys_that_rotate_do_not_pile_up() -> None:
    """The providers of the last 64 settings are kept, and no others."""
    registry = Registry({"canned": Canned})
    made = [registry.provider("canned", {"api_key": f"key{number}"}) for number in range(200)]
    assert 64 == len(registry._made)
    assert made[-1] is registry.provider("canned", {"api_key": "key199"})
    assert made[0] is not registry.provider("canned", {"api_key": "key0"})


def test_a_forgotten_provider_is_made_anew() -> None:
    """As when its key was missing, and may be there the next time; others stay."""
    registry = Registry({"canned": Canned, "rival": Rival})
    canned, rival = registry.provider("canned", {}), registry.provider("rival", {})
    registry.forget("canned")
    assert canned is not registry.provider("canned", {})
    assert rival is registry.provider("rival", {})


def test_a_provider_is_known_when_it_is_given_or_installed(install: Install) -> None:
    """Without importing it."""
    install("package", "cloud", source="raise RuntimeError('no')")
    registry = Registry({"canned": Canned})
    assert [True, True, False] == [registry.knows(name) for name in ("canned", "cloud", "acme")]
