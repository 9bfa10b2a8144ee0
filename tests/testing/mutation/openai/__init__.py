"""OpenAI, as the author of its plugin would tell the kit: exchanges, and what is to be sent."""

from __future__ import annotations

from tests.testing.mutation.openai.failures import ERRORS
from tests.testing.mutation.openai.responses import WHOLE
from tests.testing.mutation.openai.sent import CALLS
from tests.testing.mutation.openai.streams import STREAMS
from tests.testing.mutation.openai.usage import USAGES

__all__ = ["CALLS", "EXCHANGES"]

EXCHANGES = (*WHOLE, *USAGES, *STREAMS, *ERRORS)
