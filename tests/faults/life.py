"""Reuse, cancellation, abandonment, pools, loops, threads, forks and the interpreter's exit."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
