"""Embeddings in OpenAI's shape, and the call that asks for them; plain values.

Source: OpenAI's "Create embeddings" and "The embedding object", November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgate._exchange import Exchange, ExchangeField
from llmgate._text.shape import Extra, Shape, shape
from llmgate.errors import UnsupportedError
from llmgate.options import EmbeddingParameters, Timeout
from llmgate.report import Policy, Report
from llmgate.types import ShapeWithExchange, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from llmgate.hooks import Hook

__all__ = [
    "Embedding",
    "EmbeddingCall",
    "EmbeddingInput",
    "Embeddings",
]

EmbeddingInput: TypeAlias = str | Iterable[str] | Iterable[int] | Iterable[Iterable[int]]
"""A string, strings, the token ids of one text, or those of several texts."""


@dataclass(slots=True)
class EmbeddingCall:
    """One checked call for embeddings.

    As it was asked for, ``model`` is the name that the caller gave. As a provider reads it, and
    must not change it, ``model`` is the provider's own name; ``parameters`` holds those that the
    provider declares; ``input`` is what fits into one request; nothing of ``settings``,
    ``extra_headers``, ``hooks`` and ``labels`` is there any more. What the provider cannot send as
    it was asked it writes into ``report``, where ``input[2]`` is the third item of what it read.

    ``input`` holds texts or token ids, one item for each vector. ``extra_body`` is to be merged
    into the request last. ``timeout`` and ``max_retries`` are None where the client's hold.
    ``settings`` are those of the provider that the caller had in mind (``api_key``, ``base_url``,
    ``api_version``), as in :class:`~llmgate.options.ChatCall`.
    """

    operation = "embeddings"
    stream = False

    model: str
    input: list[str] | list[list[int]]
    parameters: EmbeddingParameters = field(default_factory=EmbeddingParameters)
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
    fallbacks: tuple[str, ...] = ()
    hedge_after: float | None = None


@shape
class Embedding(Shape):
    """The vector of the input at ``index``."""

    embedding: list[float]
    index: int = 0
    object: str = "embedding"
    extra: Extra = Extra()

    def __repr__(self) -> str:
        return f"Embedding(index={self.index}, embedding=<{len(self.embedding)} floats>)"


@shape
class Embeddings(ShapeWithExchange):
    """The vectors of a call, in the order of its input.

    ``usage`` is None if the provider does not report it. Besides OpenAI's fields it has
    ``vectors``, and, like a completion, ``report``, ``request_id``, ``headers``, ``attempts``,
    ``provider`` and ``raw``; where a call was sent in several requests, headers and request id are
    the first one's, and ``raw`` is empty.
    """

    data: list[Embedding]
    model: str = ""
    object: str = "list"
    usage: Usage | None = None
    extra: Extra = Extra()
    if TYPE_CHECKING:
        exchange: Exchange = field(  # pyright: ignore[reportIncompatibleMethodOverride] # is read alike
            default_factory=Exchange
        )
    else:  # an argument, as for a completion, and no field
        exchange: InitVar[Exchange | None] = ExchangeField()

    @property
    def vectors(self) -> list[list[float]]:
        """The vectors alone."""
        return [item.embedding for item in self.data]

    def to_numpy(self) -> NDArray[np.float32]:
        """The vectors as one array of float32, with a row for each input.

        Raises:
            UnsupportedError: when numpy is not installed; nothing else needs it.
        """
        try:
            import numpy  # noqa: PLC0415 - it is not needed otherwise
        except ImportError:
            reason = "to_numpy needs the package numpy, which is not installed; vectors does not"
        else:
            return numpy.array(self.vectors, dtype=numpy.float32)
        raise UnsupportedError(reason)
