"""What contributors rely on when they run the tests: no hangs, tiers, the times of CI.

It tests the settings of pytest, the Makefile and ``.ci/run``, and nothing of ``llmgate``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.families import FAMILIES
from tests.test_faults import LINES

ROOT = Path(__file__).parents[1]

HANGING = """
import asyncio, ctypes, threading
import pytest

@pytest.fixture(autouse=True)
def beside():
    def another_thread():
        threading.Event().wait()
    threading.Thread(target=another_thread, daemon=True).start()

@pytest.mark.timeout(1)
def test_in_python():
    threading.Event().wait()

@pytest.mark.timeout(1)
async def test_in_an_event_loop():
    await asyncio.Event().wait()

@pytest.mark.timeout(0)
def test_where_the_interpreter_is_locked():
    ctypes.PyDLL(None).pause()  # unlike CDLL, it keeps the lock

def test_after_them():
    pass
"""


@pytest.mark.exhaustive
def test_no_test_hangs(tmp_path: Path) -> None:
    """Each fails, the stacks of all threads are printed, and the tests after it are run."""
    (tmp_path / "test_it.py").write_text(HANGING, "utf-8")
    settings = ("-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", "-n", "1")
    limits = ("-p", "no:cacheprovider", "-o", "faulthandler_timeout=3")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *limits, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    printed = ran.stdout + ran.stderr
    assert "3 failed, 1 passed" in ran.stdout, printed
    assert 3 <= printed.count("in another_thread"), printed
    assert "in test_where_the_interpreter_is_locked" in ran.stderr


@pytest.mark.exhaustive
def test_interrupts_arrive_also_from_a_background_shell() -> None:
    """Such a shell has the tests started with SIGINT ignored."""
    tests = ("tests/cli", "tests/test_lifecycle.py", "tests/sync")
    chosen = ("-n", "0", "-p", "no:cacheprovider", "-k", "interrupt", *tests)
    ran = subprocess.run(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "pytest", *chosen],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"=+ \d+ passed, \d+ deselected in", ran.stdout)  # and none skipped


def test_each_fault_is_played_to_one_provider_before_a_push() -> None:
    """And to all the others by ``make test-all``."""
    early = [line.values[:2] for line in LINES if not line.marks]
    cases = [case for cases in FAMILIES.values() for case in cases]
    assert [(case, case.providers[0]) for case in cases] == early
    assert {"exhaustive"} == {mark.name for line in LINES for mark in line.marks}


# --- .ci/run ------------------------------------------------------------------------------

SUMMARY = "3 passed in 1.20s"


def run_ci(folder: Path, failing: str = "") -> subprocess.CompletedProcess[str]:
    """Run it where every program that it starts does nothing, but for a stage that fails."""
    commands = folder / "bin"
    for program in (commands / "make", folder / ".venv/bin/python"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            "#!/usr/bin/env bash\n"
            f'[[ "$*" == *test-all* ]] && echo "{SUMMARY}"\n'
            f'[[ -n "{failing}" && "$*" == *"{failing}"* ]] && echo "make: Error 1" && exit 1\n'
            '[[ "$*" == "-m venv "* ]] && mkdir -p "$3/bin" && tee "$3/bin/"{python,llmgate} <"$0" '
            '>/dev/null && chmod +x "$3/bin/"*\n'
            "exit 0\n"
        )
        program.chmod(0o755)
    for name in ("cc", "valgrind"):
        shutil.copy(commands / "make", commands / name)
    (folder / "dist").mkdir()
    (folder / "dist/llmgate_core-0-py3-none-any.whl").touch()
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [folder / ".ci/run"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": path, "CI": "false"},
        check=False,
    )


def test_ci_says_how_long_each_stage_took(tmp_path: Path) -> None:
    """Just before the last line, which is the tests' own."""
    ran = run_ci(tmp_path)
    lines = ran.stdout.splitlines()
    assert (0, "") == (ran.returncode, ran.stderr)
    assert SUMMARY == lines[-1]
    begun = [line.removeprefix("--- ") for line in lines if line.startswith("--- ")]
    assert "--- seconds of each stage" in lines
    summary = lines[lines.index("--- seconds of each stage") + 1 : -1]
    assert [*begun[:-1], "in all"] == [line.partition(" s  ")[2] for line in summary]
    assert all(line.partition(" s  ")[0].strip().isdigit() for line in summary)


@pytest.mark.parametrize(
    ("failing", "stage", "last"),
    [("check", "lint and types", "in all"), ("test-all", "every test", SUMMARY)],
)
def test_ci_ends_with_the_stage_that_fails(
    tmp_path: Path, failing: str, stage: str, last: str
) -> None:
    """The summary names it; after the tests their last line is the last all the same."""
    ran = run_ci(tmp_path, failing)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 1
    assert lines[-1].endswith(last)
    assert any(line.endswith(f" s  {stage}, which failed") for line in lines)
