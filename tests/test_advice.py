"""What is said of a model that no provider takes: what to do, and no package but our own."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from llmgate._core import advice
from llmgate._core.advice import describe_unknown

CLOUD = "to install cloud: pip install --no-index --find-links dist 'llmgate-core[cloud]'"
LOCAL = "to install local: pip install --no-index --find-links dist 'llmgate-core[local]'"
MORE = (
    "write provider/model, or install one of cloud, local: "
    "pip install --no-index --find-links dist 'llmgate-core[<name>]'"
)
SERVER = (
    "for a server of OpenAI's format, write openai/<model> with base_url=; "
    "or give it a name with llmgate.add_host"
)
FILE = "for a model file on this machine, write"

UNKNOWN = {
    "cloud/x": ("no provider 'cloud' is installed", CLOUD),
    "clowd/x": ("no provider 'clowd' is installed", f"did you mean 'cloud/x'?; {CLOUD}"),
    "Cloud/x": ("no provider 'Cloud' is installed", f"did you mean 'cloud/x'?; {CLOUD}"),
    "caned/x": ("no provider 'caned' is installed", "did you mean 'canned/x'?"),
    "CANNED/x": ("no provider 'CANNED' is installed", "did you mean 'canned/x'?"),
    "canned:x": ("no installed provider claims 'canned:x'", "did you mean 'canned/x'?"),
    "/canned/x": ("no installed provider claims '/canned/x'", "did you mean 'canned/x'?"),
    " canned/x": ("no installed provider claims ' canned/x'", "did you mean 'canned/x'?"),
    "canned": ("no installed provider claims 'canned'", "did you mean 'canned/<model>'?"),
    "caned": ("no installed provider claims 'caned'", "did you mean 'canned/<model>'?"),
    "CANNED-LLM-9": (
        "no installed provider claims 'CANNED-LLM-9'",
        "did you mean a name like 'canned-*', or 'canned/CANNED-LLM-9'?",
    ),
    "acnned-9": ("no installed provider claims 'acnned-9'", "did you mean a name like 'canned-*'?"),
    "acme/x": ("no provider 'acme' is installed", SERVER),
    "acme/canned-9": (
        "no provider 'acme' is installed",
        f"did you mean 'canned/canned-9'? Or, {SERVER}",
    ),
    "acme/x/y": ("no provider 'acme' is installed", SERVER),
    "opnai/x ": ("no provider 'opnai' is installed", SERVER),
    " caned/x ": ("no installed provider claims ' caned/x '", "did you mean 'canned/x'?"),
    "meta-llama/Llama-3-8b": ("no provider 'meta-llama' is installed", SERVER),
    "localhost:8000/x": ("no installed provider claims 'localhost:8000/x'", SERVER),
    "http://u:p@host/v1?key=k": ("an address is not a model's name", SERVER),
    "HTTPS://host": ("an address is not a model's name", SERVER),
    "file:///a/b.gguf": ("an address is not a model's name", f"{FILE} 'local//a/b.gguf'; {LOCAL}"),
    "./m.gguf": ("no installed provider claims './m.gguf'", f"{FILE} 'local/./m.gguf'; {LOCAL}"),
    "a/m.GGUF": ("no provider 'a' is installed", f"{FILE} 'local/a/m.GGUF'; {LOCAL}"),
    "/a/m.gguf": ("no installed provider claims '/a/m.gguf'", f"{FILE} 'local//a/m.gguf'; {LOCAL}"),
    "~/m": ("no installed provider claims '~/m'", f"{FILE} 'local/~/m'; {LOCAL}"),
    "C:\\m": (r"no installed provider claims 'C:\\m'", rf"{FILE} 'local/C:\\m'; {LOCAL}"),
    "nobody-1": ("no installed provider claims 'nobody-1'", MORE),
    "new\nline": (r"no installed provider claims 'new\nline'", MORE),
    "x" * 99: (f"no installed provider claims '{'x' * 59}…", MORE),
}


def _a_reader(*, group: str) -> list[str]:
    """The entry points where a package reads rows of hosts."""
    return [group]


def _no_reader(*, group: str) -> list[str]:
    """Where none does."""
    return []


@pytest.fixture(autouse=True)
def _ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages that the core's metadata offers, for these tests."""
    installable = advice.installable
    installable.cache_clear()
    monkeypatch.setattr(advice, "installable", lambda: ("cloud", "local"))
    monkeypatch.setattr(importlib.metadata, "entry_points", _a_reader)
    yield
    installable.cache_clear()


@pytest.mark.parametrize(("model", "expected"), UNKNOWN.items())
def test_an_unknown_name_is_answered_with_what_to_do(model: str, expected: tuple[str, str]) -> None:
    """What is not there, what is, and what may have been meant."""
    what, hint = expected
    described = describe_unknown(model, {"canned": ("canned-*", "*/*")}, restricted=False)
    assert f"{what} (installed: canned); {hint}" == described


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("./m.gguf", f"{FILE} 'local/./m.gguf'"),
        ("Cloud/x", "did you mean 'cloud/x'?"),
        ("nobody", "write provider/model"),
    ],
)
def test_a_provider_that_is_there_needs_no_installing(model: str, hint: str) -> None:
    """The advice is what to write, and no more."""
    described = describe_unknown(model, {"cloud": (), "local": ()}, restricted=False)
    assert hint == described.partition("; ")[2]


def test_where_hosts_have_no_names_it_says_what_gives_them_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The core knows none of them: it names the package that does."""
    monkeypatch.setattr(importlib.metadata, "entry_points", _no_reader)
    described = describe_unknown("acme/x", {"openai": ()}, restricted=False)
    expected = (
        "many hosts of that format have names once this is installed: "
        "pip install --no-index --find-links dist 'llmgate-core[compatible]'"
    )
    assert described.endswith(expected)


def test_of_many_providers_the_first_are_listed() -> None:
    """Dozens of names would hide what is to be done."""
    claims = {f"host{number:02}": () for number in range(14)}
    described = describe_unknown("x", claims, restricted=False)
    assert "host11 and 2 more, which `llmgate providers` lists); write" in described
    assert "host12" not in described


def test_those_that_are_admitted_are_said_to_be() -> None:
    """By the variable that hides the others."""
    described = describe_unknown("cloud/x", {}, restricted=True)
    start = "no provider 'cloud' is installed and admitted (admitted by LLMGATE_PROVIDERS: none); "
    assert start + CLOUD == described


def test_what_can_be_installed_is_read_from_our_own_metadata(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The core names no provider; where its metadata is missing, it has nothing to offer."""
    monkeypatch.undo()
    plugins = (Path(__file__).parents[1] / "plugins").glob("*/pyproject.toml")
    groups = [tomllib.loads(path.read_text("utf-8"))["project"]["entry-points"] for path in plugins]
    of_packages = (group["llmgate.providers"] for group in groups)
    names = [name for each in of_packages if len(each) < 9 for name in each]  # no package of hosts
    assert sorted(names) == [*advice.installable()]

    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    advice.installable.cache_clear()
    monkeypatch.setattr(importlib.metadata, "metadata", missing)
    assert () == advice.installable()
