"""Language models on Replicate, for llmgate: chat in OpenAI's format over predictions.

Public: :class:`Replicate`, the provider, and :data:`Template`, what ``templates=`` takes.
"""

from __future__ import annotations

try:
    from llmgate_replicate.provider import Replicate
    from llmgate_replicate.request.templates import Template
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["Replicate", "Template"]
