"""The script that reads a checkout of models.dev: what becomes of its files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scripts import knowledge

MODELS = {
    "models/base.toml": """
        reasoning = true
        [limit]
        context = 100
        [modalities]
        input = ["text", "image"]
    """,
    "providers/groq/models/acme/one.toml": """
        base_model = "base"
        tool_call = false
        status = "beta"
        [limit]
        output = 10
    """,
    "providers/groq/models/link.toml": "../../other/models/one.toml",
    "providers/google/models/two.toml": 'name = "two"',
    "providers/unknown/models/three.toml": "tool_call = true",
}
FACTS = {
    "context_window": 100,
    "max_output": 10,
    "tools": False,
    "reasoning": True,
    "vision": True,
    "audio": False,
    "status": "beta",
}


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Path:
    """A repository with a few files as models.dev has them."""
    for name, text in MODELS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "All", "--no-verify")):
        command = ["git", "-C", str(tmp_path), *words]
        subprocess.run(command, check=True)
    return tmp_path


def test_facts_of_the_hosts_that_are_known(checkout: Path) -> None:
    """With what a file is based on; nothing is said of a model of which nothing is known."""
    facts = knowledge.facts_in(checkout)
    assert {"acme/one": FACTS} == facts["models"]["groq"]
    assert {} == facts["models"]["gemini"]
    assert "unknown" not in facts["models"]
    assert {*knowledge.HOSTS.values()} == facts["models"].keys()
    commit = knowledge.git(checkout, "--format=%H")
    assert ("models.dev", commit) == (facts["source"], facts["commit"])
    assert facts == json.loads(knowledge.written(facts))


def test_the_file_that_is_shipped_is_as_the_script_writes_it() -> None:
    """So that a difference between two of them is a difference of facts."""
    text = knowledge.FILE.read_text("utf-8")
    assert text == knowledge.written(json.loads(text))


def test_differences_are_printed(
    checkout: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A model a line: those that are new, gone or changed."""
    facts = knowledge.facts_in(checkout)
    shipped = {
        "models": {"groq": {"acme/one": {**FACTS, "max_output": 9}, "gone": {"tools": True}}}
    }
    monkeypatch.setattr(knowledge, "FILE", tmp_path / "models.json")
    knowledge.FILE.write_text(json.dumps(shipped), "utf-8")
    knowledge.compare(facts)
    assert [
        f"groq/acme/one: {FACTS | {'max_output': 9}} -> {FACTS}",
        "groq/gone: {'tools': True} -> None",
    ] == capsys.readouterr().out.splitlines()
    knowledge.FILE.write_text(knowledge.written(facts), "utf-8")
    knowledge.compare(facts)
    assert "" == capsys.readouterr().out
