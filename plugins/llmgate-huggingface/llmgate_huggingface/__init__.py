"""Hugging Face's router, endpoints, TGI and TEI. Public: :class:`HuggingFace`, and nothing else."""

from __future__ import annotations

try:
    from llmgate_huggingface.provider import HuggingFace
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["HuggingFace"]
