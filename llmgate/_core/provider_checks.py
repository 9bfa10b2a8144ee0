"""Checks the provider that a third-party factory made, and describes what the factory raised.

It reads a provider's attributes and calls nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import current_thread, main_thread

from llmgate.errors import UnknownProviderError, describe_error, describe_value
from llmgate.provider import ACCEPTED_PROTOCOLS, Provider


def describe_failure(error: BaseException) -> str:
    """Describe what third-party code raised, of any class; an interrupt of the process is raised
    again."""
    if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
        raise error
    return describe_error(error)


def checked(provider: Provider, described: str) -> Provider:
    """The provider, if its attributes show that it is one."""
    try:
        flaw = _flaw(provider)
    except Exception as error:  # noqa: BLE001 - third-party attributes may be code
        flaw = f"is broken: {describe_error(error)}"
    if flaw:
        raise UnknownProviderError(f"the provider {described} {flaw}")
    return provider


def _flaw(provider: Provider) -> str:
    version = getattr(provider, "protocol", None)
    if version is None:
        return f"states no version of the provider contract: {_accepted()}"
    if version not in ACCEPTED_PROTOCOLS:
        return (
            f"was written for version {describe_value(version)} of the provider contract, "
            f"and {_accepted()}: upgrade whichever is older"
        )
    if isinstance(provider, type):
        return "is a class, not an instance"
    lacking = [name for name in _METHODS if not callable(getattr(provider, name, None))]
    if not isinstance(getattr(provider, "parameters", 0), Mapping | None):
        lacking.append("a mapping of its parameters")
    return f"lacks {', '.join(lacking)}" if lacking else ""


def _accepted() -> str:
    *older, newest = ACCEPTED_PROTOCOLS
    versions = f"versions {older[0]} to {newest}" if older else f"version {newest}"
    return f"this llmgate accepts {versions}"


_METHODS = ("abilities", "complete", "stream", "authorize", "error")
