"""A line of the table that is a fault in several forms: one call for each, on one server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.calls import SLACK
from tests.faults.table import (
    EVERYONE,
    Check,
    Player,
    Scene,
    Steps,
    calling,
    check_always,
)
from tests.machine import wait_for_async

__all__ = ["several"]


def several(
    name: str,
    check: Check,
    forms: Mapping[str, Steps],
    *,
    streamed: Sequence[bool] = (True,),
    options: Mapping[str, Any] | None = None,
    within: float = 3.0,
    providers: tuple[str, ...] = EVERYONE,
) -> Scene:
    """Every form is one step of the server, and is to be seen in the same way by the caller."""

    async def play(player: Player) -> None:
        steps = [step for form in forms.values() for step in form(player.dialect)]
        assert len(steps) == len(forms), "each form takes one step"
        with player.dialect.serve(*steps) as server:
            async with calling(player, server.url, {}) as client:
                for number, form in enumerate(forms):
                    outcome = await player.call(client, server, **(options or {}))
                    try:
                        check_always(outcome)
                        check(outcome)
                    except AssertionError as wrong:
                        raise AssertionError(f"{form}: {wrong}") from wrong
                    assert outcome.own_seconds <= within + SLACK, f"{form}: {outcome.seconds:.2f} s"
                    assert number + 1 == len(server.requests), f"{form}: sent again"
            assert await wait_for_async(lambda: server.open_connections == 0, 1.0), "left open"

    ways = tuple((sync, each) for sync in (False, True) for each in streamed)
    return Scene(name, play, providers, ways)
