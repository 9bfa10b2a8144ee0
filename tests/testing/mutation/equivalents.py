"""Mutants that change nothing that anybody could see, by rule, each with its reason."""

from __future__ import annotations

from tests.testing.mutation.rules import Mutant

__all__ = ["reason_of"]

_REASONS: dict[str, str] = {}


def reason_of(mutant: Mutant) -> str | None:
    """Why a mutant that survived is no mutant; None where it is one."""
    return next((why for text, why in _REASONS.items() if text in str(mutant)), None)
