"""A model that runs in this process, on llama.cpp: no key, no account, no network.

Public: :class:`Local`, the provider. Models are named ``local/smollm2`` or ``local/<path>.gguf``.
"""

from __future__ import annotations

from importlib import import_module

try:
    import_module("llmgate.provider")
except ImportError as error:
    raise ImportError(
        "llmgate-core is needed: the package 'llmgate' on the public index is another project, "
        "which has the same import name"
    ) from error

from llmgate_local.provider import Local

__all__ = ["Local"]
