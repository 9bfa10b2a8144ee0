"""Says which recorded request a new one is, and how it differs from the nearest. It sends nothing.

Two requests are the same when method, address and body are, whatever their headers. Where no
recorded one is the same, what changes by itself is left out of account: ids, dates, UUIDs, ports of
this machine, boundaries of forms, and what is named in ``ignore``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Any

from llmgate.provider.http import is_array, is_object
from llmgate.testing.cassettes.file import Exchange, RecordedRequest, as_json

__all__ = ["difference", "matching"]

_IDS = frozenset(
    {"id", "call_id", "callId", "item_id", "message_id", "previous_response_id", "request_id"}
    | {"requestId", "response_id", "tool_call_id", "toolUseId", "tool_use_id"}
)
_TIMES = frozenset({"created", "created_at", "createdAt", "timestamp"})
_CHANGING = re.compile(
    r"(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
    r"|\b\d{8}T\d{6}Z\b"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b)"
)
_PORT = re.compile(r"^(https?://(?:127\.0\.0\.1|localhost|\[::1\])):\d+")
_BOUNDARY = re.compile(r'boundary="?([^";]+)', re.IGNORECASE)


def matching(
    request: RecordedRequest, exchanges: Sequence[Exchange], ignore: Collection[str]
) -> Exchange | None:
    """The first exchange of the same request, or else of one that differs in what changes."""
    for each in exchanges:
        if _exact(each.request) == _exact(request):
            return each
    sought = _essence(request, ignore)
    return next((each for each in exchanges if _essence(each.request, ignore) == sought), None)


def _exact(request: RecordedRequest) -> Any:
    found = as_json(request.body)
    return request.method, request.url, request.body if found is None else found


def _essence(request: RecordedRequest, ignore: Collection[str]) -> Any:
    found = as_json(request.body)
    if found is not None:
        body: Any = _Normalizer(ignore).value(found[0])
    else:
        boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
        text = request.body.decode("utf-8", "replace")
        body = _without_changes(text.replace(boundary[1], "boundary") if boundary else text)
    return request.method, _PORT.sub(r"\1", _without_changes(request.url)), body


def _without_changes(text: str) -> str:
    return _CHANGING.sub(lambda found: f"<{found.lastgroup}>", text)


class _Normalizer:
    """Makes two bodies the same that differ in what changes by itself."""

    def __init__(self, ignore: Collection[str]) -> None:
        self._ignore = ignore
        self._ids: dict[str, str] = {}

    def value(self, value: Any) -> Any:
        """A value of JSON without that."""
        if isinstance(value, str):
            return self._ids.get(value) or _without_changes(value)
        if is_array(value):
            return [self.value(item) for item in value]
        if is_object(value):
            return {k: self._field(k, v) for k, v in value.items() if k not in self._ignore}
        return value

    def _field(self, name: str, value: Any) -> Any:
        """An id is the same where it stands at the same places: what it links is compared."""
        if name in _IDS and isinstance(value, str):
            return self._ids.setdefault(value, f"<id {len(self._ids) + 1}>")
        if name in _TIMES and isinstance(value, int | float | str):
            return "<time>"
        return self.value(value)


# --- what differs ---


def difference(request: RecordedRequest, exchanges: Sequence[Exchange]) -> str:
    """How a request differs from the one that is most like it; empty where there is none."""
    if not exchanges:
        return ""
    sent = _lines(request)
    nearest = max(exchanges, key=lambda each: _likeness(_lines(each.request), sent))
    number = 1 + next(at for at, each in enumerate(exchanges) if each is nearest)
    names = f"recorded request {number}", "this request"
    compared = unified_diff(_lines(nearest.request), sent, *names, lineterm="", n=2)
    return "\n".join(compared)


def _likeness(one: Sequence[str], other: Sequence[str]) -> float:
    return (one[0] == other[0]) + SequenceMatcher(None, one, other, autojunk=False).ratio()


def _lines(request: RecordedRequest) -> list[str]:
    found = as_json(request.body)
    if found is None:
        body = request.body.decode("utf-8", "replace")
    else:
        body = json.dumps(found[0], indent=2, ensure_ascii=False)
    return [f"{request.method} {request.url}", *body.splitlines()]
