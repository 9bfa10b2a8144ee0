"""The provider under test, and a server that Cohere's own SDK talks to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmgate_cohere import Cohere
from tests.sdk import SdkServer


@pytest.fixture
def provider() -> Cohere:
    """The provider as its users make it."""
    return Cohere(api_key="co-test")


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    """The server that the SDK talks to."""
    with SdkServer() as made:
        yield made
