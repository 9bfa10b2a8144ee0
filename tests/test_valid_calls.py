"""Messages and parameters that are accepted, in all their forms."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartImageParam,
    ChatCompletionContentPartInputAudioParam,
    ChatCompletionContentPartParam,
    ChatCompletionContentPartRefusalParam,
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
    check_messages,
    check_parameters,
)
from llmgate.options import ChatParameters
from llmgate.types import CustomCall, Function, Message, ToolCall
from tests.valid_messages import HELLO, TEXT, without_nulls

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
