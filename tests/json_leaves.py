"""The texts and numbers of a JSON value, for tests that nothing of a response is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmgate.provider.http import is_array, is_object

__all__ = ["leaves"]


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every text, number and boolean in a value, with the key of the nearest object."""
    if is_object(value):
        for name, child in value.items():
            yield from leaves(child, name)
    elif is_array(value):
        for child in value:
            yield from leaves(child, key)
    elif value is not None:
        yield key, value
