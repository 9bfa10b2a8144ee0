"""The command line: models, providers, and the program itself."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from llmgate.cli import main

# --- models -------------------------------------------------------------------------------


def test_models_lists_what_a_provider_has(capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, with what it takes; nothing of it reaches the terminal as it is."""
    assert 0 == main(["models", "-p", "echo"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    expected = [["model", "context", "output"], ["echo/echo", "64", "8"]]
    assert [*expected, ["echo/\\x1b[2J", "-", "-"]] == lines


def test_the_models_of_one_provider(capsys: pytest.CaptureFixture[str]) -> None:
    """Named without an option; an address or a key is for one provider alone."""
    assert 0 == main(["models", "echo"])
    assert "echo/echo" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["models", "--base-url", "https://h.example"])
    assert 2 == end.value.code
    assert "are for one provider: name it" in capsys.readouterr().err


def test_models_as_json_is_all_that_the_provider_says(capsys: pytest.CaptureFixture[str]) -> None:
    """An object a line."""
    assert 0 == main(["models", "-p", "echo", "--json"])
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert ("echo", 64, "echo") == (first["id"], first["context_window"], first["provider"])


def test_models_says_which_provider_could_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And lists the others."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "echo")
    monkeypatch.setenv("FORBIDDEN_ECHO", "1")
    assert 1 == main(["models"])
    out, err = capsys.readouterr()
    assert "" == out
    assert err.startswith("llmgate: echo: slow\\ndown")
    assert 1 == len(err.splitlines())
    monkeypatch.delenv("FORBIDDEN_ECHO")
    assert 0 == main(["models"])
    assert "echo/echo" in capsys.readouterr().out


# --- providers ----------------------------------------------------------------------------


def test_providers_lists_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, package, version, whether each key is set, and the models that are its own."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "echo,mute")
    monkeypatch.setenv("ECHO_TOKEN", "a-secret")
    monkeypatch.setenv("MUTE_API_KEY", "a-secret")
    monkeypatch.delenv("ECHO_SPARE_TOKEN", raising=False)
    assert 0 == main(["providers"])
    expected = """\
provider  package            key                                       models
echo      echo-provider 1.2  ECHO_TOKEN set, ECHO_SPARE_TOKEN not set  echo/…, echo-*
mute      echo-provider 1.2  MUTE_API_KEY set                          mute/…
"""
    assert expected == capsys.readouterr().out


def test_nothing_is_said_of_a_key_that_may_not_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider that names no variable perhaps needs none."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "mute")
    monkeypatch.delenv("MUTE_API_KEY", raising=False)
    main(["providers"])
    assert "mute      echo-provider 1.2  -    mute/…" == capsys.readouterr().out.splitlines()[1]


def test_without_a_provider_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty table would help nobody."""
    monkeypatch.setenv("LLMGATE_PROVIDERS", "nothing")
    assert 0 == main(["providers"])
    assert "install --no-index --find-links dist 'llmgate-core[" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [("'providers'", set[str]()), ("'chat', 'Hi', '-m', 'echo/echo'", {"echo_provider"})],
)
def test_only_the_provider_that_is_asked_is_imported(
    words: str, expected: set[str], site: Path
) -> None:
    """Neither command imports another's package, nor what it depends on."""
    code = f"import sys, llmgate.cli; llmgate.cli.main([{words}]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(site)},
        timeout=30,
        check=True,
        text=True,
    )
    names = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    providers = {name for name in names if name.startswith("llmgate_") or name == "echo_provider"}
    assert expected == providers


# --- the program --------------------------------------------------------------------------


def test_it_runs_as_a_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m llmgate`` and ``llmgate.cli`` are the same program; importing runs nothing."""
    monkeypatch.setattr("sys.argv", ["llmgate", "--version"])
    for name in ("llmgate.__main__", "llmgate.cli.__main__"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # of another test
    for module in ("llmgate", "llmgate.cli"):
        with pytest.raises(SystemExit):
            runpy.run_module(module, run_name="__main__")
        assert capsys.readouterr().out.startswith("llmgate ")
    assert import_module("llmgate.cli.__main__").main is main
    assert import_module("llmgate.__main__").main is main
