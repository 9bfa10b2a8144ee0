"""An address as Ollama's own programs read it from ``OLLAMA_HOST``; it reads no environment.

Source: https://docs.ollama.com/faq; the variable also says where a server listens.
"""

from __future__ import annotations

import re

__all__ = ["complete_address"]

_SHORT = re.compile(
    r"(?P<host>[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]|(?P<bare>[0-9A-Fa-f]*(?::[0-9A-Fa-f.]*){2,}))"
    r"(?P<port>:\d+)?(?P<path>/(?!/).*)?"
)
"""A host, a port, or both, and perhaps a path; the host may be a number with colons."""
_CLOUD = "ollama.com"
_ANYWHERE = re.compile(r"(?<=//)(?:0\.0\.0\.0|(\[)::\])(?=[:/]|$)")
"""Where a server listens that is reached from other machines."""


def complete_address(address: str) -> str:
    """The address as a URL: ``0.0.0.0`` is ``http://127.0.0.1:11434``.

    What is neither a URL nor such a short form is left as it is.
    """
    found = _SHORT.fullmatch(address)
    if found is not None and (found["host"] or found["port"]):
        host = f"[{found['bare']}]" if found["bare"] else found["host"] or "127.0.0.1"
        scheme, usual = ("https", "") if host == _CLOUD else ("http", ":11434")
        address = f"{scheme}://{host}{found['port'] or usual}{found['path'] or ''}"
    return _ANYWHERE.sub(lambda match: "[::1]" if match[1] else "127.0.0.1", address, count=1)
