"""Heads: what may stand in that of a request, and the names in that of a response."""

from __future__ import annotations

import pytest

from llmgate.errors import InvalidRequestError
from llmgate.provider.http import HttpRequest
from llmgate.transports._heads import LowerNames, check_head


def test_names_in_lower_case() -> None:
    """However a server writes them; the same name is made once."""
    names = LowerNames()
    assert ("x-request-id", "x-request-id") == (names["X-Request-ID"], names["x-request-id"])
    assert names["Content-Type"] is names["Content-Type"]


def test_a_server_of_many_names_fills_no_memory() -> None:
    """Neither long names nor endlessly many are remembered; each is right all the same."""
    names = LowerNames()
    assert "x" * 65 == names["X" * 65]
    assert not names
    assert [f"x-{n}" for n in range(3000)] == [names[f"X-{n}"] for n in range(3000)]
    assert len(names) == 1024


def test_a_head_may_say_how_long_its_body_is() -> None:
    """If that is so, however the header is written."""
    check_head(HttpRequest("POST", "http://h/", {"a": "b", "Content-Length": "2"}, b"{}"))
    with pytest.raises(InvalidRequestError, match="where the body ends"):
        check_head(HttpRequest("POST", "http://h/", {"content-length": "3"}, b"{}"))
    with pytest.raises(InvalidRequestError, match="where the body ends"):
        check_head(HttpRequest("POST", "http://h/", {"Transfer-Encoding": "chunked"}, b"{}"))
    with pytest.raises(InvalidRequestError, match="capital letters"):
        check_head(HttpRequest("post", "http://h/"))
