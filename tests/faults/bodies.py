"""Replies that are no answer: not JSON, of another shape, or JSON at its limits."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
