"""pydantic-ai: one request to a model, with no agent around it."""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)

from benchmarks.drivers import KEY, Reading, Task

__all__ = ["Client"]


class Client:
    """One model; the conversation is built for each call, as the others encode theirs."""

    def __init__(self, task: Task) -> None:
        self._model = _openai(task) if task.dialect == "openai" else _anthropic(task)
        self._messages = task.messages

    async def call(self) -> str:
        """One call."""
        part = (await model_request(self._model, self._conversation())).parts[0]
        return part.content if part.part_kind == "text" else part.args

    async def stream(self) -> Reading:
        """One stream."""
        count, first, parts = 0, 0.0, []
        async with model_request_stream(self._model, self._conversation()) as stream:
            async for event in stream:
                count += 1
                if count == 1:
                    first = perf_counter()
                if isinstance(event, PartDeltaEvent):
                    delta = event.delta
                    is_text = delta.part_delta_kind == "text"
                    parts.append(delta.content_delta if is_text else delta.args_delta)
                elif isinstance(event, PartStartEvent):
                    part = event.part
                    parts.append((part.content if part.part_kind == "text" else part.args) or "")
        return Reading(count, "".join(parts), first)

    async def close(self) -> None:
        """Its connections end with the process."""

    def _conversation(self) -> list[ModelRequest | ModelResponse]:
        system, *turns = self._messages
        said = [ModelRequest(parts=[SystemPromptPart(content=system["content"])])]
        for turn in turns:
            if turn["role"] == "user":
                said.append(ModelRequest(parts=[UserPromptPart(content=turn["content"])]))
            else:
                said.append(ModelResponse(parts=[TextPart(content=turn["content"])]))
        return said


def _openai(task: Task) -> Any:
    models = import_module("pydantic_ai.models.openai")
    providers = import_module("pydantic_ai.providers.openai")
    provider = providers.OpenAIProvider(base_url=f"{task.url}/v1", api_key=KEY)
    return models.OpenAIChatModel(task.model, provider=provider)


def _anthropic(task: Task) -> Any:
    models = import_module("pydantic_ai.models.anthropic")
    providers = import_module("pydantic_ai.providers.anthropic")
    provider = providers.AnthropicProvider(base_url=task.url, api_key=KEY)
    return models.AnthropicModel(task.model, provider=provider, settings=task.limits)
