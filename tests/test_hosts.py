"""Hosts that rows of data stand for: added in code, or by a file; what reads a row is a package."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

import llmgate
from llmgate import add_host
from llmgate._core import added as _added
from llmgate._core.registry import Registry, Target, installed_providers, known_providers
from llmgate.cli import main
from llmgate.errors import InvalidRequestError, UnknownProviderError

READER = """
from pathlib import Path

from llmgate.errors import InvalidRequestError
from llmgate.provider import Provider

class Host(Provider):
    protocol = 2
    key_variables = ()

    def __init__(self, *, api_key=None): ...
    def complete(self, call): ...
    def stream(self, call): ...

def row(name, *, base_url, key=None, claims=(), **columns):
    if columns:
        raise InvalidRequestError("there is no such column", path=[*columns][0])
    keys = (key,) if key else ()
    return type(name, (Host,), {"name": name, "models": tuple(claims), "key_variables": keys})

def file(path, names, variables):
    found = {}
    for line in Path(path).read_text().splitlines():
        name, key = line.split()
        if name in names or key in variables:
            raise InvalidRequestError(f"{line.strip()} is taken")
        found[name] = row(name, base_url="", key=key)
    return found

class Cloud(Host):
    name = "cloud"
    models = ()
"""
POINTS = """
[llmgate.providers]
cloud = rows_reader:Cloud
spare = rows_reader:Cloud
[llmgate.keys]
CLOUD_TOKEN = rows_reader:Cloud
[llmgate.hosts]
row = rows_reader:row
file = rows_reader:file
"""
Install = Callable[..., None]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is installed or added but what a test says."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(
        importlib.metadata, "distributions", lambda: distributions(path=[str(tmp_path)])
    )
    monkeypatch.setattr(_added, "added_hosts", {})
    monkeypatch.setattr("llmgate._core.registry.added_hosts", _added.added_hosts)
    for name in ("LLMGATE_PROVIDERS", "LLMGATE_HOSTS", "ACME_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    installed_providers.cache_clear()
    yield
    installed_providers.cache_clear()
    sys.modules.pop("rows_reader", None)


@pytest.fixture(name="install")
def _install(tmp_path: Path) -> Install:
    """Installs a package that reads rows."""

    def install(name: str = "rows_reader", source: str = READER) -> None:
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        folder.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        folder.joinpath("entry_points.txt").write_text(POINTS.replace("rows_reader", name))
        tmp_path.joinpath(f"{name}.py").write_text(source)

    return install


def test_a_host_that_was_added_is_a_provider(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """For clients that were there before, by its prefix and by the names that it claims."""
    install()
    registry = Registry()
    assert "acme" not in registry.names()
    add_host("acme", base_url="https://acme.example/v1", key="ACME_API_KEY", claims=["acme-*"])
    assert Target("acme", "x") == registry.target("acme/x")
    assert Target("acme", "acme-1") == registry.target("acme-1")
    assert "acme" == registry.provider("acme", {}).name
    assert {"acme", "cloud", "spare"} == {*registry.names()}
    assert "'acme' of llmgate.add_host" == known_providers()["acme"].description
    assert 0 == main(["providers"])
    listed = " ".join(capsys.readouterr().out.split())
    assert "acme llmgate.add_host ACME_API_KEY not set acme/…, acme-*" in listed


def test_the_same_row_may_be_added_again(install: Install) -> None:
    """As in a notebook; another one would leave clients with the first."""
    install()
    for _ in range(2):
        add_host("acme", base_url="https://acme.example/v1")
    with pytest.raises(InvalidRequestError, match="'acme' was added with other columns before"):
        add_host("acme", base_url="https://acme.example/v2")


def test_an_installed_name_cannot_be_added(install: Install) -> None:
    """What is meant for the one must not go to the other."""
    install()
    with pytest.raises(InvalidRequestError, match="'cloud' is the name of an installed provider"):
        add_host("cloud", base_url="https://acme.example/v1")


def test_what_is_wrong_with_a_row_is_said_by_whoever_reads_it(install: Install) -> None:
    """And nothing is added."""
    install()
    with pytest.raises(InvalidRequestError, match="color: there is no such column"):
        add_host("acme", base_url="https://acme.example/v1", color="red")
    assert "acme" not in known_providers()


def test_without_a_reader_of_rows_it_says_what_to_install() -> None:
    """The core itself reads none."""
    with pytest.raises(
        UnknownProviderError, match=r"reads rows of hosts; pip install .*compatible"
    ):
        add_host("acme", base_url="https://acme.example/v1")


def test_two_readers_of_rows_are_one_too_many(install: Install) -> None:
    """Which of them is meant cannot be known."""
    install()
    install("other_reader")
    with pytest.raises(
        UnknownProviderError, match="several packages read rows of hosts: other_rea"
    ):
        add_host("acme", base_url="https://acme.example/v1")


def test_a_reader_that_fails_is_named(install: Install) -> None:
    """With what it raised."""
    install(source="raise RuntimeError('broken')")
    with pytest.raises(UnknownProviderError, match=r"reads rows .* failed to load: .*broken"):
        add_host("acme", base_url="https://acme.example/v1")


# --- a file ---


def test_a_file_that_the_environment_names_adds_hosts(
    install: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They are listed as installed ones are, and restricted alike."""
    install()
    file = tmp_path / "hosts"
    file.write_text("acme ACME_API_KEY\n")
    monkeypatch.setenv("LLMGATE_HOSTS", str(file))
    monkeypatch.setenv("ACME_API_KEY", "k")
    assert {"acme", "cloud", "spare"} == {*installed_providers()}
    assert Target("acme", "x") == Registry().target("acme/x")
    assert 0 == main(["providers"])
    listed = " ".join(capsys.readouterr().out.split())
    assert f"acme {file} ACME_API_KEY set acme/…" in listed
    installed_providers.cache_clear()
    monkeypatch.setenv("LLMGATE_PROVIDERS", "cloud")
    assert {"cloud"} == {*installed_providers()}


@pytest.mark.parametrize("line", ["cloud X_KEY", "acme CLOUD_TOKEN", "acme SPARE_API_KEY"])
@pytest.mark.parametrize("allowed", ["", "other"])
def test_a_file_takes_neither_a_name_nor_a_key_of_an_installed_provider(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, allowed: str
) -> None:
    """Whether the package declares its key or not, and whether the provider is admitted or not."""
    install()
    points = tmp_path / "rows_reader-1.dist-info/entry_points.txt"
    points.write_text(
        points.read_text().replace("spare = rows_reader:Cloud", "spare = rows_reader:Host")
    )
    file = tmp_path / "hosts"
    file.write_text(f"{line}\n")
    monkeypatch.setenv("LLMGATE_HOSTS", str(file))
    monkeypatch.setenv("LLMGATE_PROVIDERS", allowed)
    with pytest.raises(InvalidRequestError, match=f"{line} is taken"):
        Registry().target("acme/x")


async def test_a_file_is_read_by_the_first_call(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with it is an error of ours there, and importing reads nothing."""
    install()
    monkeypatch.setenv("LLMGATE_HOSTS", str(tmp_path / "hosts"))
    tmp_path.joinpath("hosts").write_text("cloud X\n")
    with pytest.raises(InvalidRequestError, match="cloud X is taken"):
        await llmgate.Client().acompletion("acme/x", [{"role": "user", "content": "Hi"}])
