"""Anthropic's Messages; also the parts that hosts of the same format build on.

Public: :class:`Anthropic`, and for other plugins :func:`encode`, :class:`Encoded`, :func:`decode`,
:class:`MessagesDecoder` and :func:`messages_error`.
"""

from __future__ import annotations

try:
    from llmgate_anthropic.provider import Anthropic
    from llmgate_anthropic.request.body import Encoded, encode
    from llmgate_anthropic.response.body import decode
    from llmgate_anthropic.response.errors import messages_error
    from llmgate_anthropic.response.stream import MessagesDecoder
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = [
    "Anthropic",
    "Encoded",
    "MessagesDecoder",
    "decode",
    "encode",
    "messages_error",
]
