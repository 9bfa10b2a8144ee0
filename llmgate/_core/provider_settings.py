"""The settings that one call gives its provider: checked, hidden, and made into a key.

It does not know which provider they are for, nor what they mean.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from llmgate._text.json import is_mapping
from llmgate._text.redact import Hidden, HiddenUrl, redact, redact_url
from llmgate.errors import InvalidRequestError, describe_value
from llmgate.provider.http import Secret

SETTINGS_OF_A_CALL = ("api_key", "base_url", "api_version")
"""The settings with a keyword of their own; all others are ``provider_settings``."""

_SHORTEST_SECRET = 8


def as_provider_settings(given: Any) -> dict[str, Hidden]:
    """``provider_settings`` with hidden values; a value of None counts as absent.

    Raises:
        InvalidRequestError: when they are not a dictionary of names.
    """
    if not is_mapping(given):
        reason = f"expected a dictionary, got {type(given).__name__}"
        raise InvalidRequestError(reason, path="provider_settings")
    for name in given:
        if not isinstance(name, str):
            reason = f"the name of a setting must be a string, not {describe_value(name)}"
            raise InvalidRequestError(reason, path="provider_settings")
        if name in SETTINGS_OF_A_CALL:
            raise InvalidRequestError(f"give it as {name}= instead", path=_path_of(name, own=False))
    return {name: Hidden(value) for name, value in given.items() if value is not None}


def check_settings(factory: Callable[..., Any], name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a setting that the provider does not have, instead of dropping it.

    Raises:
        InvalidRequestError: naming the nearest setting that it has.
    """
    accepted = inspect.signature(factory).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    for setting in settings:
        if setting not in accepted:
            reason = f"the provider {name!r} has no such setting{_nearest(setting, accepted)}"
            raise InvalidRequestError(reason, path=_path_of(setting))


def _nearest(setting: str, accepted: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    near = get_close_matches(setting, accepted, 1)
    return f": did you mean {near[0]!r}?" if near else ""


def _path_of(setting: str, *, own: bool = True) -> str:
    is_keyword = own and setting in SETTINGS_OF_A_CALL
    return setting if is_keyword else f"provider_settings.{setting}"


def revealed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a call in clear, as its provider receives them."""
    return {
        name: value.reveal() if isinstance(value, Secret | HiddenUrl | Hidden) else value
        for name, value in settings.items()
    }


def key_of(name: str, value: Any) -> Secret | Hidden:
    """A setting as part of a key: it shows no value, and later changes to a dictionary do not
    affect it.

    Raises:
        InvalidRequestError: when it cannot be hashed, has no end, or is an API key that cannot be
            sent.
    """
    if name == "api_key" and isinstance(value, str):
        return Secret(value)
    is_keyword = name in SETTINGS_OF_A_CALL
    try:
        key = Hidden(value if is_keyword else _fixed(value))
        hash(key)
    except TypeError:
        expected = "string" if is_keyword else "value that can be hashed"
        reason = f"expected a {expected}, got {type(value).__name__}"
    except RecursionError:
        reason = "is nested too deeply, or contains itself"
    else:
        return key
    raise InvalidRequestError(reason, path=_path_of(name))


def _fixed(value: object) -> Any:
    """An equal value in an immutable form."""
    kind = type(value)
    if is_mapping(value):
        return kind, frozenset((name, _fixed(each)) for name, each in value.items())
    if isinstance(value, list | tuple | set):
        fixed = map(_fixed, cast("Iterable[Any]", value))
        return kind, frozenset(fixed) if isinstance(value, set) else tuple(fixed)
    return kind, value


def without_settings(text: str, settings: Mapping[str, Any]) -> str:
    """The text of what a provider's code raised, without the credentials in these settings."""
    secrets = list[str]()
    for name, value in settings.items():
        if name == "base_url" and isinstance(value, str) and value:
            text = text.replace(value, redact_url(value))
        elif name != "api_version":
            secrets += [each for each in _texts_in(value) if _may_be_secret(name, each)]
    redacted: str = redact(text, secrets)
    return redacted


def _may_be_secret(name: str, text: str) -> bool:
    return len(text) >= (1 if name == "api_key" else _SHORTEST_SECRET)


def _texts_in(value: Any) -> list[str]:
    if is_mapping(value):
        value = [*value.values()]
    if isinstance(value, list | tuple | set):
        return [text for each in cast("Iterable[Any]", value) for text in _texts_in(each)]
    return [value] if isinstance(value, str) else []
