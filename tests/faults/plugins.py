"""Installed packages that misbehave: named, isolated, and no harm to others."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
