"""Runs the tool calls of a completion: looked up, checked, and run concurrently.

It makes no calls to a model; ``tool_rounds`` does.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from llmgate._describe import describe_error
from llmgate._text.json import is_object, parse_arguments
from llmgate._text.repair import repaired_object
from llmgate.errors import DeadlineExceededError, DecodeError, InvalidRequestError
from llmgate.media import LocalFile
from llmgate.tools import AnyTool, check_names

if TYPE_CHECKING:
    from llmgate.types import ToolCall

Content: TypeAlias = "str | list[Any]"
"""The content of a message with the role ``tool``: a string, or parts."""


@dataclass(slots=True)
class ToolCalled:
    """A tool was run: its name and arguments, the result for the model, and the seconds.

    ``result`` is a string, or a list of parts (texts, images, files). ``repaired`` says that the
    model's arguments were not valid JSON, and were read as what it evidently meant.
    """

    name: str
    arguments: dict[str, Any]
    result: Content
    seconds: float
    call_id: str = ""
    repaired: bool = False


@dataclass(slots=True)
class ToolFailed:
    """A tool call failed; ``result`` is the text that the model receives."""

    name: str
    arguments: str
    result: str
    seconds: float
    call_id: str = ""


class ToolCaller:
    """Tools by name, with the settings that their calls share."""

    def __init__(self, tools: Iterable[AnyTool], *, timeout: float | None, context: Any) -> None:
        """``timeout`` is for tools without one of their own.

        Raises:
            InvalidRequestError: when two tools have the same name, or when a tool cannot be
                described, or needs a context and there is none.
        """
        self._timeout, self._context = timeout, context
        given = [*tools]
        check_names(given)
        self._tools = {tool.name: tool for tool in given}
        for tool in given:
            if tool.context_names and context is None:
                reason = f"the tool {tool.name!r} needs a context: pass context=…"
                raise InvalidRequestError(reason, path="context")
        self.definitions = [tool.definition for tool in given]

    async def call_all(
        self, calls: Sequence[ToolCall], seconds: float | None
    ) -> list[ToolCalled | ToolFailed]:
        """Run the calls concurrently; the outcomes are in the order of the calls.

        Raises:
            DeadlineExceededError: when that takes longer than ``seconds``.
        """
        import anyio  # noqa: PLC0415 - not paid for by importing

        outcomes: list[ToolCalled | ToolFailed | None] = [None] * len(calls)

        async def one(index: int) -> None:
            outcomes[index] = await self._call(calls[index])

        with anyio.move_on_after(seconds) as limit:
            async with anyio.create_task_group() as group:
                for index in range(len(calls)):
                    group.start_soon(one, index)
        if limit.cancelled_caught:
            raise DeadlineExceededError("the time limit of the tool loop passed while tools ran")
        return cast("list[ToolCalled | ToolFailed]", outcomes)

    async def _call(self, call: ToolCall) -> ToolCalled | ToolFailed:
        """Run one call."""
        import anyio  # noqa: PLC0415 - as above

        began = time.monotonic()
        name = call.function.name if call.function is not None else call.type
        text = call.function.arguments if call.function is not None else ""
        tool = self._tools.get(name)
        if tool is None:
            failure = f"there is no tool {name!r}; there are: {', '.join(self._tools)}"
            return ToolFailed(name, text, f"Error: {failure}", 0.0, call.id)
        timeout = self._timeout if tool.timeout is None else tool.timeout
        failure = f"the tool took longer than {timeout} seconds"
        try:
            with anyio.move_on_after(timeout):
                arguments, is_repaired = _arguments(text)
                content = as_content(await tool.run(arguments, self._context))
                seconds = time.monotonic() - began
                return ToolCalled(name, arguments, content, seconds, call.id, is_repaired)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            failure = "the tool was cancelled"  # by something that it waited for
        except Exception as error:  # noqa: BLE001 - a third-party function may raise anything
            failure = describe_error(error)
        return ToolFailed(name, text, f"Error: {failure}", time.monotonic() - began, call.id)


def _arguments(text: str) -> tuple[dict[str, Any], bool]:
    """The arguments, and whether they had to be repaired.

    Raises:
        DecodeError: when they are not a JSON object, and cannot be repaired.
    """
    try:
        return parse_arguments(text), False
    except DecodeError:
        repaired = repaired_object(text)
        if repaired is None:
            raise
    return repaired, True


def as_content(result: Any) -> Content:
    """A result as the model reads it: text and parts unchanged, any other value as JSON."""
    if isinstance(result, str):
        return _as_unicode(result)
    if _is_part(result):
        return [result]
    if isinstance(result, list | tuple) and any(map(_is_part, cast("Any", result))):
        items = cast("Sequence[Any]", result)
        return [item if _is_part(item) else _text_part(item) for item in items]
    return _as_text(result)


def _text_part(item: Any) -> dict[str, Any]:
    return {"type": "text", "text": _as_unicode(item) if isinstance(item, str) else _as_text(item)}


def _is_part(value: Any) -> bool:
    """Whether a value is a content part of a message: text, image, file or audio."""
    if isinstance(value, LocalFile):
        return True
    kind = value.get("type") if is_object(value) else None
    return isinstance(kind, str) and kind in _PARTS and kind in value


_PARTS = frozenset({"text", "image_url", "file", "input_audio"})


def _as_unicode(text: str) -> str:
    """A text with escapes in place of lone surrogates, as in names of files that are no UTF-8: no
    request can hold them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _as_text(result: Any) -> str:
    try:
        return _as_unicode(json.dumps(result, ensure_ascii=False))
    except (TypeError, ValueError):
        from pydantic_core import to_json  # noqa: PLC0415 - for dates, models, dataclasses

        return to_json(result, fallback=str).decode()
