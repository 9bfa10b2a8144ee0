"""Which requests are the same for a cassette."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.testing import (
    Canned,
    UnknownRequestError,
    cassette,
)
from tests.testing.canned_openai import (
    NOBODY,
    ask,
    client_of,
    reply,
    transport_of,
)

# --- what is the same request ---


def exchanged(url: str, body: Any, **headers: str) -> HttpRequest:
    """A request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest("POST", url, headers, data)


H, FORM = "https://h.invalid/", "multipart/form-data"
U1, U2 = "8b4cfa94-6f1c-4a6e-9d0a-0f6e6a1f4e11", "11111111-2222-4333-8444-555555555555"
SAME: Sequence[tuple[HttpRequest, HttpRequest]] = [
    (exchanged(H, {"m": 1}, Authorization="Bearer aaaaaaaaa"), exchanged(H, {"m": 1}, Date="x")),
    (exchanged(H, {"a": 1, "b": 2}), exchanged(H, {"b": 2, "a": 1})),
    (exchanged(H, {"t": f"run {U1}"}), exchanged(H, {"t": f"run {U2}"})),
    (exchanged(H, {"t": "on 2026-11-30"}), exchanged(H, {"t": "on 2027-01-01"})),
    (exchanged(H, {"created": 17}), exchanged(H, {"created": 18})),
    (
        exchanged(H, [{"id": "call_a"}, {"tool_call_id": "call_a"}]),
        exchanged(H, [{"id": "call_b"}, {"tool_call_id": "call_b"}]),
    ),
    (
        exchanged(f"{H}?X-Amz-Signature=abc&X-Amz-Date=20261130T181500Z", b""),
        exchanged(f"{H}?X-Amz-Signature=def&X-Amz-Date=20261130T181900Z", b""),
    ),
    (
        exchanged(
            H, b"--abc\r\nx\r\n--abc--", **{"Content-Type": "multipart/form-data; boundary=abc"}
        ),
        exchanged(
            H, b"--xyz\r\nx\r\n--xyz--", **{"Content-Type": "multipart/form-data; boundary=xyz"}
        ),
    ),
    (exchanged("http://127.0.0.1:81/v1", b"a"), exchanged("http://127.0.0.1:4821/v1", b"a")),
    (exchanged(H, {"run": {"seed": 1}}), exchanged(H, {"run": {"seed": 2}})),
]
DIFFERENT: Sequence[tuple[HttpRequest, HttpRequest]] = [
    (exchanged(H, {"m": 1}), exchanged(H, {"m": 2})),
    (exchanged(H, {"m": 1}), exchanged(H + "x", {"m": 1})),
    (
        exchanged(H, [{"id": "a"}, {"id": "b"}, {"tool_call_id": "a"}]),
        exchanged(H, [{"id": "a"}, {"id": "b"}, {"tool_call_id": "b"}]),
    ),
    (exchanged(H, b"text"), exchanged(H, b"texts")),
]


async def is_found(path: Path, recorded: HttpRequest, sent: HttpRequest) -> bool:
    """Whether a request is replayed where another was recorded."""
    with cassette(path) as tape:
        incoming = await tape._open(recorded, Timeout(), transport_of([Canned(200, {}, b"x")]))
        await incoming.read()
    with cassette(path, ignore=["seed"]) as tape:
        try:
            await tape._open(sent, Timeout(), transport_of(NOBODY))
        except UnknownRequestError:
            return False
    return True


@pytest.mark.parametrize(("recorded", "sent"), SAME)
async def test_what_changes_by_itself_is_the_same(
    tmp_path: Path, recorded: HttpRequest, sent: HttpRequest
) -> None:
    """Ids, dates, signatures, boundaries, ports, and what the test names."""
    assert await is_found(tmp_path / "x.json", recorded, sent)


@pytest.mark.parametrize(("recorded", "sent"), DIFFERENT)
async def test_what_differs_is_not(
    tmp_path: Path, recorded: HttpRequest, sent: HttpRequest
) -> None:
    """A value, an address, which id is meant."""
    assert not await is_found(tmp_path / "x.json", recorded, sent)


async def test_the_very_same_comes_first(tmp_path: Path) -> None:
    """Before one that differs in what changes by itself."""
    path = tmp_path / "x.json"
    with cassette(path):
        client = client_of([reply("one"), reply("two")])
        await ask(client, f"run {U1}")
        await ask(client, f"run {U2}")
    with cassette(path):
        assert "two" == (await ask(client_of(NOBODY), f"run {U2}")).text
        assert "one" == (await ask(client_of(NOBODY), f"run {U2}")).text


async def test_an_empty_cassette_knows_nothing(tmp_path: Path) -> None:
    """There is nothing to be compared."""
    path = tmp_path / "x.json"
    path.write_text('{"llmgate_cassette": 1, "exchanges": []}')
    with cassette(path), pytest.raises(UnknownRequestError, match="does not hold this request"):
        await ask(client_of(NOBODY))
