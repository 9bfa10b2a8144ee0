"""Values that cannot be written as JSON, and what is said of them."""

from __future__ import annotations

import math
from typing import Any

from llmgate._core.refusals import LARGEST

NOT_JSON: dict[str, tuple[Any, str, str]] = {
    "bytes": (b"x", "", "bytes is not a JSON value"),
    "a set": ({1}, "", "set is not a JSON value"),
    "a tuple": ((1,), "", "tuple is not a JSON value"),
    "an object": (object(), "", "object is not a JSON value"),
    "a complex number": (1j, "", "complex is not a JSON value"),
    "not a number": (math.nan, "", "nan is not a JSON number"),
    "infinity": ([math.inf], "[0]", "inf is not a JSON number"),
    "negative infinity": ({"a": -math.inf}, ".a", "-inf is not a JSON number"),
    "a lone surrogate": (["a\ud800"], "[0]", "a lone surrogate"),
    "half a pair": ("\udc00", "", "a lone surrogate"),
    "a surrogate in a key": ({"\ud800": 1}, "", r"the key '\ud800' is not a string"),
    "an integer as key": ({1: 2}, "", "the key 1 is not a string"),
    "none as key": ({"a": {None: 2}}, ".a", "the key None is not a string"),
    "five thousand digits": (10**5000, "", "an integer of more than 1,200 digits"),
    "as many below zero": (-LARGEST, "", "an integer of more than 1,200 digits"),
    "deep inside": ([1, {"a": [None, {"b": b"x"}]}], "[1].a[1].b", "bytes is not a JSON value"),
    "the first of several": ([{"a": {1}}, b"x"], "[0].a", "set is not a JSON value"),
}
