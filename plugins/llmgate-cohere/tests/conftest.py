"""The provider under test."""

from __future__ import annotations

import pytest

from llmgate_cohere import Cohere


@pytest.fixture
def provider() -> Cohere:
    """The provider as its users make it."""
    return Cohere(api_key="co-test")
