"""Addresses of models and of their methods; it knows no host and no key."""

from __future__ import annotations

from urllib.parse import quote

__all__ = ["full_name", "method_url", "resource"]

_PUBLISHERS = {"claude": "anthropic"}


def method_url(model_url: str, method: str, query: str = "") -> str:
    """The address of a model's method; a query of the host's address stays at its end."""
    address, mark, given = model_url.partition("?")
    queries = "&".join(each for each in (query, given) if each)
    return f"{address}:{method}{'?' if mark or query else ''}{queries}"


def full_name(model: str) -> str:
    """A model's name on the Developer API, which has a kind before it, such as ``models/``."""
    return model if "/" in model else f"models/{model}"


def resource(model: str) -> str:
    """Where a model of Vertex AI is, below its project and location, or its whole path.

    ``publisher/name`` is a model of another publisher's; ``endpoints/…`` and whole paths are as
    they were given.
    """
    if not model.startswith(("projects/", "publishers/", "endpoints/")):
        publisher, slash, name = model.partition("/")
        if not slash:
            publisher, name = _PUBLISHERS.get(model.partition("-")[0], "google"), model
        model = f"publishers/{publisher}/models/{name}"
    return quote(model, safe="/@:")
