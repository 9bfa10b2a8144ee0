"""The conformance kit, on predictions as Replicate answers them (``exchanges.json``)."""

import json
from pathlib import Path
from typing import Any

from llmgate import errors
from llmgate.provider.http import HttpResponse
from llmgate.testing import CANARY, ProviderConformance, RecordedExchange
from llmgate_replicate import Replicate

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "schemas.json").read_text())["openai"]
CASES = json.loads((HERE / "exchanges.json").read_text())


def exchange(error: str = "", **case: Any) -> RecordedExchange:
    said = [
        HttpResponse(r["status"], r["headers"], r["body"].encode()) for r in case.pop("replies")
    ]
    return RecordedExchange(replies=said, error=getattr(errors, error, None), **case)


class TestReplicate(ProviderConformance):
    """Everything that every provider does."""

    provider = Replicate(api_key=CANARY, schemas={"model": SCHEMA, "acme/chat": SCHEMA})
    model = "acme/chat"
    most_splits = most_cuts = 60
    exchanges = tuple(exchange(**case) for case in CASES)
