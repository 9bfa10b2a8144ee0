"""Later."""

from tests.faults.table import Case, Scene

CASES: tuple[Case | Scene, ...] = ()
