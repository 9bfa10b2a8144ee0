"""Large parameters that were found right before, by their JSON: what is written alike is alike.

Nothing is remembered by identity, since whoever holds a dictionary may change it. What is wrong, or
may be, is left to ``check``, which explains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from llmgate._core.schemas import parameter_validator
from llmgate._text.json import decode_json, plain_json

if TYPE_CHECKING:
    from llmgate.options import ChatParameters

__all__ = ["LARGE", "copied", "found_right_before"]

LARGE = ("functions", "response_format", "tools")
"""The parameters that programs give over and over, and that are long to look at."""
_MOST_BYTES = 128 * 1024


def found_right_before(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the large parameters that are right, as they were checked.

    What is in them is the same for all calls, and nobody must change it: whoever is free to change
    the parameters has them :func:`copied`.
    """
    found = dict[str, Any]()
    for name in LARGE:
        value = parameters.get(name)
        if value:
            raw = plain_json(value)
            checked = None if raw is None or len(raw) > _MOST_BYTES else _checked(name, raw)
            if checked is not None:
                found[name] = copy(checked)
    return found


def copied(parameters: ChatParameters) -> ChatParameters:
    """The parameters with copies of the large ones."""
    own: dict[str, Any] = {**parameters}
    for name in LARGE:
        raw = plain_json(own[name]) if name in own else None
        if raw is not None:
            own[name] = decode_json(raw)
    return cast("ChatParameters", own)


@lru_cache(maxsize=64)
def _checked(name: str, raw: bytes) -> Any:
    """The value of a parameter; None where it has to be looked at: it is wrong, or has a null,
    which may have been no number."""
    from pydantic_core import ValidationError  # noqa: PLC0415 - loaded with the validator

    if b"null" in raw:
        return None
    try:
        return parameter_validator().validate_python({name: decode_json(raw)})[name]
    except ValidationError:
        return None
