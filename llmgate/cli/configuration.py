"""The configuration file of the command line; it holds no key, and only commands read it.

``import llmgate`` and its calls know nothing of this file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmgate._core.added import hosts_in, remember
from llmgate._core.advice import install
from llmgate._core.registry import installed_providers
from llmgate._text.json import is_array, is_object
from llmgate._text.redact import has_credentials
from llmgate.cli.arguments import UsageError
from llmgate.errors import InvalidRequestError, describe_value

__all__ = ["Configuration", "configuration_file", "configured"]

_DEFAULT_MODEL = "local/smollm2"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the file says, or what holds where there is none.

    ``keep_conversations`` is how many conversations are kept for ``--continue``, and ``markdown``
    whether completions are rendered on a terminal.
    """

    model: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    keep_conversations: int = 20
    markdown: bool = True

    def model_of(self, given: str | None) -> str:
        """The full name of the model that was given, or of the one to ask where none was.

        Raises:
            UsageError: when there is none, or an empty name was given, as by ``-m "$UNSET"``.
        """
        if given is not None and not given.strip():
            raise UsageError("the model's name is empty")
        name = given or self.model
        if name is not None:
            return self.aliases.get(name, name)
        installed = installed_providers()
        if _DEFAULT_MODEL.partition("/")[0] in installed:
            return _DEFAULT_MODEL
        names = ", ".join(sorted(installed)) or "none"
        raise UsageError(
            f"name a model with -m provider/model (providers installed: {names}; "
            f"for {_DEFAULT_MODEL}: {install('local')})"
        )


def configuration_file() -> Path:
    """Where the file is looked for. Source: the XDG Base Directory Specification 0.8."""
    return base_directory("XDG_CONFIG_HOME", ".config") / "config.toml"


def base_directory(variable: str, customary: str) -> Path:
    """A directory of ours below the one that a variable of XDG's names; a relative one is ignored,
    as the specification demands.

    Raises:
        FileNotFoundError: when a user without a home directory, as some services are, names none.
    """
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return Path(given) / "llmgate"
    try:
        home = Path.home()
    except RuntimeError:
        reason = f"there is no home directory, and {variable} names no other"
    else:
        return home / customary / "llmgate"
    raise FileNotFoundError(reason)


def configured() -> Configuration:
    """The configuration; its hosts have their names from now on, in this process.

    Raises:
        InvalidRequestError: for a file that cannot be read, a setting that is wrong, and a key.
        UnknownProviderError: when it has hosts, and the package that reads rows is not installed.
    """
    try:
        file = configuration_file()
    except FileNotFoundError:
        return Configuration()
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):  # a service's home may be /dev/null
        return Configuration()
    except (OSError, ValueError) as error:
        reason = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    else:
        return _configuration(settings, file)
    raise InvalidRequestError(reason, path=str(file))


def _configuration(settings: dict[str, Any], file: Path) -> Configuration:
    try:
        _refuse_keys(settings, "")
    except InvalidRequestError as error:
        raise _wrong(file, error.path or "", error.message) from None
    for name, value in settings.items():
        if name not in _EXPECTED:
            reason = f"there is no such setting: it is one of {', '.join(_EXPECTED)}"
            raise _wrong(file, name, reason)
        kind, expected = _EXPECTED[name]
        if type(value) is not kind:
            raise _wrong(file, name, f"expected {expected}, got {describe_value(value)}")
    for name, model in settings.get("aliases", {}).items():
        if not isinstance(model, str) or not model.strip():
            reason = f"expected a model's name, got {describe_value(model)}"
            raise _wrong(file, f"aliases.{name}", reason)
    if settings.get("keep_conversations", 0) < 0:
        raise _wrong(file, "keep_conversations", "expected 0 or more")
    if settings.pop("hosts", None):
        installed = {name: each.keys for name, each in installed_providers().items()}
        for host in hosts_in(str(file), installed, table="hosts").values():
            remember(host)
    return Configuration(**settings)


_EXPECTED: Mapping[str, tuple[type, str]] = {
    "model": (str, "a model's name"),
    "aliases": (dict, "a table of names"),
    "hosts": (dict, "a table for each host"),
    "keep_conversations": (int, "a number"),
    "markdown": (bool, "true or false"),
}


def _wrong(file: Path, name: str, reason: str) -> InvalidRequestError:
    return InvalidRequestError(reason, path=f"{file}: {name}")


# --- keys ---------------------------------------------------------------------------------

_NAMES_OF_VARIABLES = frozenset({"key", "address"})
"""The columns of a host that name variables, though a key might be written there."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SECRET = re.compile(r"(api[-_]?key|token|secret|password|authorization)\Z", re.IGNORECASE)
"""How the name of a setting ends that people would give a key."""


def _refuse_keys(value: Any, path: str) -> None:
    """Refuse a file that holds a key; the sentence does not repeat it.

    Raises:
        InvalidRequestError: naming the place.
    """
    if is_object(value):
        for name, each in value.items():
            place = f"{path}{name}"
            if name in _NAMES_OF_VARIABLES:
                _check_variables(each, place)
            elif isinstance(each, str) and _SECRET.search(name) and path != "aliases.":
                raise _key_in_clear(place)
            else:
                _refuse_keys(each, f"{place}.")
    elif is_array(value):
        for each in value:
            _refuse_keys(each, path)
    elif isinstance(value, str) and (_looks_like_key(value) or _has_password(value)):
        raise _key_in_clear(path.rstrip("."))


def _check_variables(value: Any, path: str) -> None:
    for name in value if is_array(value) else (value,):
        if isinstance(name, str) and (not _VARIABLE.fullmatch(name) or _looks_like_key(name)):
            raise _key_in_clear(path)


def _looks_like_key(text: str) -> bool:
    """Whether a text has the form of a key: a vendor's beginning, or a long run of letters of both
    cases and digits."""
    if re.match(r"(sk|pk|gsk|hf|xai|AIza|AKIA|r8|nvapi)[-_A-Za-z0-9]{16,}\Z", text):
        return True
    kinds = (str.islower, str.isupper, str.isdigit)
    is_word = re.fullmatch(r"[A-Za-z0-9_=+-]{32,}", text) is not None
    return is_word and all(any(map(kind, text)) for kind in kinds)


def _has_password(text: str) -> bool:
    """Whether an address has a user or a query."""
    return "://" in text and has_credentials(text)


def _key_in_clear(path: str) -> InvalidRequestError:
    return InvalidRequestError(
        "this looks like a key, which is not kept in a file: set an environment variable to it, "
        'and name that variable, as in key = "ACME_API_KEY"',
        path=path,
    )
