"""Prints what a run of ``tests/test_faults.py`` found: one line a case, one column a provider.

It is a plugin of pytest's, and judges nothing by itself.
"""

from __future__ import annotations

import pytest

from tests.faults.dialects import DIALECTS

__all__ = ["FaultReport"]


class FaultReport:
    """Collects the outcome of every line, and prints the table at the end."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], dict[str, bool]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One line, for one provider, was played (or could not be set up)."""
        if "test_fault[" not in report.nodeid or (report.when != "call" and report.passed):
            return
        identifier = report.nodeid.partition("[")[2].removesuffix("]")
        family, _, rest = identifier.partition("/")
        name, _, provider = rest.rpartition("/")
        self._cells.setdefault((family, name), {})[provider] = report.passed

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table, and how many of each family are right."""
        write = terminalreporter.write_line
        families = list(dict.fromkeys(family for family, _ in self._cells))
        for family in families:
            lines = {n: cells for (f, n), cells in self._cells.items() if f == family}
            write(f"\n{family:64}" + "".join(f"{provider:>11}" for provider in DIALECTS))
            for name, cells in lines.items():
                write(f"  {name:62}" + "".join(f"{_cell(cells.get(p)):>11}" for p in DIALECTS))
        write("\nEach cell is the case awaited and not, and with and without streaming where both")
        write("exist; `-` stands where a provider's protocol cannot have the fault.\n")
        for family in families:
            rows = [cells for (f, _), cells in self._cells.items() if f == family]
            right = [passed for cells in rows for passed in cells.values()]
            write(f"{family:12} {sum(right):5} of {len(right):5} right, {len(rows)} cases")


def _cell(passed: bool | None) -> str:
    return "-" if passed is None else "right" if passed else "WRONG"
