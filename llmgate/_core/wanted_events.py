"""Finds which kinds of events hooks want, so that no unwanted event is made. It makes and delivers
no events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgate.hooks import Event


def kinds_wanted(hooks: Collection[Any]) -> Callable[[type[Event], bool], bool] | None:
    """A function that says whether any of these hooks wants events of a kind, with or without an
    error. None if one of the hooks can only tell for each event."""
    for hook in hooks:
        if not _says_by_kind(hook.__class__):
            return None
    return partial(_is_kind_wanted, hooks)


@lru_cache(maxsize=64)
def _says_by_kind(kind: type[Any]) -> bool:
    """Whether hooks of a class can tell by ``wants_kind``. A subclass that overrides only ``wants``
    cannot: it must be asked about each event."""
    for each in kind.__mro__:
        if "wants_kind" in vars(each):
            return True
        if "wants" in vars(each):
            break
    return False


def _is_kind_wanted(hooks: Iterable[Any], kind: type[Event], is_failure: bool) -> bool:
    for hook in hooks:
        try:
            if hook.wants_kind(kind, is_failure):
                return True
        except Exception:  # noqa: BLE001 - the hook itself is to see what it is
            return True
    return False
