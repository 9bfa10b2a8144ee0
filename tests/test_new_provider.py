"""``llmgate new-provider``: what it refuses, what it writes, and that this is sound as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmgate.cli import main

ROOT = Path(__file__).parents[1]
NAMES = {"acme": (), "name-of-the-greatest-length-here": ("--like", "openai")}
"""One provider of each kind, with the words of its command."""


def make(name: str, directory: Path, *words: str) -> int:
    """The exit code of the command."""
    return main(["new-provider", name, *words, "--directory", str(directory)])


def files_of(project: Path) -> dict[str, str]:
    """All files of a project, by their paths in it."""
    paths = [path for path in sorted(project.rglob("*")) if path.is_file()]
    return {path.relative_to(project).as_posix(): path.read_text("utf-8") for path in paths}


# --- names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Acme",
        "9lives",
        "-acme",
        "acme-",
        "ac--me",
        "ac_me",
        "ac.me",
        "../acme",
        "a" * 33,
        "äcme",
    ],
)
def test_a_name_that_is_no_label_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It becomes a package's name, a module's and a variable's; nothing is written."""
    assert 1 == main(["new-provider", "--directory", str(tmp_path), "--", name])
    assert "expected lower-case letters" in capsys.readouterr().err
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["openai", "groq", "core", "compatible"])
def test_a_name_that_is_taken_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two providers of one name would make each call an error, two packages replace each other."""
    assert 1 == make(name, tmp_path)
    assert "of this name already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["settings", "exception", "none"])
def test_a_class_named_as_what_its_code_needs_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class ``Settings`` would hide the one that it is made with."""
    assert 1 == make(name, tmp_path)
    said = f"{name.capitalize()} would be its class, and is a name that its code needs"
    assert said in capsys.readouterr().err


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that exists is left as it is."""
    (tmp_path / "llmgate-acme").mkdir()
    assert 1 == make("acme", tmp_path)
    assert "llmgate-acme exists already" in capsys.readouterr().err
    assert {} == files_of(tmp_path)


# --- what is written ----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_steps_are_numbered_and_lead_to_their_lines(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed names each place that is marked, from the first to the last."""
    assert 0 == make(name, tmp_path, *NAMES[name])
    written = files_of(tmp_path / f"llmgate-{name}")
    said = re.findall(r"^(\d+)\. (\S+):(\d+)$", capsys.readouterr().out, re.MULTILINE)
    marked = sum(text.count("# Fill in ") for text in written.values())
    assert [*range(1, marked + 1)] == [int(number) for number, _, _ in said]
    for number, path, line in said:
        assert f"# Fill in {number}: " in written[path].splitlines()[int(line) - 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_project_has_what_a_distribution_needs(name: str, tmp_path: Path) -> None:
    """Metadata, licence, marker of types, tests and what CI runs, and no name is left unfilled."""
    make(name, tmp_path, *NAMES[name])
    project, module = tmp_path / f"llmgate-{name}", f"llmgate_{name.replace('-', '_')}"
    written = files_of(project)
    needed = {"pyproject.toml", "README.md", "LICENSE", ".ci/run", ".gitignore"}
    needed |= {f"{module}/__init__.py", f"{module}/py.typed", "tests/test_conformance.py"}
    assert needed <= written.keys()
    assert (ROOT / "LICENSE").read_text("utf-8") == written["LICENSE"]
    assert os.access(project / ".ci/run", os.X_OK)
    unfilled = re.compile(r"\$\{?(name|module|distribution|class_name|title|variable)\b")
    assert [] == [path for path, text in written.items() if unfilled.search(text)]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_written_asks_an_index(name: str, tmp_path: Path) -> None:
    """The index has another project's ``llmgate``: every command that installs says --no-index."""
    make(name, tmp_path, *NAMES[name])
    text = "\n".join(files_of(tmp_path).values())
    commands = re.findall(r"pip install.*", text)
    assert [] == [line for line in commands if "--no-index" not in line]
    assert len(commands) >= 2
    assert re.search(r"pypi|index-url|https?://(?!\S*\.example|www\.apache\.org)", text) is None


# --- that it works ------------------------------------------------------------------------


@dataclass(frozen=True)
class Scratch:
    """A virtual environment without pip, in which what this one has is found too."""

    python: Path
    project: Path

    def run(self, *words: str) -> str:
        """What a module of Python's prints, run in the project; it must succeed."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(
            [self.python, "-m", *words],
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout


def scratch_with(project: Path, folder: Path) -> Scratch:
    """A new environment with the project in it; the network is not used."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    ours = sysconfig.get_path("purelib")
    (site / "rest.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    scratch = Scratch(folder / "bin" / "python", project)
    offline: Sequence[str] = ("--no-index", "--no-deps", "--no-build-isolation")
    scratch.run("pip", "--disable-pip-version-check", "-qq", "install", *offline, "-e", ".")
    return scratch


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NAMES)
def test_a_project_installs_and_passes_its_checks(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As it was written: the conformance kit, ruff and mypy, with its own configuration."""
    make(name, tmp_path, *NAMES[name])
    scratch = scratch_with(tmp_path / f"llmgate-{name}", tmp_path / "scratch")
    assert re.search(
        rf"^{name} +llmgate-{name} 0\.1\.0 ", scratch.run("llmgate.cli", "providers"), re.M
    )
    said = scratch.run("pytest", "-q", "-p", "no:cacheprovider")
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None
    assert int(passed[1]) > 100
    scratch.run("ruff", "check", "--no-cache", ".")
    scratch.run("ruff", "format", "--no-cache", "--check", ".")
    subprocess.run(["/bin/sh", "-n", scratch.project / ".ci/run"], check=True)
    cache = tmp_path_factory.getbasetemp() / "mypy"  # what one run knows of llmgate helps the next
    scratch.run("mypy", "--cache-dir", str(cache), ".")
