"""A provider that repeats what it is told, for the tests of the command line to install.

What else it does is in the model's name: ``empty`` says nothing, ``refusing`` refuses, ``cut``
reaches its greatest length, ``failing`` fails before its end, ``endless`` never comes to an end,
``counting`` says what it used, ``calling`` calls the first tool once, ``markdown`` writes some,
``both`` has two choices, whose pieces come by turns.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.errors import RateLimitError, StreamTruncatedError
from llmgate.models import Model
from llmgate.provider import Decoder, Embedder, ModelLister, Provider
from llmgate.provider.accumulate import accumulate
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, NDJSONFramer
from llmgate.provider.http import Flow, HttpRequest, Transport, decode_json, encode_json
from llmgate.testing.canned import Canned, CannedTransport
from llmgate.types import Chunk, Completion


class Echo(Provider, Embedder, ModelLister):
    """The provider."""

    protocol = 2
    name = "echo"

    @property
    def transport(self) -> Transport:
        """A server in memory."""
        return CannedTransport(_answer)

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One answer."""
        reply = yield _request(call)
        return accumulate(map(_chunk, reply.body.splitlines()))

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """Vectors of one kind of number: how long each text is. What was asked comes back."""
        body = {"texts": [len(text) for text in call.input], "asked": call.parameters}
        response = yield HttpRequest("POST", "echo:vectors", body=encode_json(body))
        return Embeddings.model_validate(response.json())

    def list_models(self) -> Flow[list[Model]]:
        """Two, of which one says how much it takes, and one would clear a terminal."""
        response = yield HttpRequest("GET", "echo:")
        if "FORBIDDEN_ECHO" in os.environ:
            raise RateLimitError("slow\ndown")
        return [Model.model_validate(entry) for entry in response.json()]

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One stream."""
        yield _request(call)
        return _EchoDecoder()


class _EchoDecoder:
    def __init__(self) -> None:
        self.framer = NDJSONFramer()
        self.finished = False

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        chunk = _chunk(frame.data)
        self.finished = chunk.choices[0].finish_reason is not None
        return [chunk]

    def close(self) -> Iterable[Chunk]:
        raise StreamTruncatedError("the stream ended without its last line")


def _request(call: ProviderCall) -> HttpRequest:
    asked = {"model": call.model, "messages": call.messages, "parameters": call.parameters}
    body = encode_json(asked)
    return HttpRequest("POST", "echo:", body=body, stream=call.stream)


def _chunk(line: bytes) -> Chunk:
    return Chunk.model_validate(decode_json(line))


def _answer(request: HttpRequest) -> Canned:
    if request.method == "GET":
        models = [{"id": "echo", "context_window": 64, "max_output": 8}, {"id": "\x1b[2J"}]
        return Canned(body=encode_json(models))
    asked = decode_json(request.body)
    if "texts" in asked:
        size = asked["asked"].get("dimensions", 1)
        data = [
            {"index": index, "embedding": [float(length)] * size}
            for index, length in enumerate(asked["texts"])
        ]
        return Canned(body=encode_json({"data": data, "asked": asked["asked"]}))
    model = asked["model"]
    said = " | ".join(
        f"{message['role']}: {message.get('content')}" for message in asked["messages"]
    )
    if model == "calling" and asked["messages"][-1]["role"] == "user":
        return Canned(body=_call_of(asked["parameters"]["tools"][0]))
    if model == "markdown":
        said = "# Title\n\nSome **bold** words.\n\n- one\n- two"
    kind = "refusal" if model == "refusing" else "content"
    lines = [_line({kind: text}) for text in said if model != "empty"]
    if model == "failing":
        return Canned(body=lines, then=RateLimitError("slow\ndown"))
    if model == "endless":
        return Canned(body=[*lines, _line({kind: "\n"})], hang=True)
    if model == "counting":
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return Canned(body=[*lines, _line({}, "stop", usage=usage)])
    if model == "both":
        return Canned(body=[*_both(said), _line({}, "stop")])
    return Canned(body=[*lines, _line({}, "length" if model == "cut" else "stop")])


def _both(said: str) -> list[bytes]:
    choices = [{"index": at, "delta": {"content": each}} for each in said for at in (0, 1)]
    return [encode_json({"choices": [choice]}) + b"\n" for choice in choices]


def _call_of(tool: dict[str, Any]) -> list[bytes]:
    function = {"name": tool["function"]["name"], "arguments": '{"city": "Oslo"}'}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    return [_line({"tool_calls": [call]}), _line({}, "tool_calls")]


def _line(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    choice = {"delta": delta, "finish_reason": reason}
    return encode_json({"choices": [choice], **more}) + b"\n"
