"""Google's Gemini for llmgate: the Developer API and Vertex AI.

Public: :class:`Gemini`, :class:`VertexAI`, and :func:`gemini_schema`, which writes a JSON schema in
Gemini's dialects. Nothing else is.
"""

from __future__ import annotations

try:
    from llmgate_gemini.provider import Gemini
    from llmgate_gemini.request.schema import SchemaEdit, gemini_schema
    from llmgate_gemini.vertex import VertexAI
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["Gemini", "SchemaEdit", "VertexAI", "gemini_schema"]
