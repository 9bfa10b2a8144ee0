"""The conformance kit over recordings of the hosts, each by its own name.

The recordings lie beside the repository: without them, there is nothing to play here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import llmgate_compatible
from llmgate.testing import (
    CANARY,
    ProviderConformance,
    RecordedExchange,
    load_recording,
    plain_expectations,
)

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev"
_FAMILIES = (
    *("groq", "deepseek", "together", "fireworks", "openrouter", "xai", "perplexity", "cerebras"),
    *("vllm", "local_openai_compat", "other_openai_compat", "cohere", "gemini"),
)
_HOSTS: Mapping[str, str] = {
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "openrouter.ai": "openrouter",
    "api.x.ai": "xai",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
    "api.inference.crusoecloud.com": "crusoe",
    "localhost:8000": "vllm",
    "<GPUSTACK_API_BASE>": "vllm",
    "api.venice.ai": "venice",
    "localhost:8080": "llamacpp",
    "localhost:1234": "mistralrs",
    "0.0.0.0:4000": "litellm",
    "ai-gateway.vercel.sh": "vercel",
    "myorg-myaccount.snowflakecomputing.com": "snowflake",
    "api.z.ai": "zai",
    "api.novita.ai": "novita",
    "api.studio.nebius.ai": "nebius",
    "<DATABRICKS_BASE_URL>": "databricks",
    "api.cohere.com": "cohere-openai",
    "generativelanguage.googleapis.com": "gemini-openai",
}
"""The names of the hosts that were recorded; what is recorded without a host is its family's."""
_ALIKE = (
    *("cerebras", "crusoe", "fireworks", "litellm", "mistralrs", "nebius", "novita", "openrouter"),
    *("together", "venice", "vercel", "vllm", "xai"),
)
"""Hosts whose responses take the ways through the code that those of the others take."""
_WITHOUT_A_ROW = "vllm"
"""Stands for hosts that have no row, such as relays: it departs from the format in nothing."""


def _recordings() -> Iterator[tuple[str, RecordedExchange]]:
    for family in _FAMILIES:
        for path in sorted((_CORPUS / family).glob("*-chat-completions-*.json")):
            url = str(json.loads(path.read_text("utf-8"))["request"].get("url"))
            place = url.removeprefix("https://").removeprefix("http://").partition("/")[0]
            known = family if family in _HOSTS.values() else _WITHOUT_A_ROW
            yield _HOSTS.get(place, known), load_recording(path, expect=_expected)


def _expected(exchange: RecordedExchange) -> Mapping[str, Any]:
    """What the response plainly says, with the reasoning among the tokens of the response."""
    said = dict(plain_expectations(exchange))
    usage = said.get("usage")
    if usage and exchange.name.startswith(_COUNTS_REASONING_BESIDE):
        counted = usage["total_tokens"] - usage["prompt_tokens"]
        said["usage"] = {**usage, "completion_tokens": counted}
    return {**said, **_SAID_OTHERWISE.get(exchange.name, {})}


_COUNTS_REASONING_BESIDE = ("xai-", "gemini-", "other-openai-compat-chat-completions-6247ce3532")
_SAID_OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    # The name of the function comes twice, and counts once.
    "openrouter-chat-completions-210a3de0a8": {"tool_calls": (("llm_version", {}),)},
}


_BY_HOST: dict[str, list[RecordedExchange]] = {}
for _host, _exchange in _recordings():
    _BY_HOST.setdefault(_host, []).append(_exchange)


def _suite(host: str) -> type[ProviderConformance]:
    provider = getattr(llmgate_compatible, host.replace("-", "_"))
    settings = dict.fromkeys(provider.row.settings, "account")
    if provider.row.base_url.startswith("/"):
        settings["base_url"] = "https://workspace.example/serving-endpoints"
    attributes: dict[str, Any] = {
        "provider": provider(api_key=CANARY, **settings),
        "exchanges": tuple(_BY_HOST.get(host, ())),
        "most_splits": 4,
        "most_cuts": 4,
    }
    if host in _ALIKE:
        attributes["pytestmark"] = pytest.mark.exhaustive
    return type(f"Test_{host}", (ProviderConformance,), attributes)


globals().update({f"Test_{_host}": _suite(_host) for _host in sorted(_BY_HOST)})
