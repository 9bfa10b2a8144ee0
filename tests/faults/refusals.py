"""A line of the table that is a refusal: calls that are never sent, in all forms there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from llmgate.errors import InvalidRequestError, RequestError
from tests.faults.calls import chain, is_ours
from tests.faults.table import (
    EVERYONE,
    Outcome,
    Player,
    Scene,
    calling,
    check_always,
)

__all__ = ["Wrong", "check_refused", "refused", "said"]

Options: TypeAlias = "Mapping[str, Any] | Callable[[], Mapping[str, Any]]"
Wrong: TypeAlias = "tuple[str | None, Options]"
"""The path of what is wrong, None where there is none, and the arguments of the call."""


def said(content: Any) -> list[Any]:
    """One message of this content."""
    return [{"role": "user", "content": content}]


def refused(
    name: str,
    *wrong: Wrong,
    path: str | None = None,
    kinds: tuple[type[RequestError], ...] = (InvalidRequestError,),
    streamed: Sequence[bool] = (False, True),
    providers: tuple[str, ...] = EVERYONE,
) -> Scene:
    """All of these calls are refused with their path, and no connection is made for any."""

    async def play(player: Player) -> None:
        with player.dialect.serve(player.dialect.reply()) as server:
            async with calling(player, server.url, {}) as client:
                for number, (where, options) in enumerate(wrong):
                    try:
                        given = options() if callable(options) else options
                    except RequestError as error:  # at once
                        outcome = Outcome(player.dialect, server, error=error)
                    else:
                        outcome = await player.call(client, server, **given)
                    check_refused(outcome, path or where, kinds, f"{where}, the form {number}")
                    if number == 0:  # formatting a traceback takes longer than all else
                        check_always(outcome)
                assert 0 == server.connections

    ways = tuple((sync, each) for sync in (False, True) for each in streamed)
    return Scene(name, play, providers, ways)


def check_refused(
    outcome: Outcome,
    path: str | None,
    kinds: tuple[type[RequestError], ...] = (InvalidRequestError,),
    label: str = "",
) -> None:
    """It was refused for this, in few words, and nothing was sent."""
    error, server = outcome.error, outcome.server
    assert error is not None, f"{label}: taken, and answered with {outcome.text!r}"
    assert outcome.answer is None, label
    assert type(error) in kinds, f"{label}: {error!r}"
    assert is_ours(error), f"{label}: {[*chain(error)]}"
    if path is not None:
        assert path == getattr(error, "path", None), f"{label}: {error!r}"
    assert 600 > len(str(error)), f"{label}: {len(str(error))} characters"
    assert [] == server.requests + server.asides, f"{label}: it was sent"
