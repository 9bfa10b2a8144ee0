"""Cohere's chat, embeddings and models, for llmgate; importing it does nothing.

Public: :class:`Cohere`, and for other hosts of the same format :func:`encode`, :func:`decode`,
:class:`ChatDecoder` and :func:`chat_error`; and what ``llmgate_cohere.embeddings`` lists in
``__all__``, which is imported when it is needed.
"""

from __future__ import annotations

try:
    from llmgate_cohere.provider import Cohere
    from llmgate_cohere.request.body import Encoded, encode
    from llmgate_cohere.response.body import decode
    from llmgate_cohere.response.errors import chat_error
    from llmgate_cohere.response.stream import ChatDecoder
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["ChatDecoder", "Cohere", "Encoded", "chat_error", "decode", "encode"]
