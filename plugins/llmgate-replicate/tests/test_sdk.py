"""Replicate's own package sends what this plugin sends, and reads what it reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from llmgate.provider.http import HttpResponse, decode_json, encode_json
from llmgate.testing.driving import call_of, drive, first_request, read_stream
from llmgate_replicate import Replicate
from tests.sdk import SdkServer

replicate: Any = pytest.importorskip("replicate", reason="Replicate's own package is not installed")
pytestmark = pytest.mark.filterwarnings("default")

HERE = Path(__file__).parent
SCHEMAS: dict[str, Any] = json.loads((HERE / "schemas.json").read_text())
EXCHANGES: list[Any] = [
    exchange
    for exchange in json.loads((HERE / "exchanges.json").read_text())
    if "error" not in exchange
]
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
HI = [{"role": "user", "content": "Hi"}]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"max_tokens": 2000, "temperature": 0.5, "top_p": 0.5},
    {"stop": ["END"], "seed": 7},
    {"messages": [{"role": "system", "content": "Be brief."}, *HI]},
    {"messages": [*HI, {"role": "assistant", "content": "Hello"}, *HI]},
    {"response_format": {"type": "json_object"}},
]
CALLS = [
    (kind, name, options)
    for name in sorted(set(SCHEMAS) - {"speech"})
    for options in OPTIONS
    for kind in ("model", "version")
]


def test_there_are_enough_calls() -> None:
    """Forty at least."""
    assert len(CALLS) >= 40


@pytest.fixture(scope="module")
def recorder() -> Iterator[SdkServer]:
    """The server that both talk to."""
    with SdkServer(status=201) as made:
        yield made


def theirs(recorder: SdkServer) -> Any:
    """Their client, of the first or the second major version."""
    if hasattr(replicate, "Replicate"):
        return replicate.Replicate(bearer_token="r8_test", base_url=f"{recorder.url}/v1")
    return replicate.Client(api_token="r8_test", base_url=recorder.url)


def created(client: Any, kind: str, inputs: Any) -> Any:
    """Have their client make the prediction."""
    is_second = hasattr(replicate, "Replicate")
    wait: dict[str, Any] = {"prefer": "wait=1"} if is_second else {"wait": 1}
    if kind == "version":
        return client.predictions.create(version=VERSION, input=inputs, **wait)
    if is_second:
        names = {"model_owner": "acme", "model_name": "chat"}
        return client.models.predictions.create(**names, input=inputs, **wait)
    return client.models.predictions.create(("acme", "chat"), input=inputs, **wait)


@pytest.mark.parametrize(("kind", "schema", "options"), CALLS)
def test_their_client_sends_the_same(
    recorder: SdkServer, kind: str, schema: str, options: dict[str, Any]
) -> None:
    """The same address, body and preference, for the same inputs."""
    model = "acme/chat" if kind == "model" else f"acme/chat:{VERSION}"
    ours = Replicate(api_key="r8_test", base_url=recorder.url, schemas={model: SCHEMAS[schema]})
    asked = {"model": model, "messages": HI, **options}
    request = first_request(ours.complete(call_of(ours, asked)))
    body = decode_json(request.body)
    recorder.answer = EXCHANGES[0]["replies"][-1]["body"].encode()
    created(theirs(recorder), kind, body["input"])
    sent = recorder.asked.pop()
    expected = ("POST", f"{recorder.url}{sent.path}", sent.json, sent.headers["prefer"])
    assert expected == (request.method, request.url, body, request.headers["prefer"])


@pytest.mark.parametrize("exchange", [e for e in EXCHANGES if not e["call"].get("stream")])
def test_their_client_reads_the_same(recorder: SdkServer, exchange: Any) -> None:
    """The same id, state, and text."""
    reply = exchange["replies"][-1]
    recorder.answer = reply["body"].encode()
    said = created(theirs(recorder), "model", {"prompt": "Hi"})
    ours = Replicate(api_key="r8_test", schemas={"acme/chat": SCHEMAS["plain"]})
    call = call_of(ours, {"model": "acme/chat", "messages": HI})
    whole = drive(ours.complete(call), [HttpResponse(201, {}, reply["body"].encode())]).result
    message = whole.choices[0].message
    assert said.id == whole.id
    assert said.status == whole.choices[0].native_finish_reason
    text = "".join(said.output)
    assert (message.content or "") in text
    assert (message.reasoning_content or "") in text


@pytest.mark.skipif(hasattr(replicate, "Replicate"), reason="their first version reads streams")
@pytest.mark.parametrize("exchange", [e for e in EXCHANGES if e["call"].get("stream")])
def test_their_client_reads_the_same_from_a_stream(recorder: SdkServer, exchange: Any) -> None:
    """The same text, event by event."""
    body = exchange["replies"][-1]["body"].encode()
    if exchange["replies"][-1]["headers"]["content-type"] != "text/event-stream":
        pytest.skip("this model has no stream")
    recorder.answer = body
    client = theirs(recorder)
    with client._client.stream("GET", recorder.url) as response:
        theirs_of: Any = import_module("replicate.stream")
        source = theirs_of.EventSource(client, response, use_file_output=False)
        text = "".join(event.data for event in source if event.event.value == "output")
    urls = {"stream": "https://stream.replicate.com/x"}
    made = encode_json({"id": "p1", "status": "starting", "urls": urls})
    ours = Replicate(api_key="r8_test", schemas={"acme/chat": SCHEMAS["plain"]})
    call = call_of(ours, {"model": "acme/chat", "messages": HI, "stream": True})
    decoder = drive(ours.stream(call), [HttpResponse(201, {}, made), HttpResponse(200)]).result
    for chunk in read_stream(decoder, [body]):
        for choice in chunk.choices:
            assert (choice.delta.content or "") in text
            assert (choice.delta.reasoning_content or "") in text


@pytest.mark.skipif(not hasattr(replicate, "Replicate"), reason="their second version has types")
@pytest.mark.parametrize(("kind", "schema", "options"), CALLS)
def test_their_types_accept_what_is_sent(kind: str, schema: str, options: dict[str, Any]) -> None:
    """Each body is one of their requests."""
    model = "acme/chat" if kind == "model" else f"acme/chat:{VERSION}"
    ours = Replicate(api_key="r8_test", schemas={model: SCHEMAS[schema]})
    asked = {"model": model, "messages": HI, **options}
    body = decode_json(first_request(ours.complete(call_of(ours, asked))).body)
    types: Any = import_module("replicate.types.prediction_create_params")
    name = "PredictionCreateParams" + ("WithoutVersion" if kind == "model" else "")
    accepted: Any = TypeAdapter(getattr(types, name)).validate_python(body)
    assert body == accepted
