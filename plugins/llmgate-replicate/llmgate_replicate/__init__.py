"""Language models on Replicate, for llmgate: chat in OpenAI's format over predictions.

Public: :class:`Replicate`, the provider, and :data:`Template`, what ``templates=`` takes.
"""

from __future__ import annotations

from llmgate_replicate.provider import Replicate
from llmgate_replicate.templates import Template

__all__ = ["Replicate", "Template"]
