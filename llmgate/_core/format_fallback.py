"""Schemas for models without native support: by a forced tool, or by instructions in the prompt.

It changes a call and its result, and sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from llmgate._core.abilities import abilities_of
from llmgate._core.views import ProviderView
from llmgate.provider import Support
from llmgate.provider.emulation import with_instructions
from llmgate.types import Choice, Chunk, ChunkChoice, Completion

if TYPE_CHECKING:
    from llmgate._core.abilities import Abilities
    from llmgate.options import ChatCall, ChatParameters
    from llmgate.provider import Provider, ProviderCall

_FORMAT = "response_format"
_OF_TOOLS = frozenset({"tools", "functions", "function_call"})


def fallback_view(provider: Provider, model: str, call: ChatCall) -> Provider:
    """The provider, if its model takes schemas; otherwise a view of it that emulates them."""
    abilities = abilities_of(provider, model, call.parameters)
    if abilities is None or _is_supported(abilities, _FORMAT, Support.EMULATED):
        return provider
    forces = (
        call.parameters.keys().isdisjoint(_OF_TOOLS)
        and _is_supported(abilities, "tools")
        and _is_supported(abilities, "tool_choice")
    )
    return cast("Provider", _View(provider, forces=forces))


def _is_supported(abilities: Abilities, name: str, *others: Support) -> bool:
    return (abilities or {}).get(name) in (Support.NATIVE, Support.TRANSLATED, *others)


class _View(ProviderView):
    def __init__(self, provider: Provider, *, forces: bool) -> None:
        if forces:
            super().__init__(provider, _completion_as_text, lambda: _chunk_as_text)
        else:  # calls are of the caller's own tools, and stay as they are
            super().__init__(provider, _unchanged, lambda: _unchanged)
        self._forces = forces

    def abilities(self, model: str, parameters: ChatParameters) -> Mapping[str, Any]:
        """The provider's abilities, extended by schemas."""
        own = self.__wrapped__.abilities(model, parameters) or {}
        return {**own, _FORMAT: Support.EMULATED}

    def fitted(self, call: ProviderCall) -> ProviderCall:
        """The call with the schema as a forced tool, or described in the prompt."""
        parameters = cast("dict[str, Any]", {**call.parameters})
        given = parameters.pop(_FORMAT)["json_schema"]
        if self._forces:
            tool = {"name": given["name"], "description": _DESCRIPTION}
            function = {**tool, "parameters": given["schema"]}
            parameters["tools"] = [{"type": "function", "function": function}]
            parameters["tool_choice"] = {"type": "function", "function": {"name": given["name"]}}
            reason = "the text is the arguments of a tool that the model is made to call"
            call.report.add("emulated", _FORMAT, reason, sent=given["name"])
            return replace(call, parameters=cast("ChatParameters", parameters))
        words = _IN_WORDS.format(json.dumps(given["schema"], ensure_ascii=False))
        reason = "asked for in the system message, which does not enforce it"
        call.report.add("emulated", _FORMAT, reason, sent=words)
        messages = with_instructions(call.messages, words)
        return replace(call, messages=messages, parameters=cast("ChatParameters", parameters))


_DESCRIPTION = "Gives the whole response."
_IN_WORDS = "Answer with nothing but JSON that fits this JSON schema:\n{}"


def _unchanged(value: Any) -> Any:
    return value


def _completion_as_text(completion: Completion) -> Completion:
    return replace(completion, choices=[*map(_as_text, completion.choices)])


def _as_text(choice: Choice) -> Choice:
    """The choice, with its tool call's arguments as its text."""
    texts = [each.function.arguments for each in choice.message.tool_calls or [] if each.function]
    if not texts:
        return choice
    message = replace(choice.message, content=texts[0], tool_calls=None)
    return replace(choice, message=message, finish_reason=_reason(choice))


def _reason(choice: Choice | ChunkChoice) -> Any:
    return "stop" if choice.finish_reason == "tool_calls" else choice.finish_reason


def _chunk_as_text(chunk: Chunk) -> Chunk:
    return replace(chunk, choices=[*map(_delta_as_text, chunk.choices)])


def _delta_as_text(choice: ChunkChoice) -> ChunkChoice:
    delta = choice.delta
    if delta.tool_calls:
        first = (call.function for call in delta.tool_calls if call.index == 0)
        text = "".join(each.arguments or "" for each in first if each is not None)
        delta = replace(delta, content=text or delta.content, tool_calls=None)
    return replace(choice, delta=delta, finish_reason=_reason(choice))
