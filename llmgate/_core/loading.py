"""Imports and makes a call's provider on a thread, as third-party code may block or fail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from llmgate._core.deadline import Deadline
from llmgate._core.provider_settings import revealed
from llmgate.errors import (
    DeadlineExceededError,
    LLMGateError,
    RequestError,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from llmgate._core.prepare import UnresolvedCall
    from llmgate._core.registry import Registry
    from llmgate.options import Timeout

Result = TypeVar("Result")


def check_loop() -> None:
    """Refuse a call that no event loop of asyncio runs.

    Raises:
        RequestError: it says what works under another library.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        return
    raise RequestError(
        "llmgate runs on asyncio, and no event loop of asyncio is running here: under trio, call "
        "completion() through trio.to_thread.run_sync, or use anyio's asyncio backend"
    )


async def load(registry: Registry, call: UnresolvedCall, timeout: Timeout, began: float) -> None:
    """Import and make the provider of a call's model, within the call's deadline."""
    if type(call.model) is not str:
        return
    try:
        # Two steps: import and make. A provider that gives way to newer ones is made in the call.
        for _ in range(2):
            loading = registry.loading(call.model, revealed(call.settings))
            if loading is None:
                break
            await _step(*loading, call.model, timeout, began)
    except LLMGateError as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None)  # noqa: B904 - it is the same error; no frame shows a key


async def _step(
    loading: Future[object], name: str, described: str, model: str, timeout: Timeout, began: float
) -> None:
    try:
        await in_time(loading, f"the provider {described}", timeout, began)
    except LLMGateError as error:
        error.provider, error.model = name, model
        raise


async def in_time(loading: Future[Result], what: str, timeout: Timeout, began: float) -> Result:
    """Await the result of a thread, within the deadline of the call that needs it.

    Raises:
        DeadlineExceededError: naming what did not load in time.
    """
    deadline = Deadline(timeout)
    deadline.started = began
    try:
        with deadline.limit():
            return await asyncio.wrap_future(loading)
    except DeadlineExceededError:  # the limit had passed before
        pass
    finally:
        deadline.close()
    late = deadline.exceeded()
    raise DeadlineExceededError(f"{what} did not load: {late.message}", phase=late.phase)
