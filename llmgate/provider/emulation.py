"""Tools for a model without them: described in the prompt, forced by a schema, read from text.

This is the request side; everything it does is recorded in the call's report. A provider uses it if
its model or its API has no native tools:

    emulation = ToolEmulation.of(call)
    response = yield request_of(emulation.call)
    return emulation.completion(decode(response))   # or emulation.decoder(decoder) for a stream
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from llmgate._text.json import decode_json, is_array, is_object
from llmgate.errors import DecodeError, InvalidRequestError, UnsupportedError
from llmgate.provider._emulated import CLOSE, OPEN, EmulatedDecoder, completion_with_calls
from llmgate.types import Chunk, Completion

if TYPE_CHECKING:
    from llmgate.messages import MessageParam
    from llmgate.options import ChatParameters
    from llmgate.provider import Decoder
    from llmgate.provider.call import ProviderCall

__all__ = ["EmulatedDecoder", "ToolEmulation", "tool_schema", "with_instructions"]


@dataclass(frozen=True, slots=True)
class ToolEmulation:
    """One call with emulated tools: ``call`` is the call to send, and the methods read its
    response.

    ``names`` are the functions that may be called, and ``forces`` says whether one of them must be
    called.
    """

    call: ProviderCall
    names: frozenset[str]
    call_id: str
    forces: bool = False

    @classmethod
    def of(cls, call: ProviderCall) -> ToolEmulation:
        """Describe the tools of a call, and the tool messages of its history, in words.

        ``tool_choice="required"`` or a named function constrains the completion to the schema of a
        call, by ``response_format``; ``auto`` leaves the choice to the model. The given call is not
        changed.

        Raises:
            InvalidRequestError: when the choice is not one of OpenAI's, or names a tool that is not
                offered.
            UnsupportedError: for custom tools, and for ``auto`` together with a schema.
        """
        parameters: dict[str, Any] = {**call.parameters}
        tools: list[Any] = parameters.pop("tools", [])
        choice = _Choice.of(parameters.pop("tool_choice", None))
        functions = choice.among(_functions(tools))
        messages = _messages_in_words(call)
        if functions:
            shape = _FORCED if choice.forces else _OFFERED
            messages = with_instructions(messages, shape.format(_described(functions)))
            _constrain(parameters, functions, choice, call)
        _record(call, tools, functions, choice, parameters.pop("parallel_tool_calls", None))
        changed = replace(call, messages=messages, parameters=cast("ChatParameters", parameters))
        names = frozenset(function["name"] for function in functions)
        return cls(changed, names, call.id, choice.forces)

    def completion(self, completion: Completion) -> Completion:
        """The completion with the calls that its text contains."""
        return completion_with_calls(completion, self.names, self.call_id)

    def decoder(self, decoder: Decoder[Chunk]) -> EmulatedDecoder:
        """A decoder that returns the calls in the other decoder's text."""
        return EmulatedDecoder(decoder, self.names, self.call_id)


# --- the choice ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Choice:
    """What ``tool_choice`` says: which functions may be called, and whether one must be."""

    given: Any
    forces: bool = False
    names: frozenset[str] | None = None

    @classmethod
    def of(cls, given: Any) -> _Choice:
        match given:
            case None | "auto":
                return cls(given)
            case "none":
                return cls(given, names=frozenset())
            case "required":
                return cls(given, forces=True)
            case {"function": {"name": str(name)}}:
                return cls(given, forces=True, names=frozenset({name}))
            case {"allowed_tools": {"mode": "auto" | "required" as mode, "tools": tools}}:
                return cls(given, mode == "required", _names_of(tools))
            case _:
                expected = "'none', 'auto', 'required', a named function or allowed_tools"
                reason = f"expected {expected}, got {given!r:.60}"
                raise InvalidRequestError(reason, path="tool_choice")

    def among(self, functions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The functions that may be called."""
        known = {function["name"] for function in functions}
        names = known if self.names is None else self.names
        if not names <= known:
            reason = f"{', '.join(sorted(names - known))} is not among the tools"
            raise InvalidRequestError(reason, path="tool_choice")
        if self.forces and not names:
            raise InvalidRequestError("there are no tools to choose from", path="tool_choice")
        return [function for function in functions if function["name"] in names]


def _names_of(tools: Any) -> frozenset[str]:
    names: set[str] = set()
    for index, tool in enumerate(tools if is_array(tools) else []):
        match tool:
            case {"function": {"name": str(name)}}:
                names.add(name)
            case _:
                path = f"tool_choice.allowed_tools.tools[{index}]"
                raise InvalidRequestError("expected a function's name", path=path)
    return frozenset(names)


def _functions(tools: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    functions: list[dict[str, Any]] = []
    for index, tool in enumerate(tools):
        if tool["type"] != "function":
            reason = f"tools[{index}]: only functions can be emulated"
            raise UnsupportedError(reason, parameter="tools")
        functions.append(tool["function"])
    return functions


def _constrain(
    parameters: dict[str, Any],
    functions: Iterable[dict[str, Any]],
    choice: _Choice,
    call: ProviderCall,
) -> None:
    """Constrain the completion to be a call, if one is forced."""
    given: dict[str, Any] = parameters.get("response_format", {"type": "text"})
    wants_text = given.get("type") == "text"
    if not choice.forces:
        if not wants_text:
            raise UnsupportedError(
                "tools are emulated here, so that a completion may be a call or of the "
                'response_format, not either: give only one, or tool_choice="required"',
                parameter="response_format",
            )
        return
    if not wants_text:
        call.report.add(
            "dropped", "response_format", "the completion is a forced call", given=given
        )
    if "stop" in parameters:
        call.report.drop("stop", "it could cut a forced call short", given=parameters.pop("stop"))
    schema = {"name": "call", "schema": tool_schema(functions)}
    parameters["response_format"] = {"type": "json_schema", "json_schema": schema}


def _record(
    call: ProviderCall,
    tools: Sequence[dict[str, Any]],
    functions: Sequence[dict[str, Any]],
    choice: _Choice,
    parallel: bool | None,
) -> None:
    """Record what became of the tools and of the parameters about them."""
    names = [function["name"] for function in functions]
    if functions:
        reason = "described in the system message"
        if len(functions) < len(tools):
            reason += f"; only {', '.join(names)}, as tool_choice says"
        call.report.add("emulated", "tools", reason, given=tools, sent=names)
    elif tools:
        call.report.add("dropped", "tools", "tool_choice allows none", given=tools)
    if choice.given is not None:
        reason = (
            "forced by a schema of the completion"
            if choice.forces
            else "it decides which tools are described"
        )
        call.report.add("emulated", "tool_choice", reason, given=choice.given)
    if parallel is not None:
        reason = "the model is told to call one function at a time"
        call.report.add("emulated", "parallel_tool_calls", reason, given=parallel)


# --- words --------------------------------------------------------------------------------

_SHAPE = '{{"name": "<function>", "arguments": {{…}}}}'
_FORCED = f"You have these functions:\n{{}}\nAnswer with nothing but {_SHAPE}."
_OFFERED = (
    f"You have these functions:\n{{}}\nIf one of them helps, answer with nothing but "
    f"{OPEN}{_SHAPE}{CLOSE}. Otherwise answer as usual."
)


def _described(functions: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(json.dumps(function, ensure_ascii=False) for function in functions)


def with_instructions(messages: Sequence[MessageParam], text: str) -> list[MessageParam]:
    """The messages with this text in the first message, if it is the system's, or in a new one
    before it."""
    for first in messages[:1]:
        if first["role"] in ("system", "developer"):
            content = _with_text(first.get("content"), f"\n\n{text}")
            return [cast("MessageParam", {**first, "content": content}), *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _with_text(content: Any, text: str) -> Any:
    """A content of any form, extended by a text."""
    if is_array(content):
        return [*content, {"type": "text", "text": text}]
    return f"{content}{text}" if content else text.lstrip()


def _messages_in_words(call: ProviderCall) -> list[MessageParam]:
    """The messages with tool calls and results put into words, since the model could not read
    those."""
    messages: list[MessageParam] = []
    called: dict[str, str] = {}
    results: list[str] = []
    for index, message in enumerate(call.messages):
        if message["role"] == "tool":
            results.append(_result_in_words(message, f"messages[{index}]", called, call))
            continue
        messages += _user_message(results)
        results = []
        messages.append(_message_in_words(message, f"messages[{index}]", called, call))
    return [*messages, *_user_message(results)]


def _user_message(results: Sequence[str]) -> list[MessageParam]:
    """Consecutive results become one message: many templates require alternating roles."""
    return [{"role": "user", "content": "\n".join(results)}] if results else []


def _message_in_words(
    message: MessageParam, path: str, called: dict[str, str], call: ProviderCall
) -> MessageParam:
    tool_calls = cast("list[Any]", message.get("tool_calls"))
    if message["role"] != "assistant" or not tool_calls:
        return message
    written: list[str] = []
    for number, tool_call in enumerate(tool_calls):
        words = _call_in_words(tool_call, f"{path}.tool_calls[{number}]")
        called[tool_call["id"]] = words["name"]
        written.append(f"{OPEN}{json.dumps(words, ensure_ascii=False)}{CLOSE}")
    call.report.add("emulated", f"{path}.tool_calls", "written into the text", given=tool_calls)
    kept = {key: value for key, value in message.items() if key != "tool_calls"}
    content = _with_text(message.get("content"), "\n" + "\n".join(written))
    return cast("MessageParam", {**kept, "content": content})


def _call_in_words(call: Mapping[str, Any], path: str) -> dict[str, Any]:
    if call["type"] == "custom":
        return {"name": call["custom"]["name"], "input": call["custom"]["input"]}
    if call["type"] != "function":  # of a type that a host invented
        raise UnsupportedError(f"{path}: only functions can be emulated", parameter=path)
    function = call["function"]
    return {"name": function["name"], "arguments": _arguments_of(function["arguments"])}


def _arguments_of(text: str) -> Any:
    """The arguments as JSON; unchanged as text if they are not JSON, or were cut off."""
    try:
        return decode_json(text or "{}")
    except DecodeError:
        return text


def _result_in_words(
    message: Mapping[str, Any], path: str, called: Mapping[str, str], call: ProviderCall
) -> str:
    content = message["content"]
    for place, part in enumerate(content if is_array(content) else []):
        if part["type"] != "text":
            where = f"{path}.content[{place}]"
            raise UnsupportedError(f"{where}: a result in words is text only", parameter=where)
    text = "".join(part["text"] for part in content) if is_array(content) else content
    name = called.get(message["tool_call_id"])
    said = {"content": text} if name is None else {"name": name, "content": text}
    call.report.add("emulated", path, "a tool's result, sent as the user's message")
    return f"<tool_response>{json.dumps(said, ensure_ascii=False)}</tool_response>"


# --- the schema ---------------------------------------------------------------------------

_DEFINITIONS = ("$defs", "definitions")
_MAPS = frozenset({*_DEFINITIONS, "dependentSchemas", "patternProperties", "properties"})
_DATA = frozenset({"const", "default", "enum", "example", "examples"})


def tool_schema(functions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The JSON schema of a call of one of the functions: its name and its arguments."""
    definitions: dict[str, Any] = {}
    calls = [
        _call_schema(function, f"#/$defs/{number}", definitions)
        for number, function in enumerate(functions)
    ]
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {**schema, "$defs": definitions} if definitions else schema


def _call_schema(
    function: Mapping[str, Any], root: str, definitions: dict[str, Any]
) -> dict[str, Any]:
    """The schema of one function's call.

    The definitions of its parameters go, flat, into the definitions at the root of the whole
    schema, since some readers of schemas (such as llama.cpp) know nothing else: ``Item`` becomes
    ``<number>.Item``.
    """
    number = root.rpartition("/")[2]
    parameters: dict[str, Any] = function.get("parameters") or {"type": "object", "properties": {}}
    for key in _DEFINITIONS:
        for name, schema in parameters.get(key, {}).items():
            definitions[f"{number}.{name}"] = _moved(schema, root)
    kept = {key: value for key, value in parameters.items() if key not in _DEFINITIONS}
    arguments = _moved(kept, root)
    if _mentions(root, [arguments, definitions]):
        definitions[number], arguments = arguments, {"$ref": root}
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": [function["name"]]},
            "arguments": arguments,
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, root: str) -> Any:
    """A function's schema, with its references adapted to where its parts are in the call's
    schema."""
    if is_array(schema):
        return [_moved(item, root) for item in schema]
    if not is_object(schema):
        return schema
    return {key: _moved_keyword(key, value, root) for key, value in schema.items()}


def _moved_keyword(key: str, value: Any, root: str) -> Any:
    if key in _DATA:
        return value
    if key in _MAPS and is_object(value):
        return {name: _moved(schema, root) for name, schema in value.items()}
    if key == "$ref" and isinstance(value, str) and value.startswith("#"):
        head, _, rest = value.removeprefix("#").removeprefix("/").partition("/")
        return f"{root}.{rest}" if head in _DEFINITIONS else f"{root}{value.removeprefix('#')}"
    return _moved(value, root)


def _mentions(root: str, schema: Any) -> bool:
    """Whether a reference leads to the root of a function's parameters, or below it."""
    if is_array(schema):
        return any(_mentions(root, item) for item in schema)
    if not is_object(schema):
        return False
    reference = schema.get("$ref")
    if isinstance(reference, str) and (reference == root or reference.startswith(f"{root}/")):
        return True
    return any(_mentions(root, value) for value in schema.values())
