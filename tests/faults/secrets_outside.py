"""Whom else a call could reach: what the environment names, and addresses that somebody wrote.

Nothing that was given explicitly is overridden by what is found, and nothing is fetched.
"""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from llmgate import Client
from llmgate.errors import LLMGateError
from tests.faults.calls import KEY
from tests.faults.peer import Seen
from tests.faults.secrets_logs import all_ways
from tests.faults.server import FaultServer, reply
from tests.faults.table import Case, Outcome, Player, Scene, answers, calling

__all__ = ["CASES"]

ONE = ((False, False),)
"""The environment is the process's, and so one call is made after the other."""
FOUND = "found-canary-9988776655"
"""A key or a password that lies about in the environment."""

Environment = Callable[[FaultServer], Mapping[str, str]]


def _host(server: FaultServer) -> str:
    return server.url.removesuffix("/v1")


@asynccontextmanager
async def _surrounded(
    player: Player, environment: Environment, **settings: Any
) -> AsyncGenerator[tuple[Client, FaultServer, FaultServer]]:
    """A client, the server that it is told of, and the one that only the environment names."""
    dialect = player.dialect
    answer = dialect.streamed() if player.stream else dialect.reply()
    with ExitStack() as stack:
        wanted = stack.enter_context(dialect.serve(answer))
        found = stack.enter_context(dialect.serve(answer))
        clean = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
        changes = {**clean, **environment(found)}
        stack.enter_context(patch.dict(os.environ, changes, clear=True))
        client = Client(
            providers={dialect.name: dialect.make(wanted.url)},
            max_retries=0,
            timeout=5.0,
            **settings,
        )
        try:
            yield client, wanted, found
        finally:
            await player.close(client)


def _ignored(environment: Environment, **settings: Any) -> Callable[[Player], Any]:
    """The call reaches whom it names, and nobody else, with the key that it was given."""

    async def play(player: Player) -> None:
        for each in all_ways(player):
            async with _surrounded(each, environment, **settings) as (client, wanted, found):
                outcome = await each.call(client, wanted)
                answers()(outcome)
                assert 0 == found.connections, "the environment's was asked"
                _has_its_key(wanted)

    return play


def _has_its_key(server: FaultServer) -> None:
    for seen in (*server.requests, *server.asides):
        values = " ".join(seen.headers.values())
        assert KEY in values
        assert FOUND not in values + seen.target
        assert base64.b64encode(f"me:{FOUND}".encode()).decode() not in values


# --- what the environment says ------------------------------------------------------------


@cache
def _home() -> Path:
    """A home with a password for everybody."""
    home = Path(tempfile.mkdtemp(prefix="netrc-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    text = f"machine 127.0.0.1 login me password {FOUND}\ndefault login me password {FOUND}\n"
    for name in (".netrc", "_netrc"):
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    return home


def _netrc(_: FaultServer) -> Mapping[str, str]:
    home = str(_home())
    return {"HOME": home, "NETRC": f"{home}/.netrc", "USERPROFILE": home}


def _addresses(found: FaultServer) -> Mapping[str, str]:
    """Every variable that some provider's address is read from, and that of others."""
    names = (
        *("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_BASE_URL", "CO_API_URL"),
        *("COHERE_BASE_URL", "REPLICATE_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
        *("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"),
        *("BASE_URL", "API_BASE", "LLMGATE_BASE_URL"),
    )
    return dict.fromkeys(names, found.url)


def _keys(found: FaultServer) -> Mapping[str, str]:
    """Every variable that some provider's credentials are read from."""
    names = (
        *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CO_API_KEY"),
        *("COHERE_API_KEY", "REPLICATE_API_TOKEN", "REPLICATE_API_KEY", "AZURE_OPENAI_API_KEY"),
        *("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        *("AZURE_API_KEY", "AZURE_OPENAI_AD_TOKEN", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
    )
    return {
        **dict.fromkeys(names, FOUND),
        "OPENAI_CUSTOM_HEADERS": f"Authorization: Bearer {FOUND}\nX-Found: {FOUND}",
    }


def _proxies(*names: str, **more: str) -> Environment:
    return lambda found: {**dict.fromkeys(names, _host(found)), **more}


ALL = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


async def _keys_stay_at_home(player: Player) -> None:
    """Keys of the environment are not sent to a host that is named here: they are not its own."""
    for each in all_ways(player):
        async with _surrounded(each, _keys) as (_, wanted, _found):
            made: Any = type(each.dialect.make(wanted.url))
            url = wanted.url if each.dialect.name == "openai" else _host(wanted)
            client = Client(providers={each.dialect.name: made(base_url=url)}, max_retries=0)
            await each.call(client, wanted, model=each.dialect.model)
            await each.close(client)
            for seen in (*wanted.requests, *wanted.asides):
                assert FOUND not in " ".join(seen.headers.values())


# --- what nobody fetches ------------------------------------------------------------------


def _image(url: str) -> list[Any]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]


def _file(url: str) -> list[Any]:
    part = {"type": "file", "file": {"file_data": url, "filename": "a.pdf"}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]


async def _no_image_is_fetched(player: Player) -> None:
    """An image's address is handed on or refused, and never looked at: nor is a private one."""
    dialect = player.dialect
    with FaultServer(reply(200, body=b"\x89PNG")) as trap:
        urls = [f"{_host(trap)}/a.png", f"{_host(trap)}/latest/meta-data/", f"{trap.url}#x.jpg"]
        answer = dialect.streamed() if player.stream else dialect.reply()
        with dialect.serve(answer) as server:
            async with calling(player, server.url, {}) as client:
                for url in urls:
                    for messages in (_image(url), _file(url)):
                        outcome = await player.call(client, server, messages=messages)
                        assert outcome.error is None or isinstance(outcome.error, LLMGateError)
                        _is_handed_on(outcome, url)
        assert 0 == trap.connections, "it was fetched"


def _is_handed_on(outcome: Outcome, url: str) -> None:
    """The address is in the body as it was given, unless the call was refused."""
    if outcome.error is None:
        sent = [*outcome.server.requests, *outcome.server.asides]
        assert any(url.encode() in seen.body for seen in sent) or outcome.answer is not None


async def _no_file_is_read(player: Player) -> None:
    """Neither is a file: what is no address of the web is refused."""
    with tempfile.NamedTemporaryFile("w", suffix=".png") as file:
        file.write(FOUND)
        file.flush()
        with player.dialect.serve(player.dialect.reply()) as server:
            async with calling(player, server.url, {}) as client:
                for url in (f"file://{file.name}", file.name, f"file:{file.name}"):
                    outcome = await player.call(client, server, messages=_image(url))
                    assert isinstance(outcome.error, LLMGateError), outcome.text
                    outcome = await player.call(client, server, messages=_file(url))
            for seen in (*server.requests, *server.asides):
                assert FOUND.encode() not in seen.body
                assert base64.b64encode(FOUND.encode())[:16] not in seen.body


async def _nothing_in_an_answer_is_fetched(player: Player) -> None:
    """Addresses that a model writes are text."""
    dialect = player.dialect
    with FaultServer(reply(200, body=b"x")) as trap:
        text = f"![a]({_host(trap)}/a.png) {_host(trap)}/b <img src='{_host(trap)}/c'>"
        answer = reply(200, body=dict(dialect.answer_saying(text)))
        parts = (*dialect.opening, dialect.piece(text), dialect.finish, dialect.marker)
        if player.stream:
            answer = dialect.streamed(*(each for each in parts if each))
        with dialect.serve(answer) as server:
            async with calling(player, server.url, {}) as client:
                answers(text)(await player.call(client, server))
        assert 0 == trap.connections, "it was fetched"


async def _no_key_follows(player: Player) -> None:
    """A prediction may name the address of its stream; the token goes to no other host."""
    dialect = player.dialect
    with FaultServer(dialect.streamed()) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")

        def begun(seen: Seen, url: str) -> bytes | None:
            made = dialect.aside(seen, url)
            if made is None:
                return None
            body = made.partition(b"\r\n\r\n")[2]
            return reply(201, body=body.replace(url.encode()[:-3], elsewhere.encode()[:-3]))

        with FaultServer(reply(404), aside=begun) as server:
            async with calling(player, server.url, {}) as client:
                await player.call(client, server)
        assert other.requests, "it was not asked"
        for seen in other.requests:
            assert KEY not in " ".join([*seen.headers.values(), seen.target])


_HTTPOXY = {"REQUEST_METHOD": "POST", "GATEWAY_INTERFACE": "CGI/1.1"}

CASES: tuple[Case | Scene, ...] = (
    Scene(".netrc", _ignored(_netrc), ways=ONE),
    Scene(".netrc, where the environment is trusted", _ignored(_netrc, trust_env=True), ways=ONE),
    Scene("addresses of the environment", _ignored(_addresses), ways=ONE),
    Scene("keys of the environment", _ignored(_keys), ways=ONE),
    Scene(
        "keys of the environment and another host",
        _keys_stay_at_home,
        # Azure has no host of its own: its key is for whatever endpoint is named.
        ("openai", "anthropic", "cohere", "replicate"),
        ONE,
    ),
    Scene("proxies of the environment", _ignored(_proxies(*ALL)), ways=ONE),
    Scene(
        "a header that became HTTP_PROXY",
        _ignored(_proxies("HTTP_PROXY", **_HTTPOXY), trust_env=True),
        ways=ONE,
    ),
    Scene("no image is fetched", _no_image_is_fetched),
    Scene("no file is read", _no_file_is_read),
    Scene("nothing in an answer is fetched", _nothing_in_an_answer_is_fetched),
    Scene(
        "no key follows an address in a reply",
        _no_key_follows,
        ("replicate",),  # the only one whose replies have addresses that are asked
        ((False, True), (True, True)),
    ),
)
