"""Models in GGUF files, run on this machine by llama.cpp: no key, no account, no network.

Public: :class:`Local`, the provider. Models are named ``local/smollm2`` or ``local/<path>.gguf``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgate_local.provider import Local

__all__ = ["Local"]


def __getattr__(name: str) -> Any:
    """Import the provider on demand: the process that runs a model has no use for it."""
    if name != "Local":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from llmgate_local.provider import Local  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ImportError(
            f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another"
            " project, which has the same import name"
        ) from error
    return Local
