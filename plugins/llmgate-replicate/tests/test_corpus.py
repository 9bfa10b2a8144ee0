"""Every recorded exchange of Replicate's: what was said is read without loss, or refused for cause.

The recordings lie beside the repository, and none is copied into it. Those that are no exchange of
a language model's, and so cannot go through whole, are listed in ``corpus_exceptions.json``.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import ProviderError, StreamTruncatedError, error_class
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse, decode_json, encode_json, is_array
from llmgate.testing import RecordedExchange, load_recording
from llmgate.testing.canned import Canned
from llmgate.testing.driving import call_of, drive, read_stream, watch_stream
from llmgate.types import Completion
from llmgate_replicate import Replicate
from llmgate_replicate.models import look_up, parse_reference
from llmgate_replicate.request.inputs import read_fields
from llmgate_replicate.response.body import is_over

CORPUS = Path(__file__).parents[3] / "../shared/corpus/dev/replicate"
FILES = sorted(CORPUS.glob("*.json"))
EXCEPTIONS: dict[str, str] = json.loads(
    (Path(__file__).parent / "corpus_exceptions.json").read_text()
)
PLAIN = {"components": {"schemas": {"Input": {"properties": {"prompt": {"type": "string"}}}}}}
PROVIDER = Replicate(api_key="r8_test", schemas={"acme/chat": PLAIN})
ASKED: dict[str, Any] = {"model": "acme/chat", "messages": [{"role": "user", "content": "Hi"}]}
STREAM = "https://stream.replicate.com/v1/files/x"


def recorded(endpoint: str) -> list[Any]:
    """The recordings of one kind, as a test's parameters."""
    exchanges = [load_recording(file) for file in FILES]
    kept = [
        pytest.param(exchange, id=exchange.name)
        for exchange in exchanges
        if f"endpoint:{endpoint}" in exchange.tags
    ]
    return kept or [pytest.param(None, marks=pytest.mark.skip(reason="no corpus"), id="none")]


def body_of(exchange: RecordedExchange) -> Any:
    return decode_json(exchange.replies[-1].body)


def answer(replies: list[HttpResponse], *, stream: bool = False) -> Completion:
    call = call_of(
        PROVIDER, {"model": "acme/chat", "messages": [{"role": "user", "content": "Hi"}]}
    )
    flow = PROVIDER.complete(call)
    assert not stream
    return drive(flow, replies, error=PROVIDER.error).result


def test_the_corpus_is_there() -> None:
    """Without it nothing of this module is tested, which is an error where it must be."""
    if not FILES:
        assert not os.environ.get("CI"), "the corpus is missing"
        pytest.skip("the corpus is not beside the repository")
    kinds = ("models.get", "predictions.create", "predictions.get", "predictions.cancel")
    known = [p.id for kind in (*kinds, "predictions.stream") for p in recorded(kind)]
    assert sorted(file.stem for file in FILES) == sorted(known)


def test_the_exceptions_are_recordings() -> None:
    """The list names no file that is gone, and gives a reason for each."""
    if not FILES:
        pytest.skip("the corpus is not beside the repository")
    assert EXCEPTIONS.keys() <= {file.stem for file in FILES}
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize("exchange", recorded("models.get"))
def test_descriptions(exchange: RecordedExchange) -> None:
    """A recorded model is looked up at the address that was asked for, and its inputs are read."""
    assert exchange.request is not None
    path = exchange.request.url.removeprefix("https://api.replicate.com/v1/models/")
    reference = parse_reference(path.replace("/versions/", ":"))
    driven = drive(look_up(reference, "https://api.replicate.com{}".format), exchange.replies)
    assert [exchange.request.url] == [request.url for request in driven.requests]
    described = body_of(exchange)
    schema = described.get("openapi_schema")
    assert read_fields(schema) == driven.result.fields
    if schema is None:
        assert driven.result.fields is None
        return
    properties = schema["components"]["schemas"]["Input"]["properties"]
    fields = driven.result.fields
    assert fields is not None
    assert properties.keys() == fields.keys()
    for name, said in properties.items():
        bounds = (said.get("minimum"), said.get("maximum"), said.get("default"))
        assert bounds == (fields[name].minimum, fields[name].maximum, fields[name].default)
        assert bool(fields[name].choices) == ("allOf" in said), name
        assert fields[name].kind, name


@pytest.mark.parametrize(
    "exchange", [*recorded("predictions.create"), *recorded("predictions.get")]
)
def test_predictions(exchange: RecordedExchange) -> None:
    """A recorded state is an error by its status, waited on, or a completion without loss."""
    reply = exchange.replies[-1]
    said = body_of(exchange)
    if reply.status >= 400:
        with pytest.raises(error_class(reply.status)) as refused:
            answer([reply])
        assert said["detail"].strip() == refused.value.message.replace("\\n", "\n").strip()
        return
    is_ended = is_over(said)
    ended = said if is_ended else {**said, "status": "succeeded"}
    last = HttpResponse(200, reply.headers, encode_json(ended))
    if exchange.name in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[exchange.name])
    completion = answer([reply] if is_ended else [reply, reply, last])
    assert ended["id"] == completion.id
    output: Any = ended.get("output")
    expected = "".join(output) if is_array(output) else output or ""
    assert expected == completion.text
    assert said.get("model", "acme/chat") == completion.model
    assert "stop" == completion.choices[0].finish_reason
    assert completion.usage is None
    rest = {key: value for key, value in ended.items() if key not in ("id", "model", "output")}
    assert rest == completion.extra


@pytest.mark.parametrize("exchange", recorded("predictions.cancel"))
def test_cancelled_predictions(exchange: RecordedExchange) -> None:
    """What the API says of a cancelled prediction is the error of one who waited for it."""
    with pytest.raises(ProviderError, match="was canceled") as cancelled:
        answer([exchange.replies[-1]])
    assert ("canceled", False) == (cancelled.value.code, cancelled.value.retryable)


CREATED = {"id": "p1", "model": "acme/chat", "status": "starting", "urls": {"stream": STREAM}}


@pytest.mark.parametrize("exchange", recorded("predictions.stream"))
async def test_streams(exchange: RecordedExchange) -> None:
    """A recorded stream is read the same in any pieces, and never half of it as whole."""
    call = await asyncio.to_thread(call_of, PROVIDER, {**ASKED, "stream": True})
    reply = exchange.replies[-1]

    def opened() -> Any:
        created = HttpResponse(201, {}, encode_json(CREATED))
        return drive(PROVIDER.stream(call), [created, reply]).result

    whole = read_stream(opened(), [reply.body])
    expected = "".join(_outputs(reply.body.decode()))
    assert expected == accumulate(whole).text
    assert "stop" == accumulate(whole).choices[0].finish_reason
    for place in range(len(reply.body)):
        pieces = [reply.body[:place], reply.body[place:]]
        assert whole == read_stream(opened(), pieces)
        cut = Canned(200, reply.headers, reply.body[:place])
        outcome = await watch_stream(PROVIDER, opened(), cut)
        if outcome.completion is None:
            assert isinstance(outcome.error, StreamTruncatedError)
        else:
            assert expected == outcome.completion.text


def _outputs(text: str) -> list[str]:
    """The texts of the events named output, read in the plainest way."""
    outputs: list[str] = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        if "event: output" in lines:
            data = [line.removeprefix("data:") for line in lines if line.startswith("data:")]
            outputs.append("\n".join(line.removeprefix(" ") for line in data))
    return outputs
