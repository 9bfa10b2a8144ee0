"""``llmgate doctor``: versions, providers, keys, and whether another project has our import name.

It imports no provider, and shows no key: only whether the variables that hold them are set.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from llmgate._name_clash import name_clash

__all__ = ["run"]


def run() -> int:
    """Print what is installed, and return 1 where it cannot work, saying why."""
    print(f"Python {platform.python_version()}, {platform.platform()}")
    for name in ("llmgate-core", *_needs()):
        print(f"{name} {_version(name)}")
    clash = name_clash()
    if clash:
        print(f"llmgate: {clash}", file=sys.stderr)
        return 1
    from llmgate.cli import providers  # noqa: PLC0415 - in a clash, it cannot be imported

    print()
    return providers.run()


def _needs() -> Iterator[str]:
    """The packages that the core needs, by its own metadata."""
    for requirement in requires("llmgate-core") or ():
        name = re.match(r"[\w.-]+", requirement)
        if name and "extra ==" not in requirement:
            yield name[0]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"
