"""Validates a caller's arguments, in compiled code, and converts them to the values of a call.

An error names the path of the wrong part; nothing is repaired silently. ``schemas`` declares what
is valid; ``received`` reads other spellings of the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from functools import cache
from itertools import takewhile
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from llmgate._core.media import look_for_files, respelled_parts
from llmgate._core.refusals import explain_refusal, json_fault, kind_of
from llmgate._core.remembered import LARGE, drop_nulls, valid_large_parameters, valid_messages
from llmgate._core.validators import validator
from llmgate._text.contradictions import refuse_contradictions
from llmgate._text.json import is_object
from llmgate._text.shape import Shape
from llmgate.errors import InvalidRequestError, describe_error, describe_value
from llmgate.options import CallOptions, ChatParameters
from llmgate.provider.call import PlainMessages, TextMessages
from llmgate.report import Deviation

if TYPE_CHECKING:
    from llmgate._core.schemas import Kind
    from llmgate.messages import MessageParam


def check_messages(
    messages: Any, changes: list[Deviation] | None = None, model: Any = None
) -> list[MessageParam]:
    """The messages as dictionaries, with unknown keys kept.

    Args:
        messages: What the caller gave.
        changes: Deviations are appended to this list.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    given: list[Any] = [*messages] if type(messages) is list else as_message_list(messages, model)
    plain = _plain_messages(given)
    if plain is not None:
        return plain
    dictionaries = (
        given
        if {*map(type, given)} == {dict}
        else [_as_dictionary(each, "messages") for each in given]
    )
    changes = [] if changes is None else changes
    checked = valid_messages(dictionaries)
    if isinstance(checked, PlainMessages):
        return cast("list[MessageParam]", checked)
    if checked is None:
        _refuse_foreign_messages(dictionaries)
        look_for_files(dictionaries)
        checked = _checked_messages(dictionaries, given, changes)
        for message in checked:
            drop_nulls(message)
    for index, message in enumerate(checked):  # few of them need anything
        if "function_call" in message and "tool_calls" in message and _is_response(message):
            _drop_second_form(checked, index, changes)
    return cast("list[MessageParam]", checked)


def _checked_messages(
    dictionaries: list[Any], given: list[Any], changes: list[Deviation]
) -> list[dict[str, Any]]:
    """The checked messages: unchanged, or converted from another known spelling."""
    respelled: list[tuple[str, Any]] = []
    try:
        checked = validator("messages").validate_python(dictionaries, context=respelled)
    except ValueError:  # the validator's own is one
        pass
    else:
        changes += respelled_parts(checked, respelled)
        return cast("list[dict[str, Any]]", checked)
    from llmgate._core.received import Received  # noqa: PLC0415 - seldom

    received = Received()
    dictionaries = received.messages(dictionaries, given)
    respelled = []
    checked = _checked("messages", dictionaries, "messages", respelled)
    changes += [*received.changes, *respelled_parts(checked, respelled)]
    return cast("list[dict[str, Any]]", checked)


def _is_response(message: Mapping[str, Any]) -> bool:
    return bool(
        message["role"] == "assistant"
    )  # in other roles these names hold what the caller likes


def _drop_second_form(messages: list[dict[str, Any]], index: int, changes: list[Deviation]) -> None:
    """Drop one of the two forms in which a message may hold the same call: ``tool_calls`` or
    ``function_call``, whichever has no result."""
    message = messages[index]
    called, calls = message["function_call"], message["tool_calls"]
    same = [call for call in calls if _function_of(call) == _function_of({"function": called})]
    if not same:
        return  # it is another call
    path, results = f"messages[{index}]", _count_results(messages[index + 1 :], called["name"])
    if results > 1:
        return  # it was called twice
    if results:
        message["tool_calls"] = [call for call in calls if call is not same[0]]
        if not message["tool_calls"]:
            del message["tool_calls"]
        changes.append(Deviation("merged", f"{path}.tool_calls", "it repeats function_call"))
    else:
        del message["function_call"]
        changes.append(Deviation("merged", f"{path}.function_call", "it repeats a tool call"))


def _count_results(messages: Iterable[Mapping[str, Any]], name: str) -> int:
    """How many results of that function follow, in the legacy form."""
    following = takewhile(lambda each: each["role"] in ("function", "tool"), messages)
    return sum(each["role"] == "function" and each["name"] == name for each in following)


def _function_of(call: Mapping[str, Any]) -> tuple[str, str] | None:
    """The name and arguments of a call, to compare calls regardless of the spacing of their
    JSON."""
    if call.get("type", "function") != "function":  # whose key of that name may hold anything
        return None
    function = call["function"]
    return function["name"], "".join(function["arguments"].split())


def as_message_list(messages: Any, model: Any = None) -> list[Any]:
    """The items of a list of messages, unchecked.

    Args:
        messages: What was given.
        model: What was given for the model, in case the two were swapped.

    Raises:
        InvalidRequestError: for a single message, a string, or anything else that is not a list.
    """
    is_one = isinstance(messages, str | bytes | Mapping | Shape) or hasattr(messages, "__anext__")
    if is_one or not isinstance(messages, Iterable):
        from llmgate._core.foreign import describe_messages  # noqa: PLC0415 - as above

        kind = kind_of(messages)  # pyright: ignore[reportUnknownArgumentType] # whatever it is
        reason = f"expected a list of messages, got {kind}{describe_messages(messages, model)}"
        raise InvalidRequestError(reason, path="messages")
    return [*messages]


def refuse_one_tool(tools: Any) -> None:
    """Refuse a single tool, or a string, in place of a list of tools.

    Raises:
        InvalidRequestError: saying what to write.
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        got = describe_value(cast("object", tools))
        reason = f"expected a list of tools, got {got}; write [tool] for one tool"
        raise InvalidRequestError(reason, path="tools")


def _refuse_foreign_messages(messages: list[Any]) -> None:
    """Refuse other libraries' message objects, which have no role."""
    for index, message in enumerate(messages):
        if is_object(message) and "role" in message:
            continue
        from llmgate._core.foreign import describe_foreign_message  # noqa: PLC0415 - as above

        reason = describe_foreign_message(message)
        if reason is not None:
            raise InvalidRequestError(reason, path=f"messages[{index}]")


def _plain_messages(messages: list[Any]) -> TextMessages | None:
    """The messages, if each has only a role and a text, as most do; they need no further check.

    Each condition is tested for all messages in compiled code, since every call looks at its whole
    history. A lone surrogate in a text is found later, when it is encoded as JSON: see
    :func:`unwritable`.
    """
    try:
        if not _PLAIN_ROLES.issuperset(map(_ROLE, messages)):
            return None
        plain = TextMessages(map(_copied, messages))  # of dictionaries, all checked here
        is_plain = [*map(type, map(_CONTENT, plain))].count(str) == len(plain) > 0 and sum(
            map(len, plain)
        ) == 2 * len(plain)
    except Exception:  # noqa: BLE001 - a third-party message may raise anything
        return None
    return plain if is_plain else None


_copied: Callable[[Any], Any] = dict[str, str].copy
_ROLE, _CONTENT = itemgetter("role"), itemgetter("content")
_PLAIN_ROLES = frozenset({"assistant", "developer", "system", "user"})


def check_parameters(
    parameters: Mapping[str, Any], changes: list[Deviation] | None = None
) -> ChatParameters:
    """OpenAI's parameters, each of its type.

    Args:
        parameters: What the caller gave.
        changes: Deviations are appended to this list.

    Raises:
        InvalidRequestError: naming the parameter and the path inside it.
    """
    plain = {name: _without_tuple(value) for name, value in parameters.items()}
    has_schemas = not _WITH_SCHEMAS.isdisjoint(plain)  # most calls have none
    known = valid_large_parameters(plain) if has_schemas else {}
    others = {name: value for name, value in plain.items() if name not in known} if known else plain
    if not others:
        return cast("ChatParameters", known)
    try:
        found = validator("parameters").validate_python(others)
    except ValueError:  # the validator's own is one
        pass
    else:
        if has_schemas:
            refuse_contradictions(found)
        return cast("ChatParameters", {**found, **known})
    from llmgate._core.received import Received  # noqa: PLC0415 - seldom

    received = Received()
    plain = received.parameters(plain)
    unlimited = {name: plain.pop(name) for name in _LIMITS if _is_none(plain.get(name))}
    checked = _checked("parameters", plain, "")
    refuse_contradictions(checked)
    if changes is not None:
        changes += received.changes
    return cast("ChatParameters", checked | unlimited)


def _is_none(limit: Any) -> bool:
    return isinstance(limit, int | float) and limit == -1


_WITH_SCHEMAS = frozenset(LARGE)
_LIMITS = ("max_tokens", "max_completion_tokens")
"""The parameters for which -1 stands for no limit, at some hosts."""


def check_input(given: Any) -> list[str] | list[list[int]]:
    """The input of embeddings, one item for each vector: texts, or lists of token ids.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    if isinstance(given, str):
        given = [given]
    items = _items(given, "input")
    first = items[0] if items else None
    if isinstance(first, int):
        return [_checked("tokens", items, "input")]
    if isinstance(first, Iterable) and not isinstance(first, str):
        return [_token_ids(item, f"input[{index}]") for index, item in enumerate(items)]
    return cast("list[str]", _checked("texts", items, "input"))


def _token_ids(given: Any, path: str) -> list[int]:
    return cast("list[int]", _checked("tokens", _items(given, path), path))


def _items(given: Any, path: str, expected: str = "text, token ids or a list") -> list[Any]:
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        kind = kind_of(given)  # pyright: ignore[reportUnknownArgumentType] # whatever it is
        raise InvalidRequestError(f"expected {expected}, got {kind}", path=path)
    return [*given]


def check_own_parameters(kind: Kind, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an operation beside chat, each of its type.

    Raises:
        InvalidRequestError: naming the parameter.
    """
    return dict(_checked(kind, dict(parameters), "")) if parameters else {}


def check_query(given: Any) -> str:
    """The query of a reranking: a string that is not empty.

    Raises:
        InvalidRequestError: when it is something else.
    """
    if isinstance(given, str) and given:
        return cast("str", check_json(given, "query"))
    got = "an empty text" if isinstance(given, str) else kind_of(given)
    raise InvalidRequestError(f"expected a string, got {got}", path="query")


def check_documents(given: Any) -> list[str | dict[str, Any]]:
    """The documents of a reranking: strings, and objects that JSON can carry.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    items = [_as_dictionary(each, "documents") for each in _items(given, "documents", "a list")]
    if not items:
        raise InvalidRequestError("expected at least one document", path="documents")
    for index, item in enumerate(items):
        if not isinstance(item, str) and not (is_object(item) and item):
            got = "an empty object" if is_object(item) else kind_of(item)
            reason = f"expected a string or an object, got {got}"
            raise InvalidRequestError(reason, path=f"documents[{index}]")
    return cast("list[str | dict[str, Any]]", check_json(items, "documents"))


def _without_tuple(value: Any) -> Any:
    return [*value] if isinstance(value, tuple) else value


def check_json(value: Any, path: str) -> Any:
    """A value that JSON can carry.

    Raises:
        InvalidRequestError: naming the path of what it cannot.
    """
    return _checked("json", value, path)


def check_name(name: str, known: Collection[str] | None = None) -> None:
    """Refuse an unknown keyword, naming the closest known one.

    ``known`` are the names that the function has; by default those of ``acompletion``.

    Raises:
        InvalidRequestError: when the name is not among them.
    """
    known = _option_names() if known is None else known
    if name in known:
        return
    from llmgate._core.foreign import describe_argument  # noqa: PLC0415 - only on the way to an error

    hint = describe_argument(name, known)
    raise InvalidRequestError(f"there is no such argument; {hint}", path=name)


@cache
def _option_names() -> frozenset[str]:
    return frozenset(CallOptions.__annotations__ | ChatParameters.__annotations__) | {"stream"}


def _as_dictionary(message: Any, path: str) -> Any:
    """A response's message, or a pydantic model, as a dictionary.

    Raises:
        InvalidRequestError: when its own code fails.
    """
    if is_object(message) or isinstance(message, type):
        return message
    try:
        if isinstance(message, Mapping):
            return {**cast("Mapping[str, Any]", message)}
        return message.model_dump(exclude_none=True) if hasattr(message, "model_dump") else message
    except Exception as error:
        reason = f"{kind_of(cast('object', message))} cannot be read: {describe_error(error)}"
        raise InvalidRequestError(reason, path=path) from error


def _checked(kind: Kind, value: Any, path: str, context: Any = None) -> Any:
    """The value, checked as this kind, with tools of any type."""
    try:
        return validator(kind, with_others=True).validate_python(value, context=context)
    except ValueError as error:  # likewise
        failure = json_fault(value, path) or explain_refusal(cast("Any", error), value, path)
    raise failure


def unwritable(messages: list[MessageParam]) -> InvalidRequestError | None:
    """The error for the part of messages that cannot be encoded, such as a lone surrogate."""
    return json_fault(messages, "messages")
