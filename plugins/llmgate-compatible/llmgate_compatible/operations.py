"""What hosts do beside chat, each a class that a host with that path inherits from. No I/O.

Embeddings and lists of models are OpenAI's, rerankings Cohere's first version; what differs is in
the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from llmgate.options import EmbeddingParameters, RerankParameters
from llmgate.provider import (
    Embedder,
    EmbeddingAbilities,
    ModelLister,
    RerankAbilities,
    Reranker,
    Rule,
    Support,
    TokenCounter,
)
from llmgate.provider.http import Flow, HttpRequest
from llmgate_compatible.rows import Operation, Row

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings
    from llmgate.models import Model, TokenCount
    from llmgate.provider.call import ProviderCall
    from llmgate.report import Report
    from llmgate.reranking import RerankCall, Reranking

__all__ = ["WithEmbeddings", "WithModels", "WithRerankings", "WithTokens"]


class WithEmbeddings(Embedder):
    """A host that has OpenAI's path for embeddings."""

    row: ClassVar[Row]
    _url: Any

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors."""
        from llmgate_openai import embeddings  # noqa: PLC0415 - not paid for by chat

        fit = self.row.embedding
        url = self._url(fit.path or "/embeddings")
        if fit != _AS_OPENAI:
            call = _fitted(call, fit, self.row.title)
        response = yield embeddings.embedding_request(call, url, prefers_base64=False)
        return embeddings.decode_embeddings(response, is_int8=fit.int8)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - it is the host's
        """What the row says; a host of which it says nothing is sent just what was asked."""
        fit = self.row.embedding
        parameters = None if fit == _AS_OPENAI else _abilities(fit, EmbeddingParameters)
        return EmbeddingAbilities(parameters, fit.most, takes_tokens=not fit.texts_only)


class WithRerankings(Reranker):
    """A host that has a path for rerankings."""

    row: ClassVar[Row]
    _url: Any

    def rerank(self, call: RerankCall) -> Flow[Reranking]:
        """One request, a score for each document."""
        from llmgate_compatible import reranking  # noqa: PLC0415 - not paid for by chat

        fit = self.row.rerank
        url = self._url(fit.path or "/rerank")
        response = yield reranking.rerank_request(_fitted(call, fit, self.row.title), url)
        return reranking.decode_reranking(response)

    def rerank_abilities(self, model: str) -> RerankAbilities:  # noqa: ARG002 - it is the host's
        """What the row says."""
        fit = self.row.rerank
        return RerankAbilities(_abilities(fit, RerankParameters), takes_objects=fit.objects)


class WithTokens(TokenCounter):
    """A host that has llama.cpp's paths for the template of a conversation, and for its tokens."""

    _url: Any

    def count_tokens(self, call: ProviderCall) -> Flow[TokenCount]:
        """One request for the prompt that the template makes, and one for its tokens."""
        from llmgate_compatible.counting import count_prompt  # noqa: PLC0415 - likewise

        return (yield from count_prompt(call, self._url))


class WithModels(ModelLister):
    """A host that has OpenAI's path for a list of models."""

    _url: Any

    def list_models(self) -> Flow[list[Model]]:
        """One request, all models."""
        from llmgate_openai.models import decode_models  # noqa: PLC0415 - likewise

        response = yield HttpRequest("GET", self._url("/models"))
        return decode_models(response)


_AS_OPENAI = Operation()


def _abilities(fit: Operation, kind: type) -> dict[str, Support | Rule]:
    native: dict[str, Support | Rule] = dict.fromkeys(kind.__annotations__, Support.NATIVE)
    translated = dict.fromkeys(fit.renames.keys() & native.keys(), Support.TRANSLATED)
    return {name: each for name, each in (native | translated).items() if name not in fit.without}


def _fitted(call: Any, fit: Operation, title: str) -> Any:
    """The call with the host's own names and words, and with what the host has to be sent."""
    from dataclasses import replace  # noqa: PLC0415 - not paid for by chat

    given = dict(cast("Mapping[str, Any]", call.parameters))
    for name, value in fit.defaults.items():
        if name not in given and fit.renames.get(name, name) not in call.extra_body:
            _report_default(call.report, name, value, title)
            given[name] = value
    if "input_type" in given:
        given["input_type"] = fit.words.get(given["input_type"], given["input_type"])
    own = {fit.renames.get(name, name): value for name, value in given.items()}
    return replace(call, parameters={**fit.body, **own})


def _report_default(report: Report, name: str, value: Any, title: str) -> None:
    reason = f"{title} would cut a text that is too long, which is an error now"
    if name != "truncate":
        reason = f"{title} requires it"
    report.add("defaulted", name, reason, sent=value)
