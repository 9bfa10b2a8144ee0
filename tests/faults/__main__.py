"""``python -m tests.faults``: every line of the table, printed; arguments go to pytest."""

from __future__ import annotations

import sys

import pytest

from tests.faults.report import FaultReport

if __name__ == "__main__":
    sys.exit(
        pytest.main(["-q", "--no-cov", "tests/test_faults.py", *sys.argv[1:]], [FaultReport()])
    )
