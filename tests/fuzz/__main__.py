"""Fuzz every target, one after the other, and print one table: python -m tests.fuzz --help.

It starts a process for each target and reads what libFuzzer says; the work is done in ``child``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.seeds import LARGEST
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".tools" / "fuzz"
"""Where what is found is kept; ``make clean`` takes it away."""

LIMITS = (
    "-max_len=20000",
    "-timeout=300",
    "-rss_limit_mb=2000",
    "-print_final_stats=1",
    "-report_slow_units=300",
)


@dataclass(frozen=True)
class Run:
    """What came of one target."""

    name: str
    executions: int
    seconds: float
    edges: int
    findings: Sequence[Path]
    said: str

    @property
    def row(self) -> str:
        """Its line of the table."""
        speed = self.executions / max(self.seconds, 0.001)
        return (
            f"| {self.name:<16} | {self.executions:>10,} | {speed:>7,.0f} | {self.edges:>5} "
            f"| {len(self.findings):>8} |"
        )


HEAD = """\
| target           | executions |   per s | edges | findings |
|------------------|-----------:|--------:|------:|---------:|"""


def main() -> int:
    """Run the targets; the number of those with findings is returned."""
    options = _options()
    if find_spec("atheris") is None:
        print("atheris is not installed: run `make fuzz`", file=sys.stderr)
        return 2
    runs: list[Run] = []
    for name in options.target or TARGETS:
        print(f"{name} for {options.seconds} s", file=sys.stderr, flush=True)
        runs.append(_fuzz(name, options.seconds))
        if runs[-1].findings:
            _show(runs[-1])
    print(HEAD, *(run.row for run in runs), sep="\n")
    total = sum(run.executions for run in runs)
    print(f"{total:,} executions in {sum(run.seconds for run in runs):,.0f} s")
    return sum(bool(run.findings) for run in runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("target", nargs="*", help=f"of {', '.join(TARGETS)}; by default all")
    options = parser.parse_args()
    unknown = set(options.target) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return options


def _fuzz(name: str, seconds: int) -> Run:
    corpus, seeds, findings = (HOME / name / each for each in ("corpus", "seeds", "findings"))
    for folder in (corpus, seeds, findings):
        folder.mkdir(parents=True, exist_ok=True)
    _write(TARGETS[name].seeds(), seeds)
    before = set(findings.iterdir())
    started = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.child", name, str(corpus), str(seeds)),
            *(f"-max_total_time={seconds}", f"-artifact_prefix={findings}/", *LIMITS),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    took = time.monotonic() - started
    said = done.stdout + done.stderr
    new = sorted(set(findings.iterdir()) - before)
    if done.returncode and not new:  # it did not even begin
        raise SystemExit(f"{name} failed with {done.returncode}:\n{said[-4000:]}")
    executions = _last(r"stat::number_of_executed_units: (\d+)", said) or _last(r"^#(\d+)", said)
    return Run(name, executions, took, _last(r"cov: (\d+)", said), new, said)


def _write(seeds: Iterable[bytes], folder: Path) -> None:
    for seed in seeds:
        if len(seed) <= LARGEST:
            (folder / sha256(seed).hexdigest()[:16]).write_bytes(seed)


def _last(pattern: str, said: str) -> int:
    found = re.findall(pattern, said, re.MULTILINE)
    return int(found[-1]) if found else 0


def _show(run: Run) -> None:
    lines = run.said.splitlines()
    start = next((at for at, line in enumerate(lines) if "Uncaught Python" in line), -30)
    shown = [line for line in lines[start:] if not line.startswith("INFO")]
    print(f"{run.name}:", *shown[:40], sep="\n    ", file=sys.stderr)
    print(*(f"    to see it again: {path}" for path in run.findings), sep="\n", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(min(main(), 100))
