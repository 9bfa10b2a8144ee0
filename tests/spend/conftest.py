"""Fixtures of these tests."""

from __future__ import annotations

import time

import pytest

from tests.spend.calls import DAY


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time since the epoch, which stands still."""
    times = [10.25 * DAY]
    monkeypatch.setattr(time, "time", lambda: times[0])
    return times
