"""``install``: ``import litellm`` gives this package, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GIVES_OURS = """
import llmgate_litellm
llmgate_litellm.install()
llmgate_litellm.install()
import importlib.util
import litellm
import litellm.utils
from litellm.exceptions import RateLimitError
from litellm.types.utils import ModelResponse
assert litellm is llmgate_litellm
assert litellm.utils.ModelResponse is ModelResponse is llmgate_litellm.ModelResponse
assert RateLimitError is llmgate_litellm.RateLimitError
assert importlib.util.find_spec("litellm") is not None
assert llmgate_litellm.__spec__.name == "llmgate_litellm"
assert hasattr(litellm, "completion") and not hasattr(litellm, "theirs")
for path in ("main", "router", "cost_calculator", "integrations.custom_logger", "_logging",
             "litellm_core_utils.streaming_handler", "litellm_core_utils.litellm_logging",
             "caching.caching", "types.llms.openai"):
    importlib.import_module(f"litellm.{path}")
try:
    import litellm.proxy
except ModuleNotFoundError as error:
    assert "stands in" in str(error)
else:
    raise AssertionError
llmgate_litellm.uninstall()
"""
TOO_LATE = """
import litellm
import llmgate_litellm
try:
    llmgate_litellm.install()
except RuntimeError as error:
    assert "imported already" in str(error)
else:
    raise AssertionError
"""


@pytest.fixture(name="theirs")
def _theirs(tmp_path: Path) -> Path:
    """A folder in which something named litellm is installed."""
    package = tmp_path / "litellm"
    package.mkdir()
    package.joinpath("__init__.py").write_text("theirs = True\n")
    package.joinpath("utils.py").write_text("theirs = True\n")
    return tmp_path


@pytest.mark.parametrize("program", [GIVES_OURS, TOO_LATE])
def test_it_wins_over_an_installed_package(program: str, theirs: Path) -> None:
    """Submodules too; and it is refused where litellm was imported before."""
    code = f"import sys; sys.path.insert(0, {str(theirs)!r})\n{program}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
