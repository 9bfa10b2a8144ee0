"""What is said of what is shipped: the bill of materials, the audit, and the wheels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts import audit, sbom
from scripts.check_wheels import faults

ROOT = Path(__file__).parents[1]


def document(directory: Path) -> str:
    """The bill of materials, as it is written beside what was built there."""
    sbom.main(directory / "llmgate.cdx.json")
    return (directory / "llmgate.cdx.json").read_text(encoding="utf-8")


def test_the_bill_of_materials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is valid, or it is not written; it names each distribution with its version, its hashes
    and what it needs; and the same pins give the same text, with no path, registry or time."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    (tmp_path / "llmgate_core-0.1.0-py3-none-any.whl").write_bytes(b"")
    text = document(tmp_path)
    assert text == document(tmp_path)
    assert {"http://cyclonedx.org"} == {*re.findall(r'\w+://[^"/]*', text)}  # that of its schema
    assert not [word for word in (str(ROOT), "/simple", "timestamp") if word in text]
    written = json.loads(text)
    components: dict[str, Any] = {each["name"]: each for each in written["components"]}
    needs = {each["ref"]: each.get("dependsOn", []) for each in written["dependencies"]}
    assert {"llmgate-core", "llmgate-openai", "aiohttp", "pydantic-core"} <= components.keys()
    assert components["llmgate-core"]["hashes"]
    for name, component in components.items():
        assert component["version"]
        assert name.startswith("llmgate-") or component["hashes"]
    assert components["aiohttp"]["bom-ref"] in needs[components["llmgate-core"]["bom-ref"]]


def test_the_bill_of_materials_says_the_time_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the source, in seconds since 1970."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert json.loads(document(tmp_path))["metadata"]["timestamp"].startswith("1970-01-02T00:00:00")


def test_what_is_needed_but_not_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no bill of materials for it, nor for another version than the pinned one."""
    monkeypatch.setattr(sbom, "PINNED", re.compile("nothing"))
    with pytest.raises(SystemExit, match=r"not pinned: .*aiohttp"):
        document(tmp_path)
    with pytest.raises(SystemExit, match=r"0\.0\.1 is pinned"):
        sbom.described("aiohttp", sbom.Pin("0.0.1", ()))


FAULTY: dict[str, Any] = {
    "name": "a",
    "version": "1",
    "vulns": [{"id": "X-1", "fix_versions": ["2"]}],
}
SOUND: dict[str, Any] = {"name": "b", "version": "1", "vulns": []}
SKIPPED: dict[str, Any] = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("report", "last_words", "code", "said"),
    [
        ({"dependencies": [FAULTY, SOUND]}, "", 1, "a 1: X-1, mended in 2"),
        ({"dependencies": [{**FAULTY, "vulns": [{"id": "X-2"}]}]}, "", 1, "no version yet"),
        ({"dependencies": [SOUND, SKIPPED]}, "", 0, "of 1 packages; 1 were not checked"),
        ({"dependencies": [SKIPPED]}, "", 0, "nothing was checked"),
        (None, "ConnectionError: Failed to resolve", 0, "nothing was checked"),
        (None, "timed out after 60 s", 0, "nothing was checked"),
        (None, "invalid requirements input", 2, "pip-audit failed: invalid requirements"),
    ],
)
def test_the_audits_verdict(report: Any, last_words: str, code: int, said: str) -> None:
    """A vulnerability fails; what could not be asked is said, in one line, and does not."""
    found, text = audit.verdict(report, last_words)
    assert code == found
    assert said in text
    assert code == 1 or "\n" not in text


def test_wheels_with_something_else() -> None:
    """A wheel holds its package and metadata, and above all no ``.pth`` file."""
    own = ["llmgate/py.typed", "llmgate_core-0.1.0.dist-info/licenses/LICENSE"]
    assert [] == [*faults("llmgate_core-0.1.0-py3-none-any.whl", own)]
    found = [*faults("llmgate_core-0.1.0-py3-none-any.whl", ["a.pth", "llmgate/b.pth", "c/d.py"])]
    assert 2 == sum("every start" in fault for fault in found)
    assert any("no part of llmgate_core" in fault for fault in found)
    assert 2 == sum("missing" in fault for fault in found)


def test_the_wheel_of_what_is_for_tests() -> None:
    """It installs into the core's package, which has a wheel without it."""
    licence = "llmgate_testing-0.1.0.dist-info/licenses/LICENSE"
    kit = "llmgate_testing-0.1.0-py3-none-any.whl"
    assert [] == [*faults(kit, ["llmgate/testing/fake.py", licence])]
    assert ["no part of" in fault for fault in faults(kit, ["llmgate/a.py", licence])] == [True]
    core = ["llmgate/py.typed", "llmgate_core-0.1.0.dist-info/licenses/LICENSE"]
    found = [*faults("llmgate_core-0.1.0-py3-none-any.whl", [*core, "llmgate/testing/fake.py"])]
    assert ["llmgate/testing/fake.py is no part of llmgate_core"] == found


def test_the_oldest_aiohttp_that_is_declared_is_the_one_that_is_tested() -> None:
    """``make test-floor`` installs what the range in pyproject.toml begins with."""
    declared = re.search(r'"aiohttp>=([\d.]+),<4"', (ROOT / "pyproject.toml").read_text("utf-8"))
    tested = re.search(
        r"^aiohttp==(\S+)", (ROOT / "requirements/floor.txt").read_text("utf-8"), re.M
    )
    assert declared is not None
    assert tested is not None
    assert declared[1] == tested[1]
