"""Settings of a vendor whose requests are signed, and whose credentials they are signed with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    AuthenticationError,
    ProviderError,
)
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import Settings, Vendor
from llmgate_bedrock.credentials import (
    CREDENTIALS,
    Authorizer,
)
from llmgate_openai import OpenAI
from tests.aws import AwsKey, Reply, Verified
from tests.faults.calls import AT_ONCE, HI
from tests.sdk import OPENAI_ANSWER

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
VENDOR = Vendor(
    name="Bedrock",
    hosts=("bedrock-runtime.us-east-1.amazonaws.com",),
    base_url=HOST,
    base_url_variables=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
    credentials=CREDENTIALS,
)
KNOWN = {
    "AKIDCODE": AwsKey("secret-code"),
    "AKIDENV": AwsKey("secret-env"),
    "AKIDFILE": AwsKey("secret-file"),
    "AKIDTEMP": AwsKey("secret-temp", "token-temp"),
}


def environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


class Signed(OpenAI):
    """Sends OpenAI's requests with AWS's signatures."""

    def __init__(self, url: str, profile: str | None = None, **settings: Any) -> None:
        super().__init__(api_key="x", base_url=url)
        self._authorizer = Authorizer(Settings(VENDOR, base_url=url, **settings), profile)

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return await self._authorizer.authorized(request, signing, "us-east-1")

    def error(self, reply: HttpResponse) -> ProviderError:
        if reply.status == 403:
            return AuthenticationError("refused", status=403, retryable=True)
        return super().error(reply)


def completed(_: Verified) -> Reply:
    return Reply(OPENAI_ANSWER)


async def ask(provider: Signed, times: int = 1) -> None:
    async with Client(providers={"openai": provider}, retry=AT_ONCE) as client:
        await asyncio.gather(*(call_once(client) for _ in range(times)))


async def call_once(client: Client) -> None:
    completion = await client.acompletion("openai/gpt-4o", HI, extra_headers={"X-A": "b  c"})
    assert completion.choices
