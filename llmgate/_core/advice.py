"""Writes the error for a model without a provider; it names packages of this project only.

A name that a user typed is never turned into a package name: anybody could publish that package.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from functools import cache

from llmgate.errors import describe_value

_FILES = "local"
"""The provider for models that are files on this machine."""
_FORMAT = "openai"
"""The provider for any server that speaks OpenAI's format."""
_HOSTS = "compatible"
"""The package that gives names to the hosts of that format."""
_NO_PROVIDERS = frozenset({"all", "cli", "cost", "litellm", "mcp", "otel", "ray", "redis", _HOSTS})
"""The extras that bring something else."""
HOSTS_GROUP = "llmgate.hosts"
"""The entry points of the package that reads rows of hosts."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PATH = re.compile(r"(~|\.\.?|[a-z]:)?[/\\]|.*\.gguf\Z", re.IGNORECASE | re.DOTALL)
_PROVIDER = re.compile(r"(\w[\w.-]*)/", re.ASCII)
_PREFIXED = re.compile(r"[/\s]*([^/:]{1,60})(?:[/:](.*))?\Z", re.DOTALL)


def describe_unknown(model: str, claims: Mapping[str, Collection[str]], *, restricted: bool) -> str:
    """Say that no provider takes a model, which providers there are, and what to do.

    Args:
        model: What was asked for: a model's name, a path, an address, or anything else.
        claims: The available providers, each with the patterns of the unprefixed names that it
            claims.
        restricted: Whether ``LLMGATE_PROVIDERS`` hides all others.
    """
    provider = _PROVIDER.match(model)
    if _ADDRESS.match(model):  # it may hold a key
        what = "an address is not a model's name"
    elif provider:
        state = "installed and admitted" if restricted else "installed"
        what = f"no provider {describe_value(provider[1])} is {state}"
    else:
        what = f"no installed provider claims {describe_value(model)}"
    which = "admitted by LLMGATE_PROVIDERS" if restricted else "installed"
    return f"{what} ({which}: {_join_names(claims)}); {_advice(model, claims)}"


def _join_names(names: Collection[str]) -> str:
    """The names, or the first of many and the command that lists all."""
    listed = sorted(names)
    if len(listed) <= _MAX_LISTED:
        return ", ".join(listed) or "none"
    shortened = ", ".join(listed[:_MAX_LISTED])
    return f"{shortened} and {len(listed) - _MAX_LISTED} more, which `llmgate providers` lists"


_MAX_LISTED = 12


def install(provider: str) -> str:
    """The command that installs one of our providers, from the folder that ``make wheels``
    fills."""
    return f"pip install --no-index --find-links dist 'llmgate-core[{provider}]'"


@cache
def installable() -> tuple[str, ...]:
    """Our providers, each with a package of its own: the extras in the core's own metadata."""
    from importlib.metadata import PackageNotFoundError, metadata  # noqa: PLC0415 - slow to import

    try:
        extras = metadata("llmgate-core").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return ()
    return tuple(sorted(set(extras) - _NO_PROVIDERS))


def _advice(model: str, claims: Mapping[str, Collection[str]]) -> str:
    address = _ADDRESS.match(model)
    if address:
        path = model[address.end() :] if address[1].lower() == "file" else ""
        return _on_a_path(path, claims) or _on_servers(claims)
    return (
        _correction(model, claims)
        or _on_a_path(model, claims)
        or _on_a_claim(model, claims)
        or _on_what_is_claimed(model, claims)
        or (_on_servers(claims) if "/" in model else _on_providers(claims))
    )


def _correction(model: str, known: Collection[str]) -> str:
    """The corrected name, with the provider that was meant, and how to install it."""
    prefixed = _PREFIXED.match(model)
    near = _nearest(prefixed[1], {*known, *installable()}) if prefixed else None
    if prefixed is None or near is None:
        return ""
    meant = f"{near}/{(prefixed[2] or '').strip() or '<model>'}"
    hint = "" if model.startswith(f"{near}/") else f"did you mean {describe_value(meant)}?"
    return "; ".join(filter(None, (hint, _installing(near, known))))


def _nearest(name: str, known: Collection[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.strip().casefold(), by_folded, n=1, cutoff=0.75)
    return by_folded[near[0]] if near else None


def _on_a_path(model: str, known: Collection[str]) -> str:
    if not _PATH.match(model):
        return ""
    hint = f"for a model file on this machine, write {describe_value(f'{_FILES}/{model}')}"
    return "; ".join(filter(None, (hint, _installing(_FILES, known))))


def _on_a_claim(model: str, claims: Mapping[str, Collection[str]]) -> str:
    """The match of a misspelled name: ``gpt4o`` and ``GPT-4o`` are near ``gpt-*``."""
    name = _letters(model)
    for provider, patterns in claims.items():
        for pattern in patterns:
            stem = _stem(pattern)
            if len(stem) > 2 and name.startswith(stem):
                meant = describe_value(f"{provider}/{model}")
                return f"did you mean a name like {pattern!r}, or {meant}?"
            if len(stem) > 2 and sorted(name[: len(stem)]) == sorted(stem):  # gtp-4o
                return f"did you mean a name like {pattern!r}?"
    return ""


def _on_what_is_claimed(model: str, claims: Mapping[str, Collection[str]]) -> str:
    """``google/gemini-2.5-pro``: what follows the prefix is a name that one provider claims."""
    _, slash, rest = model.partition("/")
    owners = [
        provider
        for provider, patterns in claims.items()
        if slash and any(len(_stem(each)) > 2 and fnmatchcase(rest, each) for each in patterns)
    ]
    if len(owners) != 1:
        return ""
    return f"did you mean {describe_value(f'{owners[0]}/{rest}')}? Or, {_on_servers(claims)}"


def _stem(pattern: str) -> str:
    return _letters(re.split(r"[*?[]", pattern, maxsplit=1)[0])


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name[:60])).casefold()


def _on_servers(known: Collection[str]) -> str:
    hint = f"for a server of OpenAI's format, write {_FORMAT}/<model> with base_url="
    return "; ".join(filter(None, (hint, _naming_hosts(), _installing(_FORMAT, known))))


def _naming_hosts() -> str:
    """How to name a host of OpenAI's format; an extra package names many of them."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    if entry_points(group=HOSTS_GROUP):
        return "or give it a name with llmgate.add_host"
    return f"many hosts of that format have names once this is installed: {install(_HOSTS)}"


def _on_providers(known: Collection[str]) -> str:
    missing = [name for name in installable() if name not in known]
    more = f", or install one of {', '.join(missing)}: {install('<name>')}" if missing else ""
    return f"write provider/model{more}"


def _installing(provider: str, known: Collection[str]) -> str:
    """How to install one of our providers that is missing."""
    if provider in known or provider not in installable():
        return ""
    return f"to install {provider}: {install(provider)}"
