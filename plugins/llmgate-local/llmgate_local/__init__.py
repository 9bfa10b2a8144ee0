"""A model that runs in this process, on llama.cpp: no key, no account, no network.

Public: :class:`Local`, the provider. Models are named ``local/smollm2`` or ``local/<path>.gguf``.
"""

from __future__ import annotations

try:
    from llmgate_local.provider import Local
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["Local"]
