"""Cohere's whole replies that have failed, are odd, or are no answer."""

from __future__ import annotations

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
from llmgate.report import Report
from llmgate.types import Completion
from llmgate_cohere import ChatDecoder, decode
from tests.integration.cohere_replies import TEXT, USAGE, call, decoded, reply


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
    ({"errors": [], "message": "none"}, ProviderError, "none", None),
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
