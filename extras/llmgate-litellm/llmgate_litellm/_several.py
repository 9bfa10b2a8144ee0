"""One call to several models at once, and other short forms of ``completion``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from llmgate_litellm import exceptions as theirs
from llmgate_litellm.main import acompletion, completion

__all__ = [
    "acompletion_with_retries",
    "batch_completion_models",
    "batch_completion_models_all_responses",
    "completion_with_retries",
]


def completion_with_retries(*args: Any, **kwargs: Any) -> Any:
    """``completion``, three times by default, or as often as ``num_retries`` says."""
    ask: Callable[..., Any] = completion
    return ask(*args, **{"num_retries": 3, **kwargs})


async def acompletion_with_retries(*args: Any, **kwargs: Any) -> Any:
    """:func:`completion_with_retries` for async code."""
    ask: Callable[..., Any] = acompletion
    return await ask(*args, **{"num_retries": 3, **kwargs})


def batch_completion_models(
    *, models: str | Sequence[str], messages: Iterable[Any] = (), **kwargs: Any
) -> Any:
    """The first response that one of several models gives. The others are not waited for.

    Raises:
        Exception: the first model's, where all fail.
    """
    names, given = _names(models), [*messages]
    threads = ThreadPoolExecutor(len(names))
    try:
        asked = [threads.submit(_ask, name, given, kwargs) for name in names]
        for done in as_completed(asked):
            if done.exception() is None:
                return done.result()
        return asked[0].result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def batch_completion_models_all_responses(
    *, models: str | Sequence[str], messages: Iterable[Any] = (), **kwargs: Any
) -> list[Any]:
    """The responses of several models, in order; those that fail are left out."""
    names, given = _names(models), [*messages]
    with ThreadPoolExecutor(len(names)) as threads:
        asked = [threads.submit(_ask, name, given, kwargs) for name in names]
    return [each.result() for each in asked if each.exception() is None]


def _ask(model: str, messages: list[Any], kwargs: dict[str, Any]) -> Any:
    ask: Callable[..., Any] = completion
    return ask(model, messages, **kwargs)


def _names(models: str | Sequence[str]) -> list[str]:
    names = [models] if isinstance(models, str) else [*models]
    if not names:
        raise theirs.BadRequestError("litellm.BadRequestError: models is empty", "", "")
    return names
