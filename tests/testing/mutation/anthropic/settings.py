"""What settings, and variables of the environment, make of a request to Anthropic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate import errors
from llmgate.testing import CANARY, GoldenCall
from tests.testing.mutation.anthropic.sent import BODY, NEWEST, SAMPLED, URL
from tests.testing.mutation.anthropic.values import ASK

__all__ = ["SETTINGS"]

RELAY = "https://relay.invalid/v1/messages"
KEY = {"x-api-key": CANARY}
TOKEN = {"authorization": "Bearer token-1"}


def made(
    name: str,
    headers: Mapping[str, str],
    url: str = URL,
    version: str = NEWEST,
    **environment: str,
) -> GoldenCall:
    """A plain call of a provider that is made under these variables."""
    sent = {"anthropic-version": version, **headers}
    settings = {"api_key": CANARY} if headers == KEY else {}
    return GoldenCall(name, ASK, BODY, url, sent, [], settings=settings, environment=environment)


def configured(
    name: str,
    url: str = URL,
    version: str = NEWEST,
    headers: Mapping[str, str] = KEY,
    **settings: Any,
) -> GoldenCall:
    """A plain call of the provider with these settings."""
    sent = {"anthropic-version": version, **headers}
    return GoldenCall(name, ASK, BODY, url, sent, [], settings=settings)


SETTINGS = [
    made("address", KEY, RELAY, SAMPLED, ANTHROPIC_BASE_URL="https://relay.invalid"),
    made("address with v1", KEY, RELAY, SAMPLED, ANTHROPIC_BASE_URL="https://relay.invalid/v1"),
    made("address with all", KEY, RELAY, SAMPLED, ANTHROPIC_BASE_URL=RELAY),
    made("former address", KEY, RELAY, SAMPLED, ANTHROPIC_API_BASE="https://relay.invalid"),
    made("key", {"x-api-key": "key-1"}, ANTHROPIC_API_KEY="key-1"),
    made("token", TOKEN, ANTHROPIC_AUTH_TOKEN="token-1"),
    made(
        "headers",
        {"x-api-key": "key-1", "x-team": "a"},
        ANTHROPIC_API_KEY="key-1",
        ANTHROPIC_CUSTOM_HEADERS="X-Team: a",
    ),
    configured("version", version="2024-01-02", api_version="2024-01-02"),
    GoldenCall(
        "further headers",
        ASK,
        BODY,
        URL,
        {**KEY, "anthropic-beta": "b"},
        [],
        settings={"headers": {"anthropic-beta": "b"}},
    ),
    configured("given address", RELAY, SAMPLED, base_url="https://relay.invalid"),
    GoldenCall("no date", ASK, error=errors.InvalidRequestError, settings={"api_version": "new"}),
    GoldenCall(
        "a given token",
        ASK,
        BODY,
        URL,
        TOKEN,
        [],
        settings={"auth_token": "token-1"},
        environment={"ANTHROPIC_AUTH_TOKEN": "token-2"},
    ),
]
