"""What is logged and printed: no key, no prompt unless asked, no line that a provider forged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from llmgate.errors import LLMGateError
from llmgate.hooks import LoggingHook, StructlogHook
from tests.faults.calls import KEY, chain
from tests.faults.dialect import Dialect
from tests.faults.peer import Step
from tests.faults.server import event, reply, reset
from tests.faults.several import several
from tests.faults.spills import has, listening
from tests.faults.table import Case, Outcome, Player, Scene, Steps, calling

__all__ = ["CASES"]

PROMPT = "prompt-canary-2468013579"
ANSWER = "answer-canary-1122334455"
ASKED: list[Any] = [{"role": "user", "content": PROMPT}]
ONE = ((False, False),)
"""The whole process is listened to, and so one call is made after the other."""


def all_ways(player: Player) -> list[Player]:
    """The same provider, called in each of the four ways."""
    return [Player(player.dialect, sync, each) for sync in (False, True) for each in (False, True)]


# --- what is overheard --------------------------------------------------------------------


def _steps(dialect: Dialect, streamed: bool) -> list[Step]:
    """An answer, refusals that repeat what was sent, and connections that break."""
    said = f"no: {KEY} (Bearer {KEY})"
    whole = (*dialect.opening, dialect.piece(ANSWER), dialect.finish, dialect.marker)
    answer: Step = reply(200, body=dict(dialect.answer_saying(ANSWER)))
    if streamed:
        answer = dialect.streamed(*(each for each in whole if each))
    return [
        answer,
        dialect.error(401, said, x_request_id=KEY, set_cookie=f"k={KEY}"),
        dialect.error(503, said),
        reply(200, body=f"<html>{said}</html>".encode()),
        reset,
        dialect.streamed(*dialect.begun, event(said)) if streamed else dialect.error(400, said),
    ]


async def _overheard(player: Player, hooks: Callable[[], list[Any]], **options: Any) -> str:
    """All that is logged and printed while calls succeed and fail in every way."""
    with listening() as ear:
        for each in all_ways(player):
            steps = _steps(each.dialect, each.stream)
            with each.dialect.serve(*steps) as server:
                async with calling(each, server.url, {"hooks": hooks()}) as client:
                    repr(client)
                    for _ in steps:
                        await each.call(client, server, messages=ASKED, api_key=KEY, **options)
    return ear.text


async def _silent(player: Player) -> None:
    """By itself it logs neither key nor prompt nor answer, at the lowest level of every logger."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    slow, loop.slow_callback_duration = loop.slow_callback_duration, 0.000_001
    try:
        text = await _overheard(player, list)
    finally:
        loop.set_debug(False)
        loop.slow_callback_duration = slow
    assert "asyncio" in text, "nothing was overheard"
    for secret in (KEY, PROMPT, ANSWER):
        assert not has(text, secret)


async def _hooked(player: Player) -> None:
    """Whoever wants a log gets one without prompts and answers."""
    text = await _overheard(player, lambda: [LoggingHook(), StructlogHook()])
    assert "attempt" in text
    for secret in (KEY, PROMPT, ANSWER):
        assert not has(text, secret)


async def _with_bodies(player: Player) -> None:
    """Whoever asks for prompts and answers gets them, and still no key."""
    text = await _overheard(player, lambda: [LoggingHook(bodies=True), StructlogHook(bodies=True)])
    assert not has(text, KEY)
    assert has(text, PROMPT)
    assert has(text, ANSWER)


async def _verbose(player: Player) -> None:
    """So does ``verbose=True``, on standard error."""
    text = await _overheard(player, list, verbose=True)
    assert "llmgate: request" in text
    assert not has(text, KEY)
    assert has(text, PROMPT)


# --- lines that a provider would like to write --------------------------------------------

FORGED = (
    "no\nWARNING root: all is lost\r\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\x00"
    "\u2028line\u2029\x85next\x0b\x0c\u202egnol\u200b\ufeff\x7f\x08\x08end"
)
"""Line ends of every kind, terminal escapes, a reversal, signs without width, and backspaces."""
_HARMFUL = frozenset(each for each in FORGED if not each.isprintable())


def _in_header(text: str) -> str:
    """As much of it as a header may hold."""
    return text.replace("\n", "").replace("\r", "").replace("\x00", "")


def _told(dialect: Dialect) -> bytes:
    """The provider's own error among its events, with this text."""
    text = json.dumps(FORGED)[1:-1].encode()
    told = dialect.stream_error.replace(b"busy", text)
    return told.replace(b'"overloaded"', b'"' + text + b'"')


def _instead(body: Any) -> bytes:
    """What is no answer, under a type that Replicate too takes for a stream."""
    return reply(200, body=body, content_type="text/event-stream")


_BOTH: Mapping[str, Callable[[Dialect], Step]] = {
    "message": lambda d: d.error(400, FORGED),
    "code": lambda d: reply(400, body={"error": {"message": "no", "code": FORGED, "type": FORGED}}),
    "field names": lambda d: reply(400, body={"error": {FORGED: FORGED}, FORGED: 1}),
    "plain text": lambda d: reply(500, body=FORGED.encode(), content_type="text/plain"),
    "page": lambda d: _instead(f"<html>{FORGED}".encode()),
    "no answer": lambda d: _instead({"choices": FORGED, "content": FORGED, "x": [FORGED]}),
    "deep": lambda d: _instead(dict(d.answer_saying({FORGED: FORGED}))),
    "error with 200": lambda d: _instead(dict(d.error_body(FORGED))),
    "request id": lambda d: d.error(500, x_request_id=_in_header(FORGED)),
    "redirect": lambda d: reply(307, location=_in_header(FORGED)),
    "status": lambda d: d.error(400).replace(b"Something", _in_header(FORGED).encode()),
    "odd status line": lambda d: FORGED.encode() + b"\r\n\r\n",
}
_STREAMED: Mapping[str, Callable[[Dialect], Step]] = {
    "error event": lambda d: d.streamed(*d.begun, _told(d)),
    "named error": lambda d: d.streamed(b"event: error\n" + event({"error": {"message": FORGED}})),
    "named text": lambda d: d.streamed(b"event: error\n" + event(json.dumps(FORGED))),
    "broken event": lambda d: d.streamed(
        *d.begun, b'data: {"\x1b[31m\x9b\xe2\x80\xa8' + "\u202e".encode() + b"\n\n"
    ),
    "wrong event": lambda d: d.streamed(event({"type": FORGED, "choices": FORGED})),
    "odd name": lambda d: d.streamed(b"event: \x1b[31m\x07\ndata: \x1b[31m\n\n"),
}


def _is_escaped(outcome: Outcome) -> None:
    """No text of an error has a character that could forge a line, or take over a terminal."""
    assert isinstance(outcome.error, LLMGateError), outcome.text
    for each in chain(outcome.error):
        for text in (str(each), *map(str, each.args), getattr(each, "message", "")):
            assert _HARMFUL.isdisjoint(text), ascii(text)


def _each(steps: Mapping[str, Callable[[Dialect], Step]]) -> dict[str, Steps]:
    return {name: _alone(step) for name, step in steps.items()}


def _alone(step: Callable[[Dialect], Step]) -> Steps:
    return lambda dialect: [step(dialect)]


async def _no_line_is_forged(player: Player) -> None:
    """Every line of a log is one that was logged, whatever a provider says."""
    steps = {**_BOTH, **(_STREAMED if player.stream else {})}
    with listening() as ear:
        plain = structlog.wrap_logger(structlog.PrintLogger(), processors=[_plainly])
        hooks = [LoggingHook(bodies=True), StructlogHook(plain)]
        for each in all_ways(player):
            made = [step(each.dialect) for name, step in steps.items() if name != "odd name"]
            with each.dialect.serve(*made) as server:
                async with calling(each, server.url, {"hooks": hooks}) as client:
                    for _ in made:
                        outcome = await each.call(client, server, verbose=True)
                        assert outcome.error is not None
    printed = ear.printed.getvalue().splitlines()
    assert printed
    for line in [*ear.lines, *printed]:
        assert _HARMFUL.isdisjoint(line), ascii(line)
        assert line.startswith(("llmgate", "asyncio", "event=")), ascii(line)


def _plainly(_: Any, name: str, values: Any) -> str:
    """An event as a line without any quotes."""
    return " ".join(f"{key}={value}" for key, value in {"event": name, **values}.items())


CASES: tuple[Case | Scene, ...] = (
    Scene("nothing is logged by itself", _silent, ways=ONE),
    Scene("a log without prompts and answers", _hooked, ways=ONE),
    Scene("a log with prompts and answers", _with_bodies, ways=ONE),
    Scene("verbose", _verbose, ways=ONE),
    several("an error's text is escaped", _is_escaped, _each(_BOTH), streamed=(False, True)),
    several("an error's text in a stream is escaped", _is_escaped, _each(_STREAMED)),
    Scene("no line of a log is forged", _no_line_is_forged, ways=ONE),
)
