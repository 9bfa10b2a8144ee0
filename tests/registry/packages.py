"""Providers and packages that are made for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import (
    Distribution,
    distributions,
)
from pathlib import Path

from llmgate.provider import Decoder, Provider
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow
from llmgate.types import Chunk, Completion


class Canned(Provider):
    """A provider with settings."""

    protocol = 2
    name = "canned"
    models = ("canned-*",)

    def __init__(self, *, api_key: str | None = None, base_url: str | None = None) -> None:
        self.settings = {"api_key": api_key, "base_url": base_url}

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """No test here makes a call."""
        raise NotImplementedError

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """Likewise."""
        raise NotImplementedError


class Rival(Canned):
    """Another one that claims the same models."""

    name = "rival"


Install = Callable[..., None]


def distributions_in(folder: Path) -> Iterable[Distribution]:
    """The packages of one folder."""
    return distributions(path=[str(folder)])
