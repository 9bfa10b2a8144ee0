"""What the tests with the real model share: its weights, or a line that says why they skip."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from llmgate_local.models import ModelNotFoundError, find_model


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The library runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def weights() -> Path:
    """The GGUF file of SmolLM2."""
    if find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install xllamacpp")
    try:
        return find_model("smollm2")
    except ModelNotFoundError as error:
        pytest.skip(str(error))
