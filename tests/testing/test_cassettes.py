"""Cassettes: what is recorded is replayed, as the mode says, and reads well in a diff."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, InvalidRequestError, RequestError, StreamTruncatedError
from llmgate.errors import ClosedError, ReadError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.testing import (
    Canned,
    CassetteError,
    FakeProvider,
    UnknownRequestError,
    cassette,
)
from llmgate_openai import OpenAI
from tests.testing.canned_openai import (
    HI,
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

# --- recorded and replayed ---


async def test_a_completion_is_recorded_and_replayed(tmp_path: Path) -> None:
    """With no transport at all the second time."""
    path = tmp_path / "new" / "x.json"
    async with cassette(path) as tape:
        assert "Paris" == (await ask(client_of([reply("Paris")]))).text
    assert (1, 0) == (tape.recorded, tape.replayed)
    async with cassette(path) as tape:
        assert "Paris" == (await ask(client_of(NOBODY))).text
    assert (0, 1) == (tape.recorded, tape.replayed)


async def test_a_stream_is_replayed_with_its_boundaries(tmp_path: Path) -> None:
    """Also one in the middle of a character."""
    whole = event("Grüße") + event("!") + b"data: [DONE]\n\n"
    text = json.dumps({"choices": [{"index": 0, "delta": {"content": "ü"}}]}, ensure_ascii=False)
    raw = f"data: {text}\n\n".encode()
    cut = raw.index(b"\xc3") + 1
    pieces = [whole[:30], whole[30:-14], raw[:cut], raw[cut:], whole[-14:]]
    with cassette(tmp_path / "x.json"):
        stream = await ask(client_of([streamed(*pieces)]), stream=True)
        assert "Grüße!ü" == (await stream.completion()).text
    with cassette(tmp_path / "x.json"):
        stream = await ask(client_of(NOBODY), stream=True)
        assert "Grüße!ü" == (await stream.completion()).text
    chunks = written(tmp_path / "x.json")["exchanges"][0]["response"]["chunks"]
    assert 5 == len(chunks)
    assert {"base64"} == chunks[2].keys()
    assert ["data: [DONE]\n", "\n"] == chunks[4]


async def test_the_pauses_of_a_stream_are_kept_where_asked(tmp_path: Path) -> None:
    """And replayed where asked."""
    path = tmp_path / "x.json"

    class Slow:
        """A response whose pieces take their time."""

        status = 200
        headers: Mapping[str, str] = {"content-type": "text/event-stream"}

        def __init__(self) -> None:
            self.pieces = iter([event("a"), event("b"), b"data: [DONE]\n\n"])

        async def read(self) -> bytes:
            await asyncio.sleep(0.05)
            return next(self.pieces, b"")

        def close(self) -> None: ...

    class Transport:
        """It opens them."""

        async def open(self, request: HttpRequest, timeout: Timeout) -> Slow:
            return Slow()

        async def aclose(self) -> None: ...

    client = Client(providers={"openai": OpenAI(api_key=KEY)}, transport=Transport())
    with cassette(path, timing=True):
        await (await ask(client, stream=True)).completion()
    pauses = written(path)["exchanges"][0]["response"]["pauses"]
    assert 3 == len(pauses)
    assert all(pause >= 0.04 for pause in pauses)
    began = time.monotonic()
    with cassette(path, timing=True):
        await (await ask(client, stream=True)).completion()
    assert time.monotonic() - began >= 0.12
    with cassette(path):
        await (await ask(client, stream=True)).completion()


def test_calls_without_await_and_decorators(tmp_path: Path) -> None:
    """Every call of a decorated function begins with the first exchange."""
    path = tmp_path / "x.json"
    waiting = [reply("one")]

    @cassette(path)
    def capital(where: str = "France") -> str:
        """The capital."""
        return str(client_of(waiting).completion("openai/gpt-4o", HI).text)

    @cassette(path)
    async def slowly() -> str:
        return str((await ask(client_of(NOBODY))).text)

    assert ["one", "one"] == [capital(), capital()]
    assert "The capital." == capital.__doc__
    assert "one" == asyncio.run(slowly())


def test_what_goes_on_after_its_call_is_refused_as_decorated(tmp_path: Path) -> None:
    """A generator would run outside the cassette, and send for real; a class would be none."""
    record = cassette(tmp_path / "x.json")

    def fixture() -> Iterator[int]:
        yield 1

    async def slow_fixture() -> AsyncIterator[int]:
        yield 1

    for given in (fixture, slow_fixture, Client):
        with pytest.raises(InvalidRequestError, match="`with cassette"):
            record(given)


async def test_every_provider_is_recorded_by_its_transport(tmp_path: Path) -> None:
    """Also one that has a transport of its own, whose script is not asked again."""
    path = tmp_path / "x.json"
    for answers in (["Paris", ["Ro", "me"]], []):
        client = Client(providers={"fake": FakeProvider(answers)})
        with cassette(path):
            assert "Paris" == (await client.acompletion("fake/m", HI)).text
            stream = await client.acompletion("fake/m", HI, stream=True)
            assert "Rome" == (await stream.completion()).text
    assert "llmgate_cassette" in path.read_text()


async def test_the_same_request_is_replayed_in_order(tmp_path: Path) -> None:
    """Retries among them: the refusal is replayed, too."""
    path = tmp_path / "x.json"
    busy = Canned.json({"error": {"message": "busy"}}, status=429, headers={"Retry-After": "0"})
    for replies in ([busy, reply("one"), reply("two")], NOBODY):
        with cassette(path, mode="once"):
            client = client_of(replies, max_retries=1)
            first, second = await ask(client), await ask(client)
            assert ("one", 2, "two", 1) == (
                first.text,
                len(first.attempts),
                second.text,
                len(second.attempts),
            )
    assert "0" == written(path)["exchanges"][0]["response"]["headers"]["retry-after"]


async def test_a_broken_stream_breaks_again(tmp_path: Path) -> None:
    """With the error that came, after what came before it."""
    path = tmp_path / "x.json"
    for replies in ([streamed(event("Par"), then=ReadError("reset"))], NOBODY):
        with cassette(path):
            stream = await ask(client_of(replies), stream=True)
            with pytest.raises(StreamTruncatedError) as caught:
                await stream.completion()
        assert caught.value.partial is not None
        assert "Par" == caught.value.partial.text
    assert "ReadError" == written(path)["exchanges"][0]["response"]["ended"]


async def test_a_stream_that_was_left_ends_there(tmp_path: Path) -> None:
    """Whoever reads on is told why there is no more."""
    path = tmp_path / "x.json"
    with cassette(path):
        stream = await ask(client_of([streamed(event("Par"), event("is"))]), stream=True)
        async for _ in stream:
            break
        await stream.aclose()
    with cassette(path):
        stream = await ask(client_of(NOBODY), stream=True)
        with pytest.raises(StreamTruncatedError, match="nobody read on"):
            await stream.completion()


async def test_a_replayed_response_is_closed(tmp_path: Path) -> None:
    """As others are."""
    with cassette(tmp_path / "x.json") as tape:
        await ask(client_of([reply("x")]))
        sent = HttpRequest("POST", "https://h.invalid/", {}, b"{}")
        transport = tape._intercept(transport_of([Canned(200, {}, b"x")]))
        incoming = await transport.open(sent, Timeout())
        await transport.aclose()
        incoming.close()
    with cassette(tmp_path / "x.json") as tape:
        incoming = await tape._intercept(transport_of(NOBODY)).open(sent, Timeout())
        incoming.close()
        with pytest.raises(ClosedError):
            await incoming.read()


# --- modes ---


async def test_once_records_nothing_into_what_is_there(tmp_path: Path) -> None:
    """What it does not know is an error, with what differs."""
    path = tmp_path / "x.json"
    with cassette(path):
        await ask(client_of([reply("Paris")]), temperature=0)
    before = path.read_bytes()
    with cassette(path) as tape, pytest.raises(UnknownRequestError) as caught:
        await ask(client_of([reply("Rome")]), "Ciao", temperature=1)
    text = str(caught.value)
    assert '-      "content": "Hi"' in text
    assert '+      "content": "Ciao"' in text
    assert str(path) in text
    assert "mode='new'" in text
    assert before == path.read_bytes()
    assert ["POST https://api.openai.com/v1/chat/completions"] == tape.unused
    assert repr(str(path)) in repr(tape)


async def test_a_request_more_often_than_recorded(tmp_path: Path) -> None:
    """Says so in place of a difference."""
    path = tmp_path / "x.json"
    with cassette(path):
        await ask(client_of([reply("Paris")]))
    with cassette(path):
        await ask(client_of(NOBODY))
        with pytest.raises(UnknownRequestError, match="fewer times"):
            await ask(client_of(NOBODY))


async def test_new_adds_and_all_replaces(tmp_path: Path) -> None:
    """What is known is replayed by ``new``, and asked again by ``all``."""
    path = tmp_path / "x.json"
    with cassette(path, mode="new"):
        await ask(client_of([reply("1")]), "a")
    with cassette(path, mode="new"):
        client = client_of([reply("2")])
        assert "1" == (await ask(client, "a")).text
        assert "2" == (await ask(client, "b")).text
    assert 2 == len(written(path)["exchanges"])
    with cassette(path, mode="all"):
        assert "3" == (await ask(client_of([reply("3")]), "a")).text
    assert 1 == len(written(path)["exchanges"])


async def test_none_never_records(tmp_path: Path) -> None:
    """Not even where there is no file."""
    with pytest.raises(CassetteError, match="mode='once'"):
        cassette(tmp_path / "x.json", mode="none").__enter__()
    with cassette(tmp_path / "x.json"):
        await ask(client_of([reply("x")]))
    with cassette(tmp_path / "x.json", mode="none"):
        assert "x" == (await ask(client_of(NOBODY))).text


def test_what_bad_arguments_get(tmp_path: Path) -> None:
    """A mode that is none, and a cassette that is in use."""
    mode: Any = "always"
    with pytest.raises(InvalidRequestError, match="must be one of 'once', 'none', 'new', 'all'"):
        cassette("x", mode=mode)
    tape = cassette(tmp_path / "x.json")
    with tape, pytest.raises(RequestError, match="in use"):
        tape.__enter__()
    tape.__exit__(None, None, None)
    assert not tape.path.exists()  # nothing was asked


async def test_what_is_outside_is_not_recorded(tmp_path: Path) -> None:
    """Before and after, a client is its own."""
    client = client_of([reply("1"), reply("2")])
    with cassette(tmp_path / "x.json"):
        await ask(client)
    assert "2" == (await ask(client)).text


# --- how it is written ---


async def test_a_cassette_reads_well(tmp_path: Path) -> None:
    """JSON as JSON, letters as letters, and a stream line by line."""
    path = tmp_path / "x.json"
    with cassette(path):
        client = client_of([reply("Grüße"), streamed(event("a"), b"data: [DONE]\n\n")])
        await ask(client)
        await (await ask(client, stream=True)).completion()
    text = path.read_text()
    assert '"content": "Grüße"' in text
    assert '            "data: [DONE]\\n",' in text
    assert text.endswith("}\n")
    mask = os.umask(0)
    os.umask(mask)
    assert 0o666 & ~mask == path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    "body",
    [b'{"a": 1, "a": 2}', b"[NaN]", b'["\\ud800"]', b"plain\r\ntext", b"", b'"text"', b"1e3"],
)
async def test_bodies_come_back(tmp_path: Path, body: bytes) -> None:
    """What JSON would change is written as text."""
    sent = HttpRequest("GET", "https://h.invalid/", {}, b"")
    with cassette(tmp_path / "x.json") as tape:
        incoming = await tape._open(sent, Timeout(), transport_of([Canned(200, {}, body)]))
        while await incoming.read():
            pass
    with cassette(tmp_path / "x.json") as tape:
        incoming = await tape._open(sent, Timeout(), transport_of(NOBODY))
        assert body.replace(b"1e3", b"1000.0") == await incoming.read()
