"""Makes errors for bugs in a provider's code: what it raised, and where. Nothing is raised here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmgate._core.views import innermost
from llmgate.errors import PluginError, describe_error, origin_of

if TYPE_CHECKING:
    from llmgate.provider import Provider


def plugin_error(error: BaseException, provider: Provider, action: str) -> PluginError:
    """The error for an exception of a provider's code that is not an ``LLMGateError``.

    ``action`` completes "the provider failed to …". With ``LLMGATE_DEBUG=1`` in the environment,
    the traceback is added as a note: lines of code, without values of variables.
    """
    what = f"the provider failed to {action}: {describe_error(error)}"
    failure = PluginError(what, origin=_origin(error, provider))
    if os.environ.get("LLMGATE_DEBUG", "0") not in ("", "0"):
        from traceback import format_exception  # noqa: PLC0415 - only where asked for

        failure.add_note("".join(format_exception(error)).rstrip())
    return failure


def authorize_error(error: BaseException, provider: Provider) -> PluginError:
    """The same for ``authorize``, without the exception's text and traceback, since both may hold a
    key."""
    what = f"the provider failed to authorize the request: {type(error).__name__}"
    return PluginError(what, origin=_origin(error, provider))


def _origin(error: BaseException, provider: Provider) -> str:
    return origin_of(error, type(innermost(provider)).__module__.partition(".")[0])
