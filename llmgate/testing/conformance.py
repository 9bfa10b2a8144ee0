"""The conformance kit: what every provider must do, as tests for its author to run.

It needs pytest and nothing else: no network, no key, no plugin of pytest.
"""

from __future__ import annotations

from llmgate.testing._answers import Answers
from llmgate.testing._authorization import Authorization
from llmgate.testing._basis import CANARY
from llmgate.testing._conduct import Conduct
from llmgate.testing._failures import Failures
from llmgate.testing._messages import Messages
from llmgate.testing._round_trip import RoundTrip
from llmgate.testing._streams import Streams

__all__ = ["CANARY", "ProviderConformance"]


class ProviderConformance(Messages, RoundTrip, Answers, Streams, Failures, Conduct, Authorization):
    """All tests; subclass it in a test module and say what is to be tested.

        class TestAcme(ProviderConformance):
            provider = Acme(api_key=CANARY)
            exchanges = (RecordedExchange("hello", {…}, (HttpResponse(200, {}, b"…"),), text="Hi"),)

    Attributes:
        provider: The provider, made with ``api_key=CANARY``; or override ``make_provider``.
        exchanges: Recorded :class:`~llmgate.testing.recordings.RecordedExchange`, at best an
            answer, a stream, tool calls and each kind of error. Tests that need one skip without.
        calls: Golden calls: what exactly is to be sent.
        model: The model of the calls that the tests make up.
        secret: What must never show; None for a provider that has none.
        keeps_unknown_fields: False only where replies have no object to which a provider could add.
        ends_with_connection: True only where the end of the bytes is the only end of a stream that
            the protocol has, so that a truncated response cannot be distinguished from a whole one.
        preliminary_replies: Replies by URL, to what the provider asks before it sends a call, such
            as what a model can do; tests of what is sent need them.
        most_splits: At how many places a stream is split in two.
        most_cuts: At how many places it is broken off, beside its last 200 bytes.
    """
