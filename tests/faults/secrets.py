"""Keys and prompts: in no error, log, event, repr, pickle, traceback or environment."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
