"""Packages of strangers, made for a test: installed as others are, and wrong in every way.

with installed("raises", "good"):
    Client().acompletion("good/x", ...)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from llmgate._core import registry as _registry

__all__ = ["SOURCES", "described", "installed", "released"]

released = threading.Event()
"""Set when whatever hangs is to go on."""

_GOOD = """
from llmgate.testing import FakeProvider

class Made(FakeProvider):
    name = "good"

    def __init__(self):
        super().__init__(["Hello"] * 99)
"""
_HANGS = "from tests.faults.strangers import released; released.wait(3)\n"

SOURCES: Mapping[str, str] = {
    "good": _GOOD,
    # --- wrong while they are imported ---
    "raises": "raise RuntimeError('no\\nway \\x1b[31m')",
    "needs": "import a_package_that_nobody_has",
    "syntax": "def (",
    "exits": "import sys; sys.exit('bye')",
    "interrupts": "raise KeyboardInterrupt",
    "cancels": "import asyncio; raise asyncio.CancelledError",
    "stops": "raise StopIteration",
    "bare": "class Odd(BaseException): pass\nraise Odd",
    "mute": "class Odd(Exception):\n def __str__(self): raise ValueError\nraise Odd",
    "recurs": "def f(): f()\nf()",
    "lacks": "x = 1",
    "blocks": _HANGS + _GOOD,
    # --- wrong when they are asked for a provider ---
    "fails": "def Made(): raise KeyError('no')",
    "quits": "import sys\ndef Made(): sys.exit(3)",
    "nothing": "def Made(): return None",
    "number": "def Made(): return 5",
    "text": "Made = 'provider'",
    "klass": "from llmgate.testing import FakeProvider\ndef Made(): return FakeProvider",
    "wants": "def Made(it): return it",
    "old": _GOOD + "    protocol = 0\n",
    "new": _GOOD + "    protocol = 99\n",
    "hollow": "class Made:\n    protocol = 2\n    name = 'hollow'\n",
    "odd": _GOOD + "    parameters = 5\n",
    "explosive": _GOOD + "    @property\n    def stream(self): raise OSError('no')\n",
    "stuck": _GOOD + "        " + _HANGS,
    "homeless": _GOOD + "    @property\n    def transport(self): raise OSError('no')\n",
}


def described(name: str) -> str:
    """How an error names such a package."""
    return f"'{name}' of the package stranger-{name} 6.6"


_lock = threading.Lock()
_users = 0
_folder: TemporaryDirectory[str] | None = None


@contextmanager
def installed(*more: tuple[str, str]) -> Generator[Path]:
    """All of the above, and files of further packages: their paths and texts.

    Several may be in it at once; what they add is there until the last has left.
    """
    folder = _enter()
    for path, text in more:
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogateescape"))
    _registry.installed_providers.cache_clear()
    try:
        yield folder
    finally:
        _leave()
        _registry.installed_providers.cache_clear()


def package(name: str, entry_points: str) -> tuple[str, str]:
    """The file that says which entry points a package has."""
    return f"stranger_{name}-6.6.dist-info/entry_points.txt", entry_points


def _enter() -> Path:
    global _users, _folder  # noqa: PLW0603 - as there is one sys.path
    with _lock:
        _users += 1
        if _folder is None:
            _folder = TemporaryDirectory(prefix="strangers")
            _write_all(Path(_folder.name))
            sys.path.insert(0, _folder.name)
            released.clear()
        return Path(_folder.name)


def _leave() -> None:
    global _users, _folder  # noqa: PLW0603 - likewise
    with _lock:
        _users -= 1
        if not _users and _folder is not None:
            released.set()
            sys.path.remove(_folder.name)
            for name in [name for name in sys.modules if name.startswith("stranger_")]:
                del sys.modules[name]
            _folder.cleanup()
            _folder = None


def _write_all(folder: Path) -> None:
    for name, source in SOURCES.items():
        folder.joinpath(f"stranger_{name}.py").write_text(source)
        info = folder / f"stranger_{name}-6.6.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: stranger-{name}\nVersion: 6.6\n"
        )
        info.joinpath("entry_points.txt").write_text(
            f"[llmgate.providers]\n{name} = stranger_{name}:Made\n"
            f"[llmgate.models]\n{name}-* = stranger_{name}:Made\n"
        )
