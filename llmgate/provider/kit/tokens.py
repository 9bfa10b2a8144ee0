"""Asks a user's own callable for an access token; it keeps none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeVar

from llmgate.errors import LLMGateError, MissingKeyError
from llmgate.provider.threads import run_in_thread

__all__ = ["ask_for_token"]

Token = TypeVar("Token")


async def ask_for_token(provider: Callable[[], Token | Awaitable[Token]]) -> Token:
    """The token that a callable returns. A callable that is not async may block, so it runs on a
    thread.

    Raises:
        MissingKeyError: when it fails; it names the exception's class, whose text may be a secret.
    """
    try:
        asked: Any = provider() if iscoroutinefunction(provider) else await run_in_thread(provider)
        token: Token = await asked if isawaitable(asked) else asked
    except LLMGateError:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's callable may raise anything
        kind = type(error).__name__
    else:
        return token
    raise MissingKeyError(f"the token provider failed with {kind}")
