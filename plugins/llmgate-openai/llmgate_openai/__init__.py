"""OpenAI's chat completions, for llmgate; also the parts that hosts of the same format build on.

Public: :class:`OpenAI`, and for other plugins :func:`encode`, :func:`decode`, :class:`ChatDecoder`,
:func:`chat_error` and :class:`Dialect`.
"""

from __future__ import annotations

from llmgate_openai.decode import ChatDecoder, decode
from llmgate_openai.encode import Dialect, chat_request, encode
from llmgate_openai.errors import chat_error, error_from_payload
from llmgate_openai.provider import OpenAI, base_url_of

__all__ = [
    "ChatDecoder",
    "Dialect",
    "OpenAI",
    "base_url_of",
    "chat_error",
    "chat_request",
    "decode",
    "encode",
    "error_from_payload",
]
