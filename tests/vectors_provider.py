"""A provider of vectors and lists of models, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, TypeVar

from llmgate import Client, Embeddings, Model
from llmgate.embeddings import Embedding, EmbeddingCall
from llmgate.errors import (
    MissingKeyError,
)
from llmgate.provider import (
    Decoder,
    Embedder,
    EmbeddingAbilities,
    ModelLister,
    Provider,
    Signing,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, encode_json
from llmgate.types import Chunk, Completion, Usage
from tests.faults.server import FaultServer, reply

Result = TypeVar("Result")

DEFAULT = EmbeddingAbilities()


class Chat(Provider):
    """A provider that has no ability but chat, which nobody asks of it here."""

    protocol: ClassVar[int] = 2
    name = "chat"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """Nothing."""
        raise NotImplementedError

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """Nothing."""
        raise NotImplementedError


class Vectors(Chat, Embedder, ModelLister):
    """A provider whose vectors and models are what a server says, without a look at it."""

    name = "vec"
    models: ClassVar[tuple[str, ...]] = ("vec-*",)

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:9",
        api_key: str = "key",
        abilities: Any = DEFAULT,
    ) -> None:
        self._base_url = base_url
        self._key = api_key
        self._abilities = abilities

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request."""
        body = {"input": call.input, **call.parameters, **call.extra_body}
        response = yield HttpRequest("POST", f"{self._base_url}/embed", {}, encode_json(body))
        call.report.add("converted", "encoding", "always")
        call.report.add("clamped", "input[1]", "cut by the server")
        said = response.json()
        data = [Embedding([number], index) for index, number in said["data"]]
        usage = said.get("usage")
        counted = None if usage is None else Usage(usage, 0, usage)
        return Embeddings(data, usage=counted, extra={"id": said.get("id")})

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What the test wants."""
        if isinstance(self._abilities, Exception):
            raise self._abilities
        found: EmbeddingAbilities = self._abilities
        return found

    def list_models(self) -> Flow[list[Model]]:
        """Two pages."""
        models = list[Model]()
        page: str | None = "1"
        while page is not None:
            response = yield HttpRequest("GET", f"{self._base_url}/models?page={page}")
            said = response.json()
            models += [Model(name) for name in said["models"]]
            page = said.get("next")
        return models

    async def authorize(self, request: HttpRequest, signing: Signing, /) -> HttpRequest:
        """The request with the key."""
        if not self._key:
            raise MissingKeyError("vec needs a key: set VEC_API_KEY")
        return request.with_headers({"Vec-Key": self._key})


def vectors(*numbers: float, usage: int | None = None, order: Iterable[int] | None = None) -> bytes:
    """A response with one vector of one number for each input."""
    indexes = range(len(numbers)) if order is None else order
    return reply(body={"data": [[i, numbers[i]] for i in indexes], "usage": usage, "id": "r"})


def run(scenario: Callable[[], Awaitable[Result]]) -> Result:
    """A scenario to its end."""

    async def awaited() -> Result:
        return await scenario()

    return asyncio.run(awaited())


def embed(
    server: FaultServer,
    given: Any,
    *,
    abilities: Any = DEFAULT,
    client: dict[str, Any] | None = None,
    **options: Any,
) -> Embeddings:
    """One call, made in a loop of its own."""

    async def scenario() -> Embeddings:
        provider = Vectors(server.url, abilities=abilities)
        async with Client(providers={"vec": provider}, **(client or {})) as made:
            return await made.aembedding("vec/m", given, **options)

    return run(scenario)
