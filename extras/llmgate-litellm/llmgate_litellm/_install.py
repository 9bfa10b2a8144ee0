"""Makes ``import litellm`` give this package, also beside an installed litellm."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["install", "uninstall"]

_NAME = "litellm"
_OWN = "llmgate_litellm"


class _Alias(Loader):
    """Gives the module of the same path here."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - of the protocol
        """The module, which may have been imported before."""
        module = import_module(self._own)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already; it keeps the description of itself."""
        module.__spec__ = self._spec


class _Finder(MetaPathFinder):
    """First in line, so that it also wins over an installed package of that name."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG002 - likewise
    ) -> ModuleSpec | None:
        """The description of ``litellm`` and of what is below it."""
        if fullname != _NAME and not fullname.startswith(f"{_NAME}."):
            return None
        own = _OWN + fullname.removeprefix(_NAME)
        found = find_spec(own)
        if found is None:
            raise ModuleNotFoundError(
                f"llmgate_litellm has no module {own!r}, and it stands in for litellm here",
                name=fullname,
            )
        is_package = found.submodule_search_locations is not None
        spec = ModuleSpec(fullname, _Alias(own), origin=found.origin, is_package=is_package)
        if is_package:
            spec.submodule_search_locations = []
        return spec


_FINDER = _Finder()


def install() -> None:
    """Have ``import litellm`` give this package in this process, from now on.

    A spawned child process calls it too. Calling it twice does nothing more.

    Raises:
        RuntimeError: when litellm itself was imported already: call this at the start.
    """
    if _FINDER in sys.meta_path:
        return
    there = sorted(name for name in sys.modules if name.partition(".")[0] == _NAME)
    if there:
        raise RuntimeError(
            f"{there[0]} was imported already: call llmgate_litellm.install() before anything "
            "imports litellm"
        )
    sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """Undo :func:`install`; what was imported meanwhile stays as it is where it is held."""
    if _FINDER not in sys.meta_path:
        return
    sys.meta_path.remove(_FINDER)
    for name in [name for name in sys.modules if name.partition(".")[0] == _NAME]:
        del sys.modules[name]
