"""``llmgate providers``: what the metadata of installed packages says; it imports none of them.

Hosts of a file of rows are among them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from llmgate._core.added import customary_key
from llmgate._core.advice import install
from llmgate._core.registry import KnownProvider, known_providers

__all__ = ["print_table", "run"]

_HEADINGS = ("provider", "package", "key", "models")


def run() -> int:
    """Print a table of the providers: name, package and version, whether a key is set, models."""
    installed = known_providers()
    if not installed:
        print(f"no provider is installed; for a model on this machine: {install('local')}")
        return 0
    print_table([_HEADINGS, *(_row(installed[name]) for name in sorted(installed))])
    return 0


def _row(provider: KnownProvider) -> Sequence[str]:
    package = f"{provider.distribution} {provider.version}".rstrip()
    models = ", ".join((f"{provider.name}/…", *provider.models))
    return provider.name, package, _keys(provider), models


def _keys(provider: KnownProvider) -> str:
    """Whether the variables that hold this provider's key are set; never what they hold.

    A package names them in the entry point group ``llmgate.keys``. Where it names none, the
    customary name is looked for, and nothing is said when it is not set: perhaps there is no key.
    """
    if provider.keys:
        return ", ".join(f"{name} {_state(name)}" for name in provider.keys)
    customary = customary_key(provider.name)
    return f"{customary} set" if os.environ.get(customary) else "-"


def _state(variable: str) -> str:
    return "set" if os.environ.get(variable) else "not set"


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as their widest cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
