"""Who is measured: each peer's driver, its environment, and what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.cases import Action, Case
from benchmarks.payloads import Dialect
from benchmarks.upstream import ROOT

__all__ = ["PEERS", "Peer"]

_BOTH: tuple[Dialect, ...] = ("openai", "anthropic")


class Peer(NamedTuple):
    """A client, and the environment that it lives in."""

    title: str
    driver: str
    place: str
    """The folder of its environment."""
    imports: str = ""
    """What a user of it imports."""
    package: str = ""
    """The distribution that is installed, whose version is shown."""
    dialects: tuple[Dialect, ...] = _BOTH
    actions: tuple[Action, ...] = ("call", "stream")
    has_hooks: bool = False
    environment: Mapping[str, str] = MappingProxyType({})
    forks: bool = True
    """Whether it may be forked after a call; threads of its own do not outlive that."""
    slowness: int = 1
    """How many times fewer runs make a count of its instructions."""

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(ROOT / self.place / "bin" / "python")

    @property
    def is_peer(self) -> bool:
        """Whether it is somebody else's SDK, not llmgate or a client written by hand."""
        return self.slowness > 1

    def can(self, case: Case) -> bool:
        """Whether it has what a case needs."""
        asks_more = bool(case.tools or case.asks_for_schema) and self.is_peer
        lacks_hooks = bool(case.watcher) and not self.has_hooks
        is_known = case.dialect in self.dialects and case.action in self.actions
        return is_known and not (asks_more or lacks_hooks)


PEERS = {
    "raw": Peer("raw socket", "raw_socket", ".bench/aiohttp"),
    "tuned": Peer("aiohttp, tuned", "aiohttp_tuned", ".bench/aiohttp"),
    "plain": Peer("aiohttp, plain", "aiohttp_plain", ".bench/aiohttp", package="aiohttp"),
    "llmgate": Peer(
        "llmgate",
        "llmgate_client",
        ".venv",
        imports="import llmgate",
        dialects=(*_BOTH, "responses", "gemini", "bedrock"),
        actions=("call", "stream", "iterate", "assemble", "call_sync", "stream_sync"),
        has_hooks=True,
    ),
    "public": Peer(
        "llmgate, by aiohttp's public API",
        "llmgate_client",
        ".venv",
        environment={"LLMGATE_FAST_PATH": "0"},
    ),
    "liter-llm": Peer(
        "liter-llm",
        "sdk.liter_llm_package",
        ".bench/liter-llm",
        imports="import liter_llm",
        package="liter-llm",
        forks=False,
        slowness=2,
    ),
    "anthropic": Peer(
        "anthropic",
        "sdk.anthropic_package",
        ".bench/anthropic",
        imports="from anthropic import AsyncAnthropic",
        package="anthropic",
        dialects=("anthropic",),
        slowness=10,
    ),
    "openai": Peer(
        "openai",
        "sdk.openai_package",
        ".bench/openai",
        imports="from openai import AsyncOpenAI",
        package="openai",
        dialects=("openai",),
        slowness=10,
    ),
    "any-llm": Peer(
        "any-llm",
        "sdk.any_llm_package",
        ".bench/any-llm",
        imports="from any_llm import AnyLLM",
        package="any-llm-sdk",
        slowness=10,
    ),
    "pydantic-ai": Peer(
        "pydantic-ai",
        "sdk.pydantic_ai_package",
        ".bench/pydantic-ai",
        imports="from pydantic_ai.direct import model_request",
        package="pydantic-ai-slim",
        slowness=10,
    ),
    "litellm": Peer(
        "litellm",
        "sdk.litellm_package",
        ".bench/litellm",
        imports="from litellm import acompletion",
        package="litellm",
        # or importing it fetches a file from the network
        environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        slowness=10,
    ),
}
