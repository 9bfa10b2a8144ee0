"""How hosts of OpenAI's format depart from it, as data; it reads no call."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMPATIBLE", "Dialect"]


class Dialect(NamedTuple):
    """How a host departs from OpenAI's format.

    ``gated`` applies OpenAI's own rules for its models. ``stream_usage`` asks for the usage at
    the end of every stream. ``takes_reasoning`` sends the reasoning of earlier responses back.
    ``provider`` is the key of the host's own data in a message's ``provider_data``.
    """

    provider: str = "openai"
    gated: bool = True
    stream_usage: bool = True
    takes_reasoning: bool = False


COMPATIBLE = Dialect(gated=False, stream_usage=False, takes_reasoning=True)
"""A host of which nothing is known: it is sent exactly what the caller gave."""
