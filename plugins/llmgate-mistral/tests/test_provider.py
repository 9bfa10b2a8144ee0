"""Addresses, keys, streams that fail, embeddings and models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate import completion, embedding, list_models
from llmgate.errors import MissingKeyError, NotFoundError, RateLimitError, ServerError
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing import (
    CANARY,
    EmbeddingConformance,
    FixedSigning,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
    drive,
    read_stream,
)
from llmgate.testing.driving import call_of
from llmgate_mistral import Mistral
from tests.sdk import OPENAI_ANSWER, SdkServer

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
_CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "https://api.mistral.ai/v1"),
        ("https://api.eu.mistral.ai", "https://api.eu.mistral.ai/v1"),
        ("https://api.us.mistral.ai/", "https://api.us.mistral.ai/v1"),
        ("https://api.mistral.ai/v1/chat/completions", "https://api.mistral.ai/v1"),
        ("https://mine.example", "https://mine.example"),
    ],
)
def test_addresses(given: str | None, url: str) -> None:
    """One of Mistral's own may lack its version."""
    assert repr(Mistral(base_url=given)) == f"Mistral(base_url={url!r})"


def test_settings_of_one_call() -> None:
    """They change those of a provider that the user has made."""
    changed = Mistral(api_key="k").configured(base_url="https://mine.example")
    assert repr(changed) == "Mistral(base_url='https://mine.example')"


async def test_the_key_goes_to_mistral_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """To every region, and not to an address given in code; without one, the variable is named."""
    signing, url = FixedSigning(), "https://api.eu.mistral.ai/v1/x"
    with pytest.raises(MissingKeyError, match="MISTRAL_API_KEY"):
        await Mistral().authorize(HttpRequest("POST", url), signing)
    monkeypatch.setenv("MISTRAL_API_KEY", "secret-of-mistral")
    sent = await Mistral().authorize(HttpRequest("POST", url), signing)
    assert sent.headers["Authorization"] == "Bearer secret-of-mistral"
    elsewhere = "https://mine.example/v1/x"
    other = Mistral(base_url="https://mine.example/v1")
    assert not (await other.authorize(HttpRequest("POST", elsewhere), signing)).headers


def test_a_call_end_to_end() -> None:
    """An unprefixed name is enough."""
    with SdkServer(OPENAI_ANSWER) as server:
        answer = completion(
            "mistral-small-latest", HELLO, api_key="k", base_url=f"{server.url}/v1", seed=7
        )
    assert answer.text == "Hi"
    assert server.asked[0].path == "/v1/chat/completions"
    assert server.asked[0].headers["authorization"] == "Bearer k"
    assert server.asked[0].json["random_seed"] == 7


def test_a_stream_that_fails() -> None:
    """Its last event says so by the finish reason alone."""
    asked = {"model": "m", "messages": HELLO, "stream": True}
    provider = Mistral(api_key="k")
    decoder = drive(provider.stream(call_of(provider, asked)), [HttpResponse(200, {}, b"")]).result
    begun: Any = {"index": 0, "delta": {"role": "assistant", "content": "Hi"}}
    failed: Any = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    events = [json.dumps({"id": "x", "choices": [choice]}) for choice in (begun, failed)]
    body = "".join(f"data: {event}\n\n" for event in events).encode()
    with pytest.raises(ServerError) as caught:
        list(read_stream(decoder, [body]))
    assert (caught.value.code, caught.value.in_stream) == ("error", True)


def test_errors() -> None:
    """Mistral's code counts among errors of the request alone."""
    provider = Mistral(api_key="k")
    body = b'{"object": "error", "message": "no", "type": "x", "code": "3051"}'
    assert type(provider.error(HttpResponse(503, {}, body))).__name__ == "OverloadedError"
    limited = b'{"object": "error", "message": "Rate limit exceeded", "code": "1300"}'
    error = provider.error(HttpResponse(429, {}, limited))
    assert (type(error), error.code) == (RateLimitError, "1300")


# --- embeddings and models ---


def _response(payload: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(payload).encode())


def _list(*vectors: Any) -> Any:
    data = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
    usage = {
        "prompt_tokens": 2,
        "total_tokens": 2,
        "completion_tokens": 0,
        "num_cached_tokens": None,
    }
    return {"id": "e", "object": "list", "data": data, "model": "codestral-embed", "usage": usage}


def _recorded() -> list[RecordedEmbeddings]:
    """Those of Mistral, where they are beside the repository."""
    found = list[RecordedEmbeddings]()
    for path in sorted(_CORPUS.glob("mistral-embeddings-*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        sent, body = exchange["request"]["body"], exchange["response"]["body"]
        tokens = body["usage"]["prompt_tokens"]
        found.append(
            RecordedEmbeddings(exchange["id"], sent, (_response(body),), sent, prompt_tokens=tokens)
        )
    return found


class TestEmbeddings(EmbeddingConformance):
    """Mistral's own."""

    provider = Mistral(api_key=CANARY)
    recordings = (
        RecordedEmbeddings(
            "two",
            {"model": "codestral-embed", "input": ["a", "b"], "dimensions": 2, "user": "ada"},
            (_response(_list([0.5, 1], [0.25, -1])),),
            body={"model": "codestral-embed", "input": ["a", "b"], "output_dimension": 2},
            vectors=[[0.5, 1.0], [0.25, -1.0]],
            prompt_tokens=2,
        ),
        RecordedEmbeddings(
            "an unknown model",
            {"model": "x", "input": "a"},
            (_response({"object": "error", "message": "Invalid model: x", "code": "1500"}, 404),),
            error=NotFoundError,
        ),
        *_recorded(),
    )


_MODELS: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "id": "mistral-small-latest",
            "object": "model",
            "created": 1787150053,
            "owned_by": "mistralai",
            "max_context_length": 131072,
            "aliases": ["mistral-small-2506"],
            "capabilities": {"completion_chat": True, "function_calling": True, "vision": False},
        },
        {"id": "mistral-small-latest", "object": "model"},
        {"id": "mistral-embed", "object": "model", "created": 0},
    ],
}


class TestModels(ModelListConformance):
    """Mistral's own."""

    provider = Mistral(api_key=CANARY)
    recordings = (
        RecordedModels(
            "two, of which one comes twice",
            (_response({**_MODELS, "data": _MODELS["data"][1:] + _MODELS["data"][:1]}),),
            models=(
                {
                    "id": "mistral-small-latest",
                    "created": 1787150053,
                    "owned_by": "mistralai",
                    "context_window": 131072,
                    "capabilities": {"chat": True, "tools": True, "vision": False},
                },
                {"id": "mistral-embed", "created": None, "capabilities": None},
            ),
        ),
        RecordedModels("no key", (_response({"message": "Unauthorized"}, 500),), error=ServerError),
    )


def test_operations_end_to_end() -> None:
    """A length is refused for a model that has but one; many texts are several requests."""

    def answer(path: str) -> bytes:
        vectors = [[0.5]] * len(server.asked[-1].json["input"]) if "embed" in path else []
        return json.dumps(_list(*vectors) if vectors else _MODELS).encode()

    with SdkServer(answer) as server:
        settings: dict[str, Any] = {"api_key": "k", "base_url": f"{server.url}/v1"}
        with pytest.raises(Exception, match="vectors of one length"):
            embedding("mistral/mistral-embed", ["a"], dimensions=5, **settings)
        made = embedding("mistral/mistral-embed", ["a"] * 65, **settings)
        listed = list_models("mistral", **settings)
    assert len(made.vectors) == 65
    assert sorted(len(each.json["input"]) for each in server.asked[:-1]) == [1, 64]
    assert [model.name for model in listed] == [
        "mistral/mistral-small-latest",
        "mistral/mistral-embed",
    ]
