"""The programs of LangChain's in docs/from-langchain.md; `make frameworks` has what they need."""

from __future__ import annotations

from pathlib import Path

from llmgate.testing import server
from tests.shown import check_page
from tests.test_pages_for_newcomers import OF_LANGCHAIN


def test_langchain_does_what_the_page_says(tmp_path: Path) -> None:
    """The first program of each pair; the second ones are tested with everything else."""
    with server(OF_LANGCHAIN) as mock:
        environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": mock.base_url("openai")}
        assert 7 == check_page("from-langchain", tmp_path, environment, slice(0, None, 2))
