"""Fixtures of these tests."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgate._core import advice as _advice
from llmgate._core.registry import installed_providers
from tests.registry.packages import Install, distributions_in


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What is installed is read anew before and after each test."""
    installable = _advice.installable  # which a test may replace
    installed_providers.cache_clear()
    installable.cache_clear()
    yield
    installed_providers.cache_clear()
    installable.cache_clear()


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Install]:
    """Installs a package for this test alone: its metadata, and its module if it has a source."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: distributions_in(tmp_path))
    monkeypatch.setattr(_advice, "installable", lambda: ("cloud", "local"))
    monkeypatch.delenv("LLMGATE_PROVIDERS", raising=False)

    def install(
        distribution: str,
        *names: str,
        models: tuple[str, ...] = (),
        source: str | None = None,
        version: str = "1.2",
        attribute: str = ":Canned",
    ) -> None:
        module = distribution.replace("-", "_")
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = ["[llmgate.providers]", *(f"{name} = {module}{attribute}" for name in names)]
        lines += ["[llmgate.models]", *(f"{model} = {module}{attribute}" for model in models)]
        info.joinpath("entry_points.txt").write_text("\n".join(lines))
        if source is not None:
            tmp_path.joinpath(f"{module}.py").write_text(source)

    yield install
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
