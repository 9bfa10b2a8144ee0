"""The order in which a router tries targets of the same priority; it sends nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

from llmgate.errors import InvalidRequestError

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall
    from llmgate.middlewares.targets import TargetState
    from llmgate.options import ChatCall

__all__ = ["Choose", "Strategy", "as_strategy"]

Strategy: TypeAlias = Literal["order", "weighted", "least_busy", "cheapest", "sticky"]
"""``order``: as listed. ``weighted``: at random, in proportion to their weights. ``least_busy``:
the less busy of two random ones. ``cheapest``: by price. ``sticky``: all calls of one
``labels["conversation"]`` go to the same target, in every process, as long as it exists."""


class Choose(Protocol):
    """How a router orders targets of the same priority: your own function, or the name of a
    strategy."""

    def __call__(
        self, targets: Sequence[TargetState], call: ChatCall | EmbeddingCall, /
    ) -> Sequence[TargetState]:
        """The targets in the order in which they are tried."""
        ...


def as_strategy(given: Choose | Strategy | None) -> Choose:
    """The function of a strategy.

    Raises:
        InvalidRequestError: for anything else.
    """
    found = _STRATEGIES.get(given) if isinstance(given, str) else given
    if not callable(found):
        known = ", ".join(_STRATEGIES)
        raise InvalidRequestError.expected(f"one of {known}, or a function", given, "choose")
    return cast("Choose", found if isinstance(given, str) else partial(_chosen, found))


def _chosen(choose: Choose, targets: Sequence[TargetState], call: Any) -> Sequence[TargetState]:
    """What a function of somebody's own chooses, which may be anything."""
    found: Any = choose(targets, call)
    chosen: list[Any] = [*found] if isinstance(found, Iterable) else [found]
    for each in chosen:
        if each not in targets:
            what = "a list of the targets that it was given"
            raise InvalidRequestError.expected(what, cast("object", found), "choose")
    return chosen


_random = Random()  # noqa: S311 - it spreads load, and is not secret


def _weighted(targets: Sequence[TargetState], _: Any) -> Sequence[TargetState]:
    """A random order in proportion to the weights (Efraimidis and Spirakis, 2006)."""
    if len(targets) == 1:
        return targets
    return sorted(targets, key=lambda each: -math.log(1 - _random.random()) / each.target.weight)


def _least_busy(targets: Sequence[TargetState], call: Any) -> Sequence[TargetState]:
    """The less busy of two first: nearly as even as the least busy of all, and without herd
    effects."""
    first, *rest = _weighted(targets, call)
    if rest and _load(rest[0]) < _load(first):
        first, rest[0] = rest[0], first
    return [first, *rest]


def _load(state: TargetState) -> float:
    return (state.busy + 1) / state.target.weight


def _cheapest(targets: Sequence[TargetState], _: Any) -> Sequence[TargetState]:
    return sorted(targets, key=lambda each: math.inf if (p := each.target.price) is None else p)


def _sticky(targets: Sequence[TargetState], call: Any) -> Sequence[TargetState]:
    """By rendezvous hashing: if a target goes, only its own conversations move."""
    conversation = call.labels.get("conversation")
    if conversation is None:
        return _weighted(targets, call)

    def score(state: TargetState) -> float:
        text = f"{conversation}\0{state.target.model}".encode("utf-8", "backslashreplace")
        digest = hashlib.blake2b(text, digest_size=8).digest()
        share = (int.from_bytes(digest) + 1) / (2**64 + 1)
        return -math.log(share) / state.target.weight

    return sorted(targets, key=score)


_STRATEGIES: Mapping[str, Callable[[Sequence[Any], Any], Sequence[Any]]] = {
    "order": lambda targets, _: targets,
    "weighted": _weighted,
    "least_busy": _least_busy,
    "cheapest": _cheapest,
    "sticky": _sticky,
}
