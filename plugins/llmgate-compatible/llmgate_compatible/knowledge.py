"""Facts about models, as published on one day: a part of models.dev, with its licence beside it.

They are advice: no call is changed or refused by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from llmgate.provider.http import decode_json

__all__ = ["facts_of"]


def facts_of(provider: str, model: str) -> tuple[Mapping[str, Any], str]:
    """What is known of a provider's model, and where it is from and of which date."""
    table = _table()
    known: Mapping[str, Any] = table["models"].get(provider, {}).get(model, {})
    return known, f"{table['source']}, {table['date']}"


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = decode_json(Path(__file__).with_name("models.json").read_bytes())
    return table
