"""OpenAI's chat, embeddings and models; also the parts that hosts of the same format build on.

Public: :class:`OpenAI`, and for other plugins :class:`Dialect`, :func:`encode`,
:func:`chat_request`, :func:`chat_url`, :func:`decode`, :class:`ChatDecoder`, :func:`chat_error`,
:func:`error_from_payload`, :func:`base_url_of`, :func:`route_url`, :class:`ToolCallIndex`,
:func:`embedding_request`, :func:`decode_embeddings`, :func:`embedding_abilities` and
:func:`decode_models`. Nothing else is.
"""

from __future__ import annotations

try:
    from llmgate_openai.assemble import ToolCallIndex
    from llmgate_openai.decode import decode
    from llmgate_openai.embeddings import (
        decode_embeddings,
        embedding_abilities,
        embedding_request,
    )
    from llmgate_openai.encode import Dialect, chat_request, encode
    from llmgate_openai.errors import chat_error, error_from_payload
    from llmgate_openai.models import decode_models
    from llmgate_openai.provider import OpenAI, base_url_of, chat_url, route_url
    from llmgate_openai.stream import ChatDecoder
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
    "base_url_of",
    "chat_error",
    "chat_request",
    "chat_url",
    "decode",
    "decode_embeddings",
    "decode_models",
    "embedding_abilities",
    "embedding_request",
    "encode",
    "error_from_payload",
    "route_url",
]
