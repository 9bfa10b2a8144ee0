"""The pages for those who come from another SDK: old and new programs print what is shown."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import llmgate
import llmgate_litellm
from llmgate._core.registry import installed_providers
from llmgate.testing import Fault, server
from llmgate.testing.mock_server.answers import Answer
from llmgate.types import Function, ToolCall
from tests.shown import ROOT, check_page

WEATHER = ToolCall("call_1", Function("weather", '{"city": "Oslo"}'))
FAILED = Fault("error", {"status": 500})
LIMITED = Fault("rate_limit", {"retry_after": 7})
SCRIPT: list[Answer] = [
    *["Paris."] * 2,
    *["One, two, three."] * 2,
    WEATHER,
    "Take an umbrella.",
    WEATHER,
    "Take an umbrella.",
    *['{"name": "Oslo", "country": "Norway"}'] * 2,
    *[LIMITED] * 2,
    *["Hello."] * 2,
]


def test_pairs_with_the_openai_sdk_do_the_same(tmp_path: Path) -> None:
    """Both speak to one server, which answers the two programs of a pair the same."""
    with server(SCRIPT) as mock:
        environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": mock.base_url("openai")}
        assert 14 == check_page("from-openai", tmp_path, environment)
        asked = [request for request in mock.requests if request.operation == "chat"]
    assert len(SCRIPT) == len(asked)


def test_the_names_of_exceptions_are_those_of_the_packages() -> None:
    """Each line of the table of exceptions has names of openai, and names of llmgate."""
    page = (ROOT / "docs" / "from-openai.md").read_text(encoding="utf-8")
    table = page.partition("| `OpenAIError` |")[1:]
    rows = "".join(table).partition("| `error.")[0].splitlines()
    for row in rows:
        theirs, ours = (re.findall(r"`(\w+Error)`", cell) for cell in row.split("|")[1:3])
        assert theirs
        assert ours
        assert all(hasattr(import_module("openai"), name) for name in theirs), row
        assert all(hasattr(llmgate, name) for name in ours), row
    assert 11 == len(rows)


OF_LITELLM: list[Answer] = [
    *["Paris."] * 2,
    *["One, two, three."] * 2,
    FAILED,
    "Hello.",
    FAILED,
    "Hello.",
    *["Hello."] * 2,
    *[LIMITED] * 2,
]


def test_litellm_code_and_native_code_do_the_same(tmp_path: Path) -> None:
    """On llmgate-litellm and natively, with one server behind both."""
    with server(OF_LITELLM) as mock:
        environment = {
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": mock.base_url("openai"),
            "ANTHROPIC_API_KEY": "none",
            "ANTHROPIC_BASE_URL": mock.base_url("anthropic"),
        }
        assert 10 == check_page("from-litellm", tmp_path, environment)
        assert len(OF_LITELLM) == len(mock.requests)


def test_names_of_litellm_are_those_of_the_packages() -> None:
    """What stands for a name of litellm's is in llmgate-litellm; a provider's name is installed."""
    page = (ROOT / "docs" / "from-litellm.md").read_text(encoding="utf-8")
    names, _, providers = page.partition("## Name by name")[2].partition("## Names of providers")
    theirs = [row.split("|")[1] for row in names.splitlines() if row.startswith("| `")]
    functions = re.findall(r"`([a-z_]+|[A-Z]\w+)`", " ".join(theirs))
    listed = {"callbacks", "success_callback", "failure_callback"}
    assert [] == [name for name in functions if not hasattr(llmgate_litellm, name)]
    assert listed < {*functions}
    ours = [row.split("|")[2] for row in providers.splitlines() if row.startswith("| `")]
    hosts = re.findall(r"`(\w+)/…`", " ".join(ours))
    assert {*hosts} <= installed_providers().keys()
    assert 7 == len(hosts)


OF_LANGCHAIN: list[Answer] = [
    "Paris.",
    "One, two, three.",
    '{"name": "Oslo", "country": "Norway"}',
    "Bonjour.",
    WEATHER,
    "Take an umbrella.",
    FAILED,
    "Hello.",
]
"""Also what flows_langchain.py has LangChain's programs answered."""


def test_what_replaces_langchain_does_the_same(tmp_path: Path) -> None:
    """The second program of each pair; the first ones run in `make frameworks`."""
    with server(OF_LANGCHAIN) as mock:
        environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": mock.base_url("openai")}
        assert 7 == check_page("from-langchain", tmp_path, environment, slice(1, None, 2))
