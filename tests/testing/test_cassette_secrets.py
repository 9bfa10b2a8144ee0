"""No credential is in a cassette, wherever it stood, in whatever form."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from llmgate import Client, RateLimitError, StreamTruncatedError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, Secret
from llmgate.testing import (
    Canned,
    CannedTransport,
    UnknownRequestError,
    cassette,
)
from llmgate.testing.cassettes.scrubbing import Scrubber
from llmgate_openai import OpenAI
from tests.testing.canned_openai import (
    KEY,
    NOBODY,
    ask,
    client_of,
    event,
    reply,
    streamed,
    transport_of,
    written,
)

# --- what is hidden ---


ESCAPED = KEY.replace("/", "\\/").replace("+", "\\u002b")


def has_canary(text: str, key: str = KEY) -> bool:
    """Whether a credential stands in a text in any form."""
    raw = key.encode()
    aligned = [b64encode(raw[at : at + (len(raw) - at) // 3 * 3]).decode() for at in range(3)]
    return any(form in text for form in (key, quote(key, safe=""), key[:20], *aligned))


def read_text(path: Path) -> str:
    """What stands in a file."""
    return path.read_text()


async def record(path: Path, canned: Canned, **options: Any) -> str:
    """What stands in the file after one call."""
    with cassette(path):
        try:
            made = await ask(client_of([canned], max_retries=0), **options)
            if options.get("stream"):
                await made.completion()
        except (RateLimitError, StreamTruncatedError):
            pass
    return read_text(path)


PLACES: Mapping[str, Canned] = {
    "body": reply(f"your key is {KEY}."),
    "percent-encoded": reply(f"https://h/?k={quote(KEY, safe='')}"),
    **{
        f"base64 at {before}": reply(b64encode(b"." * before + KEY.encode() + b"..").decode())
        for before in range(3)
    },
    "escaped": Canned(200, {}, reply("§").pieces()[0].replace("§".encode(), ESCAPED.encode())),
    "name of a field": reply("x", extra={KEY: 1}),
    "header of the list": Canned(200, {"x-request-id": KEY}, reply("x").pieces()),
    "other header": Canned(200, {"x-echo": KEY, "set-cookie": KEY}, reply("x").pieces()),
    "error": Canned.json({"error": {"message": f"bad key {KEY}"}}, status=429),
    "text": Canned(429, {}, f"<p>{KEY}</p>".encode()),
    "binary": Canned(429, {}, b"\xff" + KEY.encode()),
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_canary_in_a_response_is_not_recorded(tmp_path: Path, place: str) -> None:
    """Wherever the host repeats the key."""
    text = await record(tmp_path / "x.json", PLACES[place])
    assert not has_canary(text), text
    assert 1 == len(json.loads(text)["exchanges"])


@pytest.mark.parametrize("cut", [3, 15, 27])
async def test_a_canary_across_chunks_is_not_recorded(tmp_path: Path, cut: int) -> None:
    """Neither over pieces of the body, nor over the texts of events."""
    one, end = event(f"key {KEY} .."), event(".") + b"data: [DONE]\n\n"
    at = one.index(KEY.encode()) + cut
    spread = [one[:at], one[at : at + 1], one[at + 1 :], event(KEY[:cut]), event(KEY[cut:] + " !")]
    text = await record(tmp_path / "x.json", streamed(*spread, end), stream=True)
    assert KEY[:cut] + '"' not in text
    assert KEY[cut:] not in text
    with cassette(tmp_path / "x.json"):
        completion = await (await ask(client_of(NOBODY), stream=True)).completion()
    assert "key *** ..*** !." == completion.text


async def test_a_canary_in_a_request_is_not_recorded(tmp_path: Path) -> None:
    """In its headers, its address, its query, its body, and what a Secret revealed."""
    other = "swordfish-9876543210"
    path = tmp_path / "x.json"
    provider = OpenAI(api_key=KEY, base_url="https://h.invalid/v1?api_key=q-canary-88")
    client = Client(providers={"openai": provider}, transport=CannedTransport([reply("x")]))
    with cassette(path):
        hidden = Secret(other).reveal()
        await ask(
            client,
            f"{KEY} q-canary-88 {hidden}",
            extra_headers={"X-Mine": "mine-canary-99"},
            extra_body={"password": "short", "note": "mine-canary-99"},
        )
    text = path.read_text()
    found = [each for each in ("canary", "swordfish", "short") if each in text]
    assert [] == found
    sent = written(path)["exchanges"][0]["request"]
    assert "https://h.invalid/v1/chat/completions?api_key=***" == sent["url"]
    assert {"content-type"} >= sent["headers"].keys()
    assert "*** *** ***" == sent["json"]["messages"][0]["content"]
    with cassette(path), pytest.raises(UnknownRequestError) as caught:
        await ask(client, KEY)
    assert not has_canary(str(caught.value))


async def test_a_user_of_an_address_is_not_recorded(tmp_path: Path) -> None:
    """Nor the password, in the address or wherever it is repeated."""
    path = tmp_path / "x.json"
    provider = OpenAI(base_url="https://ann:pass-canary-77@h.invalid/v1")
    client = Client(providers={"openai": provider}, transport=CannedTransport([reply("x")]))
    with cassette(path):
        await ask(client, "pass-canary-77")
    assert [] == [each for each in ("canary", "ann") if each in path.read_text()]
    assert (
        "https://h.invalid/v1/chat/completions" == written(path)["exchanges"][0]["request"]["url"]
    )


async def test_tokens_of_sign_ins_are_not_recorded(tmp_path: Path) -> None:
    """Neither what is sent for one, nor the token, nor where it is used."""
    sign_in = HttpRequest(
        "POST",
        "https://login.invalid/token",
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"grant_type=client_credentials&client_secret=canary-in-form&assertion=abc",
        stream=False,
    )
    use = HttpRequest("GET", "https://h.invalid/", {"Authorization": "Bearer canary-token"}, b"")
    answers = [Canned.json({"access_token": "canary-token", "expires_in": 5}), Canned(200, {}, b"")]
    path = tmp_path / "x.json"
    with cassette(path) as tape:
        for request in (sign_in, use):
            real = transport_of([answers.pop(0)])
            incoming = await tape._open(request, Timeout(), real)
            while await incoming.read():
                pass
    text = path.read_text()
    assert "canary" not in text
    assert "assertion=abc" not in text
    assert "grant_type=client_credentials&client_secret=***&assertion=***" in text
    assert '"access_token": "***"' in text


def test_of_two_cassettes_each_learns_what_is_revealed() -> None:
    """Also where the one that was opened first is closed first; then nobody listens any more."""
    before, first, second = vars(Secret)["reveal"], Scrubber(), Scrubber()
    with ExitStack() as later:
        with first.watch():
            later.enter_context(second.watch())
        assert "key-of-another" == Secret("key-of-another").reveal()
    assert ("***", "key-of-another") == (
        second.text("key-of-another"),
        first.text("key-of-another"),
    )
    assert before is vars(Secret)["reveal"]


def test_what_stands_beside_an_odd_index_is_hidden() -> None:
    """An index is mostly a number; one that is a list, say, names nothing."""
    scrubber = Scrubber()
    scrubber.learn(KEY)
    sent: Any = {"choices": [{"index": [1], "text": KEY}, {"index": [2], "text": "x"}]}
    [piece] = scrubber.stream([f"data: {json.dumps(sent)}\n\n".encode()])
    sent["choices"][0]["text"] = "***"
    assert sent == json.loads(piece.removeprefix(b"data: "))
