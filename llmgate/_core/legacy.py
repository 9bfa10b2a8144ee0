"""Legacy arguments: ``functions`` in place of tools, and the early form of this API.

It contains everything that only they need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from llmgate._core.settings import as_hooks
from llmgate._core.views import ProviderView, innermost
from llmgate._text.json import is_object
from llmgate.errors import InvalidRequestError
from llmgate.hooks import Hook, LoggingHook, as_dictionary
from llmgate.provider import LegacyFunctions, Provider, Support
from llmgate.provider.call import PlainMessages
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
    from llmgate._core.abilities import Abilities
    from llmgate.messages import AssistantMessage, FunctionCall, MessageParam, ToolCallParam
    from llmgate.options import ChatParameters
    from llmgate.provider.call import ProviderCall

# --- the early form of this API -----------------------------------------------------------

EARLY_NAMES = frozenset({"api_base", "forceTimeout", "force_timeout", "logger_fn", "verbose"})


def as_current(given: Mapping[str, Any]) -> dict[str, Any]:
    """Our options under the names that they have now.

    Raises:
        InvalidRequestError: when one is given under two names.
    """
    current = dict(given)
    _rename(current, "api_base", "base_url")
    _rename(current, "force_timeout", "timeout")
    _rename(current, "forceTimeout", "timeout")
    hooks = as_hooks(current.get("hooks", ()))
    if "logger_fn" in current:
        logger = current.pop("logger_fn")
        as_hooks((logger,), "logger_fn")
        hooks += (_with_dictionaries(logger),)
    if current.pop("verbose", False):
        hooks += (LoggingHook(_StandardError(), bodies=True),)
    return {**current, "hooks": hooks}


def _rename(given: dict[str, Any], early: str, name: str) -> None:
    if early in given:
        if name in given:
            raise InvalidRequestError(f"it is {name} under another name: give one", path=early)
        given[name] = given.pop(early)


def _with_dictionaries(logger: Callable[[dict[str, Any]], object]) -> Hook:
    return lambda event: logger(as_dictionary(event))


class _StandardError:
    """The logger of ``verbose=True``: it writes to standard error and configures nothing."""

    def info(self, template: str, *values: object) -> None:
        print(f"llmgate: {template % values}", file=sys.stderr, flush=True)

    warning = info


def prefixed(model: Any, provider: str) -> Any:
    """The model of a call that names its provider as ``<provider>=True``."""
    is_complete = not isinstance(model, str) or not model.strip()  # it is refused as it is
    return model if is_complete or model.startswith(f"{provider}/") else f"{provider}/{model}"


# --- functions in place of tools ----------------------------------------------------------

FUNCTIONS = frozenset({"functions", "function_call"})


def takes_functions(provider: Provider) -> bool:
    """Whether a provider takes ``functions`` natively."""
    provider = innermost(provider)  # since Python 3.12 a view is no instance of a protocol
    return isinstance(provider, LegacyFunctions) and provider.takes_legacy_functions()


def legacy_view(provider: Provider) -> Provider:
    """A view of a provider whose completions use ``function_call``."""
    if takes_functions(provider):
        return provider
    return cast("Provider", ProviderView(provider, completion_as_legacy, lambda: chunk_as_legacy))


def uses_functions(parameters: ChatParameters, messages: Iterable[MessageParam]) -> bool:
    """Whether a call offers functions in the legacy form, or its history holds such calls."""
    if "functions" in parameters or "function_call" in parameters:
        return True
    if isinstance(messages, PlainMessages):
        return False
    for message in messages:  # no generator: this looks at every message of every call
        role = message["role"]
        if role == "function":
            return True
        if role == "assistant" and message.get("function_call") is not None:
            return True
    return False


def without_functions(call: ProviderCall) -> ProviderCall:
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


def with_one_call_at_a_time(call: ProviderCall, abilities: Abilities) -> ProviderCall:
    """The call with parallel calls forbidden where that can be asked for, as the legacy form has
    room for one call."""
    ability = Support.NATIVE if abilities is None else abilities.get("parallel_tool_calls")
    is_possible = ability is Support.NATIVE or ability is Support.TRANSLATED
    if not is_possible or "parallel_tool_calls" in call.parameters:
        return call
    reason = "the legacy form has room for one call"
    call.report.add("injected", "parallel_tool_calls", reason, sent=False)
    return replace(call, parameters={**call.parameters, "parallel_tool_calls": False})


def _messages_without_legacy(call: ProviderCall) -> list[MessageParam]:
    """Calls and results paired by ids made of their place, since the legacy form has none.

    A result belongs to the first call of its name without a result. A further call, which the
    legacy form cannot answer, is left out if no result for it follows.
    """
    messages: list[MessageParam] = []
    waiting: list[tuple[str, str]] = []  # the ids of calls that have no result yet, and their names
    for index, message in enumerate(call.messages):
        if message["role"] == "assistant":
            answered = _with_answered_calls(message, index, call)
            calls = [(_id_of(each), _name_of(each)) for each in answered.get("tool_calls", ())]
            waiting = [*calls, *waiting]  # those of the latest message first
            messages.append(answered)
        elif message["role"] == "function":
            name = message["name"]
            found = next((each for each in waiting if each[1] == name), None)
            if found is None:
                reason = f"no call of {name!r} precedes it"
                raise InvalidRequestError(reason, path=f"messages[{index}]")
            waiting.remove(found)
            content = message.get("content") or ""
            messages.append({"role": "tool", "tool_call_id": found[0], "content": content})
        else:
            if message["role"] == "tool":
                waiting = [each for each in waiting if each[0] != message["tool_call_id"]]
            messages.append(message)
    return messages


def _with_answered_calls(
    message: AssistantMessage, index: int, call: ProviderCall
) -> AssistantMessage:
    """A message with its call in the legacy form as the first, and those others of which results
    follow."""
    called = message.get("function_call")
    if not called:
        return message
    message = _with_tool_call(message, f"call_{index}", called)
    names, identifiers = list[str](), set[str]()
    for later in call.messages[index + 1 :]:
        if later["role"] == "function":
            names.append(later["name"])
        elif later["role"] == "tool":
            identifiers.add(later["tool_call_id"])
        else:
            break
    kept: list[ToolCallParam] = []
    for call_index, each in enumerate(message.get("tool_calls", ())):
        name = _name_of(each)
        is_answered = _id_of(each) in identifiers
        if not is_answered and name in names:
            names.remove(name)
            is_answered = True
        if is_answered or call_index == 0:
            kept.append(each)
        else:
            path = f"messages[{index}].tool_calls[{call_index - 1}]"
            reason = "no result of it follows, as the legacy form answers one call"
            call.report.add("dropped", path, reason, given=each)
    return cast("AssistantMessage", {**message, "tool_calls": kept})


def _id_of(call: ToolCallParam) -> str:
    """Its id; an empty text for a call of a type that a host invented, which may have none."""
    given: Any = call.get("id")
    return given if isinstance(given, str) else ""


def _name_of(call: ToolCallParam) -> str:
    return call["function"]["name"] if call["type"] == "function" else ""


def _with_tool_call(
    message: AssistantMessage, identifier: str, called: FunctionCall
) -> AssistantMessage:
    kept = {key: value for key, value in message.items() if key != "function_call"}
    first: ToolCallParam = {"id": identifier, "type": "function", "function": called}
    kept["tool_calls"] = [first, *message.get("tool_calls", ())]
    return cast("AssistantMessage", {"content": None, **kept})


def completion_as_legacy(completion: Completion) -> Completion:
    """The completion in the form in which it was asked for: a first call as ``function_call``.

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


def chunk_as_legacy(chunk: Chunk) -> Chunk:
    """The chunk with ``function_call`` where the provider spoke of tools."""
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
    """All fragments joined into one; their ids, which the legacy form does not have, are left
    out."""
    functions = [item.function for item in fragments if item.function is not None]
    if len(functions) < 2:
        return functions[0] if functions else None
    name = next((function.name for function in functions if function.name), None)
    arguments = "".join(function.arguments or "" for function in functions)
    return FunctionDelta(name, arguments, functions[0].extra)
