"""Recorded exchanges and the files they are read from."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import DecodeError, LLMGateError, RateLimitError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse
from llmgate.testing import RecordedExchange, load_corpus, load_recording

REQUEST = {
    "method": "POST",
    "url": "https://a.invalid/chat",
    "headers": {"content-type": "application/json"},
    "body": {"model": "m", "stream": True},
}


def recorded(path: Path, **changes: Any) -> Path:
    """A file with a recording."""
    whole = {
        "id": path.stem,
        "endpoint": "chat",
        "features": ["non_stream"],
        "source": {"fidelity": "raw"},
        "request": REQUEST,
        "response": {"status": 200, "headers": {"x-request-id": "r"}, "body": {"say": "Hi"}},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**whole, **changes}))
    return path


def test_reads_a_recording(tmp_path: Path) -> None:
    """Request, reply and features are as they were recorded; the call is a plain greeting."""
    exchange = load_recording(recorded(tmp_path / "hello.json"))
    (reply,) = exchange.replies
    assert ("hello", False, None) == (exchange.name, exchange.is_stream, exchange.error)
    assert (200, {"x-request-id": "r"}) == (reply.status, reply.headers)
    assert {"say": "Hi"} == reply.json()
    assert {"non_stream", "endpoint:chat", "fidelity:raw"} == exchange.tags
    assert exchange.request is not None
    assert REQUEST["url"] == exchange.request.url
    assert REQUEST["body"] == json.loads(exchange.request.body)
    assert isinstance(exchange.call, dict)
    assert "messages" in exchange.call


@pytest.mark.parametrize(
    ("response", "body"),
    [
        ({"text": "data: ü\n\n"}, "data: ü\n\n".encode()),
        ({"text": " {}", "body": {}}, b" {}"),
        ({"base64": b64encode(b"\x00\xff").decode()}, b"\x00\xff"),
    ],
)
def test_reads_bodies_as_they_came(tmp_path: Path, response: dict[str, Any], body: bytes) -> None:
    """Text and binary bodies are the recorded bytes."""
    path = recorded(tmp_path / "a.json", response={"status": 200, "headers": {}, **response})
    assert body == load_recording(path).replies[0].body


@pytest.mark.parametrize(
    ("request_", "body"), [({"body": None}, b""), ({"body": None, "body_text": "a=b"}, b"a=b")]
)
def test_reads_requests_of_every_kind(
    tmp_path: Path, request_: dict[str, Any], body: bytes
) -> None:
    """A request may have no address, no body, or one that is no JSON."""
    path = recorded(tmp_path / "a.json", request={"method": "GET", "url": None, **request_})
    request = load_recording(path).request
    assert request is not None
    assert ("", body) == (request.url, request.body)


def test_expects_errors(tmp_path: Path) -> None:
    """A status that says an error is expected to raise, and so is an error inside a stream."""
    refused = recorded(tmp_path / "a.json", response={"status": 429, "headers": {}, "text": ""})
    assert RateLimitError is load_recording(refused).error
    broken = recorded(tmp_path / "b.json", features=["stream", "mid_stream_error"])
    exchange = load_recording(broken)
    assert (LLMGateError, True) == (exchange.error, exchange.is_stream)


def test_makes_calls_of_requests(tmp_path: Path) -> None:
    """The author says what call stands behind a request; all files below a directory are read."""
    recorded(tmp_path / "b" / "2.json", features=["stream"], source={}, endpoint=None)
    recorded(tmp_path / "a" / "1.json")
    first, second = load_corpus(
        tmp_path,
        call=lambda request: {"model": json.loads(request.body)["model"]},
        expect=lambda _: {"text": "Hi"},
    )
    assert ("1", {"model": "m", "stream": False}) == (first.name, first.call)
    assert ("2", {"model": "m", "stream": True}) == (second.name, second.call)
    assert {"stream"} == second.tags


def test_refuses_other_files(tmp_path: Path) -> None:
    """A file that is no JSON is refused."""
    path = tmp_path / "a.json"
    path.write_text("no")
    with pytest.raises(DecodeError):
        load_recording(path)


def test_knows_what_it_is() -> None:
    """A ready-made call says whether it is streamed, a status whether it was refused."""
    exchange = RecordedExchange("a", ProviderCall("m", [], stream=True), (HttpResponse(500),))
    assert (True, True) == (exchange.is_stream, exchange.is_refusal)
