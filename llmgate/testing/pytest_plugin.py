"""Fixtures for pytest: a cassette and a mock server for one test. What they need is imported when
a test asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from llmgate.testing.cassettes import Cassette
    from llmgate.testing.mock_server import MockServer

__all__ = ["llmgate_cassette", "llmgate_server"]

_MARKER = "llmgate_cassette"
_SCRIPT = "llmgate_server"
_MAX_NAME = 100
"""Bytes of a file's name before a digest: file systems allow 255."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--llmgate-cassettes none``, as in continuous integration."""
    parser.getgroup("llmgate").addoption(
        "--llmgate-cassettes",
        choices=["once", "none", "new", "all"],
        help="the mode of all cassettes of llmgate, in place of their own",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(path, *, mode, timing, ignore): record or replay what the test sends; the path "
        "is relative to the test's file, by default cassettes/FILE/[CLASS.]TEST.json",
    )
    config.addinivalue_line(
        "markers", f"{_SCRIPT}(*answers, models): what the mock server answers, in this order"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test with the marker uses the fixture."""
    names: list[str] = getattr(item, "fixturenames", [])
    if item.get_closest_marker(_MARKER) is not None and _MARKER not in names:
        names.insert(0, _MARKER)


@pytest.fixture
def llmgate_cassette(request: pytest.FixtureRequest) -> Iterator[Cassette]:
    """A cassette of this test alone, as its marker says."""
    from llmgate.testing.cassettes import cassette  # noqa: PLC0415 - only for those who use it

    marker = request.node.get_closest_marker(_MARKER)
    settings: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    given = marker.args[0] if marker is not None and marker.args else settings.pop("path", None)
    file = request.path
    path = file.parent / (given or f"cassettes/{file.stem}/{_file_name(request.node.nodeid)}.json")
    mode = request.config.getoption("--llmgate-cassettes")
    if mode is not None:
        settings["mode"] = mode
    with cassette(path, **settings) as made:
        yield made


def _file_name(node: str) -> str:
    """The name of a test's own file: its classes, its name and its parameters. Where a file cannot
    have that name, a digest tells it from the others."""
    test, _, parameters = node.partition("::")[2].partition("[")
    name = test.replace("::", ".") + (f"-{parameters[:-1]}" if parameters else "")
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-")
    written = plain.encode()[:_MAX_NAME].decode(errors="ignore")
    if written == name:
        return name
    return f"{written}-{sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


@pytest.fixture
def llmgate_server(request: pytest.FixtureRequest) -> Iterator[MockServer]:
    """A mock server of this test alone, with the script of its marker."""
    from llmgate.testing.mock_server import server  # noqa: PLC0415 - likewise

    marker = request.node.get_closest_marker(_SCRIPT)
    settings: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    script = marker.args if marker is not None and marker.args else None
    with server(script, **settings) as made:
        yield made
