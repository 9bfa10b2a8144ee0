"""What is installed is found by its metadata, and imported when it is asked for."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.metadata import (
    Distribution,
    EntryPoint,
    EntryPoints,
)
from pathlib import Path
from typing import Any

import pytest

from llmgate._core.registry import Registry, installed_providers
from tests.registry.packages import Canned, Install

# --- installed packages, made for a test ------------------------------------------------


MODULE = """
from llmgate.provider import Provider

class Canned(Provider):
    protocol = 2
    name = "canned"

    def __init__(self, *, api_key=None):
        self.api_key = api_key
"""


# --- what is installed ------------------------------------------------------------------


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


# --- loading ----------------------------------------------------------------------------


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
