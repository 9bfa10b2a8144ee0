"""Every line of the table of faults, for every provider; ``make faults`` prints it as a report."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.dialects import DIALECTS
from tests.faults.families import FAMILIES
from tests.faults.table import Case, Player, Scene

LINES = [
    pytest.param(
        case,
        provider,
        id=f"{family}/{case.name}/{provider}",
        marks=() if provider == case.providers[0] else pytest.mark.exhaustive,
    )
    for family, cases in FAMILIES.items()
    for case in cases
    for provider in case.providers
]


@pytest.mark.parametrize(("case", "provider"), LINES)
async def test_fault(case: Case | Scene, provider: str) -> None:
    """The caller sees what the table says, however the call was made."""
    players = [Player(DIALECTS[provider], sync, stream) for sync, stream in case.players]
    outcomes = await asyncio.gather(*map(case.play, players), return_exceptions=True)
    wrong = {p.name: e for p, e in zip(players, outcomes, strict=True) if e is not None}
    if wrong:
        raise AssertionError(f"{wrong}") from next(iter(wrong.values()))


def test_names_are_unique() -> None:
    """Each line is one line."""
    for family, cases in FAMILIES.items():
        names = [case.name for case in cases]
        assert sorted(set(names)) == sorted(names), family
