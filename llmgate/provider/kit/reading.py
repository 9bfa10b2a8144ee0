"""Reads what a vendor sent: JSON with its types checked, finish reasons, errors inside a stream.

It knows no vendor's format: names of fields and words come from the provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from llmgate._text.json import (
    INTEGER_LIMIT,
    decode_json,
    encode_json,
    is_array,
    is_object,
    json_reader,
)
from llmgate.errors import DecodeError, ProviderError, excerpt
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate.types import FinishReason

if TYPE_CHECKING:
    from llmgate.models import TokenCount

__all__ = [
    "Fields",
    "NativeContent",
    "PartialObject",
    "add_frame",
    "arguments_text",
    "finish_reason",
    "in_stream_error",
    "parsed_arguments",
    "read_json",
    "read_response",
    "read_token_count",
]

Result = TypeVar("Result")

_ESCAPED_SURROGATE = rb"\\u[dD][89a-fA-F]"
_SURROGATE = "[\ud800-\udfff]"


def read_json(data: bytes) -> Any:
    """A JSON value; a lone surrogate in a text, such as where a text was cut, becomes U+FFFD.

    Source: RFC 8259, 8.2, on escapes that name half of a character.

    Raises:
        DecodeError: for what is not JSON; ``frame`` holds it.
    """
    try:
        return json_reader()(data)  # nearly always
    except ValueError:
        pass  # out of here, so that it is no other error's context
    try:
        return decode_json(data)
    except DecodeError:
        if re.search(_ESCAPED_SURROGATE, data) is None:
            raise
    try:
        # Written anew, a whole pair is one character, and only a lone surrogate is left as one.
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    else:
        return decode_json(re.sub(_SURROGATE, "\ufffd", text))
    raise DecodeError(f"the response is not JSON ({reason}): {excerpt(data)}", frame=data)


def add_frame(error: DecodeError, what: str, data: bytes) -> None:
    """Let an error say what could not be read, and hold that as its ``frame``.

    For an ``except`` clause that raises it again:
    ``add_frame(error, "the response is not a message", response.body)``.
    """
    message = f"{what} ({error.message}): {excerpt(data)}"
    error.message, error.args, error.frame = message, (message,), data


def read_response(
    response: HttpResponse,
    read: Callable[[Any], Result],
    failure: str,
    error_in: Callable[[Any], ProviderError | None] | None = None,
) -> Result:
    """What ``read`` makes of the JSON of a complete response.

    Args:
        response: A response with a status of 2xx.
        read: Makes a value of the payload, or raises :class:`DecodeError` where it cannot.
        failure: How the error's message begins then: ``"the response holds no embeddings"``.
        error_in: Finds the error that a payload is, where the vendor sends some with status 200.

    Raises:
        ProviderError: the error that was sent with status 200.
        DecodeError: for what is not JSON, or cannot be read; ``frame`` is the body.
    """
    payload = read_json(response.body)
    error = None if error_in is None else error_in(payload)
    if error is not None:
        error.in_stream = False
        raise error
    try:
        return read(payload)
    except DecodeError as unreadable:
        add_frame(unreadable, failure, response.body)
        raise


def read_token_count(response: HttpResponse, key: str) -> TokenCount:
    """The number of tokens that a response has under a key.

    Raises:
        DecodeError: when there is none; ``frame`` is the body.
    """
    from llmgate.models import TokenCount  # noqa: PLC0415 - seldom

    failure = "the response counts no tokens"
    return read_response(
        response, lambda payload: TokenCount(Fields(payload).integer(key)), failure
    )


class Fields:
    """The fields of a JSON object, each read as the type that it must have.

    Args:
        payload: The object.
        name: What errors call it; empty for the whole response.

    Raises:
        DecodeError: when it is not an object; so does each method for a field of another type.
    """

    __slots__ = ("name", "payload")

    def __init__(self, payload: Any, name: str = "") -> None:
        if not is_object(payload):
            raise DecodeError(f"{name or 'it'} must be an object, not {_kind(payload)}")
        self.payload = payload
        self.name = name

    def text(self, key: str) -> str:
        """A string that must be there."""
        value = self.payload.get(key)
        if not isinstance(value, str):
            self._refuse(key, "a string")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string; None where it is absent or null."""
        return None if self.payload.get(key) is None else self.text(key)

    def integer(self, key: str) -> int:
        """An integer that must be there; some hosts write it as a float."""
        value = self.payload.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or abs(value) >= INTEGER_LIMIT:
            self._refuse(key, "an integer")
        return int(value)

    def optional_integer(self, key: str) -> int | None:
        """An integer; None where it is absent or null."""
        return None if self.payload.get(key) is None else self.integer(key)

    def object(self, key: str) -> Fields:
        """An object that must be there."""
        return Fields(self.payload.get(key), self._path(key))

    def optional_object(self, key: str) -> Fields | None:
        """An object; None where it is absent or null."""
        return None if self.payload.get(key) is None else self.object(key)

    def array(self, key: str) -> list[Any]:
        """An array; empty where it is absent or null."""
        value = self.payload.get(key)
        if value is None:
            return []
        if not is_array(value):
            self._refuse(key, "an array")
        return value

    def objects(self, key: str) -> list[Fields]:
        """An array of objects; empty where it is absent or null."""
        path = self._path(key)
        items = enumerate(self.array(key))
        return [Fields(item, f"{path}[{place}]") for place, item in items]

    def others(self, *known: str) -> dict[str, Any]:
        """All fields but these."""
        return {key: value for key, value in self.payload.items() if key not in known}

    def _path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _refuse(self, key: str, expected: str) -> NoReturn:
        raise DecodeError(
            f"{self._path(key)} must be {expected}, not {_kind(self.payload.get(key))}"
        )


def _kind(value: Any) -> str:
    """The type of a value, with the value itself if it is a number or a string."""
    if value is None:
        return "null"
    if is_object(value) or is_array(value):
        return "an object" if is_object(value) else "an array"
    return excerpt(repr(value), 60)


def finish_reason(
    native: str | None,
    words: Mapping[str, FinishReason],
    *,
    has_calls: bool = False,
) -> FinishReason | None:
    """OpenAI's word for a finish reason: by these words, or by those in use, in any case.

    Any other word is ``other``. A response with tool calls says so, unless it was cut short or
    filtered; one without any never does, since the caller would wait for calls in vain.
    """
    if not native:
        return None
    customary = _CUSTOMARY.get(native) or _CUSTOMARY.get(native.lower().replace("-", "_"))
    reason: FinishReason = words.get(native) or customary or "other"
    if has_calls and reason in ("stop", "other"):
        return "tool_calls"
    return "stop" if reason == "tool_calls" and not has_calls else reason


_WORDS: Mapping[FinishReason, str] = {
    "stop": "stop stopped end_turn eos eos_token stop_sequence stop_token complete completed done "
    "finished finish_reason_stop",
    "length": "length max_tokens max_output_tokens max_length max_context_length model_length "
    "token_limit model_context_window_exceeded finish_reason_max_tokens",
    "tool_calls": "tool_calls tool_call tool_use function_calls tools",
    "function_call": "function_call",
    "content_filter": "content_filter content_filtered safety recitation blocklist blocked "
    "prohibited_content spii image_safety sensitive refusal guardrail_intervened",
}
_CUSTOMARY: Mapping[str, FinishReason] = {
    word: reason for reason, words in _WORDS.items() for word in words.split()
}


def arguments_text(given: Any, path: str, report: Report | None) -> str:
    """The arguments of a call as JSON text, for a vendor that sends them as an object.

    A text in its place is JSON already, and is recorded as odd.
    """
    if given is None or is_object(given):
        return encode_json(given or {}).decode()
    if report is not None:
        reason = f"the response has {excerpt(repr(given), 60)} in place of an object"
        report.add("converted", f"response.{path}", f"{reason}: it is the text of the arguments")
    return given if isinstance(given, str) else encode_json(given).decode()


def parsed_arguments(text: str) -> Any:
    """The arguments of a call as a value; what is not JSON, such as where it was cut, as text."""
    try:
        if "NaN" in text or "Infinity" in text:  # which readers accept, and JSON lacks
            json.loads(text, parse_constant=_refuse)
        return read_json(text.encode()) if text.strip() else {}
    except (DecodeError, ValueError):
        return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def in_stream_error(
    frame: Frame, error_in: Callable[[Any], ProviderError | None]
) -> ProviderError | None:
    """The error that an event is by its name, or by being text where JSON should be.

    An error object in an event that is not named ``error`` is left to the provider.

    Args:
        frame: The event.
        error_in: The error that the JSON value of an event of that name stands for, if any.
    """
    is_named = frame.event == "error"
    text = frame.data.strip()
    if not is_named and (not text or text[:1] in _JSON_BEGINS):
        return None
    try:
        payload = decode_json(text)
    except DecodeError:
        payload = text.decode("utf-8", "backslashreplace")
    if not isinstance(payload, str):
        if not is_named:
            return None
        error = error_in(payload)
        if error is not None:
            error.in_stream = True
            return error
        payload = text.decode()
    message = excerpt(payload.strip(), 2000) or "the provider sent an error"
    return ProviderError(message, in_stream=True)


_JSON_BEGINS = frozenset({b"{", b"["})


class NativeContent:
    """The content of one response in its vendor's own form, where that has to be sent back.

    A response that OpenAI's shape represents completely needs none: until an item that it does not
    represent, all are held back.

    Args:
        is_plain: Whether an item, given with its place, is represented completely.
    """

    __slots__ = ("_count", "_held", "_is_needed", "_is_plain")

    def __init__(self, is_plain: Callable[[Mapping[str, Any], int], bool]) -> None:
        self._is_plain = is_plain
        self._held: list[dict[str, Any]] = []
        self._is_needed = False
        self._count = 0

    def add(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """Take an item; the items that are now to be added to ``provider_data``."""
        self._held.append(item)
        is_plain = self._is_plain(item, self._count)
        self._count += 1
        return self.release() if self._is_needed or not is_plain else []

    def release(self) -> list[dict[str, Any]]:
        """The items held back; called when they are needed for another reason, like all that
        follow."""
        self._is_needed = True
        items, self._held = self._held, []
        return items


class PartialObject:
    """A JSON object that a stream sends in pieces; each of its texts is joined once, at the end.

    Args:
        fields: What it began with.
    """

    __slots__ = ("_pieces", "fields")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self._pieces: dict[str, list[str]] = {}

    def pieces(self, key: str) -> list[str]:
        """The pieces of a text so far, beginning with what the object began with; append to it."""
        pieces = self._pieces.get(key)
        if pieces is None:
            start = self.fields.get(key)
            pieces = self._pieces[key] = [start] if isinstance(start, str) else []
        return pieces

    def join(self) -> dict[str, Any]:
        """The object as it is by now."""
        self.fields |= {key: "".join(pieces) for key, pieces in self._pieces.items()}
        self._pieces = {}
        return self.fields
