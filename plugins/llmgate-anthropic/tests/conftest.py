"""The provider under test."""

from __future__ import annotations

import pytest

from llmgate_anthropic import Anthropic


@pytest.fixture
def provider() -> Anthropic:
    """The provider as its users make it."""
    return Anthropic(api_key="sk-ant-test")
