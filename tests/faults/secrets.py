"""Keys: that they are nowhere where somebody could see them, whatever goes wrong.

What is logged is in ``secrets_logs``; whom the environment sends where, in ``secrets_outside``.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmgate import Client, RetryPolicy, Stream
from llmgate.errors import InvalidRequestError
from llmgate.hooks import as_dictionary
from llmgate.provider.http import Secret
from llmgate.testing import CannedTransport
from tests.faults import secrets_logs, secrets_outside
from tests.faults.calls import HI, KEY, Recorder, no_pause
from tests.faults.dialect import Dialect
from tests.faults.memory import Reader
from tests.faults.peer import Step
from tests.faults.server import (
    LAST,
    STREAM_HEAD,
    close,
    event,
    framed,
    hang,
    head,
    reply,
    reset,
    then,
)
from tests.faults.spills import check_nothing_spilled, has, in_frames, reachable
from tests.faults.table import Case, Outcome, Player, Scene, Steps, calling

__all__ = ["CASES"]

OTHER = "other-canary-9876543210-zyxwvu"
"""A secret that the caller put into a header."""
PASSWORD = "password-canary-1357924680"
"""One that stands in the address."""
ECHO = f"bad key {KEY} (Bearer {KEY}), token {OTHER}"


# --- a server that repeats what it was sent -----------------------------------------------


def _both(step: Callable[[Dialect], Step]) -> dict[str, Steps]:
    return {"unary": lambda d: [step(d)], "stream": lambda d: [step(d)]}


def _begun(*events: bytes) -> Steps:
    """A stream that has begun, and then this."""
    return lambda d: [d.streamed(*d.begun, *events)]


def _named(what: str) -> bytes:
    return f"event: error\ndata: {what}\n\n".encode()


def _status_text(dialect: Dialect) -> bytes:
    whole = dialect.error(401)
    return whole.replace(b"401 Something", f"401 {ECHO}".encode())


_HEADERS = dict.fromkeys(
    (
        *("x_request_id", "request_id", "set_cookie", "www_authenticate", "x_said", "retry_after"),
        *("location", "x_ratelimit_limit", "server", "via", "authorization", "x_should_retry"),
    ),
    ECHO,
)
_SPILLS: Mapping[str, dict[str, Steps]] = {
    "an error's message": _both(lambda d: d.error(401, ECHO)),
    "an error's message, at length": _both(lambda d: d.error(500, "x" * 280 + ECHO)),
    "an error's text that is cut within the key": _both(
        lambda d: reply(500, body=b"x" * 275 + KEY.encode() * 40, content_type="text/plain")
    ),
    "an error's code and type": _both(
        lambda d: reply(400, body={"error": {"message": "no", "code": KEY, "type": OTHER}})
    ),
    "an error's other fields": _both(
        lambda d: reply(400, body={"error": {"a": [KEY, {KEY: OTHER}]}, "message": {"x": KEY}})
    ),
    "an error's escapes": _both(
        lambda d: reply(
            403, body=json.dumps(dict(d.error_body(ECHO))).replace("k", "\\u006b").encode()
        )
    ),
    "an HTML page": _both(lambda d: reply(502, body=f"<p>{ECHO}</p>".encode())),
    "a page in place of an answer": _both(lambda d: reply(200, body=f"<p>{ECHO}</p>".encode())),
    "another JSON in place of an answer": _both(lambda d: reply(200, body={"said": [KEY, OTHER]})),
    "an error with status 200": _both(lambda d: reply(200, body=dict(d.error_body(ECHO)))),
    "an answer that is no text": _both(
        lambda d: reply(200, body=dict(d.answer_saying({"x": ECHO})))
    ),
    "the headers of an error": _both(lambda d: d.error(500, **_HEADERS)),
    "the headers of what is no answer": _both(lambda d: reply(200, body=b"no", **_HEADERS)),
    "the status's text": _both(_status_text),
    "a redirect": _both(lambda d: reply(307, location=f"http://x.test/?key={KEY}&t={OTHER}")),
    "a head that is none": _both(lambda d: then(f"HTTP/1.1 {ECHO}\r\n\r\n".encode(), last=close)),
    "a header that is none": _both(
        lambda d: then(f"HTTP/1.1 200 OK\r\n{ECHO}\r\n\r\n".encode(), last=close)
    ),
    "nonsense": _both(lambda d: then(ECHO.encode() * 10, last=close)),
    "a body that is cut": _both(
        lambda d: then(head(200, content_length="9999") + ECHO.encode(), last=close)
    ),
    "an error that is cut": _both(
        lambda d: then(head(500, content_length="9999") + ECHO.encode(), last=close)
    ),
    "a chunk that is none": _both(
        lambda d: then(head(200, transfer_encoding="chunked") + f"{ECHO}\r\n".encode(), last=close)
    ),
    "no answer in time": _both(lambda d: hang),
    "a reset": _both(lambda d: reset),
    "an error in a stream": {"stream": lambda d: [d.streamed(*d.begun, _in_stream(d))]},
    "an error that begins a stream": {"stream": lambda d: [d.streamed(_in_stream(d))]},
    "an event named error": {"stream": _begun(_named(ECHO))},
    "plain text in a stream": {"stream": _begun(event(ECHO))},
    "broken JSON in a stream": {"stream": _begun(event('{"x": "' + ECHO))},
    "another JSON in a stream": {"stream": _begun(event({"choices": ECHO, "type": ECHO}))},
    "broken UTF-8 in a stream": {"stream": _begun(b"data: \xff" + ECHO.encode() + b"\n\n")},
    "a stream that is cut, and its headers": {
        "stream": lambda d: [
            head(
                200,
                content_type="text/event-stream",
                transfer_encoding="chunked",
                x_request_id=KEY,
                x_said=ECHO,
            )
            + framed(b"".join(d.begun))
            + LAST
        ]
    },
    "a stream's text that is cut": {
        "stream": lambda d: [d.streamed(*d.opening, d.piece(ECHO), d.piece(" and more"))]
    },
    "a stream cut within an event": {
        "stream": lambda d: [STREAM_HEAD + framed(b"".join(d.begun) + _half(d)) + LAST]
    },
}


def _half(dialect: Dialect) -> bytes:
    """A piece that is cut; Replicate's begins with text, which would be the caller's."""
    return dialect.piece(ECHO)[:-3] if dialect.name != "replicate" else b"event: " + ECHO.encode()


def _in_stream(dialect: Dialect) -> bytes:
    """The provider's own error among its events, with this text."""
    body = dialect.stream_error.replace(b"busy", ECHO.encode())
    return body.replace(b'"overloaded"', json.dumps(ECHO).encode())


def _is_quiet(outcome: Outcome) -> None:
    check_nothing_spilled(outcome, OTHER, PASSWORD)


def _spills() -> Iterator[Case]:
    options = {"api_key": KEY, "extra_headers": {"X-Own-Token": OTHER}, "timeout": 0.25}
    for name, steps in _SPILLS.items():
        yield Case(
            f"the key is repeated in {name}",
            _is_quiet,
            unary=steps.get("unary"),
            stream=steps["stream"],
            options=options,
            requests=3,
        )


# --- other ways to fail -------------------------------------------------------------------


async def _in_an_address(player: Player) -> None:
    """A password and a key in the address are in no error, though a server repeats them."""
    error = player.dialect.error(400, f"no {PASSWORD} {OTHER}")
    with player.dialect.serve(error) as server:
        url = server.url.replace("//", f"//me:{PASSWORD}@")
        for address in (url, "http://me:" + PASSWORD + "@127.0.0.1:9/v1"):
            provider = player.dialect.make(address)
            assert not has(f"{provider!r} {provider}", PASSWORD)
            client = Client(providers={player.dialect.name: provider}, max_retries=0)
            outcome = await player.call(client, server)
            await player.close(client)
            check_nothing_spilled(outcome, PASSWORD)
    for broken in (f"me:{PASSWORD}@x", f"ftp://me:{PASSWORD}@x", f"http://me:{PASSWORD}@[x"):
        try:
            player.dialect.make(broken)
        except InvalidRequestError as error:
            for text in (str(error), repr(error), *reachable(vars(error))):
                assert not has(text, PASSWORD), text


async def _no_key_is_shown(player: Player) -> None:
    """A key that cannot be one is refused without a word of it, in any frame."""
    with player.dialect.serve(player.dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            for key in (f"{KEY}\n{KEY}", f"{KEY}é", f"{KEY}\x00", [KEY], {"key": KEY}):
                outcome = await player.call(client, server, api_key=key)
                check_nothing_spilled(outcome)
            headers = {"X-A": f"{OTHER}\r\nX-B: {KEY}"}
            outcome = await player.call(client, server, extra_headers=headers)
            check_nothing_spilled(outcome, OTHER)


_CANCELLED: Mapping[str, Step] = {
    "waiting for headers": hang,
    "in the body": then(STREAM_HEAD + framed(b"\n\n"), last=hang),
    "in a pause": reply(503, retry_after="3"),
}


async def _cancelled(player: Player) -> None:
    """A program may log what cancelled it, with all variables of all frames."""
    for step in _CANCELLED.values():
        with player.dialect.serve(step) as server:
            async with calling(player, server.url, {"max_retries": 1}) as client:
                options = {"api_key": KEY, "extra_headers": {"X-Own-Token": OTHER}}
                task = asyncio.ensure_future(_answer(client, player, **options))
                await asyncio.sleep(0.05)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError as cancelled:
                    for text in in_frames(cancelled):
                        assert not has(text, KEY)
                        assert not has(text, OTHER)
                else:
                    raise AssertionError("it was not cancelled")


async def _answer(client: Client, player: Player, **options: Any) -> Any:
    answer: Any = await client.acompletion(
        player.dialect.model, HI, stream=player.stream, **options
    )
    return await answer.completion() if isinstance(answer, Stream) else answer


# --- objects ------------------------------------------------------------------------------


async def _in_objects(player: Player) -> None:
    """Client, provider, stream and answer show no key: printed, formatted, pickled or copied."""
    dialect = player.dialect
    with dialect.serve(dialect.streamed() if player.stream else dialect.reply()) as server:
        async with calling(player, server.url, {}) as client:
            outcome = await player.call(client, server, api_key=KEY)
            answer = outcome.answer
            assert answer is not None, outcome.error
            provider = dialect.make(server.url)
            for each in (client, provider, answer, answer.exchange, *outcome.chunks):
                _shows_nothing(each)
            assert not any(has(text, KEY) for text in reachable(answer))
            assert KEY not in answer.model_dump_json() + str(answer.model_dump())


def _shows_nothing(thing: Any) -> None:
    shown = f"{thing!r} {thing} {[thing]} {getattr(thing, '__dict__', '')!r}"
    assert not has(shown, KEY), type(thing)
    for dump in (pickle.dumps, copy.deepcopy, json.dumps):
        try:
            dumped: Any = dump(thing)
        except Exception as error:  # noqa: BLE001 - it refuses, which is fine
            dumped = str(error)
        assert not has(repr(dumped), KEY), (type(thing), dump)
        assert not (isinstance(dumped, bytes) and has(dumped, KEY)), type(thing)


async def _in_a_secret(player: Player) -> None:
    """The type of keys hides itself, and cannot be pickled."""
    secret = Secret(KEY)
    for text in (f"{secret!r}", f"{secret}", f"{secret!s:>40}", f"{[secret]}", f"{ {1: secret} }"):
        assert not has(text, KEY)
    _shows_nothing(secret)
    assert KEY == secret.reveal()


async def _in_events(player: Player) -> None:
    """Events of calls that succeed, fail, are tried again and are left show no key."""
    dialect, recorder, logged = player.dialect, Recorder(), list[dict[str, Any]]()
    answer = dialect.streamed() if player.stream else dialect.reply()
    settings = {"hooks": [recorder], "retry": RetryPolicy(1, wait=no_pause), "timeout": 2.0}
    failing = [dialect.error(503, ECHO), answer, dialect.error(401, ECHO, **_HEADERS)]
    with dialect.serve(*failing) as server:
        async with calling(player, server.url, settings) as client:
            options = {"api_key": KEY, "extra_headers": {"X-Own-Token": OTHER}}
            for _ in range(3):
                await player.call(client, server, logger_fn=logged.append, **options)
    assert len(recorder.events) > 5
    for seen in (*recorder.events, *map(as_dictionary, recorder.events), *logged):
        for text in (repr(seen), *reachable(seen)):
            assert not has(text, KEY), text
            assert not has(text, OTHER), text


async def _in_recordings(player: Player) -> None:
    """What is kept of requests, for tests and for looking at, shows no credential."""
    reader = Reader(player.dialect)
    await reader.outcome(*player.dialect.events)
    transport = CannedTransport()
    for text in (repr(reader.requests), repr(transport), repr([*reader.requests])):
        assert not has(text, KEY)
    preview = Client(
        providers={player.dialect.name: player.dialect.make("http://x.test/v1")}
    ).preview(
        player.dialect.model, HI, stream=player.stream, api_key=KEY, extra_headers={"X-Key": OTHER}
    )
    for shown in (repr(preview), *reachable(preview)):
        assert not has(shown, KEY)
        assert not has(shown, OTHER)


ONE = ((False, False),)
AWAITED = ((False, False), (False, True))

CASES: tuple[Case | Scene, ...] = (
    *_spills(),
    Scene("a password in the address", _in_an_address),
    Scene("keys and headers that cannot be ones", _no_key_is_shown),
    Scene("what a cancellation shows", _cancelled, ways=AWAITED),
    Scene("what objects show", _in_objects),
    Scene("what a secret shows", _in_a_secret, ways=ONE),
    Scene("what events show", _in_events),
    Scene(
        "what recordings and previews show", _in_recordings, ways=((False, False), (False, True))
    ),
    *secrets_logs.CASES,
    *secrets_outside.CASES,
)
