"""The providers under test: how each is opened with bytes, and what ends a stream of it.

It names vendors, which the oracles do not; it judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmgate.provider import Decoder, Provider
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, is_array, is_object
from llmgate.testing.driving import call_of, drive
from llmgate.types import Chunk, Completion
from llmgate_anthropic import Anthropic
from llmgate_azure import AzureOpenAI
from llmgate_bedrock import Bedrock
from llmgate_cohere import Cohere
from llmgate_gemini import Gemini
from llmgate_huggingface import HuggingFace
from llmgate_mistral import Mistral
from llmgate_ollama import Ollama
from llmgate_openai import OpenAI
from llmgate_replicate import Replicate
from tests.aws import with_checksums
from tests.fuzz.oracles import HasEnded, replies_of

__all__ = ["VENDORS", "Vendor"]

ROOT = Path(__file__).parents[2]
_HI = [{"role": "user", "content": "Hi"}]
_TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("f", "2x")
]
_SCHEMA = {"name": "x", "schema": {"type": "object"}}
_EMULATED = {"response_format": {"type": "json_schema", "json_schema": _SCHEMA}}


@dataclass(frozen=True)
class Vendor:
    """One provider.

    ``calls`` are made of it in turn; ``opening`` are the replies before the one under test, in a
    call that streams; ``folders`` are those of the recordings that speak its format.
    """

    provider: Provider
    has_ended: HasEnded
    folders: tuple[str, ...]
    calls: tuple[Mapping[str, Any], ...] = ({},)
    opening: tuple[HttpResponse, ...] = ()
    reply_opening: tuple[HttpResponse, ...] = ()
    model: str = "model"
    extra_seeds: tuple[bytes, ...] = field(default=(), repr=False)
    mend: Callable[[bytes], bytes] = bytes
    """Makes of damaged bytes a stream whose damage is not seen at once, such as by a checksum."""

    def decodes(self) -> list[Callable[[bytes], Completion]]:
        """What reads a whole reply, for each of the calls."""
        return [self._decode(options) for options in self.calls]

    def opens(self) -> list[Callable[[], Decoder[Chunk]]]:
        """What opens a stream, for each of the calls."""
        return [self._open(options) for options in self.calls]

    def _decode(self, options: Mapping[str, Any]) -> Callable[[bytes], Completion]:
        provider, call = self.provider, call_of(self.provider, self._asked(options))

        def decode(data: bytes) -> Completion:
            replies = [*self.reply_opening, *replies_of(data)]
            return drive(provider.complete(call), replies, error=provider.error).result

        return decode

    def _open(self, options: Mapping[str, Any]) -> Callable[[], Decoder[Chunk]]:
        provider = self.provider
        call = call_of(provider, self._asked({**options, "stream": True}))
        replies = [*self.opening, HttpResponse(200, {"content-type": "text/event-stream"}, b"")]

        def open_() -> Decoder[Chunk]:
            return drive(provider.stream(call), replies, error=provider.error).result

        return open_

    def _asked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": self.model, "messages": _HI, **options}


# --- what ends a stream -------------------------------------------------------------------


def _objects(frames: Iterable[Frame]) -> Iterable[dict[str, Any]]:
    for frame in frames:
        try:
            value = json.loads(frame.data)
        except (ValueError, RecursionError):
            continue
        if is_object(value):
            yield value


def _all_have_reasons(answer: Completion) -> bool:
    return all(choice.finish_reason is not None for choice in answer.choices)


def _openai_ended(frames: list[Frame], answer: Completion) -> bool:
    is_done = any(frame.data.strip() == b"[DONE]" for frame in frames)
    return is_done or _all_have_reasons(answer) or any(map(_is_whole, _objects(frames)))


def _responses_ended(frames: list[Frame], answer: Completion) -> bool:
    return _all_have_reasons(answer)


def _is_whole(payload: dict[str, Any]) -> bool:
    """Whether a choice comes with its message, as in a response that is no stream."""
    choices: Any = payload.get("choices")
    found: list[Any] = choices if is_array(choices) else []
    return any(is_object(choice) and choice.get("message") for choice in found)


def _anthropic_ended(frames: list[Frame], answer: Completion) -> bool:
    kinds = [value.get("type") for value in _objects(frames)]
    return _all_have_reasons(answer) or "message_stop" in kinds


def _bedrock_ended(frames: list[Frame], answer: Completion) -> bool:
    return _all_have_reasons(answer) or "metadata" in [frame.event for frame in frames]


def _cohere_ended(frames: list[Frame], answer: Completion) -> bool:
    return "message-end" in [value.get("type") for value in _objects(frames)]


def _gemini_ended(frames: list[Frame], answer: Completion) -> bool:
    return _all_have_reasons(answer)


def _ollama_ended(frames: list[Frame], answer: Completion) -> bool:
    return True in [value.get("done") for value in _objects(frames)]


def _replicate_ended(frames: list[Frame], answer: Completion) -> bool:
    return "done" in [frame.event for frame in frames] or b"STOP" in b"".join(
        frame.data for frame in frames
    )


# --- all of them --------------------------------------------------------------------------

_PREDICTION = {
    "id": "p1",
    "model": "acme/chat",
    "status": "starting",
    "created_at": "2026-01-01T00:00:00Z",
    "urls": {"stream": "https://stream.replicate.com/v1/p1"},
}
_SCHEMAS = ROOT / "plugins" / "llmgate-replicate" / "tests" / "schemas.json"
_KEY = "sk-fuzz"

VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor(
        OpenAI(api_key=_KEY, base_url="https://api.example/v1"),
        _openai_ended,
        (
            *("openai", "groq", "deepseek", "together", "openrouter", "xai", "vllm"),
            *("fireworks", "perplexity", "cerebras", "local_openai_compat", "other_openai_compat"),
        ),
    ),
    "responses": Vendor(
        OpenAI(api_key=_KEY, base_url="https://api.example/v1", api="responses"),
        _responses_ended,
        ("openai_responses",),
        ({}, {"response_format": {"type": "json_object"}}),
    ),
    "azure": Vendor(
        AzureOpenAI(api_key=_KEY, base_url="https://mine.openai.azure.com"),
        _openai_ended,
        ("azure_openai",),
    ),
    "anthropic": Vendor(
        Anthropic(api_key=_KEY, base_url="https://api.example"),
        _anthropic_ended,
        ("anthropic",),
        ({}, _EMULATED),
        model="claude-3-opus-20240229",  # which has schemas by a forced tool only
    ),
    "bedrock": Vendor(
        Bedrock(api_key=_KEY, region="us-east-1"),
        _bedrock_ended,
        ("bedrock",),
        ({}, _EMULATED, {"tools": _TOOLS}),
        model="us.amazon.nova-pro-v1:0",  # which has schemas by a forced tool only
        mend=with_checksums,
    ),
    "cohere": Vendor(
        Cohere(api_key=_KEY, base_url="https://api.example"),
        _cohere_ended,
        ("cohere",),
        ({"tools": _TOOLS},),
        model="command-a-03-2025",
    ),
    "huggingface": Vendor(
        HuggingFace(api_key=_KEY, base_url="https://api.example/v1"),
        _openai_ended,
        ("huggingface",),
    ),
    "mistral": Vendor(
        Mistral(api_key=_KEY, base_url="https://api.example/v1"), _openai_ended, ("mistral",)
    ),
    "gemini": Vendor(
        Gemini(api_key=_KEY, base_url="https://api.example"),
        _gemini_ended,
        ("gemini",),
        ({}, {"tools": _TOOLS}),
        model="gemini-3.5-flash",
    ),
    "ollama": Vendor(
        Ollama(base_url="http://ollama.example"),
        _ollama_ended,
        ("ollama",),
        ({"tools": _TOOLS},),
    ),
    "replicate": Vendor(
        Replicate(
            api_key=_KEY,
            poll_interval=0.001,
            schemas={"acme/chat": json.loads(_SCHEMAS.read_text(encoding="utf-8"))["openai"]},
        ),
        _replicate_ended,
        ("replicate",),
        ({}, {"tools": _TOOLS, "stop": "STOP"}),
        (HttpResponse(201, {}, json.dumps(_PREDICTION).encode()),),
        model="acme/chat",
    ),
}
