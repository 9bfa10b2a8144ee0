"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.server import FaultServer
from tests.sync.calls import ANSWER


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that answers every call."""
    with FaultServer(ANSWER) as running:
        yield running
