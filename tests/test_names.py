"""The name ``llmgate`` is another project's on the public index: nobody is led there, and whoever
has its package installed reads why nothing works."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgate import Client, completion
from llmgate._core.registry import Registry, installed_providers
from llmgate._name_clash import name_clash
from llmgate.cli import main
from llmgate.errors import UnknownProviderError
from llmgate.testing import FakeProvider

ROOT = Path(__file__).parents[1]
SENTENCE = "on the public index is another project, which has the same import name"
PLUGINS = sorted(path.name for path in ROOT.glob("plugins/*/llmgate_*"))


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """What is installed is read anew in each test."""
    installed_providers.cache_clear()
    yield
    installed_providers.cache_clear()


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    """A folder in which the other project's package is installed."""
    information = tmp_path / "llmgate-0.8.3.dist-info"
    information.mkdir()
    information.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: llmgate\nVersion: 0.8.3\n"
    )
    tmp_path.joinpath("llmgate").mkdir()
    write_theirs(tmp_path)
    return tmp_path


def write_theirs(site: Path) -> None:
    """Install the modules of the other project that bear the names of ours."""
    for module in ("__init__", "types"):
        site.joinpath(f"llmgate/{module}.py").write_text("theirs = True\n")


@pytest.fixture(name="clash")
def _clash(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That folder is searched behind ours: our modules are imported, theirs is installed."""
    monkeypatch.setattr("sys.path", [*sys.path, str(site)])


def overwrite_ours(site: Path) -> None:
    """Leave what pip leaves where the other project's package is installed after ours."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "llmgate", site / "llmgate", ignore=ignored, dirs_exist_ok=True)
    write_theirs(site)


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python where that folder comes first."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- where the other project's package is installed ---


@pytest.mark.usefixtures("clash")
def test_the_first_look_up_of_a_provider_says_so() -> None:
    """Each time, as the two overwrite each other's files."""
    for _ in range(2):
        with pytest.raises(UnknownProviderError, match=SENTENCE):
            completion("openai/gpt-4o", [{"role": "user", "content": "Hi"}])
    with pytest.raises(UnknownProviderError, match="uninstall it, then install llmgate-core again"):
        Registry().target("gpt-4o")


@pytest.mark.usefixtures("clash")
async def test_a_provider_that_was_handed_over_is_not_looked_up() -> None:
    """It works all the same."""
    async with Client(providers={"fake": FakeProvider(["Hello"])}) as client:
        assert (await client.acompletion("fake/x", [{"role": "user", "content": "Hi"}])).text


def test_there_is_no_clash_without_it() -> None:
    """Ours is ``llmgate-core``."""
    assert "" == name_clash()


@pytest.mark.usefixtures("clash")
@pytest.mark.parametrize("words", [["doctor"], ["providers"], ["chat", "Hi", "-m", "openai/x"]])
def test_every_command_says_so(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On one line, and the exit code is 1."""
    monkeypatch.setattr("sys.stdin", None)
    assert 1 == main(words)
    said = capsys.readouterr().err
    assert (1, True) == (said.count("\n"), SENTENCE in said)


@pytest.mark.parametrize("words", [["doctor"], ["providers"], ["chat", "Hi", "-m", "openai/x"]])
def test_every_command_says_so_where_modules_were_overwritten(site: Path, words: list[str]) -> None:
    """On one line as well, whatever of ours fails first."""
    overwrite_ours(site)
    done = run(site, "-m", "llmgate.cli", *words)
    assert (1, 1, True) == (done.returncode, done.stderr.count("\n"), SENTENCE in done.stderr)


def test_an_import_that_fails_for_another_reason_is_not_explained_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is no clash, it passes unchanged."""

    def broken(*_: object) -> int:
        raise ImportError("something else")

    monkeypatch.setattr("llmgate.cli._run", broken)
    with pytest.raises(ImportError, match="something else"):
        main(["providers"])


def test_what_fails_beside_the_other_project_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, whatever failed."""

    def broken(*_: object) -> int:
        raise ImportError("something else")

    monkeypatch.setattr("llmgate.cli._run", broken)
    monkeypatch.setattr("llmgate.cli.name_clash", lambda: SENTENCE)
    assert 1 == main(["providers"])
    assert f"llmgate: {SENTENCE} (ImportError: something else)\n" == capsys.readouterr().err


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_that_meets_the_other_project_says_so(site: Path, plugin: str) -> None:
    """Its import fails with the reason, beside the name of the module that is not there."""
    for overwritten in (False, True):
        if overwritten:
            overwrite_ours(site)
        done = run(site, "-c", f"from {plugin} import *")  # llmgate_local imports on demand
        last = done.stderr.splitlines()[-1]
        assert re.match(r"ImportError: .*\bllmgate\..*; llmgate-core is needed: ", last)
        assert SENTENCE in last


def test_there_are_plugins() -> None:
    """The test above has something to test."""
    assert {"llmgate_openai", "llmgate_local"} <= set(PLUGINS)


# --- where nothing is wrong ---


def test_the_doctor_names_versions_providers_and_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key is named, and not shown."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    monkeypatch.delenv("LLMGATE_PROVIDERS", raising=False)
    assert 0 == main(["doctor"])
    printed = capsys.readouterr()
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    lines = printed.out.splitlines()
    assert f"llmgate-core {project['version']}" == lines[1]
    needed = [re.split(r"\W", line)[0] for line in project["dependencies"]]
    assert needed == [line.split()[0] for line in lines[2 : 2 + len(needed)]]
    assert all(re.search(r" \d", line) for line in lines[: 2 + len(needed)])
    assert "key of openai: OPENAI_API_KEY set" in lines
    assert ("", False) == (printed.err, "canary" in printed.out)


def test_the_doctor_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a dependency that was uninstalled, or the core's own metadata in a mere copy."""
    needs = ["no-such-thing>=1", "other-thing; extra == 'x'"]

    def requires(_: str) -> list[str]:
        return needs

    monkeypatch.setattr("llmgate.cli.doctor.requires", requires)
    main(["doctor"])
    printed = capsys.readouterr().out
    assert (True, False) == ("no-such-thing is not installed" in printed, "other-thing" in printed)
    needs.clear()
    assert 0 == main(["doctor"])


# --- what is written ---


def texts_in(path: Path) -> Iterator[str]:
    """The lines of a file, and every text in a Python file, however many pieces it has."""
    source = path.read_text("utf-8")
    yield from source.splitlines()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from node.value.splitlines()
            elif isinstance(node, ast.JoinedStr):
                yield from ast.unparse(node).splitlines()


INSTALLERS = "(?:pipx? install|pip download|uv add|poetry add|pipx run|uvx)"
OFFENCE = re.compile(rf"{INSTALLERS} (?!(?=[^\n]*--no-index)[^\n]*--find-links)[^\n]*llmgate\b")


@pytest.mark.parametrize(
    ("text", "offends"),
    [
        ("pip install {}", True),
        ("pip install '{}[openai]'", True),
        ("pip install -U {}-core", True),
        ("uv add {}-openai", True),
        ("pip install --no-index {}-core", True),
        ("pip install --no-index --find-links dist '{}-core[all]'", False),
        ("pip install . ./plugins/{}-openai", True),  # it needs others of ours, which pip looks for
        ("pip uninstall {}", False),
    ],
)
def test_an_offence_is_found(text: str, offends: bool) -> None:
    """What reaches the public index with a name of ours."""
    assert offends == bool(OFFENCE.search(text.format("llmgate")))


def test_no_text_sends_anybody_to_the_public_index() -> None:
    """Neither a document, nor a message, nor a hint names a package of ours with a bare install."""
    folders = (
        "llmgate",
        "plugins",
        "extras",
        "docs",
        "examples",
        "scripts",
        "benchmarks",
        "tests",
        ".ci",
    )
    files = [
        path
        for folder in folders
        for path in ROOT.joinpath(folder).rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".sh"} or path.name == "run"
    ]
    files += [*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "Makefile"]
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in files
        for text in texts_in(path)
        if OFFENCE.search(text)
    ]
    assert (True, []) == (len(files) > 300, found)


def test_the_readme_says_whose_the_name_is() -> None:
    """In one plain sentence; and it says how to install ours."""
    readme = " ".join(ROOT.joinpath("README.md").read_text("utf-8").split())
    assert f"The package `llmgate` {SENTENCE}." in readme
    assert "pip install --no-index --find-links dist 'llmgate-core[openai]'" in readme


def test_every_distribution_of_ours_depends_on_the_core_by_its_own_name() -> None:
    """None asks for ``llmgate``."""
    projects = [
        *ROOT.glob("plugins/*/pyproject.toml"),
        *ROOT.glob("extras/*/pyproject.toml"),
        ROOT / "llmgate/testing/pyproject.toml",
    ]
    for path in projects:
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        assert project["name"].startswith("llmgate-")
        needed = {re.split(r"[^\w-]", line)[0] for line in project["dependencies"]}
        assert "llmgate-core" in needed
        assert "llmgate" not in needed


def test_the_security_page_names_all_that_core_depends_on() -> None:
    """And nothing else."""
    text = " ".join(ROOT.joinpath("SECURITY.md").read_text("utf-8").split())
    [listed] = re.findall(r"Core depends on (.*?), and on nothing else", text)
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    needed = sorted(re.split(r"\W", line)[0] for line in project["dependencies"])
    assert needed == sorted(re.split(r", | and ", listed))
