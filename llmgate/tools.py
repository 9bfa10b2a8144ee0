"""Function calls in one place: schemas of Python functions, arguments, and the legacy form.

It translates between OpenAI's own forms only; what a provider calls a tool is its plugin's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate._text.json import is_object, parse_arguments
from llmgate.errors import DecodeError, InvalidRequestError, LLMGateError, excerpt, shown
from llmgate.provider.call import TextMessages
from llmgate.types import (
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    FunctionDelta,
    ToolCallDelta,
)

if TYPE_CHECKING:
    from llmgate.messages import (
        AssistantMessage,
        FunctionCall,
        MessageParam,
        ToolCallParam,
        ToolDefinition,
    )
    from llmgate.options import ChatParameters
    from llmgate.provider import Decoder
    from llmgate.provider.call import ProviderCall
    from llmgate.provider.framing import Frame, Framer

__all__ = [
    "LegacyDecoder",
    "answer_as_legacy",
    "function_tool",
    "parse_answer",
    "parse_arguments",
    "response_format_of",
    "uses_legacy_functions",
    "without_legacy_functions",
]

Parsed = TypeVar("Parsed")


def function_tool(function: Callable[..., Any]) -> ToolDefinition:
    """A Python function as a tool: its name, its docstring, and the schema of its parameters.

    Raises:
        InvalidRequestError: when it has no name, or a parameter that no JSON object can give.
    """
    name: str | None = getattr(function, "__name__", None)
    if name is None or not name.isidentifier():
        reason = f"{shown(function)} has no name: give a function that was defined by def"
        raise InvalidRequestError(reason, path="tools")
    schema = _schema(function, name, "tools")
    if schema.get("type", "object") != "object":
        reason = f"{name} has parameters without a name: every argument is passed by its name"
        raise InvalidRequestError(reason, path="tools")
    definition: dict[str, Any] = {"name": name, "parameters": schema}
    if function.__doc__:
        definition["description"] = function.__doc__.strip()
    return cast("ToolDefinition", {"type": "function", "function": definition})


def response_format_of(kind: type[Any]) -> dict[str, Any]:
    """A Python type (a pydantic model, a dataclass, …) as a ``response_format``.

    Raises:
        InvalidRequestError: when the type has no JSON schema.
    """
    schema = _schema(kind, kind.__name__, "response_format")
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", kind.__name__)[:64]  # what OpenAI takes for a name
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _schema(kind: Any, name: str, path: str) -> dict[str, Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - only for those who pass Python types
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    try:
        return TypeAdapter(kind).json_schema()
    except (PydanticUserError, NameError) as error:  # NameError: an annotation that means nothing
        failure = _no_schema(name, error, path)
    raise failure


def _no_schema(name: str, error: Exception, path: str) -> InvalidRequestError:
    reason = str(error).partition("\n")[0]
    return InvalidRequestError(f"no schema for {name}: {reason}", path=path)


def parse_answer(text: str | None, kind: type[Parsed]) -> Parsed:
    """An answer's JSON text as an instance of a Python type.

    Raises:
        DecodeError: when the text does not fit the type.
        InvalidRequestError: when the type has no schema.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - as above
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    failure: LLMGateError
    try:
        return TypeAdapter(kind).validate_json(text or "")
    except ValidationError as error:
        reason = excerpt(str(error), 1000)
        failure = DecodeError(f"the answer is no {kind.__name__}: {reason}")
    except PydanticUserError as error:
        failure = _no_schema(kind.__name__, error, "kind")
    raise failure


# --- the legacy form: functions and function_call -----------------------------------------


def uses_legacy_functions(parameters: ChatParameters, messages: Iterable[MessageParam]) -> bool:
    """Whether a call offers functions in the legacy form, or its history holds such calls."""
    if "functions" in parameters or "function_call" in parameters:
        return True
    if isinstance(messages, TextMessages):
        return False
    for message in messages:  # no generator: this looks at every message of every call
        role = message["role"]
        if role == "function":
            return True
        if role == "assistant" and message.get("function_call") is not None:
            return True
    return False


def without_legacy_functions(call: ProviderCall) -> ProviderCall:
    """The same call with tools in place of functions. The report says so.

    Raises:
        InvalidRequestError: when a parameter is given in both forms.
    """
    for legacy, modern in (("functions", "tools"), ("function_call", "tool_choice")):
        if legacy in call.parameters and modern in call.parameters:
            raise InvalidRequestError(f"give either {legacy} or {modern}, not both", path=legacy)
    parameters: dict[str, Any] = {**call.parameters}
    functions: list[Any] = parameters.pop("functions", [])
    choice: Any = parameters.pop("function_call", None)
    if functions:
        parameters["tools"] = [{"type": "function", "function": item} for item in functions]
        call.report.add("converted", "functions", "sent as tools", sent=parameters["tools"])
    if choice is not None:
        named = {"type": "function", "function": choice} if is_object(choice) else choice
        parameters["tool_choice"] = named
        call.report.add(
            "converted", "function_call", "sent as tool_choice", given=choice, sent=named
        )
    return replace(
        call,
        parameters=cast("ChatParameters", parameters),
        messages=_messages_without_legacy(call),
    )


def _messages_without_legacy(call: ProviderCall) -> list[MessageParam]:
    """Calls and results paired by ids made of their place, since the legacy form has none."""
    messages: list[MessageParam] = []
    waiting: dict[str, str] = {}
    for index, message in enumerate(call.messages):
        if message["role"] == "assistant" and (called := message.get("function_call")):
            identifier = waiting[called["name"]] = f"call_{index}"
            messages.append(_with_tool_call(message, identifier, called))
        elif message["role"] == "function":
            identifier = waiting.pop(message["name"], "")
            if not identifier:
                reason = f"no call of {message['name']!r} precedes it"
                raise InvalidRequestError(reason, path=f"messages[{index}]")
            content = message.get("content") or ""
            messages.append({"role": "tool", "tool_call_id": identifier, "content": content})
        else:
            messages.append(message)
    return messages


def _with_tool_call(
    message: AssistantMessage, identifier: str, called: FunctionCall
) -> AssistantMessage:
    kept = {key: value for key, value in message.items() if key != "function_call"}
    first: ToolCallParam = {"id": identifier, "type": "function", "function": called}
    kept["tool_calls"] = [first, *message.get("tool_calls", ())]
    return cast("AssistantMessage", {"content": None, **kept})


def answer_as_legacy(completion: Completion) -> Completion:
    """The answer in the form in which it was asked: a first call as ``function_call``.

    Further calls, which the legacy form cannot say, stay in ``tool_calls``.
    """
    return replace(completion, choices=[_choice_as_legacy(choice) for choice in completion.choices])


def _choice_as_legacy(choice: Choice) -> Choice:
    calls = choice.message.tool_calls
    if not calls or calls[0].function is None:
        return choice
    message = replace(choice.message, function_call=calls[0].function, tool_calls=calls[1:] or None)
    return replace(choice, message=message, finish_reason=_legacy_reason(choice.finish_reason))


def _legacy_reason(reason: Any) -> Any:
    return "function_call" if reason == "tool_calls" else reason


class LegacyDecoder:
    """A decoder whose chunks speak of ``function_call`` where the provider spoke of tools."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    @property
    def framer(self) -> Framer:
        """The provider's framer."""
        return self._decoder.framer

    @property
    def finished(self) -> bool:
        """Whether the provider's end mark has come."""
        return self._decoder.finished

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The provider's chunks, in the legacy form."""
        return map(_chunk_as_legacy, self._decoder.feed(frame))

    def close(self) -> Iterable[Chunk]:
        """The provider's last chunks, in the legacy form."""
        return map(_chunk_as_legacy, self._decoder.close())


def _chunk_as_legacy(chunk: Chunk) -> Chunk:
    return replace(chunk, choices=[_delta_as_legacy(choice) for choice in chunk.choices])


def _delta_as_legacy(choice: ChunkChoice) -> ChunkChoice:
    fragments = choice.delta.tool_calls or []
    called = [item for item in fragments if item.index == 0 and item.custom is None]
    delta: ChoiceDelta = choice.delta
    if called:
        rest = [item for item in fragments if item not in called]
        delta = replace(delta, function_call=_joined(called), tool_calls=rest or None)
    return replace(choice, delta=delta, finish_reason=_legacy_reason(choice.finish_reason))


def _joined(fragments: Iterable[ToolCallDelta]) -> FunctionDelta | None:
    """One fragment of them all; their ids, which the legacy form does not have, are left out."""
    functions = [item.function for item in fragments if item.function is not None]
    if len(functions) < 2:
        return functions[0] if functions else None
    name = next((function.name for function in functions if function.name), None)
    arguments = "".join(function.arguments or "" for function in functions)
    return FunctionDelta(name, arguments, functions[0].extra)
