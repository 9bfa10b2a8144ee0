"""A mock server on this machine that speaks the formats of five providers, and fails by name.

Nothing of it is imported before it is used.
"""

from __future__ import annotations

from llmgate.testing.mock_server.faults import FAULTS, Fault
from llmgate.testing.mock_server.server import MockServer, Received, server

__all__ = ["FAULTS", "Fault", "MockServer", "Received", "server"]
