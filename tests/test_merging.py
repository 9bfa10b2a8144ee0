"""Fragments of JSON are merged alike one by one and many at once."""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from llmgate.provider.merging import Merged, merge_data, replace_data, settled

Object: TypeAlias = dict[str, Any]
_KEYS = st.sampled_from(["text", "data", "ids", "name"])
_SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"])
_ITEMS = st.fixed_dictionaries(
    {"index": st.integers(0, 1)}, optional={"type": st.just("x"), "text": st.sampled_from("ab")}
)
_VALUES = _SCALARS | st.lists(_SCALARS | _ITEMS, max_size=2) | st.dictionaries(_KEYS, _SCALARS)


@given(st.lists(st.tuples(st.dictionaries(_KEYS, _VALUES), st.integers(1, 3)), max_size=90))
def test_pieces_merge_alike_one_by_one_and_many_at_once(runs: list[tuple[Object, int]]) -> None:
    """Whatever they hold, however often each is repeated, and whenever somebody asks."""
    one_by_one: Object = {}
    merged = Merged()
    for number, (piece, times) in enumerate(runs):
        for _ in range(times):
            merge_data(one_by_one, piece)
            merged.add(copy.deepcopy(piece))
        if number % 40 == 7:
            assert settled(one_by_one) == merged.settled()
    assert settled(one_by_one) == merged.settled()


def test_pieces_of_one_kind_merge_alike() -> None:
    """Texts, numbers and fragments with an index, as hosts send them with each token."""
    one_by_one: Object = {}
    merged = Merged()
    for number in range(200):
        details = [{"index": 0, "type": "x", "text": f"{number} "}]
        piece: Object = {"text": f"{number},", "token_ids": [number, None], "details": details}
        piece |= {"name": "n", "nothing": None}
        merge_data(one_by_one, piece)
        merged.add(copy.deepcopy(piece))
    assert settled(one_by_one) == merged.settled()
    assert merged.settled()["text"] == "".join(f"{number}," for number in range(200))


def test_what_is_said_again_is_replaced() -> None:
    """Objects merge, and null takes no value's place."""
    whole: Object = {"a": 1, "b": {"c": 1}, "d": 1}
    replace_data(whole, {"a": None, "b": {"e": 2}, "d": {"f": 3}, "g": None})
    assert {"a": 1, "b": {"c": 1, "e": 2}, "d": {"f": 3}, "g": None} == whole
