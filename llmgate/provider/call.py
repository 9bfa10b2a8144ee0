"""A call fitted to its provider: what a provider's flow reads, and must not change."""

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
    """Messages with texts, function calls and their results, and no other fields.

    Each has a content, which is a string, or null beside calls; an assistant's message has text or
    calls. No function is called in the legacy form.
    """

    __slots__ = ()


class TextMessages(PlainMessages):
    """Messages that each have a role and a text and nothing else, as in most histories.

    They need no search and no conversion.
    """

    __slots__ = ()


@slotted
class ProviderCall:
    """One checked call, as a provider's plugin reads it.

    ``model`` is the provider's own name of the model. ``parameters`` holds those that the caller
    gave and this provider declares; a parameter that is absent was not given. ``extra_body`` must
    be merged into the request last. ``id`` is unique; a plugin has no randomness, so it derives the
    ids that it must invent from this one. The plugin records in ``report`` what it cannot send as
    asked. ``include_usage`` says that the caller asked for the stream's usage; a plugin requests it
    in any case, if the API is known to allow that.
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
