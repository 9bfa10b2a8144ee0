"""A call that is fitted to its provider: what a provider's flow reads, and must not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from llmgate._text.dataclass import slotted
from llmgate.options import ChatParameters
from llmgate.report import Report

if TYPE_CHECKING:
    from llmgate.messages import MessageParam

__all__ = ["PlainMessages", "ProviderCall", "TextMessages"]


class PlainMessages(list["MessageParam"]):
    """Messages of texts, calls of functions and their results, without any other field.

    Each has a content, which is a text, or null beside calls; an earlier response has a text or
    calls. No function is called in the legacy form.
    """

    __slots__ = ()


class TextMessages(PlainMessages):
    """Messages of which each is a role and a text and nothing else, as most histories are.

    Nothing has to be looked for in them, or put in another way.
    """

    __slots__ = ()


@slotted
class ProviderCall:
    """One checked call, as a provider's plugin reads it.

    ``model`` is the provider's own name of it. ``parameters`` holds those that the caller gave and
    this provider declares; a parameter that is absent was not given. ``extra_body`` is to be merged
    into the request last. ``id`` is unique and is what ids that the plugin must invent are made
    from, since a plugin has no randomness of its own. What the plugin cannot send as it was asked
    it writes into ``report``. ``include_usage`` says that the caller asked for the usage of the
    stream; a plugin asks for it in any case, where the API is known to allow that.
    """

    operation = "chat"

    model: str
    messages: list[MessageParam]
    parameters: ChatParameters = field(default_factory=ChatParameters)
    stream: bool = False
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str = "call"
    report: Report = field(default_factory=Report)
    include_usage: bool = False
