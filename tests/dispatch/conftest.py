"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmgate._core.dispatch import Dispatcher
from tests.dispatch.events import Gate


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """A dispatcher whose hooks are done after the test."""
    made = Dispatcher()
    yield made
    assert made.flush(5)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that is open after the test."""
    made = Gate()
    yield made
    made.may_go_on.set()
