"""Gets a call's provider ready, as far as that may take its time or fail in a stranger's code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llmgate._deadline import Deadline
from llmgate.errors import DeadlineExceededError, LLMGateError, RequestError, told

if TYPE_CHECKING:
    from llmgate._registry import Registry
    from llmgate.options import Timeout
    from llmgate.provider import Provider
    from llmgate.wire import Transport

__all__ = ["load", "transport_of"]


async def load(
    registry: Registry, model: str, *, bare: bool, timeout: Timeout, began: float
) -> None:
    """Have the package of a model's provider imported, within the limits of the call that needs it.

    ``bare`` says that the call gives the provider no settings.
    """
    loading = registry.loading(model, bare=bare)
    if loading is None:
        return
    imported, installed = loading
    deadline = Deadline(timeout)
    deadline.started = began
    try:
        with deadline.limit():
            return await asyncio.wrap_future(imported)
        late = deadline.exceeded()
        reason = f"the provider {installed.described} did not load: {late.message}"
        raise DeadlineExceededError(reason, phase=late.phase)
    except LLMGateError as error:
        error.provider, error.model = installed.name, model
        raise
    finally:
        deadline.close()


def transport_of(provider: Provider) -> Transport | None:
    """What carries a provider's requests, when that is not HTTP.

    Raises:
        RequestError: when it cannot say.
    """
    try:
        return provider.transport
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
        reason = told(error)
    raise RequestError(f"the provider {provider.name!r} has no transport: {reason}")
