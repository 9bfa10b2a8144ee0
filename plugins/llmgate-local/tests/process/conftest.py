"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from llmgate import Client
from tests.integration.local_processes import (
    OTHERS,
    children,
    client_of,
    until,
)


@pytest.fixture(autouse=True)
async def no_child_is_left() -> AsyncIterator[None]:
    """No test leaves a child. Those of other modules, as of the default client, do not count."""
    OTHERS.clear()
    OTHERS.update(children())
    yield
    await until(lambda: not children())


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client with a small model, which retries nothing."""
    async with client_of() as made:
        yield made
