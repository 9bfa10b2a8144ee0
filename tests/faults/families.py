"""The whole table of faults, family by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.faults import (
    bodies,
    deadlines,
    http,
    inputs,
    life,
    load,
    net,
    plugins,
    retry,
    secrets,
    sse,
    status,
)
from tests.faults.table import Case, Scene

__all__ = ["FAMILIES"]

FAMILIES: Mapping[str, Sequence[Case | Scene]] = {
    "http": http.CASES,
    "sse": sse.CASES,
    "bodies": bodies.CASES,
    "status": status.CASES,
    "retry": retry.CASES,
    "deadlines": deadlines.CASES,
    "net": net.CASES,
    "life": life.CASES,
    "inputs": inputs.CASES,
    "secrets": secrets.CASES,
    "load": load.CASES,
    "plugins": plugins.CASES,
}
