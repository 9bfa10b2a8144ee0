"""The pages for those who come from another SDK: old and new programs print what is shown."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import llmgate
from llmgate.testing import Fault, server
from llmgate.testing.mock_server.answers import Answer
from llmgate.types import Function, ToolCall
from tests.shown import ROOT, check_page

WEATHER = ToolCall("call_1", Function("weather", '{"city": "Oslo"}'))
LIMITED = Fault("rate_limit", {"retry_after": 7})
SCRIPT: list[Answer] = [
    *["Paris."] * 2,
    *["One, two, three."] * 2,
    *[WEATHER, "Take an umbrella."] * 2,
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
