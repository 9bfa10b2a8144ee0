"""Responses: counts, log probabilities, sources, and what is odd beside the content."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import DecodeError
from tests.integration.gemini_responses import COUNTS, call, saying, streamed, text, whole


def test_usage() -> None:
    """The prompt has what tools added, and the completion its thoughts; details are contained."""
    counts = {
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 20,
        "candidatesTokenCount": 30,
        "thoughtsTokenCount": 40,
        "cachedContentTokenCount": 50,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 60},
            {"modality": "TEXT", "tokenCount": 10},
            {"modality": "VIDEO", "tokenCount": 30},
            {"modality": 1, "tokenCount": 9},
            "x",
        ],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 25}],
        "trafficType": "ON_DEMAND",
    }
    usage = whole({**saying(text("Hi")), "usageMetadata": counts}).usage
    assert usage is not None
    assert (120, 70, 190) == (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    prompt, said = usage.prompt_tokens_details, usage.completion_tokens_details
    assert prompt is not None
    assert said is not None
    assert (50, 70, 30) == (prompt.cached_tokens, prompt.text_tokens, prompt.extra["video_tokens"])
    assert (40, 25) == (said.reasoning_tokens, said.extra["image_tokens"])
    assert 20 == usage.extra["toolUsePromptTokenCount"]
    assert "ON_DEMAND" == usage.extra["trafficType"]


def test_nothing_counted_is_no_usage() -> None:
    """What stands in its place is kept."""
    found = whole({**saying(text("Hi")), "usageMetadata": {"trafficType": "ON_DEMAND"}})
    assert (None, {"trafficType": "ON_DEMAND"}) == (found.usage, found.extra["usageMetadata"])
    assert whole(saying(text("Hi"))).usage is None


def test_the_last_counts_are_those_of_the_stream() -> None:
    """They are cumulative, and may come after the reason."""
    more = {**COUNTS, "candidatesTokenCount": 9, "totalTokenCount": 12}
    found = streamed(
        {**saying(text("a"), reason=None), "usageMetadata": COUNTS},
        {**saying(text("b"), reason=None), "usageMetadata": COUNTS},
        saying(text("c")),
        {"usageMetadata": more},
    )
    assert found.usage is not None
    assert ("abc", 9, 12) == (
        found.text,
        found.usage.completion_tokens,
        found.usage.total_tokens,
    )


def test_logprobs() -> None:
    """Token by token, with the alternatives to each."""
    result = {
        "chosenCandidates": [
            {"token": "ä", "tokenId": 5, "logProbability": -0.5},
            {"token": "b", "logProbability": -1},
        ],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -2}]}],
        "logProbabilitySum": -1.5,
    }
    found = whole(saying(text("äb"), logprobsResult=result, avgLogprobs=-0.75)).choices[0]
    assert found.logprobs is not None
    first = {"token": "ä", "logprob": -0.5, "bytes": [195, 164], "token_id": 5}
    top = {"token": "c", "logprob": -2, "bytes": [99]}
    assert [
        {**first, "top_logprobs": [top]},
        {"token": "b", "logprob": -1, "bytes": [98], "top_logprobs": []},
    ] == found.logprobs["content"]
    assert (-1.5, -0.75) == (found.logprobs["logProbabilitySum"], found.extra["avgLogprobs"])


GROUNDED = {
    "groundingChunks": [
        {"web": {"uri": "https://a.example", "title": "A"}},
        {"retrievedContext": {"text": "t", "uri": "gs://b"}},
        "x",
        {"maps": "x"},
    ],
    "groundingSupports": [
        {
            "segment": {"startIndex": 4, "endIndex": 7, "text": "bc"},
            "groundingChunkIndices": [0, 1, 2, 3, 9, "x"],
        },
        {"segment": {"endIndex": 3}, "groundingChunkIndices": [0]},
        "x",
    ],
    "webSearchQueries": ["q"],
}


def test_sources_are_annotations() -> None:
    """Gemini counts bytes, and OpenAI characters; all of it stays in ``extra`` as well."""
    payload = saying(text("äh bc"), groundingMetadata=GROUNDED)
    for found in (
        whole(payload),
        streamed(saying(text("äh"), reason=None), saying(text(" bc"), groundingMetadata=GROUNDED)),
    ):
        page = {"url": "https://a.example", "title": "A"}
        context = {"text": "t", "uri": "gs://b", "start_index": 3, "end_index": 5}
        assert [
            {"type": "url_citation", "url_citation": {**page, "start_index": 3, "end_index": 5}},
            {"type": "retrievedContext", "retrievedContext": context},
            {"type": "url_citation", "url_citation": {**page, "start_index": 0, "end_index": 2}},
        ] == found.choices[0].message.annotations
        assert GROUNDED == found.choices[0].extra["groundingMetadata"]


def test_citations_are_annotations() -> None:
    """Of texts that were recited."""
    citations = [{"startIndex": 0, "endIndex": 2, "uri": "https://a.example"}, "x"]
    cited = {"url": "https://a.example", "title": None, "start_index": 0, "end_index": 2}
    for name in ("citations", "citationSources"):  # Vertex AI's, and the Developer API's
        choice = whole(saying(text("Hi"), citationMetadata={name: citations})).choices[0]
        assert [{"type": "url_citation", "url_citation": cited}] == choice.message.annotations


def test_urls_that_were_read_are_annotations() -> None:
    """With Gemini's fields, as they are no citations of a place in the text."""
    page = {"retrievedUrl": "https://a.example", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"}
    payload = saying(text("Hi"), urlContextMetadata={"urlMetadata": [page]})
    for found in (whole(payload), streamed(payload)):
        noted = found.choices[0].message.annotations
        assert [{"type": "urlMetadata", "urlMetadata": page}] == noted


def test_what_a_stream_repeats_is_kept_once() -> None:
    """Ratings come with every event, and sources grow."""
    low, high = {"category": "A", "probability": "LOW"}, {"category": "A", "probability": "HIGH"}
    found = streamed(
        saying(text("a"), reason=None, safetyRatings=[low], groundingMetadata={"a": 1}),
        saying(text("b"), reason=None, safetyRatings=[low], groundingMetadata={"b": 2}),
        saying(text("c"), safetyRatings=[low, high], groundingMetadata={"a": None}),
    )
    extra = found.choices[0].extra
    assert [low, high] == extra["safetyRatings"]
    assert {"a": 1, "b": 2} == extra["groundingMetadata"]


def test_odd_values_beside_the_content_are_recorded() -> None:
    """The response is not lost for them."""
    counts: dict[str, Any] = {**COUNTS, "promptTokenCount": "3", "totalTokenCount": []}
    found = whole({**saying(text("Hi")), "usageMetadata": counts, "promptFeedback": 5})
    assert found.usage is not None
    assert (3, 5) == (found.usage.prompt_tokens, found.usage.total_tokens)
    assert {"response.usageMetadata.promptTokenCount", "response.promptFeedback"} <= {
        deviation.path for deviation in found.report
    }


@pytest.mark.parametrize("content", [{}, {"role": "model"}, {"parts": []}, {"parts": [text("")]}])
@pytest.mark.parametrize("reason", ["STOP", "MAX_TOKENS", "SAFETY"])
def test_an_empty_response_is_one(content: Any, reason: str) -> None:
    """Models do say nothing; the reason is there for whoever asks."""
    payload: Any = {"candidates": [{"content": content, "finishReason": reason}]}
    for found in (whole(payload), streamed(payload)):
        assert (None, reason) == (found.text or None, found.choices[0].native_finish_reason)


NO_RESPONSES: list[Any] = [
    {"candidates": [{}]},
    {"candidates": []},
    {"candidates": [{"content": {}}]},
    {"candidates": [{"content": {"x": 5}, "finishReason": "STOP"}]},
    {"candidates": [{"content": {"parts": [{}]}, "finishReason": "STOP"}]},
    saying(call("")),
    saying({"functionCall": {"name": "f", "args": []}}),
    saying({"text": 5}),
    saying({"functionCall": {"name": "f"}}, index="x"),
]


@pytest.mark.parametrize("payload", NO_RESPONSES)
def test_what_is_no_response(payload: Any) -> None:
    """It is refused, and the error holds it."""
    with pytest.raises(DecodeError) as caught:
        whole(payload)
    assert caught.value.frame
