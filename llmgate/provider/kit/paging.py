"""Lists that come in pages: a request for each, to the end. It knows no vendor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from llmgate.errors import DecodeError
from llmgate.provider.http import Flow, HttpRequest, HttpResponse

__all__ = ["read_pages"]

Item = TypeVar("Item")

_MAX_PAGES = 100


def read_pages(
    url: str, parameter: str, read: Callable[[HttpResponse], tuple[list[Item], str]]
) -> Flow[list[Item]]:
    """All items of a list, in as many requests as it has pages.

    Args:
        url: The address of the first page.
        parameter: The name that the token of a page has in the query.
        read: The items of a page, and the token of the next one; empty after the last.

    Raises:
        DecodeError: when there is no end of them, as where a token comes twice.
    """
    items, token, seen = list[Item](), "", set[str]()
    mark = "&" if "?" in url else "?"
    while token not in seen and len(seen) < _MAX_PAGES:
        seen.add(token)
        page = f"{mark}{parameter}={quote(token, safe='')}" if token else ""
        response = yield HttpRequest("GET", f"{url}{page}")
        found, token = read(response)
        items += found
        if not token:
            return items
    raise DecodeError(f"the pages of the list do not end: {len(seen)} were read")
