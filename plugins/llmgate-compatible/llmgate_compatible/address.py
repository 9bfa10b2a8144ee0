"""Where a host is: its row's address with the settings in it, or one that the environment names.

It reads the environment when a provider is made, and refuses what could lead a key elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from llmgate.errors import InvalidRequestError
from llmgate.provider.kit import Credential, Vendor, variable
from llmgate_compatible.rows import Row

__all__ = ["base_url_in", "missing_setting", "vendor_of"]

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def vendor_of(row: Row, settings: Mapping[str, Any]) -> Vendor:
    """The host's own names, for :class:`~llmgate.provider.kit.Settings`.

    Raises:
        InvalidRequestError: for a setting that it does not have, or that is no host's label.
    """
    base_url = _completed(row, settings)
    prefix = "Bearer " if row.key_header == "Authorization" else ""
    host = urlsplit(base_url).hostname if base_url else None
    return Vendor(
        name=row.title,
        # No host of its own: the key stays optional, and goes to no address given in code.
        hosts=() if row.keyless or host is None else (host, *row.hosts),
        base_url=base_url,
        base_url_variables=row.address,
        endings=tuple(
            dict.fromkeys(
                (row.chat_path or "/rerank", "/chat/completions", "/embeddings", "/rerank")
            )
        ),
        credentials={"api_key": Credential(row.key, row.key_header, prefix)},
        needs_key=not row.keyless and not row.base_url.startswith("http"),
    )


def _completed(row: Row, settings: Mapping[str, Any]) -> str | None:
    """The row's address with the settings in it; None where one of them is missing."""
    for name in settings:
        if name not in row.settings:
            known = ", ".join(row.settings) or "none"
            reason = f"the provider {row.name!r} has no such setting (it has: {known})"
            raise InvalidRequestError(reason, path=f"provider_settings.{name}")
    address = row.base_url
    for name, variables in row.settings.items():
        value = settings.get(name)
        given = variable(*variables) if value is None else value
        if given is None:
            return None
        if not isinstance(given, str) or not _LABEL.fullmatch(given):
            reason = "expected letters, digits and hyphens, as in the name of a host"
            raise InvalidRequestError(reason, path=f"provider_settings.{name}")
        address = address.replace(f"{{{name}}}", given)
    return None if address.startswith("/") else address


def base_url_in(row: Row) -> str | None:
    """The address that the environment names, if it has to be completed: a host alone gets the
    row's path, as vendors' packages expect it to be given."""
    address = variable(*row.address)
    if address is None:
        return None
    is_bare = "://" not in address and row.base_url.startswith("/")
    address = f"https://{address.strip()}" if is_bare else address.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None  # it is refused, with a reason, by whoever reads it next
    if parts.path.strip("/") or parts.query or not parts.netloc:
        return None
    path = urlsplit(row.base_url).path
    return f"{parts.scheme}://{parts.netloc}{path}"


def missing_setting(row: Row, settings: Mapping[str, Any]) -> InvalidRequestError | None:
    """The error that says which setting the row's address still needs; None when it needs none."""
    for name, variables in row.settings.items():
        if settings.get(name) is None and variable(*variables) is None:
            advice = f"set {' or '.join(variables)}, or pass provider_settings={{{name!r}: …}}"
            return InvalidRequestError(
                f"{row.title} needs its {name}: {advice}", path=f"provider_settings.{name}"
            )
    return None
