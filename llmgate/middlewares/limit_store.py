"""The contract of a store of limits, for one process or many; this module stores nothing.

A store is asked before a call, which may then wait or be refused, and settles the real use after
it. Amounts are numbers by name: ``requests``, ``tokens``, and ``spend`` in whole billionths of a
limit's currency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, cast, runtime_checkable

from llmgate.errors import RateLimitError, excerpt

if TYPE_CHECKING:
    from llmgate.middlewares.limit_definition import Limit

__all__ = [
    "Admission",
    "AdmitAtOnce",
    "Amounts",
    "End",
    "ImmediateLimitStore",
    "LimitStore",
    "Share",
    "in_one_step",
    "refusal",
]

Amounts: TypeAlias = Mapping[str, float]


class Share(NamedTuple):
    """One of a call's limits: its index in the list, the limit, and the call's group."""

    number: int
    limit: Limit
    name: str


class Admission(Protocol):
    """A call that may be made. Call ``settle`` or ``give_back`` once, then ``leave`` once. They may
    be called from any thread, and must neither wait nor raise."""

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used in place of the estimates; amounts that are not named keep
        theirs."""
        ...

    def give_back(self) -> None:
        """Called when nothing was used."""
        ...

    def hold_back(self, seconds: float) -> None:
        """Admit no further call for so long, as a provider has asked: in the groups of its model,
        or in all groups if no limit is per model. Calls that waited for this then go one after the
        other, not all at once."""
        ...

    def pace(self, gap: float, seconds: float) -> None:
        """Admit one further call of the same groups per gap, for so many seconds; a gap of 0 ends
        this."""
        ...

    def leave(self) -> None:
        """Called when the call is over, so that another may run."""
        ...


@runtime_checkable
class LimitStore(Protocol):
    """Keeps which group has used how much. One object serves all tasks, threads and event loops."""

    @property
    def amounts(self) -> frozenset[str]:
        """The names of the amounts that it can limit."""
        ...

    async def admit(
        self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None
    ) -> Admission:
        """Wait until a call with this estimated use may be made, and count the estimate.

        It is all or nothing: a call that one limit refuses, or that is cancelled, uses nothing of
        the others.

        Args:
            shares: The call's limits; may be empty.
            amounts: The estimates: ``requests`` and ``tokens`` always, ``spend`` if one of the
                limits is on spending. In each period, the money spent and the estimates of running
                calls never exceed the limit; a call that would exceed it is refused, and does not
                wait for the next period.
            max_wait: Seconds; None for as long as it takes, 0 to refuse at once.

        Raises:
            RateLimitError: when it would have to wait longer than that (see :func:`refusal`).
        """
        ...

    async def aclose(self) -> None:
        """Give back what is held open."""
        ...


class ImmediateLimitStore(LimitStore, Protocol):
    """The ability of a store to decide at once when a call need not wait. A store without it is
    only asked by ``admit``, and notified of the end of a call step by step."""

    def admit_at_once(self, shares: Sequence[Share], amounts: Amounts) -> Admission | None:
        """Admit and count a call that may be made now; None, counting nothing, if it has to wait.

        Raises:
            RateLimitError: when it would have to wait for the next spending period, which calls do
                not.
        """
        ...

    def end(self, admission: Any, used: Amounts | None, has_room: bool) -> None:
        """End a call that was admitted here, in one step, from any thread: ``settle`` with what it
        used, or ``give_back`` if that is None; ``pace`` with a gap of 0 if the provider said that
        it ``has_room``; then ``leave``. It neither waits nor raises."""
        ...


AdmitAtOnce: TypeAlias = Callable[[Sequence[Share], Amounts], Admission | None]
End: TypeAlias = Callable[[Any, Amounts | None, bool], None]


def in_one_step(store: LimitStore) -> tuple[AdmitAtOnce, End]:
    """The two functions of an immediate store, or substitutes for a store without them. A subclass
    that overrides only ``admit`` counts as a store without them, since its ``admit`` must be
    asked."""
    for each in type(store).__mro__:
        if "admit_at_once" in vars(each):
            immediate = cast("ImmediateLimitStore", store)
            return immediate.admit_at_once, immediate.end
        if "admit" in vars(each):
            break
    return _admit_nothing_at_once, _end_in_steps


def _admit_nothing_at_once(_shares: Sequence[Share], _amounts: Amounts) -> None:
    """The immediate decision of a store that decides only later: None."""


def _end_in_steps(admission: Admission, used: Amounts | None, has_room: bool) -> None:
    if used is None:
        admission.give_back()
    else:
        admission.settle(used)
    if has_room:
        admission.pace(0.0, 0.0)
    admission.leave()


def refusal(
    limit: Limit, name: str, which: str, delay: float | None = None, spent: float | None = None
) -> RateLimitError:
    """The error for a call that a limit refuses.

    Args:
        limit: The limit.
        name: The call's group.
        which: The amount that is used up, or ``"the provider"`` if the provider said so.
        delay: Seconds until there is room, if known.
        spent: For ``spend``, how much is spent and reserved in this period, in billionths.
    """
    used = ""
    if which == "spend":
        used = "" if spent is None else f", of which {spent / 1e9:.6g} are spent or reserved,"
        which = f"{limit.spend} {limit.currency} in {limit.per:g} s"
    elif which == "concurrency":
        which = f"{limit.concurrency} calls at once"
    elif which in limit.amounts:
        which = f"{getattr(limit, which):g} {which} in {limit.per:g} s"
    group = f" for {excerpt(name, 80)!r}" if name else ""
    later = "" if delay is None else f": there is room in {delay:.3g} s"
    reason = f"the limit of {which}{group}{used} is reached{later}"
    return RateLimitError(reason, retry_after=delay, retryable=False)
