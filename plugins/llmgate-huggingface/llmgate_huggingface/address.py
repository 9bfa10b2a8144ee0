"""Addresses as Hugging Face's own package completes them; it reads no environment.

Source: https://huggingface.co/docs/huggingface_hub/package_reference/inference_client
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["complete_address", "server_root"]

_CHAT = "/chat/completions"


def complete_address(address: str) -> str:
    """The address up to and with its version: ``http://127.0.0.1:8080`` lacks ``/v1``."""
    if re.match(r"https?://", address, re.IGNORECASE) is None or not address.isprintable():
        return address
    try:
        parts = urlsplit(address)
    except ValueError:  # such as for a bracket that is open
        return address
    path = parts.path.rstrip("/").removesuffix(_CHAT).rstrip("/")
    if re.search(r"/v\d+(?:/|$)", path) is None:
        path += "/v1"
    return urlunsplit(parts._replace(path=path))


def server_root(url: str) -> str:
    """Where a server's own routes begin, such as ``/info``: the address without its version."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=re.sub(r"/v\d+$", "", parts.path)))
