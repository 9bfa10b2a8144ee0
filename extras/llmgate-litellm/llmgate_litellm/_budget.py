"""The budget of the process: ``litellm.max_budget``, in US dollars; what was spent is counted here.

It stops calls before they are made, and none that runs: a few may pass the limit together.
"""

from __future__ import annotations

from threading import Lock

from llmgate_litellm import _settings
from llmgate_litellm.exceptions import BudgetExceededError

__all__ = ["add", "check"]

_lock = Lock()


def check() -> None:
    """Refuse a call where more is spent than the budget.

    Raises:
        BudgetExceededError: with both amounts.
    """
    most, spent = _settings.value("max_budget"), _settings.value("_current_cost")
    if most is not None and spent > most:
        raise BudgetExceededError(current_cost=spent, max_budget=most)


def add(cost: float | None) -> None:
    """Count what a call cost; what is not known counts nothing."""
    if cost:
        with _lock:
            _settings.assign("_current_cost", _settings.value("_current_cost") + cost)
