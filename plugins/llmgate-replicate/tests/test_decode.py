"""What is made of predictions that are over; waiting for their end is the flow's matter."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    ContentFilterError,
    DecodeError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.report import Report
from llmgate.types import Completion, Usage
from llmgate_replicate.response.body import decode, is_over, read_prediction
from llmgate_replicate.response.parts import TextReader

PREDICTION: dict[str, Any] = {
    "id": "jp9nrd1g2hrj20cjb2vrb55mkr",
    "model": "meta/meta-llama-3-8b-instruct",
    "version": "dp-a557b7387b4940df25b23f779dc534c4",
    "input": {"prompt": "Write a haiku"},
    "logs": "Running\n",
    "output": ["\n\n", "Fuzzy", ", gentle", " beasts", ""],
    "data_removed": False,
    "error": None,
    "status": "succeeded",
    "created_at": "2024-10-04T18:07:33.396123456Z",
    "completed_at": "2024-10-04T18:07:35.1Z",
    "urls": {"get": "https://api.replicate.com/v1/predictions/jp9nrd1g2hrj20cjb2vrb55mkr"},
    "metrics": {"input_token_count": 12, "output_token_count": 5, "predict_time": 0.5},
}


def decoded(changes: dict[str, Any], *, limit: int | None = None, **reading: Any) -> Completion:
    reply = HttpResponse(200, {}, encode_json({**PREDICTION, **changes}))
    return decode(reply, TextReader(**reading), model="asked/for", limit=limit)


def test_half_a_character_is_replaced() -> None:
    """A text that was cut within one is a text all the same."""
    body = encode_json({**PREDICTION, "output": "cut X"}).replace(b"X", b"\\ud83d")
    completion = decode(HttpResponse(200, {}, body), TextReader(), model="asked/for")
    assert "cut \ufffd" == completion.text


def test_a_prediction_is_a_completion() -> None:
    """Text, id, date, model, tokens and reason have their places; the rest is in ``extra``."""
    completion = decoded({"x_new": {"a": 1}})
    choice = completion.choices[0]
    assert completion.text == "\n\nFuzzy, gentle beasts"
    assert completion.id == "jp9nrd1g2hrj20cjb2vrb55mkr"
    assert completion.created == 1728065253
    assert completion.model == "meta/meta-llama-3-8b-instruct"
    assert completion.usage == Usage(12, 5, 17)
    assert (choice.finish_reason, choice.native_finish_reason) == ("stop", "succeeded")
    kept = {"version", "input", "logs", "metrics", "urls", "created_at", "x_new", "error"}
    assert kept <= completion.extra.keys()
    assert completion.extra["x_new"] == {"a": 1}


OUTPUTS: list[tuple[Any, str, str | None]] = [
    (["Hel", "lo"], "Hello", None),
    ("Hello", "Hello", None),
    ([], "", None),
    (None, "", None),
    ({"text": "Hello", "response_id": "r1"}, "Hello", None),
    ({"text": None, "json_output": {"a": 1}}, '{"a":1}', None),
    (["<think>", "Hm.", "</think>\n\n", "Hi"], "Hi", "Hm."),
    ("https://replicate.delivery/x/out.png", "https://replicate.delivery/x/out.png", None),
]


@pytest.mark.parametrize(("output", "text", "reasoning"), OUTPUTS)
def test_outputs(output: Any, text: str, reasoning: str | None) -> None:
    """Pieces are joined as they are; reasoning in think tags is told apart."""
    completion = decoded({"output": output})
    assert (text, reasoning) == (completion.text, completion.choices[0].message.reasoning_content)
    assert isinstance(output, dict) == ("output" in completion.extra)


@pytest.mark.parametrize("output", [5, [1], ["a", None], {}, {"text": 5}, True, [["a"]]])
def test_an_output_that_is_no_text_is_refused(output: Any) -> None:
    """An image model's arrays or an embedding are no answer."""
    with pytest.raises(DecodeError, match="no text"):
        decoded({"output": output})


REASONS: list[tuple[dict[str, Any], int | None, str, str]] = [
    ({}, None, "stop", "succeeded"),
    ({}, 6, "stop", "succeeded"),
    ({}, 5, "length", "succeeded"),
    ({"metrics": {}}, 5, "stop", "succeeded"),
    ({"status": "finished-differently"}, None, "other", "finished-differently"),
]


@pytest.mark.parametrize(("changes", "limit", "reason", "native"), REASONS)
def test_reasons(changes: dict[str, Any], limit: int | None, reason: str, native: str) -> None:
    """A success is a stop, unless the tokens that were counted reach the limit."""
    choice = decoded(changes, limit=limit).choices[0]
    assert (reason, native) == (choice.finish_reason, choice.native_finish_reason)


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        {},
        [],
        {"predict_time": 1},
        {"input_token_count": 1},
        {"input_token_count": "x", "output_token_count": 2},
        {"input_token_count": [1], "output_token_count": 2},
        {"input_token_count": True, "output_token_count": 2},
    ],
)
def test_tokens_are_never_invented(metrics: Any) -> None:
    """Where they are not counted, there is no usage; the metrics are kept."""
    completion = decoded({"metrics": metrics})
    assert completion.usage is None
    assert metrics == completion.extra["metrics"]


def test_odd_values_beside_the_output_lose_nothing() -> None:
    """An id that is a number, a count that is text: both are read, kept and reported."""
    report = Report()
    metrics = {"input_token_count": "1", "output_token_count": 2}
    body = encode_json({**PREDICTION, "id": 7, "metrics": metrics})
    found = decode(HttpResponse(200, {}, body), TextReader(), model="m", report=report)
    assert ("7", Usage(1, 2, 3)) == (found.id, found.usage)
    assert metrics == found.extra["metrics"]
    assert ["response.id", "response.metrics.input_token_count"] == [each.path for each in report]


ERRORS: list[tuple[Any, type[ProviderError], str, int | None]] = [
    ({"detail": "no such model", "status": 404}, NotFoundError, "no such model", 404),
    ({"title": "Slow down", "code": 429}, RateLimitError, "Slow down", 429),
    ({"error": {"message": "broken"}}, ProviderError, "broken", None),
    ({"error": "broken"}, ProviderError, "broken", None),
    ([{"message": "first"}], ProviderError, "first", None),
]


@pytest.mark.parametrize(("payload", "kind", "message", "status"), ERRORS)
def test_errors_with_status_200(
    payload: Any, kind: type[ProviderError], message: str, status: int | None
) -> None:
    """An error in place of a prediction is found in whichever of the forms in use."""
    with pytest.raises(ProviderError) as caught:
        read_prediction(HttpResponse(200, {}, encode_json(payload)))
    assert (kind, message, status) == (
        type(caught.value),
        caught.value.message,
        caught.value.status,
    )


def test_counts_may_be_written_as_floats() -> None:
    """JSON has one kind of number."""
    metrics = {"input_token_count": 1.0, "output_token_count": 2.0}
    assert Usage(1, 2, 3) == decoded({"metrics": metrics}).usage


@pytest.mark.parametrize("date", [None, "", "yesterday", 5, [], "2024-13-45T00:00:00Z"])
def test_a_date_that_is_none_is_zero(date: Any) -> None:
    """The date as it came is kept in any case."""
    completion = decoded({"created_at": date})
    assert (0, date) == (completion.created, completion.extra["created_at"])


def test_a_model_that_is_not_said_is_the_one_asked_for() -> None:
    """Early replies name only the version."""
    completion = decoded({"model": None, "usage": 7})
    assert "asked/for" == completion.model
    assert {"model": None, "usage": 7} == completion.extra["prediction"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"status": "failed", "error": "Boom"}, ServerError),
        ({"status": "failed", "error": {"a": 1}, "output": ["half"]}, ServerError),
        ({"status": "failed", "error": "Flagged (E005)"}, ContentFilterError),
        ({"status": "canceled"}, ProviderError),
        ({"status": "aborted"}, ProviderError),
        ({"status": "exploded", "output": None}, ServerError),
    ],
)
def test_a_prediction_without_an_answer_is_an_error(
    changes: dict[str, Any], kind: type[ProviderError]
) -> None:
    """Half an output of a failed prediction is never passed off as an answer."""
    with pytest.raises(kind, match="the prediction"):
        decoded(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "processing", "completed_at": None},
        {"output": None, "data_removed": True},
        {"id": ""},
        {"id": []},
        {"status": None},
        {"status": 5},
    ],
)
def test_what_is_no_whole_answer_is_refused(changes: dict[str, Any]) -> None:
    """Neither a running prediction nor one whose output is gone is an answer."""
    with pytest.raises(DecodeError):
        decoded(changes)


def test_an_error_with_status_200_has_its_own_status() -> None:
    """A problem in place of a prediction is that problem."""
    body = encode_json({"detail": "No such thing", "status": 404})
    with pytest.raises(NotFoundError, match="No such thing"):
        read_prediction(HttpResponse(200, {}, body))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "starting", "completed_at": None}, False),
        ({"status": "processing", "completed_at": None}, False),
        ({"status": "queued", "completed_at": None}, False),
        ({"status": "succeeded", "completed_at": None}, True),
        ({"status": "failed"}, True),
        ({"status": "canceled"}, True),
        ({"status": "aborted"}, True),
        ({"status": "novel"}, True),
    ],
)
def test_knows_when_a_prediction_is_over(changes: dict[str, Any], expected: bool) -> None:
    """Of a state that is not known, the date of its end tells."""
    assert expected == is_over({**PREDICTION, **changes})


def test_stops_and_fences_are_applied_to_whole_answers_too() -> None:
    """A model that goes on past a stop is cut there, and JSON is taken out of its fence."""
    assert "One " == decoded({"output": ["One E", "ND two"]}, stops=["END"]).text
    fenced = {"output": ["```json\n", "{}\n", "```"]}
    assert "{}" == decoded(fenced, is_json=True).text
