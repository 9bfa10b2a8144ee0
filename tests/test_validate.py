"""What is accepted as a call's messages and parameters, and with which path the rest is refused."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections import OrderedDict, UserDict
from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartImageParam,
    ChatCompletionContentPartInputAudioParam,
    ChatCompletionContentPartParam,
    ChatCompletionContentPartRefusalParam,
    ChatCompletionContentPartTextParam,
    ChatCompletionCustomToolParam,
    ChatCompletionDeveloperMessageParam,
    ChatCompletionFunctionMessageParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessage,
    ChatCompletionMessageParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from llmgate._core.check import (
    check_json,
    check_messages,
    check_name,
    check_parameters,
)
from llmgate._core.refusals import json_fault
from llmgate._core.schemas import LARGEST
from llmgate._text.json import decode_json, encode_json
from llmgate.errors import InvalidRequestError
from llmgate.options import ChatParameters
from llmgate.report import Deviation
from llmgate.types import CustomCall, Function, Message, ToolCall

# --- what OpenAI's own types allow ---
# The tables are of the openai package's types, so that its type checker proves each of them valid.

TEXT: ChatCompletionContentPartTextParam = {"type": "text", "text": "Hi"}
IMAGE: ChatCompletionContentPartImageParam = {
    "type": "image_url",
    "image_url": {"url": "https://host/a.png", "detail": "high"},
}
INLINE_IMAGE: ChatCompletionContentPartImageParam = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
}
AUDIO: ChatCompletionContentPartInputAudioParam = {
    "type": "input_audio",
    "input_audio": {"data": "UklGRg==", "format": "wav"},
}
FILES: list[ChatCompletionContentPartParam] = [
    {"type": "file", "file": {"file_id": "file-1"}},
    {
        "type": "file",
        "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
    },
]
REFUSAL: ChatCompletionContentPartRefusalParam = {"type": "refusal", "refusal": "No."}
SYSTEM: list[ChatCompletionSystemMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "system", "content": "", "name": "house"},
    {"role": "system", "content": [TEXT, TEXT]},
]
DEVELOPER: list[ChatCompletionDeveloperMessageParam] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "developer", "content": [TEXT], "name": "house"},
]
USER: list[ChatCompletionUserMessageParam] = [
    {"role": "user", "content": "Hi"},
    {"role": "user", "content": "Grüße 日本 🙂\0\n", "name": "ann"},
    {"role": "user", "content": [TEXT, IMAGE, INLINE_IMAGE, AUDIO, *FILES]},
]
ASSISTANT: list[ChatCompletionAssistantMessageParam] = [
    {"role": "assistant", "content": "Hello"},
    {"role": "assistant"},
    {"role": "assistant", "content": None, "refusal": None, "audio": None, "function_call": None},
    {"role": "assistant", "content": [TEXT, REFUSAL], "name": "bob"},
    {"role": "assistant", "refusal": "No."},
    {"role": "assistant", "audio": {"id": "audio_1"}},
    {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
    {
        "role": "assistant",
        "content": "Hm",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"id": "b", "type": "custom", "custom": {"name": "sh", "input": "ls\n"}},
        ],
    },
]
TOOL: list[ChatCompletionToolMessageParam] = [
    {"role": "tool", "tool_call_id": "a", "content": ""},
    {"role": "tool", "tool_call_id": "a", "content": [TEXT]},
]
FUNCTION: list[ChatCompletionFunctionMessageParam] = [
    {"role": "function", "name": "f", "content": "sunny"},
    {"role": "function", "name": "f", "content": None},
]
MESSAGES: list[ChatCompletionMessageParam] = [
    *SYSTEM,
    *DEVELOPER,
    *USER,
    *ASSISTANT,
    *TOOL,
    *FUNCTION,
]
FUNCTION_TOOLS: list[ChatCompletionFunctionToolParam] = [
    {"type": "function", "function": {"name": "f"}},
    {
        "type": "function",
        "function": {
            "name": "g",
            "description": "Does it.",
            "parameters": {"type": "object", "properties": {"a": {"enum": [1, None, "x"]}}},
            "strict": True,
        },
    },
    {"type": "function", "function": {"name": "h", "strict": None}},
]
CUSTOM_TOOLS: list[ChatCompletionCustomToolParam] = [
    {"type": "custom", "custom": {"name": "sh"}},
    {
        "type": "custom",
        "custom": {"name": "sh", "description": "A shell.", "format": {"type": "text"}},
    },
    {
        "type": "custom",
        "custom": {
            "name": "sh",
            "format": {
                "type": "grammar",
                "grammar": {"definition": "start: /a/", "syntax": "lark"},
            },
        },
    },
]
CALLS: list[CompletionCreateParamsNonStreaming] = [
    {
        "model": "m",
        "messages": [],
        "audio": {"format": "wav", "voice": "alloy"},
        "frequency_penalty": -1,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "max_completion_tokens": 5,
        "max_tokens": 5,
        "metadata": {"a": "b"},
        "modalities": ["text", "audio"],
        "n": 2,
        "parallel_tool_calls": False,
        "prediction": {"type": "content", "content": "x"},
        "presence_penalty": 0.5,
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "safety_identifier": "u",
        "seed": -5,
        "service_tier": "flex",
        "stop": "END",
        "store": False,
        "temperature": 0,
        "tool_choice": "auto",
        "tools": [*FUNCTION_TOOLS, *CUSTOM_TOOLS],
        "top_logprobs": 0,
        "top_p": 1.0,
        "user": "u",
        "verbosity": "low",
        "web_search_options": {"search_context_size": "low"},
    },
    {
        "model": "m",
        "messages": [],
        "stop": ["a", "b", "c", "d"],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
        },
        "prediction": {"type": "content", "content": [TEXT]},
        "functions": [{"name": "f", "description": "x", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
    },
    {
        "model": "m",
        "messages": [],
        "tool_choice": {"type": "custom", "custom": {"name": "sh"}},
        "response_format": {"type": "text"},
        "function_call": "none",
        "stop": [],
        "tools": [],
        "logit_bias": {},
    },
    {
        "model": "m",
        "messages": [],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]},
        },
    },
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["role"])
def test_every_message_of_openai_s_types_is_accepted(message: ChatCompletionMessageParam) -> None:
    """As it is, alone and among others; only keys that hold nothing are left out."""
    assert [without_nulls(message)] == check_messages([message])
    expected = [without_nulls(each) for each in (*MESSAGES, message)]
    assert expected == check_messages([*MESSAGES, message])


def without_nulls(message: Any) -> dict[str, Any]:
    """A message without the keys that say nothing by being null."""
    return {key: value for key, value in message.items() if key == "content" or value is not None}


@pytest.mark.parametrize("call", CALLS)
def test_every_parameter_of_openai_s_types_is_accepted(
    call: CompletionCreateParamsNonStreaming,
) -> None:
    """As it is."""
    parameters = {k: value for k, value in call.items() if k not in ("model", "messages")}
    assert parameters == check_parameters(parameters)


def test_every_parameter_is_in_the_table() -> None:
    """A parameter that is added is tried, too; these are of a stream, or newer than the table."""
    tried = {name for call in CALLS for name in call} - {"model", "messages"}
    other = {"moderation", "prompt_cache_options", "stream_options"}
    assert set(ChatParameters.__annotations__) == tried | other


@pytest.mark.parametrize("name", ["moderation", "prompt_cache_options", "stream_options"])
def test_objects_that_nobody_looks_into_are_kept(name: str) -> None:
    """What is in them is the provider's matter, as long as it is JSON."""
    assert {name: {"a": [None]}} == check_parameters({name: {"a": [None]}})


# --- in which forms they may come ---

HELLO = {"role": "user", "content": "Hi"}
THINKING = {"canned": {"signature": "x", "blocks": [None]}}


class Role(StrEnum):
    """Texts that are more than texts."""

    USER = "user"


FORMS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "a list": ([HELLO], [HELLO]),
    "a tuple": ((HELLO,), [HELLO]),
    "an iterator": (iter([HELLO]), [HELLO]),
    "another mapping": ([MappingProxyType(HELLO)], [HELLO]),
    "a user's mapping": ([UserDict(HELLO)], [HELLO]),
    "a subclass of dict": ([OrderedDict(HELLO)], [HELLO]),
    "an enum's text": ([{"role": Role.USER, "content": "Hi"}], [HELLO]),
    "an answer's message": (
        [Message("Hi", reasoning_content="Hm", provider_data=THINKING)],
        [
            {
                "content": "Hi",
                "role": "assistant",
                "reasoning_content": "Hm",
                "provider_data": THINKING,
            }
        ],
    ),
    "an answer's calls": (
        [
            Message(
                tool_calls=[
                    ToolCall("a", Function("f")),
                    ToolCall("b", custom=CustomCall("g"), type="custom"),
                ]
            )
        ],
        [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "a", "function": {"name": "f", "arguments": "{}"}, "type": "function"},
                    {"id": "b", "custom": {"name": "g", "input": ""}, "type": "custom"},
                ],
            }
        ],
    ),
    "a message of the openai package": (
        [ChatCompletionMessage(role="assistant", content="Hi")],
        [{"role": "assistant", "content": "Hi"}],
    ),
    "unknown keys": (
        [{"role": "user", "content": "Hi", "cache_control": {"type": "ephemeral"}}],
        [{"role": "user", "content": "Hi", "cache_control": {"type": "ephemeral"}}],
    ),
    "unknown keys in a part": (
        [{"role": "user", "content": [TEXT | {"cache_control": {"ttl": 5}}]}],
        [{"role": "user", "content": [TEXT | {"cache_control": {"ttl": 5}}]}],
    ),
    "another kind of part": (
        [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}],
        [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}],
    ),
    "a call without arguments": (
        [{"role": "assistant", "function_call": {"name": "f", "arguments": " "}}],
        [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
    ),
}


@pytest.mark.parametrize(("messages", "expected"), FORMS.values(), ids=FORMS)
def test_messages_may_come_in_these_forms(messages: Any, expected: list[dict[str, Any]]) -> None:
    """They become plain dictionaries, with all that was in them."""
    assert expected == check_messages(messages)


def test_a_tuple_is_as_good_as_a_list_for_a_parameter() -> None:
    """``stop=("a", "b")`` is what many write."""
    assert {"stop": ["a", "b"], "modalities": ["text"]} == check_parameters(
        {"stop": ("a", "b"), "modalities": ("text",)}
    )


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


def user(content: Any, **more: Any) -> list[Any]:
    """One message."""
    return [{"role": "user", "content": content, **more}]


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
    "content that is a tuple": (user((TEXT,)), "messages[0].content", "tuple is no JSON value"),
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
        "at least 1 character",
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
        "at least 1 character",
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
        "at least 1 character",
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
        "nan is no JSON number",
    ),
    "a call of an empty type": (
        after({"role": "assistant", "tool_calls": [{"id": "a", "type": ""}]}),
        "messages[1].tool_calls[0].type",
        "at least 1 character",
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

NOT_JSON: dict[str, tuple[Any, str, str]] = {
    "bytes": (b"x", "", "bytes is no JSON value"),
    "a set": ({1}, "", "set is no JSON value"),
    "a tuple": ((1,), "", "tuple is no JSON value"),
    "an object": (object(), "", "object is no JSON value"),
    "a complex number": (1j, "", "complex is no JSON value"),
    "not a number": (math.nan, "", "nan is no JSON number"),
    "infinity": ([math.inf], "[0]", "inf is no JSON number"),
    "negative infinity": ({"a": -math.inf}, ".a", "-inf is no JSON number"),
    "a lone surrogate": (["a\ud800"], "[0]", "a lone surrogate"),
    "half a pair": ("\udc00", "", "a lone surrogate"),
    "a surrogate in a key": ({"\ud800": 1}, "", r"the key '\ud800' is no text"),
    "an integer as key": ({1: 2}, "", "the key 1 is no text"),
    "none as key": ({"a": {None: 2}}, ".a", "the key None is no text"),
    "five thousand digits": (10**5000, "", "an integer of more than 1,200 digits"),
    "as many below zero": (-LARGEST, "", "an integer of more than 1,200 digits"),
    "deep inside": ([1, {"a": [None, {"b": b"x"}]}], "[1].a[1].b", "bytes is no JSON value"),
    "the first of several": ([{"a": {1}}, b"x"], "[0].a", "set is no JSON value"),
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


BAD_PARAMETERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a temperature in words": (
        {"temperature": "hot"},
        "temperature",
        "expected a number, got 'hot'",
    ),
    "a temperature that is a flag": ({"temperature": True}, "temperature", "got True"),
    "a temperature that is not a number": (
        {"temperature": math.nan},
        "temperature",
        "nan is no JSON number",
    ),
    "a temperature without bounds": (
        {"top_p": 10**5000},
        "top_p",
        "an integer of more than 1,200 digits",
    ),
    "none": ({"temperature": None}, "temperature", "got None"),
    "no tokens": ({"max_tokens": 0}, "max_tokens", "expected greater than or equal to 1, got 0"),
    "half a token": ({"max_tokens": 1.5}, "max_tokens", "expected a valid integer, got 1.5"),
    "too many tokens": (
        {"max_completion_tokens": 2**63},
        "max_completion_tokens",
        "expected less than",
    ),
    "no answers": ({"n": 0}, "n", "expected greater than or equal to 1"),
    "a seed that no machine holds": ({"seed": 2**64}, "seed", "expected less than"),
    "a seed below them all": ({"seed": -(2**63) - 1}, "seed", "greater than or equal to"),
    "a custom tool without a name": (
        {"tools": [{"type": "custom", "custom": {"name": ""}}]},
        "tools[0].custom.name",
        "at least 1 character",
    ),
    "a seed in words": ({"seed": "1"}, "seed", "expected a valid integer, got '1'"),
    "a flag in words": ({"logprobs": "yes"}, "logprobs", "expected a valid boolean, got 'yes'"),
    "a flag as a number": ({"store": 1}, "store", "expected a valid boolean, got 1"),
    "fewer than none": ({"top_logprobs": -1}, "top_logprobs", "greater than or equal to 0"),
    "one stop that is a number": ({"stop": 5}, "stop", "expected a string or a list of strings"),
    "a stop that is a number": ({"stop": ["a", 5]}, "stop[1]", "expected a valid string, got 5"),
    "a stop with half a character": ({"stop": "\ud800"}, "stop", "a lone surrogate"),
    "a bias in words": ({"logit_bias": {"1": "x"}}, "logit_bias.1", "got 'x'"),
    "functions that are none": ({"functions": []}, "functions", "must not be empty"),
    "a function without a name": ({"functions": [{}]}, "functions[0].name", "is missing"),
    "a function with a text for schema": (
        {"functions": [{"name": "f", "parameters": "{}"}]},
        "functions[0].parameters",
        "expected a dictionary, got str",
    ),
    "a bias by truth": ({"logit_bias": {True: 1}}, "logit_bias", "the key True is no text"),
    "fewer tokens than none": ({"max_tokens": -2}, "max_tokens", "greater than or equal to 1"),
    "a format without a type": (
        {"response_format": {"json_schema": {"name": "a", "schema": {}}}},
        "response_format.type",
        "is missing",
    ),
    "one tool": ({"tools": {}}, "tools", "expected a valid list, got dict"),
    "a tool that is a text": ({"tools": ["f"]}, "tools[0]", "expected a dictionary, got str"),
    "a tool without a function": (
        {"tools": [{"type": "function"}]},
        "tools[0].function",
        "is missing",
    ),
    "a tool without a name": (
        {"tools": [{"type": "function", "function": {"name": ""}}]},
        "tools[0].function.name",
        "at least 1 character",
    ),
    "a tool whose schema has a set": (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"enum": {1}}}}]},
        "tools[0].function.parameters.enum",
        "set is no JSON value",
    ),
    "a choice that is a number": (
        {"tool_choice": 5},
        "tool_choice",
        "expected a valid string, got 5",
    ),
    "a format that is a word": (
        {"response_format": "json"},
        "response_format",
        "expected a dictionary, got str",
    ),
    "modalities that are one word": (
        {"modalities": "text"},
        "modalities",
        "expected a valid list, got 'text'",
    ),
    "an effort that is a number": (
        {"reasoning_effort": 5},
        "reasoning_effort",
        "expected a valid string",
    ),
    "a user that is bytes": ({"user": b"x"}, "user", "bytes is no JSON value"),
    "options that are a flag": (
        {"stream_options": True},
        "stream_options",
        "expected a dictionary, got bool",
    ),
    "metadata that are a text": ({"metadata": "x"}, "metadata", "expected a dictionary, got str"),
    "metadata with bytes": ({"metadata": {"a": b"x"}}, "metadata.a", "bytes is no JSON value"),
    "audio that is a word": ({"audio": "wav"}, "audio", "expected a dictionary, got str"),
}


@pytest.mark.parametrize(
    ("parameters", "path", "reason"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS
)
def test_wrong_parameters_are_refused_with_their_path(
    parameters: dict[str, Any], path: str, reason: str
) -> None:
    """Each by its name, and by the place inside it."""
    with pytest.raises(InvalidRequestError) as caught:
        check_parameters(parameters)
    assert path == caught.value.path
    assert reason in str(caught.value)


@pytest.mark.parametrize(("value", "inner", "reason"), NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_json_is_refused_wherever_it_stands(value: Any, inner: str, reason: str) -> None:
    """Above all in ``extra_body``, which nothing else looks at."""
    with pytest.raises(InvalidRequestError) as caught:
        check_json({"a": value}, "extra_body")
    assert (f"extra_body.a{inner}", True) == (caught.value.path, reason in str(caught.value))


def test_the_largest_integers_are_accepted() -> None:
    """Both checks, the quick and the one that explains, agree where they end."""
    value = [LARGEST - 1, 1 - LARGEST]
    assert value == check_json(value, "x")
    assert json_fault(value, "x") is None


# --- properties ---

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["role", "content", "type", "text", "tool_calls", "function", "name", "arguments", "id"]
)
WORDS = st.sampled_from(["user", "assistant", "tool", "text", "image_url", "function", "{}"])
LIKELY: st.SearchStrategy[Any] = st.recursive(
    WORDS | ANY_JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


NEARLY_RIGHT = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool"]),
        "content": st.text(max_size=5) | LIKELY,
    },
    optional={"extra": ANY_JSON, "tool_call_id": st.text(max_size=2), "name": st.text(max_size=2)},
)


def means(messages: Any) -> Any:
    """What is left where nothing is changed but how nothing is said."""
    plain = [without_nulls(each) for each in messages]
    return [
        {k: v for k, v in without_empty_arguments(each).items() if k != "tool_calls" or v != []}
        for each in plain
    ]


def without_empty_arguments(value: Any) -> Any:
    """Arguments of no text stand for the empty object."""
    if isinstance(value, dict):
        return {
            key: "{}"
            if key == "arguments" and isinstance(item, str) and not item.strip()
            else without_empty_arguments(item)
            for key, item in value.items()  # pyright: ignore[reportUnknownVariableType] # any JSON
        }
    return [*map(without_empty_arguments, value)] if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType] # any JSON


def outcome(
    check: Callable[[Any], object], value: Any
) -> tuple[object, None] | tuple[None, InvalidRequestError]:
    """What a check gives, or why it refuses."""
    try:
        return check(value), None
    except InvalidRequestError as error:
        return None, error


@given(LIKELY | st.lists(st.dictionaries(KEYS, LIKELY, max_size=4) | NEARLY_RIGHT, max_size=3))
def test_any_messages_are_refused_or_sent_as_they_are(messages: Any) -> None:
    """Whatever is given: our own error with a path, or the same value on the wire. And what was
    given is never changed."""
    before = copy.deepcopy(messages)
    changes = list[Deviation]()
    checked, error = outcome(lambda given: check_messages(given, changes), messages)
    if error is not None:
        assert "messages" == error.path[:8]
    elif not changes:
        sent = decode_json(encode_json(checked))
        assert means(before) == means(sent)
    assert repr(before) == repr(messages)


@given(st.dictionaries(st.sampled_from(sorted(ChatParameters.__annotations__)), LIKELY, max_size=4))
def test_any_parameters_are_refused_or_sent_as_they_are(parameters: dict[str, Any]) -> None:
    """Likewise."""
    before = copy.deepcopy(parameters)
    changes = list[Deviation]()
    checked, error = outcome(lambda given: check_parameters(given, changes), parameters)
    if error is not None:
        assert error.path.split("[")[0].split(".")[0] in parameters
    elif not changes:
        before = with_text_keys(before)
        assert before == decode_json(encode_json(checked))
    assert repr(before) == repr(parameters)


def with_text_keys(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters whose token ids are texts, as in JSON."""
    bias: dict[Any, Any] = parameters.get("logit_bias", {})
    named = {str(key): value for key, value in bias.items()}
    return parameters | ({"logit_bias": named} if "logit_bias" in parameters else {})


@given(ANY_JSON)
def test_any_value_is_json_or_has_a_fault(value: Any) -> None:
    """The quick check and the one that explains agree."""
    fault = json_fault(value, "x")
    if fault is None:
        assert value == check_json(value, "x")
        assert value == decode_json(encode_json(value))
    else:
        with pytest.raises(InvalidRequestError) as caught:
            check_json(value, "x")
        assert str(fault) == str(caught.value)


def test_what_was_checked_shares_no_dictionary_with_what_was_given() -> None:
    """A provider may build on it, and the caller's history stays as it was."""
    messages: Any = user([dict(TEXT)], extra={"a": [1]})
    checked: Any = check_messages(messages)
    checked[0]["content"][0]["text"] = "changed"
    checked[0]["extra"]["a"].append(2)
    checked.append(HELLO)
    assert user([TEXT], extra={"a": [1]}) == messages


# --- names ---


@pytest.mark.parametrize(
    "name", ["temperature", "stream", "api_key", "api_base", "forceTimeout", "hooks"]
)
def test_an_argument_that_exists_is_no_mistake(name: str) -> None:
    """OpenAI's parameters, and the options beside them."""
    check_name(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("temprature", "did you mean temperature?"),
        ("max_token", "did you mean max_tokens?"),
        ("functioncall", "did you mean function_call?"),
    ],
)
def test_a_misspelt_argument_is_refused_with_the_nearest(name: str, hint: str) -> None:
    """It is never ignored."""
    with pytest.raises(InvalidRequestError) as caught:
        check_name(name)
    assert f"{name}: there is no such argument; {hint}" == str(caught.value)


# --- the arguments of calls ---


def test_an_answers_own_message_goes_back_as_it_is() -> None:
    """A model may write arguments that are no JSON, or be cut off in them: its message is kept."""
    call = ToolCall("a", Function("f", '{"x": 1'))
    [message] = check_messages([Message(tool_calls=[call])])
    assert message["role"] == "assistant"
    [sent] = message.get("tool_calls") or []
    assert {"name": "f", "arguments": '{"x": 1'} == cast("Any", sent)["function"]


# --- cost ---

TIMED = """
import json, timeit
from llmgate._core.check import check_messages

call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
history = 35 * [
    {"role": "user", "content": "Grüße. " * 400},
    {"role": "assistant", "content": "x" * 3000, "tool_calls": [call]},
    {"role": "tool", "tool_call_id": "a", "content": "y" * 200},
] + 200 * [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
print(
    len(json.dumps(history)),
    min(timeit.repeat(lambda: check_messages(history), number=1, repeat=30)),
    min(timeit.repeat(lambda: json.dumps(history), number=1, repeat=30)),
)
"""


def test_checking_a_long_history_costs_less_than_writing_it() -> None:
    """200 kB of messages, in well under the time that ``json.dumps`` takes for them (0.2 ms and
    1.2 ms where this was written). It is timed in a process of its own, where nothing is traced."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED], capture_output=True, text=True, timeout=60, check=True
    )
    size, checking, writing = map(float, done.stdout.split())
    assert size > 200_000
    assert checking < 0.8 * writing
