"""What is counted as the machine's delay, and what is not."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.machine import Delay

COUNTS = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this system does not count it"
)


@COUNTS
def test_to_wait_for_a_processor_is_delay() -> None:
    """Beside another program on the same one, it soon comes together."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            delay, end = Delay(), time.monotonic() + 20
            while delay.seconds < 0.05 and time.monotonic() < end:
                pass
            other.kill()
    finally:
        os.sched_setaffinity(0, allowed)
    assert delay.seconds >= 0.05


def test_to_collect_garbage_is_delay() -> None:
    """All of it, however often."""
    delay, began = Delay(), time.perf_counter()
    for _ in range(5):
        gc.collect()
    assert 0.5 * (time.perf_counter() - began) < delay.seconds


def test_to_sleep_is_none() -> None:
    """A program that does nothing is not excused; the best of ten is not that of the machine."""
    delays = list[float]()
    for _ in range(10):
        delay = Delay()
        time.sleep(0.05)
        delays.append(delay.seconds)
    assert min(delays) < 0.02
