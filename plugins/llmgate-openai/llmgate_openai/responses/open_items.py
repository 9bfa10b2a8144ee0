"""Which item of a response an event is about, however little a host says of that. It reads no text.

OpenAI gives the place of the item, others its id alone (llama.cpp), or neither.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from typing import Any

from llmgate.provider.http import is_object

__all__ = ["Item", "OpenItems"]

Event = dict[str, Any]


class Item:
    """What has come of one item."""

    __slots__ = (
        "annotations",
        "call",
        "has_begun",
        "has_refused",
        "index",
        "is_custom",
        "is_silent",
        "kind",
        "names",
        "pieces",
        "starts",
        "thought",
        "thoughts",
    )

    def __init__(self, kind: Any, index: Any) -> None:
        self.kind = kind
        self.index = index
        self.names: list[Any] = []
        self.has_begun = False  # by an event that says so
        self.call: int | None = None
        self.is_custom = False
        self.is_silent = False  # its text is not given
        self.has_refused = False
        self.annotations = 0
        self.pieces: list[str] = []  # of a call's arguments
        self.starts: dict[Any, int] = {}  # where the parts of a text begin in the whole, by index
        self.thought = ""  # the kind of the pieces of reasoning that came first
        self.thoughts = set[Any]()  # the indexes of its parts

    def has_none_of(self, names: list[Any]) -> bool:
        """Whether it has none of these names."""
        return not any(name in self.names for name in names)


class OpenItems:
    """The items that have begun and not ended.

    An item is known by its place, by its id, or by the id of its call. An event without any of them
    is about the last item of its kind; what such events began is the next item of that kind that
    ends.
    """

    def __init__(self) -> None:
        self._named: dict[Any, Item] = {}
        self._all: list[Item] = []

    def of(self, event: Event) -> Item:
        """The item of an event; some hosts do not say that it begins."""
        item = self._named.get(event.get("output_index"))
        return item or self.find(event) or self._added(event)

    def begun(self, event: Event) -> Item:
        """The item that an event begins, or has begun already, if it has the same id."""
        found = self.find(event) if _names_in(event) else None
        if found is None or (found.has_begun and found.has_none_of(_ids_in(event))):
            return self._added(event)
        self._name(found, event)
        return found

    def find(self, event: Event) -> Item | None:
        """The open item of an event, if there is one."""
        index, names = event.get("output_index"), _names_in(event)
        for name in names:
            found = self._named.get(name)
            if found is not None and (index is None or found.index in (None, index)):
                return found
        return self._last(_kind_of(event), unnamed=bool(names))

    def find_whole(self, index: int, item: Any, *, by_kind: bool) -> Item | None:
        """The open item that stands at a place of the whole response, if there is one.

        Args:
            index: The place, which may be another than that in the events.
            item: The item.
            by_kind: Whether it can be any of its kind, as none has ended yet.
        """
        event, placed = {"item": item}, self._named.get(index)
        kind = _kind_of(event)
        for name in _ids_in(event):
            if name in self._named:
                return self._named[name]
        if placed is not None and placed.kind == kind:
            return placed
        of_kind = [each for each in self._all if each.kind == kind]
        return next((each for each in of_kind if by_kind or not each.names), None)

    def close(self, item: Item) -> None:
        """An item has ended."""
        self._all.remove(item)
        for name in item.names:
            if self._named.get(name) is item:
                del self._named[name]

    def _last(self, kind: Any, *, unnamed: bool) -> Item | None:
        for item in reversed(self._all):
            if item.kind == kind and not (unnamed and item.names):
                return item
        return None

    def _added(self, event: Event) -> Item:
        item = Item(_kind_of(event), event.get("output_index"))
        self._all.append(item)
        self._name(item, event)
        return item

    def _name(self, item: Item, event: Event) -> None:
        if item.index is None:
            item.index = event.get("output_index")
        for name in _names_in(event):
            if name not in item.names:
                item.names.append(name)
            self._named[name] = item


def _names_in(event: Event) -> list[Any]:
    index, ids = event.get("output_index"), _ids_in(event)
    return ids if index is None else [*ids, index]


def _ids_in(event: Event) -> list[Any]:
    item = event.get("item")
    own = (item.get("id"), item.get("call_id")) if is_object(item) else ()
    return [name for name in (event.get("item_id"), *own) if name and isinstance(name, str)]


def _kind_of(event: Event) -> Any:
    item = event.get("item")
    return item.get("type") if is_object(item) else _KINDS.get(event.get("type", ""))


_KINDS = {
    "response.output_text.delta": "message",
    "response.output_text.annotation.added": "message",
    "response.refusal.delta": "message",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.function_call_arguments.delta": "function_call",
    "response.custom_tool_call_input.delta": "custom_tool_call",
}
"""The items that pieces are of."""
