"""Checks the head of a request, which is sent as authorized, and lower-cases the header names of a
response. It sends nothing.
"""

from __future__ import annotations

import re

from llmgate.errors import InvalidRequestError
from llmgate.provider.http import HttpRequest

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Z-]+")
"""A token of RFC 9110, 5.6.2; aiohttp would turn small letters into capitals."""


def check_head(request: HttpRequest) -> None:
    """Refuse a head that cannot be sent unchanged, or that contradicts the body.

    Raises:
        InvalidRequestError: naming the method or the header; no value is quoted.
    """
    if not _METHOD.fullmatch(request.method):
        raise InvalidRequestError.expected("a method of capital letters", request.method, "method")
    if _OF_THE_BODY.isdisjoint(map(str.lower, request.headers)):
        return
    for name, value in request.headers.items():
        lowered = name.lower()
        is_wrong = lowered == "content-length" and value != str(len(request.body))
        if is_wrong or lowered == "transfer-encoding":
            path = f"extra_headers.{name}"
            raise InvalidRequestError("it does not say where the body ends", path=path)


_OF_THE_BODY = frozenset({"content-length", "transfer-encoding"})
"""The headers that say where the body ends."""


class LowerNames(dict[str, str]):
    """Header names in lower case. Nearly all responses have the same few, which are cached."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        if len(name) <= _MAX_NAME_LENGTH and len(self) < _MAX_NAMES:
            self[name] = lower
        return lower


_MAX_NAME_LENGTH = 64
_MAX_NAMES = 1024
