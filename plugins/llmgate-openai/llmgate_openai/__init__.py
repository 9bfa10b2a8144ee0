"""OpenAI's chat, Responses API, embeddings and models; also the parts that other hosts build on.

Public: :class:`OpenAI`, and for other plugins :class:`Dialect`, :func:`abilities_of`,
:func:`encode`, :func:`chat_request`, :func:`chat_url`, :func:`decode`, :class:`ChatDecoder`,
:func:`chat_error`, :func:`error_from_payload`, :func:`base_url_of`, :func:`route_url` and
:class:`ToolCallIndex`; and what ``llmgate_openai.embeddings``, ``llmgate_openai.models``,
``llmgate_openai.api`` and ``llmgate_openai.responses`` list in ``__all__``, which are imported when
they are needed. Nothing else is.
"""

from __future__ import annotations

try:
    from llmgate_openai.provider import OpenAI, base_url_of, chat_url, route_url
    from llmgate_openai.request.body import chat_request, encode
    from llmgate_openai.request.dialect import Dialect
    from llmgate_openai.response.body import decode
    from llmgate_openai.response.errors import chat_error, error_from_payload
    from llmgate_openai.response.stream import ChatDecoder
    from llmgate_openai.response.tool_calls import ToolCallIndex
    from llmgate_openai.rules import abilities_of
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = [
    "ChatDecoder",
    "Dialect",
    "OpenAI",
    "ToolCallIndex",
    "abilities_of",
    "base_url_of",
    "chat_error",
    "chat_request",
    "chat_url",
    "decode",
    "encode",
    "error_from_payload",
    "route_url",
]
