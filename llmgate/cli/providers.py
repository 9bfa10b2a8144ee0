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

__all__ = ["add_arguments", "describe_keys", "keys_set", "run"]

_HEADINGS = ("provider", "package", "key", "models")


def add_arguments(_: argparse.ArgumentParser) -> None:
    """It takes nothing."""


def run(_: argparse.Namespace) -> int:
    """Print a table of the providers: name, package and version, whether a key is set, models."""
    configured()
    installed = known_providers()
    if not installed:
        write(f"no provider is installed; for a model on this machine: {install('local')}\n")
        return 0
    print_table([_HEADINGS, *(_row(installed[name]) for name in sorted(installed))])
    return 0


def _row(provider: KnownProvider) -> Sequence[str]:
    package = f"{provider.distribution} {provider.version}".rstrip()
    models = ", ".join((f"{provider.name}/…", *provider.models))
    return provider.name, package, describe_keys(provider), models


def describe_keys(provider: KnownProvider) -> str:
    """Whether the variables that hold this provider's key are set; never what they hold.

    A package names them in the entry point group ``llmgate.keys``. Where it names none, the
    customary name is looked for, and nothing is said when it is not set: perhaps there is no key.
    """
    found = keys_set(provider)
    states = [f"{name} {'set' if name in found else 'not set'}" for name in provider.keys or found]
    return ", ".join(states) or "-"


def keys_set(provider: KnownProvider) -> list[str]:
    """The variables that are set, of those that may hold this provider's key."""
    names = provider.keys or (customary_key(provider.name),)
    return [name for name in names if os.environ.get(name)]
