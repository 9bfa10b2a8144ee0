"""HTTP as a server can break it: framing, encodings, sizes, redirects, odd replies."""

from __future__ import annotations

from tests.faults import (
    http_early,
    http_encodings,
    http_framing,
    http_heads,
    http_redirects,
    http_sizes,
)
from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = (
    *http_heads.CASES,
    *http_framing.CASES,
    *http_early.CASES,
    *http_encodings.CASES,
    *http_sizes.CASES,
    *http_redirects.CASES,
)
