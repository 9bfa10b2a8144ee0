"""Replies that are no answer: not JSON, of another shape, or JSON at its limits."""

from __future__ import annotations

from tests.faults import bodies_shapes, bodies_texts, bodies_values
from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = (*bodies_texts.CASES, *bodies_shapes.CASES, *bodies_values.CASES)
