"""JSON that is no answer: wrong shapes, and errors with status 200."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from llmgate.errors import (
    ContentFilterError,
    ContextWindowError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from tests.faults.dialect import TEXT, Dialect
from tests.faults.peer import Step
from tests.faults.raw import Rows, in_turn, play_lines
from tests.faults.server import reply
from tests.faults.shapes import MISSING, Path, paths_in, sayings, set_in, usable
from tests.faults.table import (
    Case,
    Check,
    Outcome,
    Player,
    Scene,
    either,
    raises,
)

__all__ = [
    "CASES",
    "CLEAN",
    "UNARY",
    "Line",
    "adding",
    "always",
    "body",
    "changed",
    "each_in_turn",
    "refused",
]

UNARY = ((False, False), (True, False))


def refused(outcome: Outcome) -> None:
    """The reply is no answer, or it is the provider's error of whatever kind."""
    assert outcome.error is not None, f"no error, but the answer {outcome.text[:80]!r}"
    assert isinstance(outcome.error, DecodeError | ProviderError), f"it is {outcome.error!r}"


CLEAN = either(usable(), refused)


def body(name: str, check: Check, write: Callable[[Dialect], Any], **more: Any) -> Case:
    """A line for a whole reply with this JSON; bytes are sent as they are."""

    def steps(dialect: Dialect) -> Iterable[Step]:
        return [reply(200, body=write(dialect))]

    return Case(name, check, unary=steps, **more)


def always(value: Any) -> Callable[[Dialect], Any]:
    """The same, whoever is asked."""
    return lambda _: value


def adding(key: str, value: Any) -> Callable[[Dialect], Any]:
    """The answer with this among its fields."""
    return lambda dialect: {**dialect.answer, key: value}


def changed(path: Callable[[Dialect], Path], new: Any) -> Callable[[Dialect], Any]:
    """The answer with something else there; bytes stand there as they are."""

    def write(dialect: Dialect) -> Any:
        if not isinstance(new, bytes):
            return set_in(dict(dialect.answer), path(dialect), new)
        return (
            json.dumps(set_in(dict(dialect.answer), path(dialect), "@@"))
            .encode()
            .replace(b'"@@"', new)
        )

    return write


Line = tuple[str, Any, Check]


_BLOCK_OF_BEDROCK = ("output", "message", "content", 0)


async def each_in_turn(player: Player, bodies: Iterable[Line]) -> None:
    """Calls of one client, each answered with one of these bodies, and checked."""
    await play_lines(player, ((name, reply(body=each), check) for name, each, check in bodies))


# --- something else in one place after the other ------------------------------------------

SPOILT: Mapping[str, Any] = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "false": False,
    "a number": 5,
    "zero": 0,
    "a negative number": -1,
    "a fraction": 0.5,
    "a text": TEXT,
    "an empty text": "",
    "a text of a number": "5",
    "a long text": TEXT * 20_000,
    "an empty list": [],
    "an empty object": {},
    "a list": [TEXT],
    "a list of null": [None],
    "a list of lists": [[[]]],
    "an object": {"a": 1},
    "an object with a text": {"text": TEXT, "content": TEXT},
    "a million": 10**6,
    "a number of 60 digits": 10**60,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "100 lists": json.loads("[" * 100 + "]" * 100),
}


def spoilt_everywhere(name: str, new: Any) -> Scene:
    """A line for an answer in which this stands in every place once: the answer, or an error."""
    said = {TEXT, "", new} if isinstance(new, str) else {TEXT, ""}
    check = either(usable(*said), refused)

    async def scene(player: Player) -> None:
        answer = dict(player.dialect.answer)
        places = [path for path in paths_in(answer) if path != ("status",)]  # it is asked for again
        mine = places[player.sync :: 2]
        await each_in_turn(player, ((str(p), set_in(answer, p, new), check) for p in mine))

    return Scene(f"every place holds {name}", scene, ways=UNARY)


def says_nothing(outcome: Outcome) -> None:
    """An answer without a text: the model may have had nothing to say, and says why."""
    usable("")(outcome)
    assert outcome.answer is not None
    assert outcome.answer.choices[0].finish_reason is not None


async def wrong_on_the_way(player: Player) -> None:
    """Whatever holds the text is something else: an error; where it is empty, an empty answer."""
    answer = dict(player.dialect.answer)
    empty = {"missing", "null", "an empty text", "an empty list"}
    if player.dialect.name == "gemini":  # its JSON leaves out whatever is empty
        empty.add("an empty object")

    def bodies() -> Iterator[Line]:
        for path in sayings(player.dialect):
            for name, new in SPOILT.items():
                # a part of Gemini's and a block of Bedrock's may be of a new kind
                is_new = "parts" in path[-2:] or path == _BLOCK_OF_BEDROCK
                is_unknown = name == "an object" and is_new
                is_empty = name in empty or is_unknown
                check = either(says_nothing, refused) if is_empty else refused
                if isinstance(new, str) or TEXT in str(new):  # some hosts write it so
                    check = either(usable(str(new), TEXT), says_nothing, refused)
                yield f"{path} is {name}", set_in(answer, path, new), check

    await each_in_turn(player, bodies())


WHOLE: Mapping[str, Any] = {name: new for name, new in SPOILT.items() if new is not MISSING}
INSTEAD = in_turn(
    "something else in place of it all",
    *(body(name, refused, always(json.dumps(new).encode())) for name, new in WHOLE.items()),
)

# --- errors with status 200 ---------------------------------------------------------------

ERRORS: tuple[Any, ...] = (
    {"error": "no"},
    {"error": {}},
    {"error": None},
    {"error": []},
    {"error": ["no"]},
    {"error": True},
    {"error": 500},
    {"error": {"message": "no"}},
    {"error": {"message": None, "type": None, "code": None}},
    {"error": {"message": {"text": "no"}, "type": 5, "code": []}},
    {"error": {"code": 429, "message": "no"}},
    {"error": {"code": "429", "message": "no"}},
    {"error": {"message": "no", "type": "server_error", "param": {}, "code": True}},
    {"error": {"error": {"error": "no"}}},
    {"error": "no", "message": "no", "detail": "no", "status": 500},
    {"errors": ["no"]},
    {"errors": [{"message": "no"}]},
    {"message": "no"},
    {"message": 5},
    {"detail": "no"},
    {"detail": [{"loc": ["body"], "msg": "no", "type": "missing"}]},
    {"title": "no", "status": 500, "type": "about:blank"},
    {"status": 500},
    {"status": "error", "reason": "no"},
    {"success": False, "errors": [{"code": 7003, "message": "no"}], "result": None},
    {"code": 404, "message": "no"},
    {"object": "error", "message": "no"},
    {"type": "error"},
    {"type": "error", "error": "no"},
    {"Message": "no", "__type": "ThrottlingException"},
    {"fault": {"faultstring": "no"}},
    {"ok": False},
    [{"error": {"message": "no"}}],
)


def coded(
    name: str, kind: type[LLMGateError], error: Any, *providers: str, **attributes: Any
) -> Case:
    """A line for an error with a code that says what it is, and status 200."""
    return body(name, raises(kind, **attributes), lambda _: error, providers=providers)


def failed(text: str) -> dict[str, Any]:
    """A prediction of Replicate's that failed."""
    return {"id": "p1", "status": "failed", "output": None, "error": text, "urls": {}}


OPENAI = ("openai", "azure")
CODED: Rows = (
    coded(
        "a window, in a 200",
        ContextWindowError,
        {"error": {"message": "no", "code": "context_length_exceeded"}},
        *OPENAI,
        code="context_length_exceeded",
        status=400,
    ),
    coded(
        "a quota, in a 200",
        QuotaExceededError,
        {"error": {"message": "no", "code": "insufficient_quota"}},
        *OPENAI,
        status=429,
    ),
    coded(
        "a rate, in a 200",
        RateLimitError,
        {"error": {"message": "no", "code": 429}},
        *OPENAI,
        status=429,
    ),
    coded(
        "a filter, in a 200",
        ContentFilterError,
        {"error": {"message": "no", "code": "content_filter"}},
        *OPENAI,
    ),
    coded(
        "overloaded, in a 200",
        OverloadedError,
        {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
        "anthropic",
        code="overloaded_error",
    ),
    coded(
        "billing, in a 200",
        QuotaExceededError,
        {"type": "error", "error": {"type": "billing_error", "message": "no"}},
        "anthropic",
    ),
    coded(
        "a generation that failed",
        ServerError,
        {"id": "c1", "finish_reason": "ERROR", "message": {"role": "assistant", "content": []}},
        "cohere",
        code="ERROR",
    ),
    coded(
        "a generation that took too long",
        ServerError,
        {"id": "c1", "finish_reason": "TIMEOUT", "message": {"role": "assistant"}},
        "cohere",
        status=504,
    ),
    coded(
        "too many tokens, in a 200",
        ContextWindowError,
        {"message": "no", "error_type": "TOO_MANY_TOKENS"},
        "cohere",
    ),
    coded("a prediction that failed", ServerError, failed("no"), "replicate", code="failed"),
    coded(
        "a prediction that was flagged",
        ContentFilterError,
        failed("no (E005)"),
        "replicate",
        code="E005",
    ),
    coded(
        "a prediction that found no room",
        OverloadedError,
        failed("no (E003)"),
        "replicate",
        code="E003",
    ),
    coded(
        "a prediction that was canceled",
        ProviderError,
        {**failed(""), "status": "canceled"},
        "replicate",
        code="canceled",
    ),
    coded(
        "a problem, in a 200",
        RateLimitError,
        {"detail": "no", "status": 429},
        "replicate",
        status=429,
    ),
)
BESIDE: tuple[Any, ...] = ("no", {"message": "no"}, [], {}, 5, True, None)
TOLD: Rows = (
    body(
        "the provider's own error, in a 200",
        raises(ProviderError, ServerError, DecodeError),
        lambda d: d.error_body("no"),
    ),
    in_turn(
        "errors of every shape, in a 200",
        *(body(json.dumps(e), refused, always(e)) for e in ERRORS),
    ),
    in_turn(
        "an error beside an answer",
        *(body(json.dumps(e), either(usable(), refused), adding("error", e)) for e in BESIDE),
    ),
)

CASES: Rows = (
    INSTEAD,
    *(spoilt_everywhere(name, new) for name, new in SPOILT.items()),
    Scene("something else where the text is held", wrong_on_the_way, ways=UNARY),
    *TOLD,
    *CODED,
)
