"""Cassettes: exchanges that are recorded once and replayed from then on, without a network.

Nothing is imported by this name that is not used: pytest least of all.
"""

from __future__ import annotations

from llmgate.testing.cassettes.cassette import Cassette, Mode, UnknownRequestError, cassette
from llmgate.testing.cassettes.file import CassetteError

__all__ = ["Cassette", "CassetteError", "Mode", "UnknownRequestError", "cassette"]
