"""Providers with some members of their class exchanged; the provider itself is left as it is."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from llmgate.provider import Provider

AnyProvider = TypeVar("AnyProvider", bound=Provider)


def variant(provider: AnyProvider, **members: Any) -> AnyProvider:
    """The same provider, an instance of a subclass of its class that has these members."""
    kind = type(provider)
    copy: Any = object.__new__(type(kind.__name__, (kind,), {"__slots__": (), **members}))
    for name, value in attributes(provider).items():
        object.__setattr__(copy, name, value)
    return cast("AnyProvider", copy)


def attributes(thing: object) -> dict[str, Any]:
    """What an object holds, in its dictionary and in its slots."""
    state: Any = object.__getstate__(thing)
    in_dictionary, in_slots = state if isinstance(state, tuple) else (state, None)  # pyright: ignore[reportUnknownVariableType]
    return {**(in_dictionary or {}), **(in_slots or {})}
