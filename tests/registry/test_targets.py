"""Which provider a model's name leads to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmgate._core.registry import Registry, Target
from llmgate.errors import InvalidRequestError, UnknownProviderError
from tests.registry.packages import Canned, Install, Rival


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("cloud/x", Target("cloud", "x")),
        ("cloud/x/y", Target("cloud", "x/y")),
        ("cloud/canned-1", Target("cloud", "canned-1")),
        ("canned-1", Target("canned", "canned-1")),
        ("cloud-1", Target("cloud", "cloud-1")),
        ("meta/llama-3", Target("cloud", "meta/llama-3")),
        ("Canned/x:y@z", Target("cloud", "Canned/x:y@z")),
    ],
)
def test_a_model_s_name_says_whose_it_is(install: Install, model: str, expected: Target) -> None:
    """``provider/model``, cut at the first slash, or a bare name that one provider claims."""
    install("stranger-cloud", "cloud", models=("cloud-*", "meta/*", "Canned/*"))
    assert expected == Registry({"canned": Canned()}).target(model)


@pytest.mark.parametrize("models", [(), ("canned-*",)])
def test_a_provider_that_was_handed_over_comes_before_an_installed_one(
    install: Install, models: tuple[str, ...]
) -> None:
    """Under the same name there is only it."""
    install("package", "canned", models=models, source="raise RuntimeError('no')")
    given = Canned()
    registry = Registry({"canned": given})
    assert Target("canned", "canned-1") == registry.target("canned-1")
    assert given is registry.provider("canned", {})


def test_a_function_that_makes_a_provider_leaves_it_its_models(install: Install) -> None:
    """It cannot say itself which names are claimed; the installed package can."""
    install("package", "cloud", models=("cloud-*",), source="raise RuntimeError('no')")
    registry = Registry({"cloud": lambda: Canned(api_key="mine")})
    assert Target("cloud", "cloud-1") == registry.target("cloud-1")
    assert "canned" == registry.provider("cloud", {}).name


BAD_MODELS: list[Any] = ["", "  ", "\n", None, 5, b"m", ["m"], 10**5000]


@pytest.mark.parametrize("model", BAD_MODELS, ids=lambda model: type(model).__name__)
def test_a_model_is_a_text(model: Any) -> None:
    """Nothing else is a name."""
    with pytest.raises(InvalidRequestError, match="expected a model's name, got ") as caught:
        Registry().target(model)
    assert "model" == caught.value.path


@pytest.mark.parametrize("model", ["canned/", "canned/ "])
def test_a_provider_alone_is_no_model(install: Install, model: str) -> None:
    """Something must follow the slash."""
    with pytest.raises(
        InvalidRequestError, match="the model's name is missing after 'canned/'"
    ) as caught:
        Registry({"canned": Canned()}).target(model)
    assert "model" == caught.value.path


CLOUD = "to install cloud: pip install --no-index --find-links dist 'llmgate-core[cloud]'"


def test_an_unknown_name_is_answered_with_what_there_is_and_what_to_do(install: Install) -> None:
    """Handed over or installed, and one that is neither, with its package."""
    install("package", "sky")
    registry = Registry({"canned": Canned(), "made": lambda: Canned(api_key="mine")})
    with pytest.raises(UnknownProviderError) as caught:
        registry.target("cloud/x")
    expected = f"no provider 'cloud' is installed (installed: canned, made, sky); {CLOUD}"
    assert expected == str(caught.value)


def test_where_nothing_is_installed_the_error_says_so(install: Install) -> None:
    """Beginners meet this one first."""
    with pytest.raises(UnknownProviderError, match=r"\(installed: none\)"):
        Registry().target("gpt-4o")


def test_a_provider_that_is_not_admitted_is_said_to_be(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installing it again would not help."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "canned")
    install("package", "cloud", models=("cloud-*",))
    install("other", "canned")
    for model in ("cloud/x", "cloud-1"):
        with pytest.raises(
            UnknownProviderError, match=r"\(admitted by LLMGATE_PROVIDERS: canned\)"
        ):
            Registry().target(model)


def test_a_name_that_two_claim_is_an_error_that_names_both(install: Install) -> None:
    """Guessing would send a prompt to the wrong company."""
    registry = Registry({"canned": Canned(), "rival": Rival()})
    with pytest.raises(UnknownProviderError) as caught:
        registry.target("canned-1")
    expected = "several providers claim 'canned-1': write canned/canned-1 or rival/canned-1"
    assert expected == str(caught.value)


def test_an_unknown_provider_cannot_be_had_directly(install: Install) -> None:
    """As when a call is switched to it."""
    with pytest.raises(UnknownProviderError, match=re.escape(f"; {CLOUD}")):
        Registry().provider("cloud", {})


def test_a_switch_to_what_could_be_installed_is_answered_with_how(install: Install) -> None:
    """``cloud=True`` without its package; any other keyword is somebody else's matter."""
    registry = Registry()
    with pytest.raises(UnknownProviderError, match=re.escape(f"; {CLOUD}")):
        registry.refuse_switch("cloud")
    registry.refuse_switch("temprature")
