"""The network and TLS: names, refusals, black holes, resets, certificates, proxies."""

from __future__ import annotations

from tests.faults.table import Case, Scene

__all__ = ["CASES"]

CASES: tuple[Case | Scene, ...] = ()
