"""Messages that are refused, and what the errors say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from llmgate._core.check import (
    check_messages,
)
from llmgate._text.json import decode_json, encode_json
from llmgate.errors import InvalidRequestError
from llmgate.types import Message
from tests.not_json import NOT_JSON
from tests.valid_messages import HELLO, TEXT, user

# --- what is refused ---


def cycle() -> list[Any]:
    """A list that contains itself."""
    made: list[Any] = []
    made.append(made)
    return made


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    made: Any = "x"
    for _ in range(depth):
        made = [made]
    return made


def after(*messages: Any) -> list[Any]:
    """Messages after a good one, so that their index is 1."""
    return [HELLO, *messages]


def called(**function: Any) -> list[Any]:
    """A message that calls a function."""
    return [
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": function}]}
    ]


ROLES = "'system', 'developer', 'user', 'assistant', 'tool', 'function'"
BAD_MESSAGES: dict[str, tuple[Any, str, str]] = {
    "none": (None, "messages", "expected a list of messages, got None"),
    "a text": (
        "Hi",
        "messages",
        'expected a list of messages, got str; write [{"role": "user", "content": "Hi"}]',
    ),
    "bytes": (b"Hi", "messages", "expected a list of messages, got bytes"),
    "one message": (
        HELLO,
        "messages",
        "expected a list of messages, got dict; write [message] for one message",
    ),
    "one answer's message": (
        Message("Hi"),
        "messages",
        "expected a list of messages, got Message; write [message] for one message",
    ),
    "a number": (5, "messages", "expected a list of messages, got int"),
    "no messages": ([], "messages", "must not be empty"),
    "an empty iterator": (iter(()), "messages", "must not be empty"),
    "a text among them": (after("Hi"), "messages[1]", "expected a dictionary, got str"),
    "none among them": (after(None), "messages[1]", "expected a dictionary, got None"),
    "a list among them": (after([HELLO]), "messages[1]", "expected a dictionary, got list"),
    "a set of numbers": ({1}, "messages[0]", "expected a dictionary, got int"),
    "no role": (after({"content": "x"}), "messages[1].role", "is missing"),
    "a wrong role": (
        after({"role": "narrator", "content": "x"}),
        "messages[1].role",
        f"must be one of {ROLES}; got 'narrator'",
    ),
    "a role with a quotation mark": (
        after({"role": "it's"}),
        "messages[1].role",
        '; got "it\'s"',
    ),
    "a role that is none": (after({"role": None}), "messages[1].role", "; got 'None'"),
    "a role that is a list": (after({"role": ["user"]}), "messages[1].role", "must be one of"),
    "no content": (after({"role": "user"}), "messages[1].content", "is missing"),
    "content under another library's name": (
        after({"role": "user", "parts": [{"text": "x"}]}),
        "messages[1].content",
        "is missing; write content in place of parts",
    ),
    "a role and a text in a tuple": (
        after(("user", "Hi")),
        "messages[1]",
        'expected a dictionary, got tuple; write {"role": "user", "content": "…"}',
    ),
    "a misspelt role": (
        after({"role": "asistant", "content": "x"}),
        "messages[1].role",
        "got 'asistant'; did you mean 'assistant'?",
    ),
    "content that is none": (
        user(None),
        "messages[0].content",
        "expected a string or a list of parts, got None",
    ),
    "content that is a number": (
        user(5),
        "messages[0].content",
        "expected a string or a list of parts, got 5",
    ),
    "content that is a dictionary": (
        user({}),
        "messages[0].content",
        "expected a string or a list of parts, got dict; write [part] for one part",
    ),
    "content that is a tuple": (user((TEXT,)), "messages[0].content", "tuple is not a JSON value"),
    "a name that is a number": (
        user("x", name=5),
        "messages[0].name",
        "expected a valid string, got 5",
    ),
    "a part that is a text": (
        user([TEXT, "x"]),
        "messages[0].content[1]",
        'expected a dictionary, got str; write {"type": "text", "text": "x"}',
    ),
    "a part that is none": (
        user([None]),
        "messages[0].content[0]",
        "expected a dictionary, got None",
    ),
    "a part without a type": (user([{"text": "x"}]), "messages[0].content[0].type", "is missing"),
    "a part of an empty type": (
        user([{"type": ""}]),
        "messages[0].content[0].type",
        "must not be empty",
    ),
    "a part whose type is a number": (
        user([{"type": 5}]),
        "messages[0].content[0].type",
        "valid string, got 5",
    ),
    "a text part without text": (
        user([{"type": "text"}]),
        "messages[0].content[0].text",
        "is missing",
    ),
    "a text part of a number": (
        user([{"type": "text", "text": 5}]),
        "messages[0].content[0].text",
        "got 5",
    ),
    "an image without its URL": (
        user([{"type": "image_url"}]),
        "messages[0].content[0].image_url",
        "is missing",
    ),
    "an image that is a text, and no URL": (
        user([{"type": "image_url", "image_url": "a.png"}]),
        "messages[0].content[0].image_url",
        "llmgate.image(path) reads a file",
    ),
    "an image URL that is missing": (
        user([{"type": "image_url", "image_url": {}}]),
        "messages[0].content[0].image_url.url",
        "is missing",
    ),
    "an image URL that is none": (
        user([TEXT, {"type": "image_url", "image_url": {"url": "a picture"}}]),
        "messages[0].content[1].image_url.url",
        "expected an https:// or data: URL (llmgate.image(path) reads a file), got 'a picture'",
    ),
    "an image in a file": (
        user([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]),
        "messages[0].content[0].image_url.url",
        "expected an https:// or data: URL",
    ),
    "an image URL without base64": (
        user([{"type": "image_url", "image_url": {"url": "data:image/png,abc"}}]),
        "messages[0].content[0].image_url.url",
        "expected data:<mime type>;base64,<data>",
    ),
    "an image URL without data": (
        user([{"type": "image_url", "image_url": {"url": "data:image/png;base64"}}]),
        "messages[0].content[0].image_url.url",
        "expected data:<mime type>;base64,<data>",
    ),
    "audio without data": (
        user([{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]),
        "messages[0].content[0].input_audio.data",
        "must not be empty",
    ),
    "audio without a format": (
        user([{"type": "input_audio", "input_audio": {"data": "x"}}]),
        "messages[0].content[0].input_audio.format",
        "is missing",
    ),
    "a file that is a text": (
        user([{"type": "file", "file": "a.pdf"}]),
        "messages[0].content[0].file",
        "expected a dictionary, got str",
    ),
    "a tool message without an id": (
        after({"role": "tool", "content": "x"}),
        "messages[1].tool_call_id",
        "is missing",
    ),
    "a tool message with an empty id": (
        after({"role": "tool", "content": "x", "tool_call_id": ""}),
        "messages[1].tool_call_id",
        "must not be empty",
    ),
    "a tool message without content": (
        after({"role": "tool", "tool_call_id": "a"}),
        "messages[1].content",
        "is missing",
    ),
    "a function message without a name": (
        after({"role": "function", "content": "x"}),
        "messages[1].name",
        "is missing",
    ),
    "arguments that JSON cannot carry": (
        called(name="f", arguments={"a": math.nan}),
        "messages[0].tool_calls[0].function.arguments.a",
        "nan is not a JSON number",
    ),
    "a call of an empty type": (
        after({"role": "assistant", "tool_calls": [{"id": "a", "type": ""}]}),
        "messages[1].tool_calls[0].type",
        "must not be empty",
    ),
    "calls that are no list": (
        after({"role": "assistant", "tool_calls": {}}),
        "messages[1].tool_calls",
        "expected a valid list, got dict",
    ),
    "a call that is a text": (
        after({"role": "assistant", "tool_calls": ["f"]}),
        "messages[1].tool_calls[0]",
        "expected a dictionary, got str",
    ),
    "a call without a type": (
        after({"role": "assistant", "tool_calls": [{"id": "a"}]}),
        "messages[1].tool_calls[0].type",
        "is missing",
    ),
    "a call without a function": (
        after({"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}),
        "messages[1].tool_calls[0].function",
        "is missing",
    ),
    "a call without a name": (
        called(arguments="{}"),
        "messages[0].tool_calls[0].function.name",
        "is missing",
    ),
    "a key named as a role": (
        after({"role": "tool", "tool": 5, "content": 5, "tool_call_id": "a"}),
        "messages[1].content",
        "expected a string or a list of parts, got 5",
    ),
}
PLACES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "messages[0].extra": ("a message", lambda value: user("x", extra=value)),
    "messages[0].content[0].extra": (
        "a part",
        lambda value: user([{"type": "text", "text": "x", "extra": value}]),
    ),
    "messages[0].content[0].mystery": (
        "an unknown part",
        lambda value: user([{"type": "x", "mystery": value}]),
    ),
    "messages[0].tool_calls[0].function.extra": (
        "a call",
        lambda value: called(name="f", arguments="", extra=value),
    ),
}
BAD_JSON = {
    f"{name} in {where}": (make(value), path + inner, reason)
    for path, (where, make) in PLACES.items()
    for name, (value, inner, reason) in NOT_JSON.items()
}


@pytest.mark.parametrize(
    ("messages", "path", "reason"),
    [*BAD_MESSAGES.values(), *BAD_JSON.values()],
    ids=[*BAD_MESSAGES, *BAD_JSON],
)
def test_wrong_messages_are_refused_with_their_path(messages: Any, path: str, reason: str) -> None:
    """Before anything is sent; the error says where, what was expected, and what was given."""
    with pytest.raises(InvalidRequestError) as caught:
        check_messages(messages)
    assert path == caught.value.path
    assert f"{path}: " == str(caught.value)[: len(path) + 2]
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "value",
    [cycle(), {"a": cycle()}, nested(300), nested(20_000)],
    ids=["cycle", "inner", "300", "20,000"],
)
@pytest.mark.parametrize("path", PLACES)
def test_what_has_no_end_is_refused(value: Any, path: str) -> None:
    """A value that contains itself, or is nested too deeply, is found without recursion; the path
    that leads into it is cut."""
    with pytest.raises(
        InvalidRequestError, match="nested too deeply, or contains itself"
    ) as caught:
        check_messages(PLACES[path][1](value))
    assert path == caught.value.path[: len(path)]
    assert len(str(caught.value)) < 250


def test_a_cycle_of_messages_is_refused() -> None:
    """Also where the whole is part of itself."""
    messages = user("x")
    messages[0]["extra"] = messages
    with pytest.raises(InvalidRequestError, match="contains itself"):
        check_messages(messages)


@pytest.mark.parametrize("depth", [1, 50, 150])
def test_what_is_nested_within_reason_is_accepted(depth: int) -> None:
    """And is written and read as it is."""
    messages = check_messages(user("x", extra=nested(depth)))
    assert messages == decode_json(encode_json(messages))
