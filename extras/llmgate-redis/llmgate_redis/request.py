"""What one call asks of Redis: its groups as keys, and what it takes up of each."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llmgate.middlewares.limit_definition import Limit
from llmgate.middlewares.limit_store import Amounts, Share

__all__ = ["Budget", "Group", "Rate", "Request", "group_of"]

_PLAIN = re.compile(r"[\w./:@+-]{1,100}", re.ASCII)


class Rate(NamedTuple):
    """An amount that is limited over time, in milliseconds: how early a call may come, what it
    takes up, and what one unit does."""

    name: str
    early: float
    cost: float
    unit: float


class Budget(NamedTuple):
    """What may be spent in a period that ends at a time since the epoch, in whole billionths; and
    the keys of what is spent, and of what is reserved for calls that run."""

    totals: str
    reservations: str
    most: int
    estimate: int
    end: float


class Group(NamedTuple):
    """One limit of a call. ``leases`` is a key, empty where ``concurrency`` is not limited."""

    share: Share
    usage: str
    rates: tuple[Rate, ...]
    leases: str
    budget: Budget | None


@dataclass(frozen=True)
class Request:
    """A call that asks to be let through, under an id of its own. What it spends counts in the
    period in which it came."""

    id: str
    groups: Sequence[Group]
    amounts: Amounts

    @property
    def place(self) -> tuple[str, ...]:
        """What it has in common with all calls behind which it has to wait."""
        return tuple(group.usage for group in self.groups)

    @property
    def of_provider(self) -> Sequence[Group]:
        """The groups that what a provider says is for."""
        return [each for each in self.groups if each.share.limit.is_of_model] or self.groups

    @property
    def leases(self) -> list[str]:
        """The keys of its leases."""
        return [group.leases for group in self.groups if group.leases]

    @property
    def budgets(self) -> list[Budget]:
        """What limits its spending."""
        return [group.budget for group in self.groups if group.budget is not None]

    def reservation(self, budget: Budget) -> str:
        """Its member in the reservations of a budget."""
        return f"{self.id}|{budget.estimate}"

    def asked(self, keys: dict[str, int], lease: float, ahead: float) -> list[object]:
        """As ``admit.lua`` takes it; keys that are not yet numbered are numbered."""
        groups = list[object]()
        for group in self.groups:
            usage = keys.setdefault(group.usage, len(keys) + 1)
            leases = keys.setdefault(group.leases, len(keys) + 1) if group.leases else 0
            rates = [rate[:3] for rate in group.rates]
            budgets = list[object]()
            if group.budget is not None:
                totals, reservations, most, estimate, end = group.budget
                numbers = [keys.setdefault(key, len(keys) + 1) for key in (totals, reservations)]
                left = max(0.0, end - time.time()) * 1000
                budgets.append(["spend", *numbers, most, estimate, left])
            groups.append([usage, rates, leases, group.share.limit.concurrency or 0, budgets])
        return [self.id, lease, ahead, groups]


def group_of(share: Share, amounts: Amounts, prefix: str) -> Group:
    """A call's share of one limit."""
    limit = share.limit
    name = share.name if _PLAIN.fullmatch(share.name) else _digest(share.name)
    place = f"{share.number}:{name}"
    leases = "" if limit.concurrency is None else f"{prefix}l:{place}"
    budget = None
    if limit.spend is not None:
        end = limit.period_end(time.time())
        period = f"{place}:{end:.0f}"
        totals, reservations = f"{prefix}b:{period}", f"{prefix}h:{period}"
        budget = Budget(totals, reservations, limit.most_spend, int(amounts["spend"]), end)
    return Group(share, f"{prefix}u:{place}", _rates(limit, amounts), leases, budget)


def _rates(limit: Limit, amounts: Amounts) -> tuple[Rate, ...]:
    found = list[Rate]()
    if limit.requests is not None:
        unit = limit.per * 1000 / limit.requests
        burst = limit.burst or max(1.0, limit.requests / 10)
        found.append(Rate("requests", (burst - 1) * unit, amounts["requests"] * unit, unit))
    if limit.tokens is not None:
        unit = limit.per * 1000 / limit.tokens
        found.append(Rate("tokens", limit.per * 100, amounts["tokens"] * unit, unit))
    return tuple(found)


def _digest(name: str) -> str:
    """A name that may be long, or hold what would end the tag of a key."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32] if name else ""
