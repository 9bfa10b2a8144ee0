"""The environment's proxies: taken where it is trusted, with the exceptions that it names."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from llmgate.errors import InvalidRequestError
from tests.faults.table import Case, Player, Scene, answers, calling, check_always, raises

__all__ = ["CASES"]

PASSWORD = "canary-of-the-proxy"


def in_turn(player: Player) -> list[Player]:
    """The four ways to call that provider, one after another: they share the environment."""
    return [
        Player(player.dialect, sync, stream) for sync in (False, True) for stream in (False, True)
    ]


NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@contextmanager
def environment(**variables: str) -> Generator[None]:
    """The environment with these proxies and no others."""
    with patch.dict(os.environ, variables):
        for name in {*NAMES, *map(str.upper, NAMES)} - {*variables}:
            os.environ.pop(name, None)
        yield


ENVIRONMENTS: dict[str, tuple[dict[str, str], bool]] = {
    "http_proxy": ({"http_proxy": "{}"}, True),
    "HTTP_PROXY": ({"HTTP_PROXY": "{}"}, True),
    "all_proxy": ({"all_proxy": "{}"}, True),
    "http_proxy without its scheme": ({"http_proxy": "{}", "scheme": ""}, True),
    "https_proxy is of no account": ({"https_proxy": "{}"}, False),
    "an empty http_proxy is none": ({"http_proxy": ""}, False),
    "no_proxy": ({"http_proxy": "{}", "no_proxy": "127.0.0.1"}, False),
    "NO_PROXY": ({"http_proxy": "{}", "NO_PROXY": "127.0.0.1"}, False),
    "no_proxy with spaces and others": (
        {"http_proxy": "{}", "no_proxy": "example.com , 127.0.0.1,.test"},
        False,
    ),
    "no_proxy of all": ({"http_proxy": "{}", "no_proxy": "*"}, False),
    "no_proxy of others": ({"http_proxy": "{}", "no_proxy": "127.0.0.2,example.com"}, True),
    "no_proxy of a part of the name": ({"http_proxy": "{}", "no_proxy": "27.0.0.1"}, True),
}


async def _environment(player: Player) -> None:
    """The environment's proxy is taken where it is trusted, but for its exceptions."""
    dialect = player.dialect
    for each in in_turn(player):
        good = dialect.streamed() if each.stream else dialect.reply()
        for name, (variables, is_used) in ENVIRONMENTS.items():
            with dialect.serve(good) as server, dialect.serve(good) as proxy:
                where = f"{'' if 'scheme' in variables else 'http://'}127.0.0.1:{proxy.port}"
                given = {n: text.format(where) for n, text in variables.items() if n != "scheme"}
                with environment(**given):
                    async with calling(each, server.url, {"trust_env": True}) as client:
                        outcome = await each.call(client, server)
                check_always(outcome)
                answers()(outcome)
                assert (is_used, not is_used) == (bool(proxy.requests), bool(server.requests)), name


async def _environment_not_trusted(player: Player) -> None:
    """Nothing of it is looked at unless asked, and what was given goes before it."""
    dialect = player.dialect
    for each in in_turn(player):
        good = dialect.streamed() if each.stream else dialect.reply()
        with dialect.serve(good) as server, dialect.serve(good) as given, dialect.serve(good) as no:
            there = f"http://127.0.0.1:{no.port}"
            with environment(http_proxy=there, HTTP_PROXY=there, all_proxy=there):
                proxy = {"proxy": f"http://127.0.0.1:{given.port}", "trust_env": True}
                for settings in ({}, proxy):
                    async with calling(each, server.url, settings) as client:
                        answers()(await each.call(client, server))
            assert [True, True, False] == [bool(s.requests) for s in (server, given, no)]


async def _environment_wrong(player: Player) -> None:
    """A proxy in the environment that cannot be one is refused, without its password."""
    dialect = player.dialect
    for each in in_turn(player):
        with dialect.serve(dialect.reply()) as server:
            for address in (f"socks5://me:{PASSWORD}@127.0.0.1:1", "http://[", "http://", "::::"):
                with environment(all_proxy=address):
                    async with calling(each, server.url, {"trust_env": True}) as client:
                        outcome = await each.call(client, server)
                check_always(outcome)
                raises(InvalidRequestError, path="proxy")(outcome)
                assert PASSWORD not in str(outcome.error)
            assert 0 == server.connections


async def _version_six(player: Player) -> None:
    """NO_PROXY names an address of the sixth version, with brackets or without."""
    dialect = player.dialect
    for each in in_turn(player):
        good = dialect.streamed() if each.stream else dialect.reply()
        with dialect.serve(good, host="::1") as server:
            for exception in ("::1", "[::1]"):
                with environment(http_proxy="http://127.0.0.1:9", no_proxy=exception):
                    async with calling(each, server.url, {"trust_env": True}) as client:
                        answers()(await each.call(client, server))


ONE: Any = {"ways": ((False, False),)}
"""One scene plays all four ways, since they share the environment."""

CASES: tuple[Case | Scene, ...] = (
    Scene("the environment's proxies and exceptions", _environment, **ONE),
    Scene("the environment's proxies, not trusted", _environment_not_trusted, **ONE),
    Scene("the environment's proxies that are none", _environment_wrong, **ONE),
    Scene("exceptions of the sixth version", _version_six, **ONE),
)
