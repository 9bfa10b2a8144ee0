"""The items of one response while they come: texts, reasoning, calls; each event as a choice.

It numbers calls, finds what a stream has left out when an item ends, and keeps the host's own items
where chat's message does not represent them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import Fields, NativeContent, SideFields
from llmgate.report import Report
from llmgate.types import ChoiceDelta, ChunkChoice, FunctionDelta, ToolCallDelta
from llmgate_openai.request.messages import ITEMS
from llmgate_openai.responses.open_items import Item, OpenItems
from llmgate_openai.responses.parts import (
    annotation_of,
    is_plain_item,
    logprobs_of,
    text_of,
    texts_of_reasoning,
)

__all__ = ["Items"]

Event = dict[str, Any]
Choices = Iterable[ChunkChoice]


class Items:
    """All items of one response.

    Args:
        call_id: What missing ids are made from.
        provider: The key of the host's own items in ``provider_data``.
        report: The call's report.
        is_json: Whether the text is to be JSON, of which only the first message is then given.
        has_functions: Whether the first call is one in the legacy form.
    """

    def __init__(
        self, call_id: str, provider: str, report: Report, is_json: bool, has_functions: bool
    ) -> None:
        self.calls = 0
        self._call_id = call_id
        self._provider = provider
        self._report = report
        self._is_json = is_json
        self._has_functions = has_functions
        self._open = OpenItems()
        self._ended_ids = set[Any]()  # of items, by events of their own, each with its place
        self._native = NativeContent(is_plain_item)
        self._length = 0  # of the text so far
        self._has_thought = False
        self._answered = False  # with a text that is to be the only one

    # --- pieces ---

    def text(self, event: Event) -> str:
        """A piece of a message's text; empty where it is not to be given."""
        piece = event.get("delta")
        if type(piece) is not str:
            piece = text_of(piece, "delta")
        item = self._open.of(event)
        if not piece or item.is_silent:
            return ""
        part = event.get("content_index")
        if part not in item.starts:
            item.starts[part] = self._length
        self._length += len(piece)
        return piece

    def refusal(self, event: Event) -> Choices:
        """A piece of a refusal."""
        piece, item = self._piece(event)
        item.has_refused = True
        return (ChunkChoice(ChoiceDelta(refusal=piece)),) if piece else ()

    def thought(self, event: Event) -> Choices:
        """A piece of reasoning, or of its summary; of an item that has both, the first counts."""
        piece, item = self._piece(event)
        kind = event["type"]
        part = event.get("summary_index", event.get("content_index"))
        if not piece or item.thought not in ("", kind):
            return ()
        item.thought = kind
        if part not in item.thoughts:
            item.thoughts.add(part)
            piece = self._separated(piece)
        return (ChunkChoice(ChoiceDelta(reasoning_content=piece)),)

    def arguments(self, event: Event) -> Choices:
        """A piece of a call's arguments, or of a custom tool's input."""
        piece, item = self._piece(event)
        if not piece or item.call is None:  # of a call that is given when it ends
            return ()
        item.pieces.append(piece)
        return (self._arguments(item, item.call, piece),)

    def annotation(self, event: Event) -> Choices:
        """A citation in a text."""
        item = self._open.of(event)
        item.annotations += 1
        start = item.starts.get(event.get("content_index"), self._length)
        made = annotation_of(event.get("annotation"), start)
        return () if made is None else (ChunkChoice(ChoiceDelta(annotations=[made])),)

    def _piece(self, event: Event) -> tuple[str, Item]:
        return text_of(event.get("delta"), "delta"), self._open.of(event)

    def _separated(self, thought: str) -> str:
        """A part of the reasoning, apart from those before it."""
        before, self._has_thought = self._has_thought, True
        return f"\n\n{thought}" if before else thought

    # --- beginnings and ends ---

    def begin(self, event: Event) -> Choices:
        """An item that begins."""
        given = Fields(event).object("item").payload
        return self._begun(self._open.begun(event), given)

    def _begun(self, item: Item, given: Event) -> Choices:
        if item.has_begun:
            return ()
        item.has_begun = True
        match given.get("type"):
            case "message" if self._is_json:
                item.is_silent = self._answered or given.get("phase") == "commentary"
                if self._answered:
                    reason = "it has several texts where JSON was asked for: the first is given"
                    self._report.add("converted", "response", reason)
                self._answered |= not item.is_silent
            case "function_call" | "custom_tool_call":
                return (self._begin_call(item, given),)
            case _:
                pass
        return ()

    def end(self, event: Event) -> Choices:
        """An item that ends, and what of it no event has brought yet."""
        given = Fields(event).object("item").payload
        found = self._open.find(event)
        own = given.get("id") or given.get("call_id")
        name = (event.get("output_index"), own if isinstance(own, str) else None)
        if found is None and name[1] is not None and name in self._ended_ids:
            return ()  # some hosts say it twice
        self._ended_ids.add(name)
        return self._ended(found, event, given)

    def _ended(self, item: Item | None, event: Event, given: Event) -> Choices:
        choices: list[ChunkChoice] = []
        if item is None:
            item = self._open.begun(event)
            choices += self._begun(item, given)
        self._open.close(item)
        match given.get("type"):
            case "message":
                choices += self._end_message(item, given)
            case "reasoning" if not item.thoughts:
                texts = texts_of_reasoning(given)
                choices += [_thought(self._separated(text)) for text in texts]
            case "function_call" | "custom_tool_call":
                choices += self._end_call(item, given)
            case _:
                pass
        kept = self._native.add(given)
        if kept:
            data = {self._provider: {ITEMS: kept}}
            choices.append(ChunkChoice(ChoiceDelta(provider_data=data)))
        return choices

    def rest(self, output: list[Any]) -> Choices:
        """What the items of the whole response have that no event has brought: those that have not
        ended, and all where none has."""
        is_told = bool(self._ended_ids)
        choices: list[ChunkChoice] = []
        for index, item in enumerate(output):
            found = self._open.find_whole(index, item, by_kind=not is_told)
            if found is not None or not is_told:
                event = {"output_index": index, "item": item}
                choices += self._ended(found, event, Fields(event).object("item").payload)
        return choices

    def _end_message(self, item: Item, given: Event) -> list[ChunkChoice]:
        if item.is_silent:
            return []
        content = given.get("content")
        parts: list[Any] = content if is_array(content) else [{"text": content}]
        start = min(item.starts.values(), default=self._length)
        choices, is_told, annotations = list[ChunkChoice](), bool(item.starts), list[Any]()
        for part in filter(is_object, parts):
            side = SideFields(part, self._report, "content")
            refusal = text_of(part.get("refusal"), "refusal")
            if refusal and not item.has_refused:
                choices.append(ChunkChoice(ChoiceDelta(refusal=refusal)))
            text = text_of(part.get("text"), "text")
            if text and not is_told:
                self._length += len(text)
                logprobs = logprobs_of(side.array("logprobs"))
                choices.append(ChunkChoice(ChoiceDelta(content=text), logprobs=logprobs))
            cited = side.array("annotations")
            annotations += [annotation_of(each, start) for each in cited]
            start += len(text)
        rest = [each for each in annotations[item.annotations :] if each is not None]
        if rest:
            choices.append(ChunkChoice(ChoiceDelta(annotations=rest)))
        return choices

    # --- calls ---

    def _begin_call(self, item: Item, given: Event) -> ChunkChoice:
        number, self.calls = self.calls, self.calls + 1
        item.call, item.is_custom = number, given["type"] == "custom_tool_call"
        name = Fields(given, "the call").text("name")
        if self._is_legacy(item):
            return ChunkChoice(ChoiceDelta(function_call=FunctionDelta(name, "")))
        side = SideFields(given, self._report, "output")
        identifier = side.text("call_id") or side.text("id") or f"call_{self._call_id}_{number}"
        if item.is_custom:
            custom = {"name": name, "input": ""}
            begun = ToolCallDelta(number, identifier, custom=custom, type="custom")
        else:
            begun = ToolCallDelta(number, identifier, FunctionDelta(name, ""), type="function")
        return ChunkChoice(ChoiceDelta(tool_calls=[begun]))

    def _end_call(self, item: Item, given: Event) -> list[ChunkChoice]:
        choices = list[ChunkChoice]()
        if item.call is None:
            choices.append(self._begin_call(item, given))
        received = "".join(item.pieces)
        key = "input" if item.is_custom else "arguments"
        whole = text_of(given.get(key), key)
        if len(whole) > len(received) and whole.startswith(received):
            choices.append(self._arguments(item, item.call or 0, whole[len(received) :]))
        return choices

    def _arguments(self, item: Item, number: int, piece: str) -> ChunkChoice:
        if self._is_legacy(item):
            return ChunkChoice(ChoiceDelta(function_call=FunctionDelta(None, piece)))
        if item.is_custom:
            fragment = ToolCallDelta(number, custom={"input": piece})
        else:
            fragment = ToolCallDelta(number, function=FunctionDelta(None, piece))
        return ChunkChoice(ChoiceDelta(tool_calls=[fragment]))

    def _is_legacy(self, item: Item) -> bool:
        return self._has_functions and item.call == 0 and not item.is_custom


def _thought(text: str) -> ChunkChoice:
    return ChunkChoice(ChoiceDelta(reasoning_content=text))
