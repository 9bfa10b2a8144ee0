"""Servers that are silent, slow or endless, at every stage of a call: the time limit holds."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
