"""What ``authorize`` sees is all that is sent, so that a signature over it is right."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from llmgate import Client, Stream
from llmgate.provider import Signing
from llmgate.provider.http import HttpRequest
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL
from tests.faults.peer import Seen
from tests.faults.server import COMPLETION, FaultServer, reply
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)


def signature_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
    """A digest of all that a request is, but for what a transport adds."""
    added = {"host", "accept", "accept-encoding", "user-agent", "content-length", "x-signature"}
    lines = sorted(f"{n.lower()}:{v}" for n, v in headers.items() if n.lower() not in added)
    return hashlib.sha256("\n".join([method, target, *lines]).encode() + body).hexdigest()


class Signer(PlainProvider):
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


class Careless(PlainProvider):
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
