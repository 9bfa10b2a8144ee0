"""Decoding: Cohere's whole replies as completions."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.provider.http import HttpResponse
from llmgate_cohere import decode
from tests.integration.cohere_replies import TEXT, USAGE, call, decoded

THOUGHT = {"type": "thinking", "thinking": "Hm. "}


def test_plain_text() -> None:
    """Text alone is kept nowhere else; the model is the one that was asked."""
    answer = decoded({"role": "assistant", "content": [TEXT]})
    message = answer.choices[0].message
    assert ("r1", "command-r", "Hello", "stop", "COMPLETE") == (
        answer.id,
        answer.model,
        answer.text,
        answer.choices[0].finish_reason,
        answer.choices[0].native_finish_reason,
    )
    assert [None] * 3 == [message.provider_data, message.tool_calls, message.annotations]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "stop"),  # without a call, for which a loop would wait in vain
        ("ERROR_LIMIT", "length"),
        ("ERROR_TOXIC", "content_filter"),
        ("USER_CANCEL", "other"),
        ("SOMETHING_NEW", "other"),
        (None, None),
    ],
)
def test_finish_reasons(native: str | None, reason: str | None) -> None:
    """Each of Cohere's reasons has OpenAI's word; none is made up."""
    choice = decoded({"content": [TEXT]}, native).choices[0]
    assert (reason, native) == (choice.finish_reason, choice.native_finish_reason)


@pytest.mark.parametrize(
    ("native", "reason"),
    [("COMPLETE", "tool_calls"), ("TOOL_CALL", "tool_calls"), ("MAX_TOKENS", "length")],
)
def test_calls_are_the_reason(native: str, reason: str) -> None:
    """An answer that ends by calling ends with ``tool_calls``, unless it was cut."""
    assert reason == decoded({"tool_calls": [call()]}, native).choices[0].finish_reason


def test_thoughts_and_plan_are_reasoning() -> None:
    """Both are read as reasoning, and kept for the way back."""
    message = (
        decoded(
            {"content": [THOUGHT, TEXT], "tool_plan": "I look.", "tool_calls": [call()]},
            "TOOL_CALL",
        )
        .choices[0]
        .message
    )
    assert message.reasoning_content == "Hm. I look."
    assert message.provider_data == {"cohere": {"content": [THOUGHT, TEXT], "tool_plan": "I look."}}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        (" null\n", "{}"),
        (None, "{}"),
        ({"a": 1}, '{"a":1}'),
        ("{broken", "{broken"),
    ],
)
def test_arguments(given: Any, read: str) -> None:
    """Arguments are Cohere's text; none at all are the empty object."""
    calls = decoded({"tool_calls": [call(given)]}).choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert read == calls[0].function.arguments


def test_calls_have_ids_and_their_own_names() -> None:
    """A missing id is made from the call's, and a name that was changed is given back."""
    named = call(id=None, function={"name": "get_it", "arguments": "", "x": 1}, y=2)
    calls = decoded({"tool_calls": [call(), named]}).choices[0].message.tool_calls
    assert calls is not None
    assert [call.id for call in calls] == ["c1", "call_c9_1"]
    assert calls[1].function is not None
    assert calls[1].function.name == "get-it"
    assert calls[1].function.extra == {"x": 1}
    assert calls[1].extra == {"y": 2}


PAGE = {"type": "document", "id": "d", "document": {"url": "https://a.example", "title": "A"}}
PAPER = {"type": "document", "id": "d", "document": {"text": "Hello"}}
RESULT = {"type": "tool", "id": "t:0", "tool_output": {"url": "https://b.example"}}
PLACE = {"start": 0, "end": 5, "text": "Hello", "type": "TEXT_CONTENT"}


@pytest.mark.parametrize(
    ("citation", "annotations"),
    [
        (
            PLACE | {"sources": [PAPER]},
            [
                {
                    "type": "citation",
                    "citation": {
                        **PLACE,
                        "sources": [PAPER],
                        "start_index": 0,
                        "end_index": 5,
                    },
                }
            ],
        ),
        (
            PLACE | {"sources": [PAGE, RESULT, 5], "content_index": 1},
            [
                {
                    "type": "url_citation",
                    "url_citation": {
                        "url": "https://a.example",
                        "title": "A",
                        "start_index": 4,
                        "end_index": 9,
                    },
                },
                {
                    "type": "url_citation",
                    "url_citation": {
                        "url": "https://b.example",
                        "title": None,
                        "start_index": 4,
                        "end_index": 9,
                    },
                },
            ],
        ),
        (PLACE | {"type": "THINKING_CONTENT"}, None),
        (PLACE | {"type": "PLAN"}, None),
        ({"text": "Hello"}, None),
    ],
)
def test_citations(citation: Any, annotations: Any) -> None:
    """Those in the text are annotations of their place in it; all are kept as they came."""
    content = [{"type": "text", "text": "So: "}, TEXT]
    message = decoded({"content": content, "citations": [citation]}).choices[0].message
    assert annotations == message.annotations
    assert {"cohere": {"content": content, "citations": [citation]}} == message.provider_data


USAGES: list[tuple[Any, dict[str, Any]]] = [
    (
        USAGE,
        {
            "prompt_tokens": 71,
            "completion_tokens": 9,
            "total_tokens": 80,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
            "billed_units": USAGE["billed_units"],
        },
    ),
    (
        {"billed_units": {"input_tokens": 5, "output_tokens": 2}},
        {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    ),
    (
        {"tokens": {"input_tokens": 34, "output_tokens": 56, "image_tokens": 259}},
        {"prompt_tokens": 293, "total_tokens": 349},
    ),
    ({"tokens": {"input_tokens": 3, "new_tokens": 4}}, {"tokens": {"new_tokens": 4}}),
    ({"tokens": {"input_tokens": 3}, "new": 4}, {"new": 4}),
]


@pytest.mark.parametrize(("said", "read"), USAGES)
def test_usage(said: Any, read: dict[str, Any]) -> None:
    """Tokens are counts, billed units are beside them, and stand in where there are none."""
    usage = decoded({"content": [TEXT]}, usage=said).usage
    assert usage is not None
    dumped = usage.model_dump()
    assert read == {key: dumped[key] for key in read}


def test_usage_details() -> None:
    """What came from the cache, what was an image and what was thought are in the details."""
    tokens = {"input_tokens": 9, "output_tokens": 8, "image_tokens": 7, "reasoning_tokens": 6}
    usage = decoded({"content": [TEXT]}, usage={"tokens": tokens, "cached_tokens": 5.0}).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 5
    assert usage.prompt_tokens_details.image_tokens == 7
    assert usage.completion_tokens_details.reasoning_tokens == 6


def test_logprobs() -> None:
    """One entry for each piece of text; a piece of several tokens has their sum, and theirs."""
    items = [
        {"text": "é", "token_ids": [7], "logprobs": [-0.5]},
        {"text": "lo", "token_ids": [8, 9], "logprobs": [-1.0, -2.0]},
        {"text": "x", "token_ids": [1]},
    ]
    assert decoded({"content": [TEXT]}, logprobs=items).choices[0].logprobs == {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [],
                "token_ids": [7],
            },
            {
                "token": "lo",
                "logprob": -3.0,
                "bytes": [108, 111],
                "top_logprobs": [],
                "token_ids": [8, 9],
                "token_logprobs": [-1.0, -2.0],
            },
            {"token": "x", "logprob": None, "bytes": [120], "top_logprobs": [], "token_ids": [1]},
        ]
    }


def test_what_is_new_is_kept() -> None:
    """Unknown fields and kinds are in ``extra``, or go back with the message."""
    drawing = {"type": "drawing", "svg": "<svg/>"}
    answer = decoded({"content": [TEXT, drawing], "mood": "good"}, weather="fair")
    message = answer.choices[0].message
    assert answer.extra == {"weather": "fair"}
    assert message.extra == {"mood": "good"}
    assert message.provider_data == {"cohere": {"content": [TEXT, drawing]}}


def test_what_is_missing_is_not_made_up() -> None:
    """Without an id there is one of the call's; without usage there is none; bare text is text."""
    answer = decode(HttpResponse(200, {}, b'{"message": {"content": "Hi"}}'), "c9")
    assert ("chat_c9", None, "Hi", None) == (
        answer.id,
        answer.usage,
        answer.text,
        answer.choices[0].finish_reason,
    )
