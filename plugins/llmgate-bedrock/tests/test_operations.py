"""Embeddings, lists of models, and where requests go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    RateLimitError,
    UnsupportedError,
)
from llmgate.provider import Rule, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse, decode_json
from llmgate.testing import (
    CANARY,
    EmbeddingConformance,
    FixedSigning,
    ModelListConformance,
    RecordedEmbeddings,
    RecordedModels,
    load_recording,
)
from llmgate.testing.driving import call_of, drive, first_request
from llmgate_bedrock import Bedrock

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev" / "embeddings"
TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
PROVIDER = Bedrock(api_key=CANARY, region="us-east-1")
COUNTED = {"X-Amzn-Bedrock-Input-Token-Count": "7"}


def embedded(body: Any, headers: dict[str, str] | None = None, **call: Any) -> Any:
    fields: dict[str, Any] = {"model": TITAN, "input": ["a"], **call}
    asked = EmbeddingCall(**fields)
    reply = HttpResponse(200, headers or {}, json.dumps(body).encode())
    return drive(PROVIDER.embed(asked), [reply]).result


def recorded() -> list[RecordedEmbeddings]:
    found = [load_recording(path, expect=None) for path in sorted(CORPUS.glob("bedrock-*.json"))]
    return [_recorded(each) for each in found]


def _recorded(exchange: Any) -> RecordedEmbeddings:
    asked = decode_json(exchange.request.body)
    nova = asked.get("singleEmbeddingParams", {}).get("text", {}).get("value")
    given = asked.get("texts") or [asked.get("inputText") or nova]
    model = TITAN if "inputText" in asked else NOVA if nova else COHERE
    call = {"model": model, "input": given}
    reply = exchange.replies[-1]
    error = LLMGateError if exchange.is_refusal else None
    count = reply.headers.get("x-amzn-bedrock-input-token-count")
    tokens = None if count is None else int(count)
    return RecordedEmbeddings(exchange.name, call, (reply,), prompt_tokens=tokens, error=error)


MODELS: dict[str, Any] = {
    "modelSummaries": [
        {
            "modelId": "amazon.nova-lite-v1:0",
            "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
            "providerName": "Amazon",
            "inputModalities": ["TEXT", "IMAGE"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "inferenceTypesSupported": ["ON_DEMAND"],
        },
        {
            "modelId": "anthropic.claude-opus-5-v1:0",
            "providerName": "Anthropic",
            "inferenceTypesSupported": ["INFERENCE_PROFILE"],
        },
        {"modelId": TITAN, "outputModalities": ["EMBEDDING"]},
    ]
}
PROFILES: dict[str, Any] = {
    "inferenceProfileSummaries": [
        {
            "inferenceProfileId": "us.anthropic.claude-opus-5-v1:0",
            "models": [
                {
                    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/"
                    "anthropic.claude-opus-5-v1:0"
                }
            ],
            "type": "SYSTEM_DEFINED",
        },
        {
            "inferenceProfileId": "abc",
            "inferenceProfileArn": "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
            "type": "APPLICATION",
        },
    ]
}


def replies(*payloads: Any) -> tuple[HttpResponse, ...]:
    return tuple(HttpResponse(200, {}, json.dumps(each).encode()) for each in payloads)


class TestModels(ModelListConformance):
    """The lists keep the promises of every provider."""

    provider = PROVIDER
    recordings = (
        RecordedModels(
            "models",
            replies(MODELS, PROFILES),
            [
                {"id": "amazon.nova-lite-v1:0", "owned_by": "Amazon"},
                {"id": TITAN},
                {"id": "us.anthropic.claude-opus-5-v1:0", "owned_by": "Anthropic"},
                {"id": PROFILES["inferenceProfileSummaries"][1]["inferenceProfileArn"]},
            ],
        ),
    )


class TestEmbeddings(EmbeddingConformance):
    """So do embeddings, with the recordings of each vendor's."""

    provider = PROVIDER
    recordings = tuple(recorded())


def test_models() -> None:
    """What is on demand, and the profiles, with what is behind them."""
    found = drive(PROVIDER.list_models(), [*replies(MODELS, PROFILES)]).result
    nova, titan, opus, own = found
    assert ("Amazon", {"chat": True, "embedding": False, "vision": True, "streaming": True}) == (
        nova.owned_by,
        nova.capabilities,
    )
    assert {"chat": False, "embedding": True} == titan.capabilities
    assert ("us.anthropic.claude-opus-5-v1:0", "Anthropic") == (opus.id, opus.owned_by)
    assert PROFILES["inferenceProfileSummaries"][1]["inferenceProfileArn"] == own.id


def test_lists_that_are_none() -> None:
    """An error with status 200, another object, and pages without an end."""
    with pytest.raises(RateLimitError):
        drive(PROVIDER.list_models(), [*replies({"__type": "ThrottlingException"})])
    with pytest.raises(DecodeError, match="no models"):
        drive(PROVIDER.list_models(), [*replies({"data": []})])
    endless = {**PROFILES, "nextToken": "a"}
    with pytest.raises(DecodeError, match="do not end"):
        drive(PROVIDER.list_models(), [*replies(MODELS, *[endless] * 101)])


# --- embeddings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "parameters", "body"),
    [
        (TITAN, {"dimensions": 256}, {"inputText": "a", "dimensions": 256}),
        (TITAN, {}, {"inputText": "a"}),
        (
            "amazon.titan-embed-image-v1",
            {"dimensions": 256},
            {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 256}},
        ),
        ("amazon.titan-embed-image-v1", {}, {"inputText": "a"}),
        (
            COHERE,
            {"dimensions": 512, "input_type": "query", "truncate": True},
            {
                "texts": ["a"],
                "input_type": "search_query",
                "truncate": "END",
                "output_dimension": 512,
            },
        ),
        (
            NOVA,
            {"dimensions": 1024, "truncate": "start"},
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {
                    "embeddingPurpose": "GENERIC_INDEX",
                    "embeddingDimension": 1024,
                    "text": {"truncationMode": "START", "value": "a"},
                },
            },
        ),
        (
            NOVA,
            {"input_type": "CLUSTERING"},
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {
                    "embeddingPurpose": "CLUSTERING",
                    "text": {"truncationMode": "NONE", "value": "a"},
                },
            },
        ),
    ],
)
def test_what_is_sent(model: str, parameters: Any, body: Any) -> None:
    """In each vendor's own form."""
    call = EmbeddingCall(model=model, input=["a"], parameters=parameters)
    assert body == decode_json(first_request(PROVIDER.embed(call)).body)
    assert ("input_type" not in parameters and "input_type" in call.report) is (
        "input_type" not in parameters and model in (COHERE, NOVA)
    )


def test_abilities() -> None:
    """By family; vectors of one length take no other."""
    found = PROVIDER.embedding_abilities(COHERE)
    assert (96, Support.TRANSLATED) == (found.max_batch, (found.parameters or {})["dimensions"])
    one = PROVIDER.embedding_abilities("amazon.titan-embed-text-v1").parameters or {}
    assert isinstance(one["dimensions"], Rule)
    assert (1, {}) == (
        PROVIDER.embedding_abilities("x").max_batch,
        PROVIDER.embedding_abilities("x").parameters,
    )


@pytest.mark.parametrize(
    ("body", "vectors", "count"),
    [
        ({"embedding": [0.5], "inputTextTokenCount": 3, "embeddingsByType": {}}, [[0.5]], 3),
        ({"embeddings": [[0.5], [1]], "texts": ["a", "b"]}, [[0.5], [1.0]], 7),
        ({"embeddings": {"float": [[0.5]], "int8": [[1]]}}, [[0.5]], 7),
        ({"embeddings": {"int8": [[1]]}}, [[1.0]], 7),
        ({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5]}]}, [[0.5]], 7),
    ],
)
def test_vectors(body: Any, vectors: Any, count: int) -> None:
    """Of each vendor; what is counted stands in the body or in a header."""
    found = embedded(body, COUNTED)
    assert vectors == [[*each.embedding] for each in found.data]
    assert count == found.usage.prompt_tokens


def test_what_is_beside_a_vector_is_kept() -> None:
    """Vectors of other types that were asked for, and what is said of each."""
    found = embedded({"embeddings": {"int8": [[1]], "float": [[0.5]]}}, COUNTED)
    assert {"int8": [[1]]} == found.extra["embeddings"]
    found = embedded({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5]}]}, COUNTED)
    assert [{"embeddingType": "TEXT"}] == [dict(each.extra) for each in found.data]


def test_no_vectors() -> None:
    """An error with status 200, and what is neither; nothing counted is None."""
    assert embedded({"embedding": [0.5]}).usage is None
    with pytest.raises(RateLimitError):
        embedded({"__type": "ThrottlingException"})
    bodies: list[Any] = [{"embeddings": {}}, {"embeddings": {"float": []}}, {"x": 1}]
    bodies.append({"embeddings": []})
    for body in bodies:
        with pytest.raises(DecodeError, match="no embeddings"):
            embedded(body)


def test_a_model_behind_an_arn() -> None:
    """It has to be named."""
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"
    call = EmbeddingCall(model=arn, input=["a"])
    with pytest.raises(UnsupportedError, match="base_model"):
        first_request(PROVIDER.embed(call))
    request = first_request(PROVIDER.configured(base_model=TITAN).embed(call))
    assert request.url.endswith("application-inference-profile%2Fabc/invoke")
    provider = PROVIDER.configured(base_model="amazon.titan-text-express-v1")
    assert Support.EMULATED == (provider.abilities(arn, {}) or {})["tools"]


# --- where requests go --------------------------------------------------------------------


def url_of(provider: Bedrock, model: str = "amazon.nova-lite-v1:0") -> str:
    call = call_of(provider, {"model": model, "messages": [{"role": "user", "content": "Hi"}]})
    return first_request(provider.complete(call)).url


def test_regions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the settings, the environment or the profile; an ARN names its own."""
    provider = Bedrock(region="cn-north-1", api_key="k")
    host = "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
    assert f"{host}/model/amazon.nova-lite-v1%3A0/converse" == url_of(provider)
    assert f"Bedrock(base_url={host!r})" == repr(provider)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert url_of(Bedrock()).startswith("https://bedrock-runtime.eu-west-1.amazonaws.com/model/")
    arn = "arn:aws:bedrock:us-west-2:1:inference-profile/us.amazon.nova-lite-v1:0"
    west = "https://bedrock-runtime.us-west-2.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-west-2"
    for _ in range(2):
        assert url_of(Bedrock(api_key="k"), arn).startswith(west)
    assert url_of(Bedrock(base_url="https://proxy.example"), arn).startswith("https://proxy.exam")
    with pytest.raises(InvalidRequestError, match="not a region"):
        Bedrock(region="x.example/")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(InvalidRequestError, match="AWS_REGION"):
        url_of(Bedrock())
    with pytest.raises(InvalidRequestError, match="AWS_REGION"):
        first_request(Bedrock().list_models())
    (tmp_path / "config").write_text("[profile p]\nregion = ap-south-1\n")
    assert "ap-south-1" in url_of(Bedrock(profile="p"))


async def test_a_key_goes_to_bedrocks_hosts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same region, and of an ARN's; its domain has hosts of customers, too."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "secret")
    provider = Bedrock(region="us-east-1")
    arn = "arn:aws:bedrock:us-west-2:1:inference-profile/us.amazon.nova-lite-v1:0"
    request = first_request(provider.list_models())
    assert "https://bedrock.us-east-1.amazonaws.com/foundation-models" == request.url
    for model in ("amazon.nova-lite-v1:0", arn):
        call = ProviderCall(model, [{"role": "user", "content": "Hi"}])
        sent = await provider.authorize(first_request(provider.complete(call)), FixedSigning())
        assert "Bearer secret" == sent.headers["Authorization"]
    sent = await provider.authorize(request, FixedSigning())
    assert "Bearer secret" == sent.headers["Authorization"]
    foreign = Bedrock(region="us-east-1", base_url="https://x.execute-api.us-east-1.amazonaws.com")
    call = ProviderCall("m", [{"role": "user", "content": "Hi"}])
    sent = await foreign.authorize(first_request(foreign.complete(call)), FixedSigning())
    assert "Authorization" not in sent.headers
    fips = Bedrock(
        region="us-east-1", base_url="https://bedrock-runtime-fips.us-east-1.amazonaws.com"
    )
    sent = await fips.authorize(first_request(fips.complete(call)), FixedSigning())
    assert "Bearer secret" == sent.headers["Authorization"]


def test_a_profile_replaces_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of an instance, for one call."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[profile p]\nregion = ap-south-1\n")
    provider = Bedrock(api_key="k", region="us-east-1").configured(profile="p")
    assert provider._settings.key("api_key") is None


def test_an_address_stays() -> None:
    """Where another setting is changed; no model's name is taken for an address."""
    url = "https://user:secret@proxy.example/bedrock/"
    provider = Bedrock(region="us-east-1", base_url=url).configured(api_key="k")
    assert "Bedrock(base_url='https://proxy.example/bedrock')" == repr(provider)
    for model in ("//[", "https://[x", "https://bedrock.us-east-1.amazonaws.com@x"):
        assert url_of(provider, model).startswith("https://proxy.example/bedrock/model/")
