"""Hosts of OpenAI's format, each of them a row of data: ``groq``, ``vllm`` and many others.

Public: :func:`host`, which makes a provider of a row, :class:`CompatibleHost`, which such providers
are, and for each row that is shipped its class, under its name with underscores for hyphens.
"""

from __future__ import annotations

try:
    from llmgate_compatible.custom import host
    from llmgate_compatible.provider import CompatibleHost, class_of
    from llmgate_compatible.shipped import shipped_row
except ImportError as error:
    raise ImportError(
        f"{error}; llmgate-core is needed: the package 'llmgate' on the public index is another "
        "project, which has the same import name"
    ) from error

__all__ = ["CompatibleHost", "host"]


def __getattr__(name: str) -> type[CompatibleHost]:
    row = None if name.startswith("_") else shipped_row(name.replace("_", "-"))
    if row is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = class_of(row)
    return made
