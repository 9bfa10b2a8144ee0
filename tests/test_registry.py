"""How a model's name finds its provider: handed over or installed, and imported when asked for."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import (
    Distribution,
    EntryPoint,
    EntryPoints,
    distributions,
)
from pathlib import Path
from typing import Any

import pytest

from llmgate._core import advice as _advice
from llmgate._core.registry import Registry, Target, installed_providers
from llmgate.errors import InvalidRequestError, UnknownProviderError
from llmgate.provider import PROTOCOL, Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow
from llmgate.types import Chunk, Completion

CANARY = "sk-canary-0123456789"


class Canned(Provider):
    """A provider with settings."""

    protocol = 2
    name = "canned"
    models = ("canned-*",)

    def __init__(self, *, api_key: str | None = None, base_url: str | None = None) -> None:
        self.settings = {"api_key": api_key, "base_url": base_url}

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """No test here makes a call."""
        raise NotImplementedError

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """Likewise."""
        raise NotImplementedError


class Ready(Canned):
    """A provider that can be set up anew when it was made already."""

    def configured(self, *, api_key: str | None = None) -> Ready:
        """Another one, with this key."""
        return Ready(api_key=api_key)


class Rival(Canned):
    """Another one that claims the same models."""

    name = "rival"


class Outdated(Canned):
    """A provider of another version of the contract."""

    protocol = PROTOCOL + 6


# --- installed packages, made for a test ---

MODULE = """
from llmgate.provider import Provider

class Canned(Provider):
    protocol = 2
    name = "canned"

    def __init__(self, *, api_key=None):
        self.api_key = api_key
"""
Install = Callable[..., None]


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What is installed is read anew before and after each test."""
    installable = _advice.installable  # which a test may replace
    installed_providers.cache_clear()
    installable.cache_clear()
    yield
    installed_providers.cache_clear()
    installable.cache_clear()


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Install]:
    """Installs a package for this test alone: its metadata, and its module if it has a source."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: distributions_in(tmp_path))
    monkeypatch.setattr(_advice, "installable", lambda: ("cloud", "local"))
    monkeypatch.delenv("LLMGATE_PROVIDERS", raising=False)

    def install(
        distribution: str,
        *names: str,
        models: tuple[str, ...] = (),
        source: str | None = None,
        version: str = "1.2",
        attribute: str = ":Canned",
    ) -> None:
        module = distribution.replace("-", "_")
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = ["[llmgate.providers]", *(f"{name} = {module}{attribute}" for name in names)]
        lines += ["[llmgate.models]", *(f"{model} = {module}{attribute}" for model in models)]
        info.joinpath("entry_points.txt").write_text("\n".join(lines))
        if source is not None:
            tmp_path.joinpath(f"{module}.py").write_text(source)

    yield install
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def distributions_in(folder: Path) -> Iterable[Distribution]:
    """The packages of one folder."""
    return distributions(path=[str(folder)])


# --- what is installed ---


def test_installed_providers_are_read_from_metadata(install: Install) -> None:
    """Name, package, version and models; one package may have several, and nothing is imported."""
    install(
        "stranger-cloud", "cloud", "cloud2", models=("cloud-*", "c1"), source="raise SystemExit"
    )
    install("other", "other", version="0.3")
    found = installed_providers()
    assert ["cloud", "cloud2", "other"] == sorted(found)
    cloud, other = found["cloud"], found["other"]
    assert ("cloud", "stranger-cloud", "1.2") == (cloud.name, cloud.distribution, cloud.version)
    assert ({"cloud-*", "c1"}, ()) == (set(cloud.models), other.models)
    assert "stranger_cloud" not in sys.modules


def test_metadata_is_read_once(install: Install, tmp_path: Path) -> None:
    """A process's packages do not change while it runs."""
    install("one", "one")
    assert installed_providers() is installed_providers()


class Loose(Distribution):
    """What knows of entry points, and is no package in a folder."""

    def read_text(self, filename: str) -> str | None:
        return {"entry_points.txt": "[llmgate.providers]", "METADATA": "Name: loose"}.get(filename)

    def locate_file(self, path: Any) -> Path:
        raise FileNotFoundError(path)

    @property
    def entry_points(self) -> EntryPoints:
        return EntryPoints([EntryPoint("loose", "nowhere:Nothing", "llmgate.providers")])


def test_an_entry_point_that_belongs_to_no_package_is_listed_all_the_same(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some tools make entry points by hand."""
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [Loose()])
    loose = installed_providers()["loose"]
    assert ("?", "?") == (loose.distribution, loose.version)


# --- loading ---


def test_a_provider_is_imported_when_it_is_asked_for(install: Install) -> None:
    """It, and no other."""
    install("good", "good", source=MODULE)
    install("bad", "bad", source="raise RuntimeError('no')")
    provider = Registry().provider("good", {"api_key": "k"})
    assert ("canned", "k") == (provider.name, getattr(provider, "api_key", None))
    assert "bad" not in sys.modules


def test_one_package_found_twice_is_no_conflict(install: Install) -> None:
    """Such as one that is installed and also lies in the source folder."""
    install("same", "cloud", source=MODULE)
    install("same", "cloud", version="1.3")
    assert getattr(installed_providers()["cloud"], "rival", "") is None


def test_two_packages_of_one_and_the_same_provider(install: Install, tmp_path: Path) -> None:
    """Such as one that has got another name: what they provide is the same."""
    install("same", "cloud", source=MODULE)
    tmp_path.joinpath("same-1.2.dist-info").rename(tmp_path / "kept.dist-info")
    install("same", "cloud")
    assert getattr(installed_providers()["cloud"], "rival", "") is None


def test_an_interrupt_while_a_provider_is_made_passes() -> None:
    """It is meant for the process, and not for the provider."""

    def interrupted() -> Canned:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Registry({"canned": interrupted}).provider("canned", {})


def test_the_names_of_models_do_not_pile_up() -> None:
    """What is known of them is forgotten, as there is no end of names."""
    registry = Registry({"canned": Canned()})
    for number in range(1100):
        assert registry.loading(f"canned/{number}", {}) is None
    assert 1024 == len(registry.ready_models)


# --- targets ---


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
    expected = "several providers claim 'canned-1': say canned/canned-1 or rival/canned-1"
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


# --- settings ---


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
    ({"api_key": ["a"]}, "expected a text, got list"),
    ({"base_url": {"a": 1}}, "expected a text, got dict"),
    ({"base_url": ({"a"},)}, "expected a text, got tuple"),
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
