"""OpenAI, as the author of its plugin would tell the kit: exchanges, and what is to be sent."""

from __future__ import annotations

from tests.testing.mutation.openai.failures import ERRORS
from tests.testing.mutation.openai.relay import RELAYED, RELAYED_CALLS
from tests.testing.mutation.openai.responses import WHOLE
from tests.testing.mutation.openai.sent import SENT
from tests.testing.mutation.openai.settings import SETTINGS
from tests.testing.mutation.openai.streams import STREAMS
from tests.testing.mutation.openai.unusual import UNUSUAL
from tests.testing.mutation.openai.unusual_streams import UNUSUAL_STREAMS
from tests.testing.mutation.openai.usage import USAGES

__all__ = ["CALLS", "EXCHANGES", "RELAYED", "RELAYED_CALLS"]

EXCHANGES = (*WHOLE, *UNUSUAL, *USAGES, *STREAMS, *UNUSUAL_STREAMS, *ERRORS)
CALLS = (*SENT, *SETTINGS)
