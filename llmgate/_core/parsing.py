"""Parses responses as values of the Python type given as ``response_format``.

It reads whole texts, and sends a call again if the caller allows a repair. ``formats`` makes the
schema of a type; ``partial`` reads a text in pieces.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from llmgate._core.check import check_messages
from llmgate._text.type_schemas import adapter_of
from llmgate.errors import (
    OutputError,
    OutputRefusedError,
    OutputTruncatedError,
    OutputValidationError,
    describe_error,
    excerpt,
)
from llmgate.types import Completion

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from llmgate._core.stream import Stream
    from llmgate.options import ChatCall, Output
    from llmgate.types import Choice, Usage


async def perform_parsed(
    perform: Callable[[ChatCall, float], Awaitable[Completion | Stream]],
    call: ChatCall,
    began: float,
    *,
    is_own: bool,
) -> Completion | Stream:
    """The result of a call, with the value parsed; a stream parses its whole text at the end.
    ``is_own`` says that nobody else, such as a cache, has a reference to the completion.

    Raises:
        OutputError: when the response is not a valid value, even after repairs.
    """
    output = cast("Output", call.output)
    result = await perform(call, began)
    if not isinstance(result, Completion):
        result.output = output
        return result
    given = result if is_own else copy_of(result)
    for _ in range(output.repair):
        try:
            return with_parsed(given, output.kind)
        except OutputValidationError as error:
            failure = error
        call = _asking_again(call, given, failure)
        following = cast("Completion", await perform(call, began))
        given = _join(given, following if is_own else copy_of(following), failure)
    return with_parsed(given, output.kind)


def copy_of(completion: Completion) -> Completion:
    """A copy of the completion with its own messages."""
    choices = completion.choices
    copies = [replace(choice, message=replace(choice.message)) for choice in choices]
    return replace(completion, choices=copies)


def _asking_again(call: ChatCall, completion: Completion, error: OutputError) -> ChatCall:
    """The call, extended by the response that does not fit and by what is wrong with it."""
    message = next((c.message for c in completion.choices if c.message.content == error.text), None)
    shown: list[Any] = [message] if message is not None and message.content else []
    request = {"role": "user", "content": _AGAIN.format(error.message)}
    return replace(call, messages=check_messages([*call.messages, *shown, request]))


_AGAIN = "That cannot be used: {}. Answer once more, with nothing but JSON that fits the schema."


def _join(first: Completion, second: Completion, error: OutputError) -> Completion:
    """The second response, with the usage and the attempts of both."""
    usage: Usage | None = second.usage
    if first.usage is not None:
        usage = first.usage if usage is None else first.usage + usage
    exchange = replace(second.exchange, attempts=(*first.attempts, *second.attempts))
    reason = f"asked once more, since the first response did not fit: {error.message}"
    exchange.report.add("split", "response_format", reason)
    return replace(second, usage=usage, exchange=exchange)


# --- one response -------------------------------------------------------------------------


def with_parsed(completion: Completion, kind: Any) -> Completion:
    """The completion, with the parsed value in each message that calls no tools.

    Raises:
        OutputError: when a choice has no valid value.
    """
    for choice in completion.choices:
        message = choice.message
        if not (message.tool_calls or message.function_call):
            check_ending(choice, completion)
            try:
                message.parsed = validate(message.content or "", kind)
            except OutputValidationError as error:
                raise locate(error, completion) from None
    return completion


def check_ending(choice: Choice, completion: Completion) -> None:
    """Check how a choice ended.

    Raises:
        OutputRefusedError: when the model declined, or a filter did.
        OutputTruncatedError: when a limit cut the text.
    """
    message, reason = choice.message, choice.finish_reason
    error: OutputError
    if message.refusal:
        refused = f"the model declined: {excerpt(message.refusal)}"
        error = OutputRefusedError(refused, text=message.refusal)
    elif reason == "content_filter":
        error = OutputRefusedError("a content filter withheld it", text=message.content or "")
    elif reason == "length":
        cut = "the text was cut by a limit on its length, so the value is incomplete"
        error = OutputTruncatedError(cut, text=message.content or "")
    else:
        return
    raise locate(error, completion)


def locate(error: OutputError, completion: Completion) -> OutputError:
    """The error, with all that is known about the response."""
    exchange = completion.exchange
    error.completion, error.usage = completion, completion.usage
    error.provider, error.model = exchange.provider or None, completion.model or None
    error.attempts, error.report = exchange.attempts, exchange.report
    error.request_id, error.headers = exchange.request_id, exchange.headers
    return error


# --- one text -----------------------------------------------------------------------------


def validate(text: str, kind: Any, within: str = "") -> Any:
    """The value of a JSON text; ``within`` is the text's own place, for the error's path.

    Raises:
        OutputValidationError: when it is not a valid value of the type.
    """
    return _validated(_adapter(kind).validate_json, _without_fence(text), kind, within)


def validate_value(data: Any, kind: Any) -> Any:
    """The value of plain JSON.

    Raises:
        OutputValidationError: when it is not a valid value of the type.
    """
    return _validated(_adapter(kind).validate_python, data, kind, "")


def _validated(read: Callable[[Any], Any], data: Any, kind: Any, within: str) -> Any:
    try:
        return read(data)
    except Exception as error:  # noqa: BLE001 - a validator of the type may raise anything
        first, reason = _fault(error, within)
    raise OutputValidationError(
        f"the response does not fit {_name_of(kind)}: {excerpt(reason, 1000)}",
        path=first,
        text=str(data),
    )


def _fault(error: Exception, within: str) -> tuple[str, str]:
    """Where a value does not fit its type, and why."""
    from pydantic import ValidationError  # noqa: PLC0415 - seldom

    if not isinstance(error, ValidationError):
        return within, describe_error(error)
    found = error.errors(include_url=False, include_input=False, include_context=False)
    reasons = [f"{_path_of(each['loc'], within)}: {each['msg']}" for each in found[:5]]
    reason = "; ".join(each.removeprefix(": ") for each in reasons)
    return _path_of(found[0]["loc"], within), reason


def _adapter(kind: Any) -> TypeAdapter[Any]:
    try:
        return _known_adapter(kind)
    except TypeError:  # what cannot be hashed, such as some annotations
        return adapter_of(kind)


@lru_cache(maxsize=256)
def _known_adapter(kind: Any) -> TypeAdapter[Any]:
    return adapter_of(kind)


def _name_of(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else "the type"


def _path_of(location: Sequence[int | str], within: str) -> str:
    """The path of a place in a value, as written in Python: ``items[2].price``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join((within, *parts)).removeprefix(".")


def _without_fence(text: str) -> str:
    """The text without the code fence that models often put around JSON."""
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped):
        return text
    return stripped.partition("\n")[2].removesuffix("```")
