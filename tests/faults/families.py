"""The whole table of faults, family by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

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
from tests.faults.dialects import DIALECTS
from tests.faults.table import Case, Scene

__all__ = ["FAMILIES"]


def _of_events(case: Case | Scene) -> Case | Scene:
    """The line for those whose streams are server-sent events."""
    are_events = (each for each in case.providers if DIALECTS[each].framing == "events")
    return replace(case, providers=tuple(are_events))


FAMILIES: Mapping[str, Sequence[Case | Scene]] = {
    "http": http.CASES,
    "sse": tuple(map(_of_events, sse.CASES)),
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
