"""Replies that lead elsewhere: whatever they name, nothing is sent there, least of all a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmgate.errors import AuthenticationError, BadRequestError, DecodeError, ProviderError
from tests.faults.calls import AT_ONCE, KEY
from tests.faults.peer import Seen
from tests.faults.raw import Build, Rows, both, in_turn
from tests.faults.server import FaultServer, reply
from tests.faults.table import (
    Outcome,
    Player,
    Scene,
    answers,
    calling,
    check_always,
    either,
    raises,
    serving,
)

__all__ = ["CASES"]

REDIRECTS = (300, 301, 302, 303, 305, 306, 307, 308)

# --- redirects ----------------------------------------------------------------------------


def redirected(status: int, target: str | None, *more: str) -> Build:
    """A redirect to there."""
    named = [] if target is None else [f"location: {target}"]
    return lambda a: a.sized(*named, *more, start=f"HTTP/1.1 {status} Elsewhere", body=b"moved")


def to_another_origin(status: int) -> Scene:
    """A line for a redirect to a server that would answer, and is never asked."""

    async def scene(player: Player) -> None:
        dialect = player.dialect
        whole = dialect.streamed() if player.stream else dialect.reply()
        async with serving(dialect.serve(whole)) as elsewhere:
            refusal = reply(status, body=b"moved", location=f"{elsewhere.url}/?secret=1")
            async with serving(dialect.serve(refusal)) as server:
                async with calling(player, server.url, {"retry": AT_ONCE}) as client:
                    outcome = await player.call(client, server)
                check_always(outcome)
                raises(ProviderError, status=status)(outcome)
                assert elsewhere.url in str(outcome.error), "the target is not named"
                assert b"moved" == getattr(outcome.error, "body", None)
                assert 1 == len(server.requests), "it was tried again"
            assert 0 == elsewhere.connections, "it was followed"

    return Scene(f"{status} to another origin", scene)


def to_itself(outcome: Outcome) -> None:
    """One request, and an error."""
    raises(ProviderError)(outcome)


TARGETS: dict[str, str | None] = {
    "no target": None,
    "an empty target": "",
    "white space": "   ",
    "a file": "file:///etc/passwd",
    "a file in capitals": "FILE:///etc/passwd",
    "a script": "javascript:alert(1)",
    "data": "data:application/json,{}",
    "another scheme": "gopher://127.0.0.1:9/_GET",
    "an ftp server": "ftp://127.0.0.1/x",
    "a socket": "unix:///var/run/docker.sock",
    "no scheme": "//127.0.0.1:9/x",
    "the same path": "/v1/chat/completions",
    "a path above": "../../../../etc/passwd",
    "a query": "?x=1",
    "a fragment": "#x",
    "a user and a password": "http://user:password@127.0.0.1:9/",
    "a private address": "http://169.254.169.254/latest/meta-data/",
    "this host by another name": "http://localhost:9/",
    "an address of IPv6": "http://[::1]:9/",
    "half an address": "http://[::1",
    "a port that is none": "http://127.0.0.1:99999999/",
    "letters of another alphabet": "http://\xe9vil.example/",
    "control characters": "http://x/\x1b[2J\x07",
    "30,000 characters": "http://127.0.0.1:9/" + "x" * 30_000,
    "a template": "http://127.0.0.1:9/{key}",
}

LOOPS: Rows = tuple(
    both(
        f"{status} to itself, for ever",
        to_itself,
        redirected(status, "/v1/chat/completions"),
        settings={"retry": AT_ONCE},
    )
    for status in (301, 302, 307, 308)
)
PLACES: Rows = (
    *(
        in_turn(
            f"{status} to 25 odd places",
            *(
                both(name, raises(ProviderError, status=status), redirected(status, target))
                for name, target in TARGETS.items()
            ),
        )
        for status in (302, 307)
    ),
    both(
        "two targets",
        raises(ProviderError, status=302),
        redirected(302, "http://127.0.0.1:9/", "location: file:///"),
    ),
    both(
        "a redirect with an answer in its body",
        raises(ProviderError, status=307),
        lambda a: a.sized("location: /", start="HTTP/1.1 307 Elsewhere"),
    ),
)

# --- what else could lead a key elsewhere, or make it be sent again -----------------------


def refused(status: int, line: str) -> Build:
    """A refusal with this header."""
    return lambda a: a.sized(line, start=f"HTTP/1.1 {status} No", body=b"no")


def challenged(status: int, challenge: str) -> Build:
    """A refusal that asks for other credentials."""
    name = "proxy-authenticate" if status == 407 else "www-authenticate"
    return refused(status, f"{name}: {challenge}")


CHALLENGES = (
    'Basic realm="x"',
    'Digest realm="x", nonce="1", qop="auth"',
    "Negotiate",
    "NTLM",
    'Bearer realm="http://127.0.0.1:9/token", service="x"',
    "\xff",
    "x" * 30_000,
)

LEADS: Rows = (
    *(
        in_turn(
            f"{status} with every kind of challenge",
            *(
                both(each[:20], raises(kind, status=status), challenged(status, each))
                for each in CHALLENGES
            ),
        )
        for status, kind in ((401, AuthenticationError), (407, BadRequestError))
    ),
    in_turn(
        "refusals that ask for another way",
        *(
            both(
                f"{status} {line}",
                raises(BadRequestError, status=status),
                refused(status, line),
            )
            for status, line in (
                (426, "upgrade: TLS/1.2, HTTP/2"),
                (421, 'alt-svc: h2=":9"'),
                (417, "expect: x"),
                (415, "accept-encoding: gzip"),
                (411, "x: y"),
            )
        ),
    ),
)

# --- Replicate's replies name further addresses -------------------------------------------


def starting(**more: Any) -> Callable[[Seen, str], bytes | None]:
    """A prediction that has begun, with these fields."""

    def answer(seen: Seen, url: str) -> bytes | None:
        body: dict[str, Any] = {"id": "p1", "status": "starting", "urls": {}, **more}
        return reply(201, body=body) if seen.method == "POST" else None

    return answer


async def stream_elsewhere(player: Player) -> None:
    """A stream on a host that is not Replicate's is read, and is not sent the token."""
    dialect = player.dialect
    async with serving(FaultServer(dialect.streamed())) as elsewhere:
        url = elsewhere.url.replace("127.0.0.1", "localhost")
        begun = starting(urls={"stream": f"{url}/stream"})
        async with serving(FaultServer(dialect.reply(), aside=begun)) as server:
            async with calling(player, server.url, {}) as client:
                outcome = await player.call(client, server)
            check_always(outcome)
            answers()(outcome)
        assert [1, 0] == [len(elsewhere.requests), len(server.requests)]
        for seen in elsewhere.requests:
            assert KEY not in repr(seen), "the key was sent elsewhere"
            assert b"" == seen.body, "the prompt was sent elsewhere"


async def no_stream_there(player: Player) -> None:
    """An address that is none of HTTP is not asked: the prediction itself is."""
    for url in (
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://[::1",
        "http://127.0.0.1:x/",
        "",
        "x",
    ):
        begun = starting(urls={"stream": url})
        async with serving(FaultServer(player.dialect.reply(), aside=begun)) as server:
            async with calling(player, server.url, {}) as client:
                outcome = await player.call(client, server)
            check_always(outcome)
            answers()(outcome)


async def odd_identifiers(player: Player) -> None:
    """An id leads to no other path, and adds no header, when the prediction is asked for."""
    for identifier in (
        "../../evil",
        "p1\r\nx-evil: 1",
        "//127.0.0.1:9/",
        "?x=1#y",
        "é\ud83d",
        "%2e%2e/",
    ):
        body = {**player.dialect.answer, "id": identifier}
        begun = starting(id=identifier)
        async with serving(FaultServer(reply(body=body), aside=begun)) as server:
            async with calling(player, server.url, {}) as client:
                outcome = await player.call(client, server)
            check_always(outcome)
            either(answers(), raises(DecodeError))(outcome)
            for seen in server.requests:
                assert seen.target.startswith("/v1/predictions/")
                assert 2 == seen.target.removeprefix("/v1").count("/"), seen.target
                assert "x-evil" not in seen.headers


REPLICATE = ("replicate",)
"""Whose replies alone name addresses for further requests."""
STREAMED = ((False, True), (True, True))

CASES: Rows = (
    *map(to_another_origin, REDIRECTS),
    *LOOPS,
    *PLACES,
    *LEADS,
    Scene("a stream on another host", stream_elsewhere, REPLICATE, STREAMED),
    Scene("a stream at an address of no such kind", no_stream_there, REPLICATE, STREAMED),
    Scene("ids that would lead elsewhere", odd_identifiers, REPLICATE),
)
