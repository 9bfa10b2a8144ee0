"""What every test of the command line has: a provider that is installed beside it, and no files of
whoever runs the tests."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgate._core.added import added_hosts
from llmgate._core.registry import installed_providers

ENTRY_POINTS = """
[llmgate.providers]
echo = echo_provider:Echo
mute = echo_provider:Mute
[llmgate.models]
echo-* = echo_provider:Echo
[llmgate.keys]
ECHO_TOKEN = echo_provider:Echo
ECHO_SPARE_TOKEN = echo_provider:Echo
"""


@pytest.fixture(scope="module", name="site")
def site_with_echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the package echo-provider is installed."""
    site = tmp_path_factory.mktemp("site")
    information = site / "echo_provider-1.2.dist-info"
    information.mkdir()
    shutil.copy(Path(__file__).parents[1] / "echo_provider.py", site)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: echo-provider\nVersion: 1.2\n"
    )
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


@pytest.fixture(autouse=True)
def installed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package is installed for this process, nobody types at its standard input, and what the
    user of this machine has set and kept is not there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.path", [str(site), *sys.path])
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    installed_providers.cache_clear()
    yield
    installed_providers.cache_clear()
    added_hosts.clear()
