"""The page of each provider is what its package declares, and the page's example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client
from llmgate.testing import Canned, CannedTransport

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "providers").glob("*.md"))
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HELLO = {"role": "assistant", "content": "Hello."}
OPENAI = {"choices": [{"index": 0, "message": HELLO, "finish_reason": "stop"}]}
GEMINI = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Hello."}]}, "finishReason": "STOP"}
    ]
}
BLOCKS = [{"type": "text", "text": "Hello."}]
SCHEMA = {"properties": {"prompt": {"type": "string"}}}
RESPONSES: dict[str, tuple[str, list[Any]]] = {
    "anthropic": (
        "https://api.anthropic.com/v1/messages",
        [{"type": "message", "role": "assistant", "content": BLOCKS, "stop_reason": "end_turn"}],
    ),
    "azure": ("https://a.openai.azure.com/openai/v1/chat/completions", [OPENAI]),
    "bedrock": (
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/",
        [
            {
                "output": {"message": {"role": "assistant", "content": [{"text": "Hello."}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            }
        ],
    ),
    "cohere": (
        "https://api.cohere.com/v2/chat",
        [{"message": {"role": "assistant", "content": BLOCKS}, "finish_reason": "COMPLETE"}],
    ),
    "gemini": ("https://generativelanguage.googleapis.com/", [GEMINI]),
    "huggingface": ("https://router.huggingface.co/v1/chat/completions", [OPENAI]),
    "mistral": ("https://api.mistral.ai/v1/chat/completions", [OPENAI]),
    "ollama": (
        "http://127.0.0.1:11434/api/chat",
        [{"model": "qwen3:4b", "message": HELLO, "done": True, "done_reason": "stop"}],
    ),
    "openai": ("https://api.openai.com/v1/chat/completions", [OPENAI]),
    "replicate": (
        "https://api.replicate.com/v1/",
        [
            {
                "latest_version": {
                    "id": "v",
                    "openapi_schema": {"components": {"schemas": {"Input": SCHEMA}}},
                }
            },
            {"id": "p", "status": "succeeded", "output": ["Hello."], "urls": {}},
        ],
    ),
    "vertex": ("https://aiplatform.googleapis.com/", [GEMINI]),
}
"""Where the first request of a page's example goes, and the bodies of the responses."""
VARIABLES = {
    "AZURE_OPENAI_ENDPOINT": "https://a.openai.azure.com",
    "AWS_REGION": "us-east-1",
    **dict.fromkeys(
        (
            "ANTHROPIC_API_KEY",
            "AWS_BEARER_TOKEN_BEDROCK",
            "AZURE_OPENAI_API_KEY",
            "COHERE_API_KEY",
            "GOOGLE_API_KEY",
            "HF_TOKEN",
            "MISTRAL_API_KEY",
            "OPENAI_API_KEY",
            "REPLICATE_API_TOKEN",
        ),
        "none",
    ),
}


def test_the_pages_are_current() -> None:
    """They say what the installed providers and their READMEs say."""
    script = ROOT / "scripts" / "provider_pages.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False)
    assert 0 == done.returncode, "run: python scripts/provider_pages.py"
    assert {*RESPONSES, "local"} == {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_prints_what_the_page_shows(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its requests go to the provider's own host; ``local`` asks its model."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    found = EXAMPLE.search(page.read_text(encoding="utf-8"))
    assert found is not None
    address, bodies = RESPONSES.get(page.stem, ("", []))
    transport = CannedTransport([Canned.json(body) for body in bodies])
    with Client(transport=transport) as client:
        monkeypatch.setattr(llmgate, "completion", client.completion)
        exec(compile(found[1], page.name, "exec"), {})  # noqa: S102 # our own documents
    assert len(bodies) == len(transport.requests)
    assert all(request.url.startswith(address) for request in transport.requests)
    expected = re.escape(found[2]).replace("…", r".+(?:\n.*)*")
    assert re.fullmatch(expected, capsys.readouterr().out)
