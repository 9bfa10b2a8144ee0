"""Files that are no cassettes, and the fixture of pytest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import llmgate.testing
from llmgate.testing import (
    CassetteError,
    cassette,
)
from llmgate.testing.cassettes.file import save_exchanges
from tests.testing.canned_openai import (
    HI,
    client_of,
    reply,
)

pytest_plugins = "pytester"

# --- files that are none ---


EXCHANGE: Any = {
    "request": {"method": "POST", "url": "https://h/", "headers": {}},
    "response": {"status": 200, "headers": {}},
}
BAD_FILES: list[tuple[Any, str]] = [
    (b"{", "it is not JSON"),
    (b"\xff", "it is not JSON"),
    ([1], "it has no 'llmgate_cassette'"),
    ({"interactions": []}, "it has no 'llmgate_cassette'"),
    ({"llmgate_cassette": 2}, "llmgate_cassette: format 2 is newer than 1"),
    ({"llmgate_cassette": True}, "llmgate_cassette: expected an integer"),
    ({"llmgate_cassette": 1}, "exchanges: expected a list"),
    ({"llmgate_cassette": 1, "exchanges": [3]}, "exchanges[0]: expected an object"),
    ({"llmgate_cassette": 1, "exchanges": [{}]}, "exchanges[0].request: expected an object"),
]
BAD_PARTS: Sequence[tuple[str, Any, str]] = [
    ("status", "200", "exchanges[0].response.status: expected an integer, got '200'"),
    ("headers", {"a": 1}, "exchanges[0].response.headers.a: expected a text"),
    ("text", ["a", 1], "exchanges[0].response.text: expected a list of lines"),
    ("base64", ["a"], "exchanges[0].response.base64: it cannot be decoded"),
    ("chunks", [["a"], 3], "exchanges[0].response.chunks[1]: expected a list of lines"),
    ("pauses", ["a"], "exchanges[0].response.pauses: expected numbers"),
    ("pauses", [float("inf")], "exchanges[0].response.pauses: expected numbers"),
    ("json", [float("nan")], "exchanges[0].response.json: it cannot be sent"),
    ("json", "\ud800", "exchanges[0].response.json: it cannot be sent"),
    ("ended", "Nonsense", "exchanges[0].response.ended: there is no error named 'Nonsense'"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_FILES)
def test_a_file_that_is_no_cassette(tmp_path: Path, content: Any, reason: str) -> None:
    """Is refused on entry, with its path and what is wrong with it."""
    path = tmp_path / "x.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(CassetteError) as caught:
        cassette(path).__enter__()
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(("name", "value", "reason"), BAD_PARTS)
def test_a_part_that_is_none(tmp_path: Path, name: str, value: Any, reason: str) -> None:
    """Says where it stands."""
    path = tmp_path / "x.json"
    bad = {**EXCHANGE, "response": {**EXCHANGE["response"], name: value}}
    path.write_text(json.dumps({"llmgate_cassette": 1, "exchanges": [bad]}))
    with pytest.raises(CassetteError) as caught:
        cassette(path).__enter__()
    assert reason in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A directory of its name, for example."""
    with pytest.raises(CassetteError, match="cannot be read"):
        cassette(tmp_path).__enter__()


def test_a_file_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half cassette, and no other file."""

    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.replace", fail)
    tape = cassette(tmp_path / "x.json").__enter__()
    client_of([reply("x")]).completion("openai/gpt-4o", HI)
    with pytest.raises(PermissionError):
        tape.__exit__(None, None, None)
    assert [] == [*tmp_path.iterdir()]


# --- pytest ---


MODE = ["--llmgate-cassettes"]
INNER = """
import pytest
from llmgate import Client
from llmgate.testing import Canned, CannedTransport, FakeProvider

def ask(*answers):
    client = Client(providers={"fake": FakeProvider(answers)})
    return client.completion("fake/m", [{"role": "user", "content": "Hi"}]).text

ANSWERS = __import__("os").environ["ANSWERS"].split()

@pytest.mark.llmgate_cassette
def test_marked():
    assert ask(*ANSWERS) == "Paris"

@pytest.mark.llmgate_cassette("shared.json", mode="new")
def test_with_path(llmgate_cassette):
    assert ask(*ANSWERS) == "Paris"
    assert llmgate_cassette.path.name == "shared.json"

@pytest.mark.parametrize("x", ["a/b"])
def test_by_fixture(llmgate_cassette, x):
    assert ask(*ANSWERS) == "Paris"

def test_without():
    pass
"""


def test_the_fixture_and_the_marker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run records, the second has no answers, and a mode is set for all."""
    pytester.makepyfile(test_inner=INNER)
    options = [
        "-p",
        "llmgate.testing.pytest_plugin",
        "-p",
        "no:randomly",
        "-p",
        "no:cov",
        "--strict-markers",
    ]
    runs: list[tuple[str, list[str]]] = [("Paris", []), ("", []), ("", [*MODE, "none"])]
    for answers, mode in runs:
        monkeypatch.setenv("ANSWERS", answers)
        pytester.runpytest_inprocess(*options, *mode).assert_outcomes(passed=4)
    found = {path.name for path in pytester.path.rglob("*.json")}
    by_fixture = "test_by_fixture-a-b-3851f03b.json"
    assert {"test_marked.json", "shared.json", by_fixture} == found
    monkeypatch.setenv("ANSWERS", "Paris")
    result = pytester.runpytest_inprocess(*options, *MODE, "all", "-k", "marked")
    result.assert_outcomes(passed=1, deselected=3)


SAME_NAMES = """
import pytest
from test_inner import ask

class TestOne:
    @pytest.mark.llmgate_cassette
    def test_capital(self):
        assert ask("one") == "one"

class TestTwo:
    @pytest.mark.llmgate_cassette
    @pytest.mark.parametrize("x", ["", "a-b", "a/b", "a::b", pytest.param("y", id="y" * 300)])
    def test_capital(self, x):
        assert ask(x) == x
"""


def test_each_test_has_a_file_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where classes have tests of one name, where parameters have characters that no file's
    name has, and where the name would be too long for a file."""
    monkeypatch.setenv("ANSWERS", "")
    pytester.makepyfile(test_inner=INNER, test_same=SAME_NAMES)
    options = ["-p", "llmgate.testing.pytest_plugin", "-p", "no:randomly", "-p", "no:cov"]
    pytester.runpytest_inprocess(*options, "test_same.py").assert_outcomes(passed=6)
    found = {path.name for path in pytester.path.rglob("*.json")}
    assert {"TestOne.test_capital.json", "TestTwo.test_capital-a-b.json"} <= found
    assert (6, True) == (len(found), max(map(len, found)) < 200)


def test_the_names_are_those_of_testing() -> None:
    """``llmgate.testing.cassette`` is the function, also after its module was imported."""
    assert callable(llmgate.testing.cassette)
    assert llmgate.testing.Cassette is type(llmgate.testing.cassette("x"))


# --- files that cannot be written ---


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_a_file_that_is_not_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Neither a part of it, nor another mask for the files of other threads."""
    path = tmp_path / "x.json"
    save_exchanges(path, [])
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("os.umask", fail)
        patch.setattr("os.replace", fail)
        patch.setattr(Path, "replace", fail)
        with pytest.raises(type(error)):
            save_exchanges(path, [])
    assert [path] == [*tmp_path.iterdir()]
    assert before == path.read_bytes()
