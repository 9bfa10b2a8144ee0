"""Calls made of parts that are each said twice: to llmgate, and to a vendor's own package.

    for name, ours, theirs in generated_calls(messages, parameters, count=120): ...

It sends nothing, and compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import merge_body

__all__ = ["Generated", "Twice", "generated_calls", "keys_of"]


@dataclass(frozen=True)
class Twice:
    """A part of a call: as arguments of llmgate, and as those of the vendor's package."""

    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]


@dataclass(frozen=True)
class Generated:
    """A whole call, said twice."""

    name: str
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]


def generated_calls(
    messages: Mapping[str, Twice], parameters: Mapping[str, Sequence[Twice]], *, count: int
) -> list[Generated]:
    """So many calls, the same each time: every kind of messages in turn, with some parameters.

    Of a parameter's alternatives, a call has at most one. No two calls have the same kind of
    messages and the same parameters.
    """
    random, kinds, names = Random(4711), [*messages], [*parameters]
    found: dict[str, Generated] = {}
    while len(found) < count:
        kind = kinds[len(found) % len(kinds)]
        chosen = sorted(random.sample(names, random.randint(0, min(6, len(names)))))
        name = " + ".join([kind, *chosen])
        if name not in found:
            found[name] = _joined(
                name, [messages[kind], *(random.choice(parameters[each]) for each in chosen)]
            )
    return [*found.values()]


def _joined(name: str, parts: Sequence[Twice]) -> Generated:
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for part in parts:
        ours, theirs = merge_body(ours, part.ours), merge_body(theirs, part.theirs)
    return Generated(name, ours, theirs)


def keys_of(body: Any) -> frozenset[str]:
    """The keys of a body, those in its objects and lists included, as paths."""
    return frozenset(_paths(body, ""))


def _paths(value: Any, path: str) -> Iterator[str]:
    if is_object(value):
        for key, child in value.items():
            yield f"{path}.{key}"
            yield from _paths(child, f"{path}.{key}")
    elif is_array(value):
        for child in value:
            yield from _paths(child, f"{path}[]")
