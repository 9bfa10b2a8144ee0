"""Decoding: Cohere's whole replies as completions, and what is no answer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    DecodeError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.provider.kit import NameMap
from llmgate.report import Report
from llmgate.types import Completion
from llmgate_cohere import ChatDecoder, decode

NAMES = NameMap(["get-it"], re.compile("[a-z_]+"), "Cohere accepts no hyphens")
TEXT = {"type": "text", "text": "Hello"}
THOUGHT = {"type": "thinking", "thinking": "Hm. "}
USAGE = {
    "billed_units": {"input_tokens": 5.0, "output_tokens": 2.0, "search_units": 1.0},
    "tokens": {"input_tokens": 71.0, "output_tokens": 9.0},
}


def call(arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    """A call as Cohere makes it."""
    return {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": arguments},
    } | more


def reply(message: Any, reason: Any = "COMPLETE", **more: Any) -> HttpResponse:
    """A reply with this message."""
    said = {"id": "r1", "finish_reason": reason, "message": message, **more}
    return HttpResponse(200, {}, encode_json(said))


def decoded(message: Any, reason: Any = "COMPLETE", **more: Any) -> Completion:
    """What such a reply is decoded into."""
    return decode(reply(message, reason, **more), "c9", "command-r", NAMES)


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


@pytest.mark.parametrize(("native", "status"), [("ERROR", 500), ("TIMEOUT", 504)])
def test_failed_answers_raise(native: str, status: int) -> None:
    """An answer that failed is no answer, whatever it has said so far."""
    with pytest.raises(ServerError) as caught:
        decoded({"content": [TEXT]}, native)
    assert (status, native, True) == (
        caught.value.status,
        caught.value.code,
        caught.value.in_stream,
    )


def test_an_error_with_status_200_raises() -> None:
    """A body that is an error's is an error, with Cohere's words."""
    with pytest.raises(ProviderError, match="too bad") as caught:
        decode(HttpResponse(200, {}, b'{"id": "r", "message": "too bad"}'), "c9")
    assert caught.value.request_id == "r"


ODD: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"id": 5}, "id", {"cohere": {"id": 5}}),
    ({"id": ["r1"]}, "id", {"cohere": {"id": ["r1"]}}),
    ({"usage": 5}, "usage", {"cohere": {"usage": 5}}),
    ({"usage": []}, "usage", {"cohere": {"usage": []}}),
    ({"usage": {"tokens": 5}}, "usage.tokens", {"cohere": {"usage": {"tokens": 5}}}),
    (
        {"usage": {"tokens": {"input_tokens": "x"}}},
        "usage.tokens.input_tokens",
        {"cohere": {"usage": {"tokens": {"input_tokens": "x"}}}},
    ),
    ({"logprobs": 5}, "logprobs", {"logprobs": 5}),
    ({"logprobs": [5]}, "logprobs", {"logprobs": [5]}),
    ({"logprobs": [{"logprobs": ["x"]}]}, "logprobs", {"logprobs": [{"logprobs": ["x"]}]}),
    ({"logprobs": [{"text": 5}]}, "logprobs", {"logprobs": [{"text": 5}]}),
]


@pytest.mark.parametrize(("odd", "where", "extra"), ODD)
def test_an_odd_value_beside_the_content_loses_nothing(odd: Any, where: str, extra: Any) -> None:
    """The text is read all the same; the value stays in ``extra``, and is in the report."""
    report = Report()
    said = {"finish_reason": "COMPLETE", "message": {"content": [TEXT]}, **odd}
    answer = decode(HttpResponse(200, {}, encode_json(said)), "c9", report=report)
    assert answer.text == "Hello"
    assert (answer.usage, answer.choices[0].logprobs) == (None, None)
    assert extra == answer.extra
    assert [f"response.{where}"] == [each.path for each in report]


def test_counts_as_text_are_counts() -> None:
    """What is a number as text is read as one, and the usage has the text in its ``extra``."""
    usage = decoded({"content": [TEXT]}, usage={"tokens": {"input_tokens": "5"}}).usage
    assert usage is not None
    assert usage.prompt_tokens == 5
    assert usage.extra == {"tokens": {"input_tokens": "5"}}


@pytest.mark.parametrize(
    "said", [None, {}, {"billed_units": {"search_units": 1}}, {"cached_tokens": 0}]
)
def test_usage_that_is_not_given_is_none(said: Any) -> None:
    """No count is made up; what there is of it is kept."""
    answer = decoded({"content": [TEXT]}, usage=said)
    assert answer.usage is None
    assert ({"cohere": {"usage": said}} if said else {}) == answer.extra


def test_counts_without_a_kind_are_understood() -> None:
    """Some hosts have them in the usage itself."""
    usage = decoded({"content": [TEXT]}, usage={"input_tokens": 5, "output_tokens": 2}).usage
    assert usage is not None
    assert (5, 2, 7, {}) == (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.extra,
    )


def test_odd_values_of_a_message_lose_nothing() -> None:
    """An id that is a number is text; citations that are none stay as they came."""
    report = Report()
    said = {"tool_calls": [call(id=5)], "citations": [5]}
    answer = decode(reply(said), "c9", report=report)
    message = answer.choices[0].message
    assert message.tool_calls is not None
    assert ("5", {"cohere": {"id": 5}}) == (message.tool_calls[0].id, message.tool_calls[0].extra)
    assert (None, None) == (message.annotations, message.provider_data)
    assert message.extra == {"citations": [5]}
    assert ["response.message.tool_calls[0].id", "response.message.citations"] == [
        each.path for each in report
    ]


ERRORS: list[tuple[Any, type[ProviderError], str, int | None]] = [
    ({"id": "r", "message": "too bad"}, ProviderError, "too bad", None),
    ({"code": 429, "message": "slow"}, RateLimitError, "slow", 429),
    ({"code": "503", "message": "later"}, OverloadedError, "later", 503),
    ({"detail": "no such host"}, ProviderError, "no such host", None),
    ({"errors": [{"message": "one"}]}, ProviderError, "one", None),
    ({"errors": ["one"]}, ProviderError, "one", None),
    ({"error": {"message": "key", "status": 401}}, AuthenticationError, "key", 401),
    ({"error": "bare"}, ProviderError, "bare", None),
    ({"error": {"a": 1}}, ProviderError, "{'error': {'a': 1}}", None),
    ({"type": "error", "message": "typed"}, ProviderError, "typed", None),
    ({"base_resp": {"status_code": 1004, "status_msg": "no key"}}, ProviderError, "no key", None),
    ([{"error": {"message": "first", "code": 404}}], NotFoundError, "first", 404),
]


@pytest.mark.parametrize(("payload", "kind", "message", "status"), ERRORS)
def test_errors_with_status_200(
    payload: Any, kind: type[ProviderError], message: str, status: int | None
) -> None:
    """An error is found in whichever of the forms in use, whole and as an event."""
    with pytest.raises(ProviderError) as caught:
        decode(HttpResponse(200, {}, encode_json(payload)), "c9")
    error = caught.value
    assert (kind, message, status, False) == (
        type(error),
        error.message,
        error.status,
        error.in_stream,
    )
    with pytest.raises(ProviderError) as caught:
        ChatDecoder("c9").feed(Frame(encode_json(payload)))
    assert (kind, message, True) == (
        type(caught.value),
        caught.value.message,
        caught.value.in_stream,
    )


WRONG: list[Any] = [
    {"message": {"content": [TEXT]}, "finish_reason": 5},
    {"message": {}},
    {"message": {"content": []}},
    {"message": {"content": 5}, "finish_reason": "COMPLETE"},
    {"message": {"content": [5]}, "finish_reason": "COMPLETE"},
    {"message": {"content": [{"type": "text"}]}, "finish_reason": "COMPLETE"},
    {"message": {"content": [{"type": "thinking"}]}, "finish_reason": "COMPLETE"},
    {"message": {"content": [TEXT], "tool_plan": 5}},
    {"message": {"tool_calls": 5}},
    {"message": {"tool_calls": [{}]}},
    {"message": {"tool_calls": [call(function={"name": "", "arguments": ""})]}},
    {"message": {"tool_calls": [call([])]}},
    {"message": 5, "finish_reason": "COMPLETE"},
    [],
]


@pytest.mark.parametrize("payload", WRONG)
def test_what_is_no_answer_is_refused(payload: Any) -> None:
    """Values of wrong types are a DecodeError that holds the body."""
    body = encode_json(payload)
    with pytest.raises(DecodeError) as caught:
        decode(HttpResponse(200, {}, body), "c9")
    assert body == caught.value.frame


def test_keys_that_mean_something_else_in_our_shape_stand_apart() -> None:
    """They take no place of ours, so that a stored answer loads as what it was."""
    item = {**call(), "custom": 1}
    said = {"content": [TEXT], "tool_calls": [item], "refusal": "x", "audio": 0}
    answer = decoded(said, model=5, usage={**USAGE, "total_tokens": "x"})
    message = answer.choices[0].message
    assert {"cohere": {"refusal": "x", "audio": 0}} == message.extra
    assert message.tool_calls is not None
    assert {"cohere": {"custom": 1}} == message.tool_calls[0].extra
    assert {"cohere": {"model": 5}} == answer.extra
    assert answer == Completion.model_validate(answer.model_dump())
