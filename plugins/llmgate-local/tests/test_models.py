"""Model names that are paths, and what a chat template has a place for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import DecodeError, InvalidRequestError, NotFoundError
from llmgate.provider.http import HttpResponse, encode_json
from llmgate_local import Local
from llmgate_local.models import find_model
from llmgate_local.request.templates import Template


def test_a_path_stands_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is written."""
    path = tmp_path / "model.gguf"
    path.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (str(path), "./model.gguf", "model.gguf", "~/model.gguf"):
        assert path == find_model(name)


@pytest.mark.parametrize("name", ["~nobody-has-this-name/x.gguf", f"{'x' * 5000}.gguf", "\0.gguf"])
def test_a_path_that_no_file_can_have(name: str) -> None:
    """Is not found, as any other."""
    with pytest.raises(NotFoundError, match="there is no model file"):
        find_model(name)


@pytest.mark.parametrize(
    "settings",
    [{"context": "4096"}, {"threads": 1.5}, {"parallel": True}, {"idle_timeout": "300"}],
)
def test_settings_that_are_no_numbers(settings: Any) -> None:
    """Are refused by name."""
    (name,) = settings
    with pytest.raises(InvalidRequestError, match=f"{name} must be a"):
        Local(**settings)


@pytest.mark.parametrize(
    ("template", "known"),
    [
        ("", False),
        ("You have no tools. {{ messages }}", False),
        ("{{ my_tools }}", False),
        ("{%- if tools %}{{ tools | tojson }}{% endif %}", True),
        ("{%- for tool in\n tools -%}", True),
    ],
)
def test_knows_which_templates_know_tools(template: str, known: bool) -> None:
    """By what they do, not by the words they say; also where that is the template for tools."""
    other: dict[str, str] = {"chat_template": ""}
    for said in ({"chat_template": template}, {**other, "chat_template_tool_use": template}):
        assert Template(tools=known) == Template.of(HttpResponse(200, body=encode_json(said)))


def test_a_server_that_names_no_template_is_none_of_llama_cpps() -> None:
    """The error shows what it says."""
    with pytest.raises(DecodeError, match="no chat template"):
        Template.of(HttpResponse(200, body=b"{}"))
