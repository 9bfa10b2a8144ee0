"""What ``authorize`` sees is all that is sent, so that a signature over it is right."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.errors import MissingKeyError
from llmgate.hooks import AttemptStarted
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest
from llmgate.testing.signing import FixedSigning
from llmgate_anthropic import Anthropic
from llmgate_azure import AzureOpenAI
from llmgate_cohere import Cohere
from llmgate_openai import OpenAI
from llmgate_replicate import Replicate
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, Recorder
from tests.faults.dialects import DIALECTS
from tests.faults.server import COMPLETION, FaultServer, Seen, reply

ANSWER = reply(body=COMPLETION)


def signature_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
    """A digest of all that a request is, but for what a transport adds."""
    added = {"host", "accept", "accept-encoding", "user-agent", "content-length", "x-signature"}
    lines = sorted(f"{n.lower()}:{v}" for n, v in headers.items() if n.lower() not in added)
    return hashlib.sha256("\n".join([method, target, *lines]).encode() + body).hexdigest()


class Signer(OpenAI):
    """Signs each attempt, as AWS's and others' protocols do."""

    signed = 0

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        self.signed += 1
        request = (await super().authorize(request, signing)).with_headers(
            {"X-Date": f"{self.signed}"}
        )
        target = request.url.partition("//")[2]
        target = target[target.index("/") :]
        signature = signature_of(request.method, target, request.headers, request.body)
        return request.with_headers({"X-Signature": signature})


def is_right(seen: Seen) -> bool:
    """Whether the signature of what arrived is that of what arrived."""
    signature = signature_of(seen.method, seen.target, seen.headers, seen.body)
    return signature == seen.headers["x-signature"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_signature_holds_through_retries(stream: bool) -> None:
    """With headers of the caller, which it covers; each attempt is signed anew."""
    given = {"X-Team": "7", "content-TYPE": "application/json; charset=utf-8", "x-date": "mine"}
    with FaultServer(reply(503), reply(503), ANSWER) as server:
        signer = Signer(api_key=KEY, base_url=server.url)
        async with Client(providers={"openai": signer}, retry=AT_ONCE) as client:
            answer = await client.acompletion(MODEL, HI, stream=stream, extra_headers=given)
            if isinstance(answer, Stream):
                await answer.aclose()
    assert [True] * 3 == [is_right(seen) for seen in server.requests]
    for seen in server.requests:
        assert given == {name: seen.headers[name.lower()] for name in given}


class Careless(OpenAI):
    """Puts its own header in place of whatever is there."""

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        return replace(request, headers={"X-Whole": "yes"})


async def test_nothing_changes_a_header_after_authorize() -> None:
    """Not even in favour of the caller's."""
    with FaultServer(ANSWER) as server:
        provider = Careless(api_key=KEY, base_url=server.url)
        async with Client(providers={"openai": provider}) as client:
            await client.acompletion(MODEL, HI, extra_headers={"X-Whole": "no", "X-Mine": "1"})
    added = {"host", "accept", "accept-encoding", "user-agent", "content-length"}
    assert {"x-whole": "yes"} == {
        name: text for name, text in server.requests[0].headers.items() if name not in added
    }


CREDENTIALS = ("Authorization", "X-API-Key", "API-Key")


@pytest.mark.parametrize("name", sorted(DIALECTS))
async def test_a_credential_that_the_caller_gave(name: str) -> None:
    """Every provider leaves it as it is, in whatever case it was written."""
    dialect = DIALECTS[name]
    given = {header: f"the caller's {header}" for header in CREDENTIALS}
    recorder = Recorder()
    with dialect.serve(dialect.reply()) as server:
        client = Client(providers={name: dialect.make(server.url)}, hooks=[recorder])
        async with client:
            await client.acompletion(dialect.model, HI, extra_headers=given)
    assert server.requests
    for seen in [*server.requests, *server.asides]:
        assert given == {header: seen.headers[header.lower()] for header in CREDENTIALS}
    started = recorder.all(AttemptStarted)
    assert {"***"} == {event.request.headers[header] for event in started for header in given}


OFFICIAL: list[tuple[Any, str, str]] = [
    (OpenAI, "Authorization", "https://api.openai.com/v1/x"),
    (Anthropic, "x-api-key", "https://api.anthropic.com/v1/x"),
    (Anthropic, "Authorization", "https://api.anthropic.com/v1/x"),
    (Cohere, "Authorization", "https://api.cohere.com/v2/x"),
    (Replicate, "Authorization", "https://api.replicate.com/v1/x"),
    (AzureOpenAI, "api-key", "https://r.openai.azure.com/x"),
    (AzureOpenAI, "Authorization", "https://r.openai.azure.com/x"),
]


@pytest.mark.parametrize(("make", "name", "url"), OFFICIAL)
async def test_a_credential_of_the_caller_is_enough(
    make: Any, name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider without a key of its own asks for none."""
    for variable in ("OPENAI", "ANTHROPIC", "CO", "COHERE", "AZURE_OPENAI"):
        monkeypatch.delenv(f"{variable}_API_KEY", raising=False)
    monkeypatch.delenv("REPLICATE_API_TOKEN", raising=False)
    is_azure = make is AzureOpenAI
    provider = make(base_url="https://r.openai.azure.com") if is_azure else make()
    with pytest.raises(MissingKeyError):
        await provider.authorize(HttpRequest("POST", url), FixedSigning())
    given = HttpRequest(
        "POST", url, {name.upper(): "mine"}, given_headers=frozenset({name.lower()})
    )
    assert {name.upper(): "mine"} == (await provider.authorize(given, FixedSigning())).headers
