"""``llmgate providers``: what the metadata of installed packages says; it imports none of them.

Hosts of a file of rows are among them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from llmgate._core.added import customary_key
from llmgate._core.advice import install
from llmgate._core.registry import KnownProvider, known_providers
from llmgate.cli.configuration import configured
from llmgate.cli.output import print_table, write

__all__ = ["add_arguments", "describe_keys", "print_providers", "run"]

_HEADINGS = ("provider", "package", "key", "models")


def add_arguments(_: argparse.ArgumentParser) -> None:
    """It takes nothing."""


def run(_: argparse.Namespace) -> int:
    """Print a table of the providers: name, package and version, whether a key is set, models."""
    configured()
    print_providers()
    return 0


def print_providers() -> None:
    """Print the table, or what to install where it would be empty."""
    installed = known_providers()
    if not installed:
        write(f"no provider is installed; for a model on this machine: {install('local')}\n")
        return
    print_table([_HEADINGS, *(_row(installed[name]) for name in sorted(installed))])


def _row(provider: KnownProvider) -> Sequence[str]:
    package = f"{provider.distribution} {provider.version}".rstrip()
    models = ", ".join((f"{provider.name}/…", *provider.models))
    return provider.name, package, describe_keys(provider), models


def describe_keys(provider: KnownProvider) -> str:
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
