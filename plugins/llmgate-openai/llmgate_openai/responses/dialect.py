"""How hosts of the Responses API differ, as data; it reads no call."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ResponsesDialect"]


class ResponsesDialect(NamedTuple):
    """How a host takes the Responses API.

    ``provider`` is the key of the host's own items in a message's ``provider_data``. ``gated``
    applies OpenAI's own limits. ``encrypted`` asks for reasoning in encrypted form, which can be
    sent back where nothing is stored; None asks for it of models that are known to reason.
    ``open_reasoning`` sends reasoning back that came in clear.
    """

    provider: str = "openai"
    gated: bool = True
    encrypted: bool | None = None
    open_reasoning: bool = False
