"""Anthropic's Messages; also the parts that hosts of the same format build on.

Public: :class:`Anthropic`, and for other plugins :func:`encode`, :class:`Encoded`, :func:`decode`,
:class:`MessagesDecoder` and :func:`messages_error`; for those that serve Claude in another format
:func:`claude_traits`, :class:`ClaudeTraits`, :func:`claude_abilities`, :func:`add_thinking`,
:func:`is_thinking`, :func:`strict_schema` and :func:`has_open_maps`.
"""

from __future__ import annotations

try:
    from llmgate_anthropic.provider import Anthropic
    from llmgate_anthropic.request.body import Encoded, encode
    from llmgate_anthropic.request.schema import has_open_maps, strict_schema
    from llmgate_anthropic.request.thinking import add_thinking, is_thinking
    from llmgate_anthropic.response.body import decode
    from llmgate_anthropic.response.errors import messages_error
    from llmgate_anthropic.response.stream import MessagesDecoder
    from llmgate_anthropic.rules import Traits as ClaudeTraits
    from llmgate_anthropic.rules import abilities_of as claude_abilities
    from llmgate_anthropic.rules import traits_of as claude_traits
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = [
    "Anthropic",
    "ClaudeTraits",
    "Encoded",
    "MessagesDecoder",
    "add_thinking",
    "claude_abilities",
    "claude_traits",
    "decode",
    "encode",
    "has_open_maps",
    "is_thinking",
    "messages_error",
    "strict_schema",
]
