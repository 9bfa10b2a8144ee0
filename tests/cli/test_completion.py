"""Completion in shells: the scripts, and the words that the program gives them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmgate.cli import main
from llmgate.cli.completion import complete
from llmgate.cli.configuration import configuration_file


class LeftError(Exception):
    """The process would end here."""


def words_after(typed: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is proposed after what was typed, as a shell asks for it."""
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setenv("_ARGCOMPLETE_IFS", "\n")
    monkeypatch.setenv("COMP_LINE", typed)
    monkeypatch.setenv("COMP_POINT", str(len(typed)))
    monkeypatch.setenv("COMP_TYPE", "9")
    # it would take the descriptor 9, which a test's process has for something else
    monkeypatch.setattr("argcomplete.finders.CompletionFinder._init_debug_stream", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    output = io.StringIO()

    def leave(_: int) -> None:
        raise LeftError

    with pytest.raises(LeftError):
        complete(exit_method=leave, output_stream=output)
    return [word.strip() for word in output.getvalue().split("\n")]


@pytest.mark.parametrize(
    ("typed", "expected", "others"),
    [
        ("llmgate ch", ["chat"], ["batch"]),
        ("llmgate chat --te", ["--temperature"], ["--tool"]),
        ("llmgate chat -m gro", ["groq/"], ["openai/"]),
        ("llmgate chat -m mi", ["mine", "minimax/", "mistral/"], ["groq/"]),
        ("llmgate models gro", ["groq"], ["openai"]),
        ("llmgate chat -p se", ["seed=", "service_tier="], ["stop="]),
        ("llmgate chat --key-env MY_OWN", ["MY_OWN_KEY"], ["PATH"]),
        ("llmgate chat --image a_pic", ["a_picture.png"], ["b.png"]),
        ("llmgate completion f", ["fish"], ["zsh"]),
    ],
)
def test_what_is_proposed(
    typed: str,
    expected: list[str],
    others: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Commands, options, providers, aliases, parameters, variables, files."""
    monkeypatch.chdir(tmp_path)
    for name in ("a_picture.png", "b.png"):
        (tmp_path / name).write_text("", encoding="utf-8")
    configuration_file().parent.mkdir(parents=True)
    configuration_file().write_text('[aliases]\nmine = "echo/echo"', encoding="utf-8")
    monkeypatch.setenv("MY_OWN_KEY", "1")
    found = words_after(typed, monkeypatch)
    assert ([], []) == (
        [word for word in expected if word not in found],
        [word for word in others if word in found],
    )


def test_where_nothing_is_known_files_are_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that cannot be read keeps nobody from typing; a prompt has no words."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "groundwork").write_text("", encoding="utf-8")
    configuration_file().parent.mkdir(parents=True)
    configuration_file().write_text("colour = 1", encoding="utf-8")
    assert ["groundwork"] == words_after("llmgate chat -m gro", monkeypatch)
    assert [""] == words_after("llmgate chat gro", monkeypatch)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_s_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks this program, and no other."""
    assert 0 == main(["completion", shell])
    script = capsys.readouterr().out
    assert ("_ARGCOMPLETE" in script, "llmgate" in script) == (True, True)


def test_without_argcomplete_there_is_no_completion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script is refused, and a shell that asks gets nothing."""
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    assert 1 == main(["completion", "bash"])
    assert "completion needs the package argcomplete" in capsys.readouterr().err
    complete()


def test_a_shell_that_asks_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is parsed."""
    asked: list[Any] = []
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setattr("llmgate.cli.completion.complete", lambda: asked.append(1))
    assert 0 == main([])
    assert [1] == asked


BASH = """
eval "$(llmgate completion bash)"
COMP_LINE="llmgate prov" COMP_POINT=12 COMP_TYPE=9 COMP_WORDS=(llmgate prov) COMP_CWORD=1
completer="$(complete -p llmgate | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"
"$completer" llmgate prov llmgate
echo "${COMPREPLY[@]}"
"""


def test_bash_completes(site: Path) -> None:
    """With the script, in the shell itself."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", BASH],  # noqa: S607 - the shell that is on the path
        env={**os.environ, "PATH": path, "PYTHONPATH": str(site)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert "providers" == done.stdout.strip()
