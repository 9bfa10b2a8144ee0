"""What may stand in the head of a request, which is sent as it was authorized. It sends nothing."""

from __future__ import annotations

import re

from llmgate.errors import InvalidRequestError, shown
from llmgate.provider.http import HttpRequest

__all__ = ["check_head"]

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Z-]+")
"""A token of RFC 9110, 5.6.2; aiohttp would turn small letters into capitals."""


def check_head(request: HttpRequest) -> None:
    """Refuse what cannot be sent as it is, or says of the body what is not so.

    Raises:
        InvalidRequestError: naming the method or the header; no value is quoted.
    """
    if not _METHOD.fullmatch(request.method):
        reason = f"expected a method of capital letters, got {shown(request.method)}"
        raise InvalidRequestError(reason, path="method")
    for name, value in request.headers.items():
        lowered = name.lower()
        is_wrong = lowered == "content-length" and value != str(len(request.body))
        if is_wrong or lowered == "transfer-encoding":
            path = f"extra_headers.{name}"
            raise InvalidRequestError("it does not say where the body ends", path=path)
