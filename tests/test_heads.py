"""The names of a response's headers, which are read in lower case and remembered within bounds."""

from __future__ import annotations

from llmgate.transports._heads import LowerNames


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
