"""Addresses, keys, headers and settings that cannot be ones, and a prompt of 100 MB."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError, MissingKeyError, RequestError
from llmgate.provider.http import Secret
from tests.faults.calls import KEY
from tests.faults.dialect import Dialect
from tests.faults.peer import Peer
from tests.faults.refusals import Wrong, check_refused, refused, said
from tests.faults.table import (
    EVERYONE,
    Case,
    Outcome,
    Player,
    Scene,
    answers,
    calling,
    check_always,
)

__all__ = ["CASES"]

HALF = "\ud800"

KEYLESS = ("ollama",)
"""The providers whose servers are the user's own: they need no key, and a host is an address."""
WITH_A_KEY = tuple(name for name in EVERYONE if name not in KEYLESS)
WITH_ONE_KEY = tuple(name for name in WITH_A_KEY if name != "bedrock")
"""Bedrock looks for credentials elsewhere as well: its own tests say what comes of that."""

# --- addresses ----------------------------------------------------------------------------

_NO_URLS: Mapping[str, tuple[Any, ...]] = {
    "empty": ("", " ", "\t\n"),
    "without a scheme": ("example.com", "example.com/v1", "//example.com/v1", "localhost:80"),
    "without two slashes": ("http:example.com", "http//example.com", "https:/example.com/v1"),
    "of another scheme": (
        *("ftp://127.0.0.1/v1", "file:///etc/passwd", "ws://127.0.0.1", "data:text/plain,x"),
        *("javascript:alert(1)", "unix:///tmp/s", "httpx://127.0.0.1", "-http://127.0.0.1"),
    ),
    "without a host": ("http://", "https:///v1", "http://:80/v1", "http://@/v1", "http://?x"),
    "with a broken host": ("http://[", "http://[::1", "http://]", "http://[x]/", "http://[::1]x"),
    "with a broken port": (
        *("http://127.0.0.1:port", "http://127.0.0.1:99999", "http://127.0.0.1:-1"),
        *("http://127.0.0.1:8:9/v1", "http://127.0.0.1:٣/v1", "http://127.0.0.1:1.5"),
    ),
    "with control characters": (
        *("http://127.0.0.1\n/v1", "http://127.0.0.1/\r\nHost: evil/v1", "http://127.0.0.1/\x00"),
        *("http://127.0.0.1/\tv1", "ht\ntp://127.0.0.1", "http://127.0.0.1/\x7f/v1"),
        *("http://127.0.0.1/\u2028/v1", "http://127.0.0.1/\u202e/v1", "http://127.0.0.1/\x1b[2J/"),
    ),
    "with spaces": ("http://127.0.0.1 /v1", "http://exa mple.com", "http://127.0.0.1/a b"),
    "with half a character": (f"http://{HALF}/v1", f"http://127.0.0.1/{HALF}"),
    "with other signs": ("http://127.0.0.1\\@evil/v1", "http://<host>/v1", 'http://127.0.0.1/"'),
    "that is no text": (7, b"http://127.0.0.1/v1", ["http://127.0.0.1"], True, object()),
}


def _no_address(name: str, addresses: tuple[Any, ...]) -> Scene:
    """For a call, and for the provider itself."""
    wrong: list[Wrong] = [("base_url", {"base_url": address}) for address in addresses]
    wrong += [("base_url", {"api_base": address}) for address in addresses if type(address) is str]
    return replace(refused(f"a base URL {name}", *wrong), providers=_refusing(name))


def _constructed(name: str, addresses: tuple[Any, ...]) -> Scene:
    async def play(player: Player) -> None:
        for address in addresses:
            with pytest.raises(InvalidRequestError) as caught:
                _made(player.dialect, base_url=address)
            assert "base_url" == caught.value.path
            assert 300 > len(str(caught.value))

    ways = ((False, False),)
    return Scene(f"a provider's base URL {name}", play, _refusing(name), ways)


def _refusing(name: str) -> tuple[str, ...]:
    return WITH_A_KEY if name == "without a scheme" else EVERYONE


def _made(dialect: Dialect, **settings: Any) -> Any:
    """A provider of that dialect, with these settings alone."""
    return type(dialect.make("http://127.0.0.1:9/v1"))(**{"api_key": KEY, **settings})


async def _is_found(player: Player) -> None:
    """An address as it is often pasted is fine: slashes, spaces, capitals, the end of the path."""
    with player.dialect.serve(player.dialect.reply()) as server:
        root = server.url.removesuffix("/v1")
        written = [root, root + "/", root + "///", f" {root}/\n", root.replace("http", "HTTP")]
        if player.dialect.name in ("openai", "azure"):
            written = [each.rstrip("/ \n") + "/v1" for each in written] + [f"{root}/v1/"]
        async with calling(player, server.url, {}) as client:
            for address in written:
                answers()(await player.call(client, server, base_url=address))
        assert 1 == len({seen.target for seen in server.requests}), "it differs"


async def _no_other_host(player: Player) -> None:
    """An address that was given as empty is not replaced by the environment's, or the official."""
    elsewhere = "http://127.0.0.1:9/v1"
    names = (
        *("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "CO_API_URL", "REPLICATE_BASE_URL"),
        *("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
    )
    found = dict.fromkeys(names, elsewhere)
    with patch.dict(os.environ, found), pytest.raises(InvalidRequestError) as caught:
        _made(player.dialect, base_url="")
    assert "base_url" == caught.value.path


# --- keys ---------------------------------------------------------------------------------

_NO_KEYS: Mapping[str, tuple[Any, ...]] = {
    "empty": ("", " ", "\n", " \t\r\n"),
    "with line ends inside": (f"{KEY}\n{KEY}", f"{KEY}\r\nX-Evil: 1", f"{KEY}\rx", f"{KEY}\x0bx"),
    "outside ASCII": (f"{KEY}é", f"ключ{KEY}", f"{KEY}\u2028x", f"{KEY}\u00a0x", f"{KEY}{HALF}"),
    "with control characters": (f"{KEY}\x00", f"{KEY}\x1b[2J", f"{KEY}\x7f", f"\x08{KEY}"),
    "that is no text": (7, KEY.encode(), [KEY], {"key": KEY}, True, object()),
}


def _no_key(name: str, keys: tuple[Any, ...]) -> Scene:
    """Refused without a word of it, however it was given."""
    at_call = refused(f"a key {name}", *(("api_key", {"api_key": key}) for key in keys))

    async def play(player: Player) -> None:
        await at_call.scene(player)
        for key in keys:
            with pytest.raises(InvalidRequestError) as caught:
                _made(player.dialect, base_url="http://127.0.0.1:9/v1", api_key=key)
            assert KEY not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
            assert caught.value.path.endswith("api_key")

    return Scene(f"a key {name}", play)


async def _is_stripped(player: Player) -> None:
    """A key that was read from a file has a line end after it."""
    forms: list[Any] = [f" {KEY}\n", f"\t{KEY}\r\n", f"\n\n{KEY}  ", Secret(f"{KEY}\n"), KEY]
    with player.dialect.serve(player.dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            for key in forms:
                answers()(await player.call(client, server, api_key=key))
        sent = {
            value for seen in server.requests for value in seen.headers.values() if KEY in value
        }
    assert sent in ({KEY}, {f"Bearer {KEY}"})


async def _no_key_at_all(player: Player) -> None:
    """Without a key nothing is sent to the provider's own host; the error says what to set."""
    with patch.dict(os.environ, {n: v for n, v in os.environ.items() if "_" not in n}, clear=True):
        url = {"base_url": "https://mine.openai.azure.com"}
        provider = type(player.dialect.make("http://127.0.0.1:9/v1"))(
            **(url if player.dialect.name == "azure" else {})
        )
        client = Client(providers={player.dialect.name: provider}, max_retries=0, timeout=2)
    with player.dialect.serve(player.dialect.reply()) as server:
        outcome = await player.call(client, server)
        await player.close(client)
        check_always(outcome)
        assert isinstance(outcome.error, MissingKeyError), outcome.error
        assert "_" in str(outcome.error), "it names no variable"


# --- headers and settings -----------------------------------------------------------------

_VALUES: tuple[Any, ...] = (None, 7, b"x", [], True)
_NO_HEADERS: tuple[Any, ...] = (
    *("X-A: b", ["X-A", "b"], 7, b"", object()),
    *({name: "x"} for name in ("", " ", "a b", "a:b", "a\r\nb", "é", HALF, "a\x00", 7, None, b"a")),
    *({"X-A": value} for value in ("a\r\nX-B: c", "a\nb", "a\rb", "é", HALF, "\x00", "\x1b[2J")),
    *({"X-A": value} for value in _VALUES),
    *({name: "1"} for name in ("Content-Length", "transfer-encoding", "Connection")),
)


def _is_header_refused(outcome: Outcome) -> None:
    check_refused(outcome, None)
    assert isinstance(outcome.error, RequestError)
    assert str(getattr(outcome.error, "path", "")).startswith("extra_headers")
    assert "X-B" not in str(outcome.error), "the value is shown"


async def _no_header(player: Player) -> None:
    with player.dialect.serve(player.dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            for headers in _NO_HEADERS:
                outcome = await player.call(client, server, extra_headers=headers)
                _is_header_refused(outcome)
        assert 0 == server.connections


_NO_SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("timeout", {"timeout": value}) for value in (0, -1, math.nan, math.inf, "5", True)),
    *(("max_retries", {"max_retries": value}) for value in (-1, 1.5, "2", True, math.nan)),
    *(("limit", {"limit": value}) for value in (0, -1, 1.5, "5", True)),
    *(("proxy", {"proxy": value}) for value in ("nonsense", "socks5://x:1", "http://", "http://[")),
    *(("unsupported", {"unsupported": value}) for value in ("maybe", 7)),
    *(("hooks", {"hooks": value}) for value in (7, [7])),
    ("verify", {"verify": "/no/such/bundle.pem"}),
)


async def _no_settings(player: Player) -> None:
    """A client's own settings: refused when it is made, or when it is to send something."""
    with player.dialect.serve(player.dialect.reply()) as server:
        for path, settings in _NO_SETTINGS:
            provider = {player.dialect.name: player.dialect.make(server.url)}
            given: dict[str, Any] = {"max_retries": 0, **settings}
            try:
                client = Client(providers=provider, **given)
            except RequestError as error:
                outcome = Outcome(player.dialect, server, error=error)
            else:
                outcome = await player.call(client, server)
                await player.close(client)
            check_refused(outcome, path, label=str(settings))
        assert 0 == server.connections


async def _unknown_setting(player: Player) -> None:
    """A setting that a provider has not is a wrong argument, not an unknown provider."""
    with player.dialect.serve(player.dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            outcome = await player.call(client, server, api_version="2024-10-21")
            check_refused(outcome, "api_version")


# --- 100 MB -------------------------------------------------------------------------------

_SIZE = 100_000_000


def _resident() -> int:
    """The memory that the process has in use; what is only reserved costs nothing."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _watching() -> Generator[list[int]]:
    """By how much the memory grows meanwhile, looked at every millisecond."""
    before, grown, over = _resident(), [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            grown.append(_resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield grown
    finally:
        over.set()
        watcher.join()


async def _large_prompt(player: Player) -> None:
    """It is sent whole, and held at most twice beside what the caller holds."""
    received = 0

    async def count(peer: Peer) -> None:
        done = asyncio.Event()

        def take(data: bytes) -> None:
            nonlocal received
            received += len(data)
            if received > _SIZE and data.endswith(b"}"):
                done.set()

        take(peer.taken())
        peer.data_received = take  # type: ignore[method-assign]
        await done.wait()
        await peer.send(player.dialect.reply())
        await peer.gone.wait()

    prompt = "x" * _SIZE
    with player.dialect.serve(on_connect=count) as server:
        async with calling(player, server.url, {}) as client:
            with _watching() as most:
                outcome = await player.call(client, server, messages=said(prompt), timeout=20)
            answers()(outcome)
    assert received > _SIZE
    assert max(most) < 2.3 * _SIZE, f"{max(most) / 1e6:.0f} MB"


CASES: tuple[Case | Scene, ...] = (
    *(_no_address(name, addresses) for name, addresses in _NO_URLS.items()),
    *(_constructed(name, addresses) for name, addresses in _NO_URLS.items()),
    Scene("a base URL as it is pasted", _is_found, ways=((False, False), (True, False))),
    Scene("an empty base URL is not replaced", _no_other_host, ways=((False, False),)),
    *(_no_key(name, keys) for name, keys in _NO_KEYS.items()),
    Scene("a key with white space around it", _is_stripped, ways=((False, False), (True, False))),
    Scene("no key at all", _no_key_at_all, WITH_ONE_KEY),
    Scene("headers that cannot be sent", _no_header),
    Scene("settings of a client", _no_settings),
    Scene(
        "a setting that the provider has not",
        _unknown_setting,
        ("openai", "cohere", "replicate"),  # the others have a version
    ),
    Scene("a prompt of 100 MB", _large_prompt, ("openai",), ((False, False),)),
)
