"""Anthropic, as the author of its plugin would tell the kit: exchanges, and what is to be sent."""

from __future__ import annotations

from tests.testing.mutation.anthropic.failures import ERRORS
from tests.testing.mutation.anthropic.formats import FORMATS
from tests.testing.mutation.anthropic.histories import HISTORIES
from tests.testing.mutation.anthropic.parameters import PARAMETERS
from tests.testing.mutation.anthropic.parts import PARTS
from tests.testing.mutation.anthropic.refusals import REFUSALS
from tests.testing.mutation.anthropic.responses import WHOLE
from tests.testing.mutation.anthropic.settings import SETTINGS
from tests.testing.mutation.anthropic.streams import STREAMS
from tests.testing.mutation.anthropic.thinking import THINKING
from tests.testing.mutation.anthropic.tools import CHOICES
from tests.testing.mutation.anthropic.unusual import UNUSUAL
from tests.testing.mutation.anthropic.unusual_streams import UNUSUAL_STREAMS

__all__ = ["CALLS", "EXCHANGES"]

EXCHANGES = (*WHOLE, *UNUSUAL, *STREAMS, *UNUSUAL_STREAMS, *ERRORS)
CALLS = (*PARAMETERS, *THINKING, *FORMATS, *CHOICES, *PARTS, *HISTORIES, *SETTINGS, *REFUSALS)
