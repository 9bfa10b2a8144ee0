"""A call with tools, for tests of their emulation."""

from __future__ import annotations

from typing import Any, cast

from llmgate.messages import MessageParam
from llmgate.options import ChatParameters
from llmgate.provider.call import ProviderCall
from llmgate.report import Report

WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
CLOCK: dict[str, Any] = {"name": "clock"}
USER: dict[str, Any] = {"role": "user", "content": "Is it warm in Paris?"}


def tools(*functions: dict[str, Any]) -> list[dict[str, Any]]:
    """Functions as tools."""
    return [{"type": "function", "function": function} for function in functions]


def named(name: str) -> dict[str, Any]:
    """The choice of one function."""
    return {"type": "function", "function": {"name": name}}


def make_call(
    *messages: dict[str, Any], report: Report | None = None, **parameters: Any
) -> ProviderCall:
    """A call that offers both functions, unless it says otherwise."""
    given = {"tools": tools(WEATHER, CLOCK), **parameters}
    return ProviderCall(
        "model",
        cast("list[MessageParam]", list(messages or (USER,))),
        cast("ChatParameters", {key: value for key, value in given.items() if value is not None}),
        report=Report() if report is None else report,
    )
