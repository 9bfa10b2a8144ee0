"""What it costs that some seventy providers are installed: nothing until the first call, and then
no more than reading what their packages declare."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata

from llmgate._core.registry import installed_providers

_IMPORTED = """
import sys
import llmgate
slow = {"importlib.metadata", "email.message", "tomllib"}
print(sorted(name for name in sys.modules if name in slow or name.startswith("llmgate_")))
"""


def test_importing_the_core_looks_for_no_provider() -> None:
    """Neither is a provider imported, nor what finds them."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED], capture_output=True, check=True, text=True
    )
    assert "[]" == done.stdout.strip()


def test_all_names_are_known_for_the_price_of_reading_them() -> None:
    """Within half as much again as Python takes to read all packages' entry points, by processor
    time; a wrong order in the number of names would be ten times that."""
    assert len(installed_providers()) > 60
    assert _least(_discover) < 1.5 * _least(metadata.entry_points)


def _discover() -> None:
    installed_providers.cache_clear()
    installed_providers()


def _least(work: Callable[[], object]) -> float:
    """The least processor time of several runs, in seconds."""
    times: list[float] = []
    for _ in range(9):
        begun = time.thread_time()
        work()
        times.append(time.thread_time() - begun)
    return min(times)
