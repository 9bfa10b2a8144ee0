"""What settings, and variables of the environment, make of a request to OpenAI."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import CANARY, GoldenCall
from tests.testing.mutation.openai.sent import ASK, HEADERS, URL
from tests.testing.mutation.openai.values import TOOLS

__all__ = ["SETTINGS"]

RELAY = "https://relay.invalid/v1/chat/completions"
GIVEN = {"authorization": f"Bearer {CANARY}"}


def made(
    name: str,
    headers: dict[str, str],
    url: str = URL,
    *,
    report: list[str] | None = None,
    **environment: str,
) -> GoldenCall:
    """A plain call of a provider that is made under these variables."""
    settings = (
        {"api_key": CANARY} if headers.get("authorization") == HEADERS["authorization"] else {}
    )
    return GoldenCall(
        name, ASK, ASK, url, headers, report or [], settings=settings, environment=environment
    )


def configured(name: str, url: str = URL, sent: Any = None, **settings: Any) -> GoldenCall:
    """A plain call of the provider with these settings, and these headers beside the usual."""
    return GoldenCall(name, ASK, ASK, url, {**GIVEN, **(sent or {})}, [], settings=settings)


FUNCTIONS = {"functions": [{"name": "f"}], "function_call": "auto"}


def forced(name: str, report: list[str], sent: dict[str, Any], **options: Any) -> GoldenCall:
    """A call that goes to chat completions though its model wants another API for it."""
    call = {**ASK, "model": "gpt-5.5", **options}
    return GoldenCall(name, call, {**call, **sent}, URL, GIVEN, report, settings={"api": "chat"})


QUIET = {"reasoning_effort": "none"}
INJECTED = ["reasoning_effort injected"]
SETTINGS = (
    forced("tools", INJECTED, QUIET, tools=TOOLS),
    forced("functions", INJECTED, QUIET, **FUNCTIONS),
    forced("an effort", [], {}, tools=TOOLS, reasoning_effort="none"),
    forced("no tools", [], {}),
    forced("another model", [], {}, model="gpt-5", tools=TOOLS),
    *[
        made(f"an address with {end or 'nothing'}", GIVEN, RELAY, OPENAI_BASE_URL=address + end)
        for address in ("https://relay.invalid/v1",)
        for end in ("", "/chat/completions", "/completions", "/embeddings", "/responses")
    ],
    made(
        "a former address",
        GIVEN,
        RELAY,
        report=["base_url defaulted"],
        OPENAI_API_BASE="https://relay.invalid/v1",
    ),
    made("a key", {"authorization": "Bearer key-1"}, OPENAI_API_KEY="key-1"),
    made("an organization", {**GIVEN, "openai-organization": "o-1"}, OPENAI_ORG_ID="o-1"),
    made(
        "an organization's other name",
        {**GIVEN, "openai-organization": "o-1"},
        OPENAI_ORGANIZATION="o-1",
    ),
    made("a project", {**GIVEN, "openai-project": "p-1"}, OPENAI_PROJECT_ID="p-1"),
    made(
        "further headers",
        {"authorization": "Bearer key-1", "x-team": "a"},
        OPENAI_API_KEY="key-1",
        OPENAI_CUSTOM_HEADERS="X-Team: a",
    ),
    configured("a given organization", sent={"openai-organization": "o-2"}, organization="o-2"),
    configured("a given project", sent={"openai-project": "p-2"}, project="p-2"),
    configured("given headers", sent={"x-team": "b"}, headers={"X-Team": "b"}),
    configured("a given address", RELAY, base_url="https://relay.invalid/v1"),
    configured("chat", api="chat"),
    GoldenCall("no such API", ASK, error=errors.InvalidRequestError, settings={"api": "odd"}),
)
