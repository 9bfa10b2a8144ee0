"""Values of JSON in which single fields are odd, as hypothesis draws them. It knows no provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["ODD", "changes_of", "with_changes"]

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), 2**70, 3.0, "3"]),
    st.floats(),
    st.text(max_size=3),
    st.just({}),
    st.just([]),
)
"""What may stand in place of another value."""


def changes_of(value: Mapping[str, Any], names: Sequence[str], fields: Any = ODD) -> Any:
    """Objects with another value in one of these fields."""
    return st.builds(_changed, st.just(value), st.sampled_from(names), fields)


def with_changes(value: Mapping[str, Any], fields: Mapping[str, Any]) -> Any:
    """Objects with a few fields that have other values, each by its own strategy; from some a field
    is missing."""
    one = st.one_of([st.tuples(st.just(name), values) for name, values in fields.items()])
    missing = st.sampled_from([*value, None, None, None])
    return st.builds(_without, st.just(value), st.lists(one, max_size=3), missing)


def _changed(value: Mapping[str, Any], name: str, field: Any) -> Any:
    return {**value, name: field}


def _without(
    value: Mapping[str, Any], changes: Sequence[tuple[str, Any]], missing: str | None
) -> Any:
    return {name: field for name, field in {**value, **dict(changes)}.items() if name != missing}
