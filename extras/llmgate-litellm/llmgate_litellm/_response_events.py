"""The events of a streamed response, made of the chunks of a chat: items that begin, grow and end.

Items follow each other: one that begins ends the one before it.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_litellm.types.utils import OpenAIObject

__all__ = ["ResponseEvents", "call_item", "message_item", "reasoning_item"]


def reasoning_item(ident: str, text: str) -> Any:
    """What the model thought."""
    summary = [OpenAIObject(type="summary_text", text=text)]
    return OpenAIObject(type="reasoning", id=f"rs_{ident}", summary=summary)


def message_item(ident: str, text: str) -> Any:
    """What it said."""
    part = OpenAIObject(type="output_text", text=text, annotations=[])
    return OpenAIObject(
        type="message", id=f"msg_{ident}", role="assistant", status="completed", content=[part]
    )


def call_item(call_id: str, name: str, arguments: str) -> Any:
    """A function that it called."""
    return OpenAIObject(
        type="function_call",
        id=f"fc_{call_id}",
        call_id=call_id,
        name=name,
        arguments=arguments,
        status="completed",
    )


class _Item:
    """An item that is coming."""

    def __init__(self, key: Any, index: int, begun: Any) -> None:
        self.key = key
        self.place = {"output_index": index, "item_id": begun["id"]}
        self.begun = begun
        self.pieces: list[str] = []


class ResponseEvents:
    """Makes the events of one response.

    ``output`` are the items that have ended.
    """

    def __init__(self) -> None:
        self.output: list[OpenAIObject] = []
        self._ident = ""
        self._number = 0
        self._open: Any = None  # an _Item

    def take(self, chunk: Any) -> Iterator[OpenAIObject]:
        """The events of a chunk."""
        if not self._number:
            self._ident = chunk.id
            begun = self._response(chunk)
            yield self._event("created", response=begun)
            yield self._event("in_progress", response=begun)
        for choice in chunk.choices[:1]:
            yield from self._delta(choice.delta)

    def end(self, response: Any) -> Iterator[OpenAIObject]:
        """The last events: that of the item which is still open, and the whole response."""
        yield from self._close()
        response.output = self.output
        yield self._event(response.status, response=response)

    def _delta(self, delta: Any) -> Iterator[OpenAIObject]:
        thought = getattr(delta, "reasoning_content", None)
        if thought:
            yield from self._begin("reasoning", reasoning_item(self._ident, ""))
            yield self._piece("reasoning_summary_text.delta", thought, summary_index=0)
        if delta.content:
            yield from self._begin("message", message_item(self._ident, ""))
            yield self._piece("output_text.delta", delta.content, content_index=0, logprobs=[])
        for call in delta.tool_calls or ():
            if self._open is None or self._open.key != call.index:
                item = call_item(call.id, call.function.name, "")
                yield from self._begin(call.index, item)
            if call.function.arguments:
                yield self._piece("function_call_arguments.delta", call.function.arguments)

    def _begin(self, key: Any, item: Any) -> Iterator[OpenAIObject]:
        if self._open is not None and self._open.key == key:
            return
        yield from self._close()
        self._open = opened = _Item(key, len(self.output), item)
        begun = item.model_copy(update={"status": "in_progress"})
        if key == "message":
            begun.content = []
        yield self._event("output_item.added", output_index=len(self.output), item=begun)
        if key == "message":
            part = item.content[0]
            yield self._event("content_part.added", **opened.place, content_index=0, part=part)
        elif key == "reasoning":
            part = item.summary[0]
            place = {**opened.place, "summary_index": 0}
            yield self._event("reasoning_summary_part.added", **place, part=part)

    def _piece(self, kind: str, piece: str, **fields: Any) -> OpenAIObject:
        self._open.pieces.append(piece)
        return self._event(kind, **self._open.place, delta=piece, **fields)

    def _close(self) -> Iterator[OpenAIObject]:
        """The events that end the open item, with what it has become."""
        item, self._open = self._open, None
        if item is None:
            return
        whole: Any
        text, place = "".join(item.pieces), item.place
        if item.key == "message":
            whole = message_item(self._ident, text)
            place = {**place, "content_index": 0}
            yield self._event("output_text.done", **place, text=text, logprobs=[])
            yield self._event("content_part.done", **place, part=whole.content[0])
        elif item.key == "reasoning":
            whole = reasoning_item(self._ident, text)
            place = {**place, "summary_index": 0}
            yield self._event("reasoning_summary_text.done", **place, text=text)
            yield self._event("reasoning_summary_part.done", **place, part=whole.summary[0])
        else:
            whole = item.begun.model_copy(update={"arguments": text or "{}"})
            yield self._event("function_call_arguments.done", **place, arguments=whole.arguments)
        yield self._event("output_item.done", output_index=item.place["output_index"], item=whole)
        self.output.append(whole)

    def _event(self, kind: str, **fields: Any) -> OpenAIObject:
        number, self._number = self._number, self._number + 1
        return OpenAIObject(type=f"response.{kind}", sequence_number=number, **fields)

    def _response(self, chunk: Any) -> OpenAIObject:
        """The response while nothing of it has come."""
        about: Mapping[str, Any] = {"id": response_id(chunk.id), "model": chunk.model}
        created = chunk.created or int(time.time())
        return OpenAIObject(
            **about, object="response", created_at=created, status="in_progress", output=[]
        )


def response_id(ident: str) -> str:
    """The id of a response, for that of a chat."""
    return ident.replace("chatcmpl-", "resp_")
