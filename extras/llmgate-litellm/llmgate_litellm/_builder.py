"""One response out of the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate_litellm.types.utils import (
    Choices,
    Message,
    ModelResponse,
    ModelResponseStream,
    Usage,
)

__all__ = ["stream_chunk_builder"]


class _Choice:
    """The parts of one choice, as they came."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.calls: dict[int, dict[str, Any]] = {}
        self.fields: dict[str, Any] = {}
        self.finish_reason: str | None = None

    def add(self, choice: Any) -> None:
        """Add what a chunk adds."""
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta
        for name in ("content", "reasoning_content", "refusal"):
            text = getattr(delta, name, None)
            if isinstance(text, str):
                self.texts.setdefault(name, []).append(text)
        for call in delta.tool_calls or ():
            self._add_call(call)
        native = getattr(delta, "provider_specific_fields", None)
        if native:
            self.fields["provider_specific_fields"] = _merged(
                self.fields.get("provider_specific_fields"), native
            )
        for name in ("annotations", "audio", "images", "thinking_blocks"):
            value = getattr(delta, name, None)
            if value:
                self.fields[name] = _merged(self.fields.get(name), value)

    def _add_call(self, call: Any) -> None:
        whole = self.calls.setdefault(
            call.index, {"id": None, "type": "function", "name": "", "arguments": []}
        )
        whole["id"] = whole["id"] or call.id
        whole["name"] = whole["name"] or call.function.name or ""
        whole["arguments"].append(call.function.arguments or "")

    def message(self) -> Message:
        """The message they make."""
        texts = {name: "".join(parts) for name, parts in self.texts.items()}
        calls = [
            {
                "id": call["id"],
                "type": call["type"],
                "function": {"name": call["name"], "arguments": "".join(call["arguments"])},
            }
            for _, call in sorted(self.calls.items())
        ]
        content = texts.pop("content", None)
        return Message(
            content=content if content or not calls else None,
            tool_calls=calls or None,
            **texts,
            **self.fields,
        )


def _merged(before: Any, value: Any) -> Any:
    """Lists grow, objects merge, texts of equal keys are joined; anything else is replaced."""
    if is_array(before) and is_array(value):
        return [*before, *value]
    if is_object(before) and is_object(value):
        return {**before, **{key: _merged(before.get(key), each) for key, each in value.items()}}
    return value


def stream_chunk_builder(
    chunks: Iterable[ModelResponseStream | dict[str, Any]], messages: Any = None, **_: Any
) -> ModelResponse | None:
    """The whole response that these chunks are the pieces of; None where there are none."""
    made = [ModelResponseStream(**chunk) if isinstance(chunk, dict) else chunk for chunk in chunks]
    if not made:
        return None
    choices: dict[int, _Choice] = {}
    usage: Usage | None = None
    for chunk in made:
        usage = getattr(chunk, "usage", None) or usage
        for choice in chunk.choices:
            choices.setdefault(choice.index, _Choice()).add(choice)
    first = made[0]
    return ModelResponse(
        id=first.id,
        created=first.created,
        model=first.model,
        choices=[
            Choices(finish_reason=parts.finish_reason, index=index, message=parts.message())
            for index, parts in sorted(choices.items())
        ],
        usage=usage if usage is not None else _estimated(messages, choices),
    )


def _estimated(messages: Any, choices: dict[int, _Choice]) -> Usage:
    """A count of our own, where the provider gave none."""
    from llmgate_litellm._tokens import token_counter  # noqa: PLC0415 - seldom

    text = "".join("".join(each.texts.get("content", ())) for each in choices.values())
    prompt = token_counter(messages=messages) if messages else 0
    return Usage(prompt_tokens=prompt, completion_tokens=token_counter(text=text) if text else 0)
