"""The conformance kit, on predictions as Replicate answers them."""

from __future__ import annotations

import json
from pathlib import Path

from llmgate.testing import CANARY, ProviderConformance, RecordedExchange
from llmgate.wire import HttpReply
from llmgate_replicate import Replicate

HERE = Path(__file__).parent
MODEL = "acme/chat"


class TestReplicate(ProviderConformance):
    """Everything that every provider does."""

    provider = Replicate(
        api_key=CANARY,
        schemas={MODEL: json.loads((HERE / "schemas.json").read_text())["openai"]},
    )
    model = MODEL
    exchanges = tuple(
        RecordedExchange(
            name=case["name"],
            call={"model": MODEL, **case["call"]},
            replies=[
                HttpReply(r["status"], r["headers"], r["body"].encode()) for r in case["replies"]
            ],
            text=case.get("text"),
            finish_reason=case.get("finish_reason"),
        )
        for case in json.loads((HERE / "exchanges.json").read_text())
    )
