"""A reranking, and the call that asks for it; values that do nothing.

Source: Cohere's "Rerank", November 2026, whose shape other hosts have taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgate._exchange import Exchange, ExchangeField
from llmgate._text.shape import Extra, JsonObject, Shape, shape
from llmgate.options import RerankParameters, Timeout
from llmgate.report import Policy, Report
from llmgate.types import ShapeWithExchange

if TYPE_CHECKING:
    from llmgate.hooks import Hook

__all__ = ["RerankCall", "RerankDocuments", "RerankResult", "RerankUsage", "Reranking"]

RerankDocuments: TypeAlias = Iterable[str | Mapping[str, Any]]
"""Texts, and objects with a ``text`` or with whatever fields the provider takes."""


@dataclass(slots=True)
class RerankCall:
    """One checked call for a reranking.

    As it was asked for, ``model`` is the name that the caller gave. As a provider reads it, and
    must not change it, ``model`` is the provider's own name; ``parameters`` holds those that the
    provider declares; nothing of ``settings``, ``extra_headers``, ``hooks`` and ``labels`` is there
    any more, and ``documents`` are texts unless the provider takes objects.

    ``return_documents`` is for the core alone, which has the documents. The other fields are those
    of :class:`~llmgate.embeddings.EmbeddingCall`.
    """

    operation = "rerank"
    stream = False

    model: str
    query: str
    documents: list[str | dict[str, Any]]
    parameters: RerankParameters = field(default_factory=RerankParameters)
    return_documents: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unsupported: Policy = "drop"
    extra_headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: Timeout | None = None
    max_retries: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    hooks: tuple[Hook, ...] = ()
    labels: Mapping[str, str | int | float | bool] = field(default_factory=dict[str, Any])
    id: str = "call"
    report: Report = field(default_factory=Report)


@shape
class RerankResult(Shape):
    """How relevant the document at ``index`` of the call is.

    ``relevance_score`` is the model's own: of many it is from 0 to 1, of some a logit, and it can
    be compared with those of the same call alone. ``document`` is the document as the caller gave
    it, where it was asked for: an object, in which a text is under ``text``.
    """

    index: int
    relevance_score: float
    document: JsonObject = JsonObject()
    extra: Extra = Extra()


@shape
class RerankUsage(Shape):
    """What was billed: tokens, or ``search_units`` (Cohere's: a query with up to 100 documents);
    what the provider does not say is None."""

    prompt_tokens: int | None = None
    total_tokens: int | None = None
    search_units: int | None = None
    extra: Extra = Extra()


@shape
class Reranking(ShapeWithExchange):
    """The documents of a call by their relevance, the most relevant first.

    ``usage`` is None where the provider says nothing of it. Besides these fields it has, as a
    completion does, ``report``, ``request_id``, ``headers``, ``attempts``, ``provider`` and
    ``raw``.
    """

    results: list[RerankResult]
    model: str = ""
    id: str = ""
    usage: RerankUsage | None = None
    extra: Extra = Extra()
    if TYPE_CHECKING:
        exchange: Exchange = field(  # pyright: ignore[reportIncompatibleMethodOverride] # is read alike
            default_factory=Exchange
        )
    else:  # an argument, as for a completion, and no field
        exchange: InitVar[Exchange | None] = ExchangeField()

    @property
    def indexes(self) -> list[int]:
        """Which documents these are, by their places in the call."""
        return [result.index for result in self.results]
