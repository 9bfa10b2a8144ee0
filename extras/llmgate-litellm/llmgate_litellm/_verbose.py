"""What ``set_verbose`` and ``_turn_on_debug`` ask for: calls in the log, without credentials."""

from __future__ import annotations

import logging
from functools import cache

import llmgate
from llmgate_litellm import _settings
from llmgate_litellm._arguments import Asked

__all__ = ["turn_on_debug", "watch"]


def turn_on_debug() -> None:
    """Log every call from now on, to standard error."""
    _settings.assign("set_verbose", True)


def watch(asked: Asked) -> None:
    """Have a call logged, where the module's settings ask for it."""
    if not _settings.value("set_verbose"):
        return
    _show_records()
    asked.options["hooks"] = [llmgate.LoggingHook(level="info")]


@cache
def _show_records() -> None:
    """Once: a handler for llmgate's records, as nobody else may have made one."""
    logger = logging.getLogger("llmgate")
    if not (logger.handlers or logging.getLogger().handlers):
        logger.addHandler(logging.StreamHandler())
    if logger.level in (logging.NOTSET, logging.WARNING):
        logger.setLevel(logging.INFO)
