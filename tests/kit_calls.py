"""Calls as tests of the kit of providers give them."""

from __future__ import annotations

from typing import Any

from llmgate.messages import MessageParam
from llmgate.provider import ProviderCall

HOST = "https://api.acme.com/v1"

HELLO: list[MessageParam] = [{"role": "user", "content": "Hi"}]


def call_with(parameters: Any = None, **fields: Any) -> ProviderCall:
    given: Any = parameters or {}
    return ProviderCall("m", HELLO, given, **fields)


def reported(call: ProviderCall) -> list[tuple[str, str]]:
    return [(each.kind, each.path) for each in call.report]
