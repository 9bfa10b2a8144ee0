"""How hosts of OpenAI's format depart from it, as data; it reads no call."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMPATIBLE", "Dialect"]


class Dialect(NamedTuple):
    """How a host departs from OpenAI's format.

    ``gated`` applies OpenAI's own rules for its models. ``stream_usage`` asks for the usage at
    the end of every stream; False leaves that to the caller, and None is for a host that refuses
    it. ``takes_reasoning`` sends the reasoning of earlier responses back. ``provider`` is the key
    of the host's own data in a message's ``provider_data``. ``unlimited_tokens`` lets -1 stand for
    no limit of tokens.
    """

    provider: str = "openai"
    gated: bool = True
    stream_usage: bool | None = True
    takes_reasoning: bool = False
    unlimited_tokens: bool = False


COMPATIBLE = Dialect(gated=False, takes_reasoning=True, unlimited_tokens=True)
"""A host of which nothing is known: it is sent what the caller gave, and asked for the usage of
each stream, until it refuses that."""
