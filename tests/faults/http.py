"""HTTP as a server can break it: framing, slowness, encodings, redirects, odd replies."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
