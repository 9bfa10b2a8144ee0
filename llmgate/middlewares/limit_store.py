"""The contract of what keeps the state of limits, in this process or for many; it keeps nothing.

A store is asked before a call, which may have to wait or is refused, and afterwards settles what
was used. Amounts are numbers by the names of what is limited: ``requests``, ``tokens``, and
``spend`` in whole billionths of a limit's currency.
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
    """One of the limits that a call is held to: its place in the list, and the call's group."""

    number: int
    limit: Limit
    name: str


class Admission(Protocol):
    """A call that may be made. ``leave`` is called once, and before it one of ``settle`` and
    ``give_back``; all of them from any thread, and none of them waits or raises."""

    def settle(self, amounts: Amounts) -> None:
        """Count what was really used, in place of what was thought; what is not named, as it was
        thought."""
        ...

    def give_back(self) -> None:
        """Nothing was used."""
        ...

    def hold_back(self, seconds: float) -> None:
        """Let no further call through for so long, as a provider has asked: of the groups of its
        model, or of all where no limit is for each model. Those that have waited for that go one
        after the other, and not all at once."""
        ...

    def pace(self, gap: float, seconds: float) -> None:
        """Let one further call of the same groups through in each gap, for so many seconds; a gap
        of 0 ends that."""
        ...

    def leave(self) -> None:
        """The call is over: another one may run."""
        ...


@runtime_checkable
class LimitStore(Protocol):
    """Who has used how much of what. One object serves all tasks, threads and event loops."""

    @property
    def amounts(self) -> frozenset[str]:
        """The names of what it can keep within limits."""
        ...

    async def admit(
        self, shares: Sequence[Share], amounts: Amounts, max_wait: float | None
    ) -> Admission:
        """Wait until a call may be made that is thought to use so much, and count that.

        All or nothing: a call that is refused by one limit, or cancelled, uses nothing of another.

        Args:
            shares: The limits that the call is held to; none is possible.
            amounts: What it is thought to use: ``requests`` and ``tokens`` always, ``spend`` where
                one of the limits is of that. What calls have spent and what is thought of those
                that run is no more than the limit in each period; a call that would exceed it is
                refused, and does not wait for the next one.
            max_wait: Seconds; None for as long as it takes, 0 to refuse at once.

        Raises:
            RateLimitError: when it would have to wait for longer (see :func:`refusal`).
        """
        ...

    async def aclose(self) -> None:
        """Give back what is held open."""
        ...


class ImmediateLimitStore(LimitStore, Protocol):
    """The ability of a store to decide without waiting, where no call has to wait. A store without
    it is asked by ``admit`` alone, and notified of the end of a call step by step."""

    def admit_at_once(self, shares: Sequence[Share], amounts: Amounts) -> Admission | None:
        """Count a call that may be made now; None where it has to wait, and nothing is counted.

        Raises:
            RateLimitError: when it would have to wait for longer than calls do, as for a period.
        """
        ...

    def end(self, admission: Any, used: Amounts | None, has_room: bool) -> None:
        """The end of a call that was admitted here, in one step, from any thread: ``settle`` with
        what it used, or ``give_back`` where that is None; ``pace`` without a gap where the provider
        said that it ``has_room``; then ``leave``. It neither waits nor raises."""
        ...


AdmitAtOnce: TypeAlias = Callable[[Sequence[Share], Amounts], Admission | None]
End: TypeAlias = Callable[[Any, Amounts | None, bool], None]


def in_one_step(store: LimitStore) -> tuple[AdmitAtOnce, End]:
    """The functions of an immediate store; those that stand for them where a store has none. A
    subclass that changes ``admit`` alone has none either: it is to be asked."""
    for each in type(store).__mro__:
        if "admit_at_once" in vars(each):
            immediate = cast("ImmediateLimitStore", store)
            return immediate.admit_at_once, immediate.end
        if "admit" in vars(each):
            break
    return _admit_nothing_at_once, _end_in_steps


def _admit_nothing_at_once(_shares: Sequence[Share], _amounts: Amounts) -> None:
    """What a store that decides later can say at once."""


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
        which: The amount that is used up, or ``"the provider"``, which said so.
        delay: Seconds until there is room, where that is known.
        spent: Of ``spend``, how much is spent and reserved in this period, in billionths.
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
