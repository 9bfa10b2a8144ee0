"""An address as Ollama's own programs read it from ``OLLAMA_HOST``; it reads no environment.

Source: https://docs.ollama.com/faq; what the server listens on is in the same variable.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["complete_address"]

_PORT = "11434"
_CLOUD = "ollama.com"
_OF_THIS_MACHINE: Mapping[str, str] = {
    "": "127.0.0.1",
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - nothing is opened there
    "[::]": "[::1]",
}
"""Where a server is reached that listens there."""


def complete_address(address: str) -> str:
    """The address as a URL: ``0.0.0.0`` is ``http://127.0.0.1:11434``."""
    scheme, has_scheme, rest = address.partition("://")
    if not has_scheme:
        scheme, rest = "http", address
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    host, port = _host_and_port(host)
    host = _OF_THIS_MACHINE.get(host, host)
    if not has_scheme and not port:
        scheme, port = ("https", "") if host == _CLOUD else ("http", f":{_PORT}")
    return f"{scheme}://{user}{at}{host}{port}{slash}{path}"


def _host_and_port(text: str) -> tuple[str, str]:
    """The host, in brackets where it is a number with colons, and the port after its colon."""
    if text.startswith("["):
        host, _, port = text.partition("]")
        return f"{host}]", port
    if text.count(":") > 1:
        return f"[{text}]", ""
    host, colon, port = text.partition(":")
    return host, f"{colon}{port}"
