"""A model that runs in this process, on llama.cpp: no key, no account, no network.

Public: :class:`Local`, the provider. Models are named ``local/smollm2`` or ``local/<path>.gguf``.
"""

from __future__ import annotations

from llmgate_local.provider import Local

__all__ = ["Local"]
