"""Mistral's chat, embeddings and models. Public: :class:`Mistral`, and nothing else."""

from __future__ import annotations

try:
    from llmgate_mistral.provider import Mistral
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["Mistral"]
