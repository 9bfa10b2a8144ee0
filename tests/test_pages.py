"""The manual's pages for users: each example is a whole program, and prints what the page shows.

The examples name real providers, whose part a mock server on this machine plays; the reader sees
the example alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client, RequestError
from llmgate.testing import server
from tests.pages.examples import DOCS, Example, examples_of
from tests.pages.scripts import SCRIPTS

RUNNER = Path(__file__).parent / "pages" / "run_examples.py"
MOST_LINES = 150
MOST_COLUMNS = 84
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "COHERE_API_KEY")


def put_files(folder: Path) -> None:
    """The files that examples read: what they hold is that of their type, and little of it."""
    (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7\n")
    with wave.open(str(folder / "question.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(160))


def run(page: str, examples: list[Example], folder: Path) -> list[str]:
    """What each program prints, far from the checkout, with every warning an error."""
    put_files(folder)
    given = [(f"{page}.md[{number}]", each.code) for number, each in enumerate(examples, 1)]
    with server(SCRIPTS[page], models=["gpt-5.6", "gpt-5.6-mini"]) as mock:
        done = subprocess.run(
            [sys.executable, "-I", "-W", "error", RUNNER],
            input=json.dumps(given),
            capture_output=True,
            cwd=folder,
            env={**os.environ, **dict.fromkeys(KEYS, "none"), "MOCK_SERVER": mock.url},
            timeout=60,
            check=False,
            text=True,
        )
    assert 0 == done.returncode, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("page", SCRIPTS)
def test_examples_print_what_the_page_shows(page: str, tmp_path: Path) -> None:
    """To the letter, where the page does not leave something out; and nothing that it hides."""
    examples = examples_of(page)
    assert examples
    for example, printed in zip(examples, run(page, examples, tmp_path), strict=True):
        pattern = re.escape(example.output).replace("…", ".*")
        if "local/" in example.code:  # what a model makes of it depends on the processor
            pattern = r"\S[\s\S]*\n"
        assert re.fullmatch(pattern, printed), f"{example.code}\n{printed}"


@pytest.mark.parametrize("page", SCRIPTS)
def test_a_page_is_short(page: str) -> None:
    """It is one task's: what is longer is two pages. Its programs fit into the site's column."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    programs = [line for example in examples_of(page) for line in example.code.splitlines()]
    assert [] == [line for line in programs if len(line) > MOST_COLUMNS]


MODELS = {
    "bedrock": "amazon.nova-pro-v1:0",
    "cohere": "command-a-vision-07-2025",
    "gemini": "gemini-3.6-flash",
    "local": "smollm2",
    "vertex": "gemini-3.6-flash",
}
"""A model of each provider for which the name matters."""
PDF_BY_URL = {"type": "file", "file": {"file_data": "https://example.com/report.pdf"}}
PARTS: dict[str, Any] = {
    "image from a file": llmgate.image(b"\x89PNG\r\n\x1a\n"),
    "image by URL": llmgate.image("https://example.com/cat.png"),
    "PDF from a file": llmgate.file(b"%PDF-1.7", filename="report.pdf"),
    "PDF by URL": PDF_BY_URL,
    "`file_id`": {"type": "file", "file": {"file_id": "file-1"}},
    "audio in a message": llmgate.audio(b"ID3", format="mp3"),
}
SPOKEN: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
}


def cells_of(page: str) -> list[tuple[str, str, str]]:
    """Those of a page's table of providers: the provider, the head of the column, what it says."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    start = next(place for place, row in enumerate(rows) if row[0] == "provider")
    return [
        (row[0].strip("`"), head, cell)
        for row in rows[start + 1 :]
        if len(row) == len(rows[start])
        for head, cell in zip(rows[start][1:], row[1:], strict=True)
    ]


@pytest.mark.parametrize("page", ["images-and-files", "audio"])
def test_the_tables_say_which_provider_takes_what(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cell is what a preview of such a call does."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://example.openai.azure.com")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "project")
    cells = cells_of(page)
    assert len(cells) > 20
    assert cells == [(name, head, found(name, head)) for name, head, _ in cells]


def found(provider: str, what: str) -> str:
    """What the table is to say."""
    if what == "PDF by URL" and provider in ("openai", "azure"):  # of which chat knows nothing
        assert takes(provider, what, "responses/gpt-5")
        return "Responses"
    return "yes" if takes(provider, what, MODELS.get(provider, "some-model")) else "no"


def takes(provider: str, what: str, model: str) -> bool:
    """Whether a request with that would be sent."""
    content: Any = [PARTS[what]] if what in PARTS else "Hi"
    options = {} if what in PARTS else SPOKEN
    try:
        Client().preview(
            f"{provider}/{model}", [{"role": "user", "content": content}], max_tokens=50, **options
        )
    except RequestError:
        return False
    return True
