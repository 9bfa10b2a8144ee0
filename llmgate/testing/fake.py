"""A complete provider with a small wire format of its own: for tests, and to be read.

It does no I/O, as no provider does; the transport it brings answers from a script in memory.

    request     {"model": "fake-1", "conversation": [...], "with": {"temperature": 0.5}}
    reply       {"say": "Hi there", "calls": [], "end": "done", "tokens": {"in": 1, "out": 2}}
    stream      {"say": "Hi "}
    (NDJSON)    {"say": "there"}
                {"end": "done", "tokens": {"in": 1, "out": 2}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from llmgate.embeddings import EmbeddingCall, Embeddings
from llmgate.errors import DecodeError, StreamTruncatedError, excerpt
from llmgate.models import Model
from llmgate.provider import (
    Decoder,
    Embedder,
    EmbeddingAbilities,
    ModelLister,
    Provider,
    RerankAbilities,
    Reranker,
    Signing,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, NDJSONFramer
from llmgate.provider.http import Flow, HttpRequest, Secret, decode_json, encode_json
from llmgate.reranking import RerankCall, Reranking
from llmgate.testing.canned import CannedTransport
from llmgate.testing.fake_operations import (
    embedding_request,
    embeddings_in,
    model_request,
    models_in,
    rerank_request,
    reranking_in,
)
from llmgate.testing.script import Answer, script
from llmgate.types import Chunk, Completion

__all__ = ["FakeProvider"]

_REASONS = {"done": "stop", "full": "length", "calls": "tool_calls"}
_PARTS = {"message": {"say", "calls"}, "delta": {"say", "calls", "end"}}


class FakeProvider(Provider, Embedder, Reranker, ModelLister):
    """Answers from a script: ``Client(providers={"fake": FakeProvider(["Hi", SomeError()])})``.

    Each request of a chat is given the next of ``answers``. What was sent is in
    ``transport.requests``. Embeddings are made from the texts: the same text has the same vector.
    A document is the more relevant the more words of the query it has.
    """

    protocol = 2
    name = "fake"
    models: ClassVar[tuple[str, ...]] = ("fake-*",)
    # parameters stays None, as every parameter is sent as it is

    def __init__(self, answers: Iterable[Answer] = (), *, api_key: str = "fake-key") -> None:
        self._key = Secret(api_key)  # a bare string would show in a traceback
        self._transport = CannedTransport(script(answers))

    @property
    def transport(self) -> CannedTransport:
        """The script. A provider that speaks HTTP does not define this."""
        return self._transport

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One request, one answer."""
        reply = yield _request(call)
        return Completion.model_validate(_shaped(reply.json(), "message"))

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One request, and a decoder for its lines."""
        yield replace(_request(call), stream=True)
        return FakeDecoder()

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        response = yield embedding_request(call)
        return embeddings_in(response.json())

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - all take the same
        """It takes everything."""
        return EmbeddingAbilities(takes_tokens=True)

    def rerank(self, call: RerankCall) -> Flow[Reranking]:
        """One request, a score for each document."""
        response = yield rerank_request(call)
        return reranking_in(response.json())

    def rerank_abilities(self, model: str) -> RerankAbilities:  # noqa: ARG002 - all take the same
        """It takes everything."""
        return RerankAbilities(takes_objects=True)

    def list_models(self) -> Flow[list[Model]]:
        """One request, all models."""
        response = yield model_request()
        return models_in(response.json())

    async def authorize(self, request: HttpRequest, _: Signing, /) -> HttpRequest:
        """The request with the key; nothing else ever holds it in clear."""
        return request.with_headers({"Fake-Key": self._key.reveal()})


class FakeDecoder:
    """Reads one stream."""

    def __init__(self) -> None:
        self.framer = NDJSONFramer()
        self.finished = False

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        """The chunk of one line."""
        payload = decode_json(frame.data)
        chunk = Chunk.model_validate(_shaped(payload, "delta"))
        self.finished = chunk.choices[0].finish_reason is not None
        return (chunk,)

    def close(self) -> Iterable[Chunk]:
        """The bytes have ended, and no line has said that the answer has."""
        raise StreamTruncatedError("the stream ended without its last line")


def _request(call: ProviderCall) -> HttpRequest:
    body = {
        "model": call.model,
        "conversation": call.messages,
        "with": call.parameters,
        **call.extra_body,
    }
    headers = {"Content-Type": "application/json"}
    return HttpRequest("POST", "https://fake.invalid", headers, encode_json(body))


def _shaped(payload: Any, part: str) -> Mapping[str, Any]:
    """The provider's object in OpenAI's shape; ``model_validate`` checks the types."""
    if not isinstance(payload, dict):
        raise DecodeError("the reply is not an object")
    rest = dict(cast("dict[str, Any]", payload))
    if not rest.keys() & _PARTS[part]:
        raise DecodeError(f"neither an answer nor a part of one: {excerpt(repr(rest))}")
    said = {"content": rest.pop("say", None), "tool_calls": rest.pop("calls", None) or None}
    end, usage = rest.pop("end", None), _usage(rest.pop("tokens", None))
    reason = None if end is None else _REASONS.get(str(end), "other")
    choice = {part: said, "finish_reason": reason, "native_finish_reason": end}
    return {**rest, "choices": [choice], "usage": usage}  # what is left goes into ``extra``


def _usage(tokens: Any) -> dict[str, Any] | None:
    match tokens:
        case None:
            return None
        case {"in": int(prompt), "out": int(answer)}:
            total = prompt + answer
            return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total}
        case _:
            raise DecodeError("the tokens are not counted")
