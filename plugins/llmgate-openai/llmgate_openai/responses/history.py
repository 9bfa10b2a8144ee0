"""Items of an earlier response as they go back: with their reasoning, in their order, without ids.

A response's reasoning is encrypted, and understood only before the item that it led to. What the
caller has changed since takes the item's place, and the reasoning before it is left out.
Source: https://platform.openai.com/docs/guides/reasoning (encrypted reasoning items)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate_openai.responses.dialect import ResponsesDialect

__all__ = ["CALLS", "replayed_items", "said_in"]

CALLS = ("function_call", "custom_tool_call")
"""The types of items that call a tool of the caller's."""

Item = Mapping[str, Any]


def replayed_items(
    native: list[Any],
    plain: list[dict[str, Any]],
    path: str,
    call: ProviderCall,
    dialect: ResponsesDialect,
) -> tuple[list[dict[str, Any]], bool]:
    """The items to send for a response, and whether its reasoning is among them.

    Args:
        native: The items as they came.
        plain: What the message says, as items. Where the message was not changed, the native items
            say the same, and more.
        path: The message's path.
        call: The call, in whose report it is recorded what is left out.
        dialect: What the host takes back.
    """
    replay = _Replay([item for item in native if is_object(item)], plain, path, call, dialect)
    return replay.items(), replay.has_reasoning


class _Replay:
    """One response on its way back."""

    def __init__(
        self,
        native: list[dict[str, Any]],
        plain: list[dict[str, Any]],
        path: str,
        call: ProviderCall,
        dialect: ResponsesDialect,
    ) -> None:
        self.has_reasoning = False
        self._native = native
        self._path = f"{path}.provider_data"
        self._call = call
        self._dialect = dialect
        self._calls = {each["call_id"]: each for each in plain if "call_id" in each}
        self._spoken = [each for each in plain if "call_id" not in each]
        self._is_said = _is_said_by(self._spoken, native)
        self._reasoning: list[dict[str, Any]] = []
        self._sent: list[dict[str, Any]] = []

    def items(self) -> list[dict[str, Any]]:
        """All items, with what the message says beyond them."""
        for item in self._native:
            kind = item.get("type")
            if kind == "reasoning":
                self._reasoning.append(item)
            elif kind == "message":
                self._add_message(item)
            elif kind in CALLS:
                self._add_call(item)
            else:
                self._drop_reasoning()
                reason = "the item of a hosted tool is known only where it is stored"
                self._call.report.add("dropped", f"{self._path}.{kind}", reason)
        self._drop_reasoning()
        if self._sent:
            reason = "sent without ids and states, as nothing is stored"
            self._call.report.add("converted", self._path, reason)
        return [*self._sent, *self._spoken, *self._calls.values()]

    def _add_message(self, item: Item) -> None:
        """A message, or in the place of the first one what the caller has made of them all."""
        if not self._is_said:
            self._drop_reasoning()
            self._sent += self._spoken
        elif any(said_in([item])):
            self._add_with_reasoning(item)
        self._spoken = []

    def _add_call(self, item: Item) -> None:
        given = self._calls.pop(str(item.get("call_id")), None)
        if given is not None and _calls_same(given, item):
            self._add_with_reasoning(item)
            return
        self._drop_reasoning()
        if given is not None:
            self._sent.append(given)

    def _add_with_reasoning(self, item: Item) -> None:
        understood = [each for each in self._reasoning if self._is_understood(each)]
        self.has_reasoning |= bool(understood)
        self._sent += [_without_state(each) for each in (*understood, item)]
        self._reasoning = []

    def _is_understood(self, reasoning: Item) -> bool:
        is_open = self._dialect.open_reasoning and bool(reasoning.get("content"))
        return is_open or bool(reasoning.get("encrypted_content"))

    def _drop_reasoning(self) -> None:
        if self._reasoning:
            reason = "reasoning goes back only before the item that it led to"
            self._call.report.add("dropped", f"{self._path}.reasoning", reason)
        self._reasoning = []


def _without_state(item: Item) -> dict[str, Any]:
    """An item without what is looked up on the host, where nothing is stored."""
    return {key: value for key, value in item.items() if key not in ("id", "status")}


def _calls_same(given: Item, item: Item) -> bool:
    """Whether a call is as it came; no text for its arguments stands for none."""
    came = {**item, "arguments": item.get("arguments") or "{}"} if "arguments" in given else item
    return all(came.get(key) == value for key, value in given.items())


def _is_said_by(spoken: list[dict[str, Any]], native: list[dict[str, Any]]) -> bool:
    """Whether the messages say what they said: all together, or, where each was to be a whole JSON
    value, the first one that answers."""
    messages = [item for item in native if item.get("type") == "message"]
    answers = [item for item in messages if item.get("phase") != "commentary"]
    return said_in(spoken) in (said_in(messages), said_in(answers[:1]))


def said_in(messages: Iterable[Item]) -> tuple[str, str]:
    """The text of messages, and their refusal."""
    texts = {"text": "", "refusal": ""}
    for message in messages:
        content = message.get("content")
        parts: list[Any] = content if is_array(content) else [{"text": content}]
        for part in filter(is_object, parts):
            for key, text in texts.items():
                piece = part.get(key)
                texts[key] = text + piece if isinstance(piece, str) else text
    return texts["text"], texts["refusal"]
