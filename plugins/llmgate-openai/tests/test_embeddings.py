"""Embeddings and lists of models: what is sent, and what becomes of recorded responses."""

from __future__ import annotations

import json
import math
import struct
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from llmgate.embeddings import EmbeddingCall
from llmgate.errors import BadRequestError, DecodeError, LLMGateError, RateLimitError
from llmgate.provider import Embedder, ModelLister, Rule, Support
from llmgate.provider.http import HttpResponse, is_array
from llmgate.testing import drive
from llmgate_openai import OpenAI, base_url_of
from llmgate_openai.embeddings import decode_embeddings
from llmgate_openai.models import decode_models

_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"
_RECORDINGS = [
    json.loads(path.read_text("utf-8"))
    for family in ("openai", "azure-openai", "openrouter", "mistral", "local-openai-compat")
    for path in sorted(_CORPUS.glob(f"{family}-embeddings-*.json"))
]
_OFFICIAL = OpenAI(api_key="sk-test")
_ELSEWHERE = OpenAI(base_url="http://localhost:8000/v1?tier=1")


def _response(payload: Any, status: int = 200) -> HttpResponse:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return HttpResponse(status, {"content-type": "application/json"}, body)


def _sent(provider: OpenAI, call: EmbeddingCall) -> tuple[str, dict[str, Any]]:
    request = next(provider.embed(call))
    assert "POST" == request.method
    return request.url, json.loads(request.body)


# --- what is sent ---------------------------------------------------------------------------


def test_openai_is_asked_for_base64() -> None:
    """A quarter of the bytes, unless the caller says otherwise."""
    call = EmbeddingCall("text-embedding-3-small", ["a", "b"], {"dimensions": 64, "user": "ada"})
    url, body = _sent(_OFFICIAL, call)
    assert "https://api.openai.com/v1/embeddings" == url
    assert {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "dimensions": 64,
        "user": "ada",
        "encoding_format": "base64",
    } == body
    asked = EmbeddingCall("m", [[1, 2]], {"encoding_format": "float"}, {"x": 1})
    body = {"model": "m", "input": [[1, 2]], "encoding_format": "float", "x": 1}
    assert body == _sent(_OFFICIAL, asked)[1]


def test_another_host_is_sent_what_was_asked() -> None:
    """It may send something else than float32 under that name."""
    url, body = _sent(_ELSEWHERE, EmbeddingCall("m", ["a"], {"input_type": "query"}))
    assert "http://localhost:8000/v1/embeddings?tier=1" == url
    assert {"model": "m", "input": ["a"], "input_type": "query"} == body


def test_what_openai_takes_depends_on_the_model() -> None:
    """The oldest model has vectors of one length; other hosts are not known."""
    newer, older = map(
        _OFFICIAL.embedding_abilities, ("text-embedding-3-small", "text-embedding-ada-002")
    )
    assert (2048, True) == (newer.max_batch, newer.takes_tokens)
    assert newer.parameters is not None
    assert older.parameters is not None
    assert Support.NATIVE is newer.parameters["dimensions"]
    rule = older.parameters["dimensions"]
    assert isinstance(rule, Rule)
    assert "text-embedding-ada-002 has vectors of one length" == rule.reason
    assert None is _ELSEWHERE.embedding_abilities("m").parameters
    assert isinstance(_OFFICIAL, Embedder)
    assert isinstance(_OFFICIAL, ModelLister)


def test_a_pasted_route_is_taken_off() -> None:
    """As that of chat completions is."""
    assert "https://x.invalid/v1" == base_url_of("https://x.invalid/v1/embeddings/")


# --- what comes back ------------------------------------------------------------------------


def _recorded_vector(value: Any) -> list[float]:
    if is_array(value):
        return value
    data = b64decode(value)
    numbers = [*struct.unpack(f"<{len(data) // 4}f", data)]
    if abs(_length(numbers) - 1) < 0.01:
        return numbers
    return [*struct.unpack(f"<{len(data) // 8}d", data)]  # an old vLLM's: they have length one, too


def _length(numbers: list[float]) -> float:
    return math.hypot(*numbers)


@pytest.mark.skipif(not _RECORDINGS, reason="the recordings are not beside the repository")
def test_recorded_responses_are_read_without_loss() -> None:
    """Each vector, the usage, and what hosts add."""
    read = 0
    for recording in _RECORDINGS:
        response = recording["response"]
        if response["status"] != 200:
            continue
        recorded = response["body"]
        found = decode_embeddings(_response(recorded))
        vectors = [_recorded_vector(item["embedding"]) for item in recorded["data"]]
        assert vectors == found.vectors
        assert all(0.9 < _length(vector) < 1.1 for vector in found.vectors)
        dumped = found.model_dump()
        counted = {name: dumped["usage"].get(name) for name in recorded["usage"]}
        assert recorded["usage"] == counted
        assert recorded.keys() <= dumped.keys()
        assert recorded["model"] == found.model
        read += 1
    assert read >= 6


@pytest.mark.skipif(not _RECORDINGS, reason="the recordings are not beside the repository")
def test_recorded_refusals_are_errors() -> None:
    """Of the class that their status says."""
    refused = [r["response"] for r in _RECORDINGS if r["response"]["status"] == 400]
    assert refused
    for response in refused:
        error = _OFFICIAL.error(_response(response["body"], 400))
        assert isinstance(error, BadRequestError)
        assert "dimensions" in error.message


def test_a_whole_flow() -> None:
    """One request; what hosts leave out is not made up."""
    packed = b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    payload = {
        "data": [{"embedding": [1, 0.25], "x": 1}, {"index": 1, "embedding": packed}],
        "id": "embd-1",
    }
    call = EmbeddingCall("m", ["a", "b"])
    driven = drive(_OFFICIAL.embed(call), [_response(payload)], error=_OFFICIAL.error)
    found = driven.result
    assert [[1.0, 0.25], [0.5, -1.0]] == found.vectors
    assert ("", None, {"id": "embd-1"}) == (found.model, found.usage, found.extra)
    assert ({"x": 1}, 0) == (found.data[0].extra, found.data[0].index)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"total_tokens": 7}, (7, 7)),  # Voyage
        ({"prompt_tokens": 7}, (7, 7)),
        ({"prompt_tokens": 7, "total_tokens": 9}, (7, 9)),
        ({}, None),
        ({"cost": 1}, None),
        (1, None),
        ({"total_tokens": "1"}, (1, 1)),
        (None, None),
    ],
)
def test_usage_is_what_the_host_says(usage: Any, expected: tuple[int, int] | None) -> None:
    """Never zeros where it says nothing."""
    payload = {"data": [{"embedding": [0.5]}], "usage": usage}
    found = decode_embeddings(_response(payload)).usage
    counts = None if found is None else (found.prompt_tokens, found.total_tokens)
    assert expected == counts


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b'{"data": {}}',
        b'{"data": [1]}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": "0", "embedding": [1]}]}',
        b'{"data": [{"index": true, "embedding": [1]}]}',
        b'{"data": [{"embedding": "x"}]}',
        b'{"data": [{"embedding": [1]}], "model": 1}',
        b'{"data": [{"embedding": [0.1, 0.',
    ],
)
def test_what_holds_no_embeddings_is_refused(payload: bytes) -> None:
    """With the body at hand."""
    with pytest.raises(DecodeError) as caught:
        decode_embeddings(_response(payload))
    assert payload == caught.value.frame


def test_an_error_inside_a_200_is_an_error() -> None:
    """Of its own class, and not one of a stream."""
    payload = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    for decode in (decode_embeddings, decode_models):
        with pytest.raises(RateLimitError) as caught:
            decode(_response(payload))
        assert not caught.value.in_stream


# --- models ---------------------------------------------------------------------------------


def test_models_are_listed() -> None:
    """OpenAI's list says little; what other hosts say has one name, and the rest is kept."""
    payload = {
        "object": "list",
        "data": [
            {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
            {"id": "llama", "created": 0, "context_window": 8192, "max_completion_tokens": 1024},
            {"id": "vllm", "max_model_len": 4096, "root": "x", "capabilities": ["chat"]},
        ],
    }
    driven = drive(_OFFICIAL.list_models(), [_response(payload)])
    assert [("GET", "https://api.openai.com/v1/models")] == [
        (r.method, r.url) for r in driven.requests
    ]
    openai, llama, vllm = driven.result
    assert ("gpt-4o", 1715367049, "system") == (openai.id, openai.created, openai.owned_by)
    assert (None, 8192, 1024) == (llama.created, llama.context_window, llama.max_output)
    assert (4096, None, None) == (vllm.context_window, vllm.owned_by, vllm.capabilities)
    assert {"max_model_len": 4096, "root": "x", "native_capabilities": ["chat"]} == vllm.extra


def test_a_bare_array_is_a_list() -> None:
    """As Together sends it."""
    models = decode_models(_response([{"id": "a/b", "context_length": 32768, "created": 1.5}]))
    assert [("a/b", 32768, 1)] == [(m.id, m.context_window, m.created) for m in models]


@pytest.mark.parametrize(
    "payload", [{}, {"data": {}}, [1], [{}], [{"id": 1}], "text", [{"id": "a", "created": "x"}]]
)
def test_what_lists_no_models_is_refused(payload: Any) -> None:
    """With the place of what is wrong."""
    with pytest.raises(LLMGateError):
        decode_models(_response(payload))
