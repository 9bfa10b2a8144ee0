"""What a time limit may be, what it cannot be, and that a second is a second."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from llmgate import Timeout
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from tests.faults.calls import SLACK, limits
from tests.faults.deadlines_scenes import answer
from tests.faults.dialect import TEXT
from tests.faults.endless import again, begun
from tests.faults.peer import Step
from tests.faults.server import STREAM_HEAD, framed, hang, head, then
from tests.faults.table import (
    Case,
    Outcome,
    Player,
    Scene,
    calling,
    check_always,
    client_for,
    serving,
)

__all__ = ["CASES"]

# --- what no limit can be -----------------------------------------------------------------

NO_DURATIONS: tuple[Any, ...] = (
    *(0, 0.0, -0.0, -1, -0.5, -1e-300, -(10**400), 10**400, 2 * 10**308),
    *(math.nan, math.inf, -math.inf, True, False),
    *("", "1", "1s", b"1", [], [1], (1, 2), {}, {"total": 1}, {1}, object(), Timeout, 1j, len),
    Decimal(1),
)
DURATIONS: tuple[Any, ...] = (
    *(5, 1e308, sys.float_info.max, 10**300, 86400 * 365, 2**63, Timeout(), limits()),
)


async def no_durations(player: Player) -> None:
    """They are refused where they are given, and nothing is sent."""
    async with (
        serving(player.dialect.serve(hang)) as server,
        calling(player, server.url, {}) as client,
    ):
        for value in NO_DURATIONS:
            for name in ("timeout", "force_timeout"):
                outcome = await player.call(client, server, **{name: value})
                check_always(outcome)
                assert isinstance(outcome.error, InvalidRequestError), (value, outcome.error)
                assert "timeout" == outcome.error.path
            _refused(partial(client_for, player.dialect, server.url, timeout=value))
            for part in ("total", "connect", "first_token", "idle"):
                _refused(partial(Timeout, **{part: value}))
        both = await player.call(client, server, timeout=1, force_timeout=1)
    assert isinstance(both.error, InvalidRequestError)
    assert 0 == server.connections


def _refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make()
    assert caught.value.path.startswith("timeout")


async def durations(player: Player) -> None:
    """However long, they are kept to."""
    async with (
        serving(player.dialect.serve(answer(player))) as server,
        calling(player, server.url, {}) as client,
    ):
        for value in DURATIONS:
            outcome = await player.call(client, server, timeout=value)
            assert TEXT == outcome.text, (value, outcome.error)
            if not isinstance(value, Timeout):
                every = dict.fromkeys(("total", "connect", "first_token", "idle"), value)
                outcome = await player.call(client, server, timeout=Timeout(**every))
                assert TEXT == outcome.text, (value, outcome.error)


# --- a second is a second -----------------------------------------------------------------


async def one_second(player: Player) -> None:
    """``timeout=1`` ends between 1 and 1.2 s, for each class of trouble."""
    dialect = player.dialect
    troubles: dict[str, Step] = {
        "silence": hang,
        "slow head": again(b"X", 0.2, b"HTTP/1.1 200 OK\r\n"),
        "a byte now and then": again(framed(b" "), 0.2, STREAM_HEAD),
        "a stream that stalls": then(begun(*dialect.begun), last=hang),
        "429 for ever": dialect.error(429, retry_after="0.05"),
        "endless 1xx": again(head(103), 0.05),
    }
    if player.sync:  # on one loop, as all who do not await: two stand for them
        troubles = dict([*troubles.items()][:2])
    outcomes = await asyncio.gather(*(_one_second(player, step) for step in troubles.values()))
    for name, outcome in zip(troubles, outcomes, strict=True):
        assert outcome.error is not None, name
        check_always(outcome)
        assert outcome.own_seconds <= 1.0 + SLACK, f"{name} took {outcome.seconds:.2f} s"
        if isinstance(outcome.error, DeadlineExceededError):
            assert outcome.seconds >= 0.98, name


async def _one_second(player: Player, step: Step) -> Outcome:
    async with (
        serving(player.dialect.serve(step)) as server,
        calling(player, server.url, {"max_retries": 100}) as client,
    ):
        return await player.call(client, server, timeout=1)


CASES: tuple[Case | Scene, ...] = (
    Scene("what is no time", no_durations),
    Scene("the longest times", durations),
    Scene("timeout=1 ends within 1.2 s", one_second),
)
