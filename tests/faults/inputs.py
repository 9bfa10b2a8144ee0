"""Wrong arguments: refused before anything is sent, with the path of what is wrong.

What JSON cannot carry is in ``inputs_values``, addresses and keys are in ``inputs_places``.
"""

from __future__ import annotations

import math
from typing import Any

from llmgate import Timeout, UnknownProviderError
from tests.faults import inputs_places, inputs_values
from tests.faults.calls import HI
from tests.faults.refusals import refused, said
from tests.faults.table import Case, Scene

__all__ = ["CASES"]

HUGE = 10**5000
"""An integer of 5,001 digits, which has no text without further ado."""
HALF = "\ud800"
"""Half a character."""


def _with(name: str, *values: Any) -> list[tuple[str, dict[str, Any]]]:
    """A parameter with each of these values, which is what is wrong."""
    return [(name, {name: value}) for value in values]


def _messages(*wrong: tuple[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, {"messages": messages}) for path, messages in wrong]


def _call(**changes: Any) -> list[dict[str, Any]]:
    """A history with a call of a function, of which something is changed."""
    function = {"name": "look", "arguments": "{}", **changes}
    call = {"id": "c1", "type": "function", "function": function}
    return [*HI, {"role": "assistant", "content": None, "tool_calls": [call]}]


def _tool(**changes: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "look", **changes}}


class _Unprintable:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def _wrong_timeouts() -> list[Any]:
    numbers = [0, 0.0, -0.0, -1, -1e-9, math.nan, math.inf, -math.inf, HUGE, -HUGE]
    return [*numbers, True, False, "5", b"5", [], {}, 5j, _Unprintable()]


def _timeout_of(name: str, value: Any) -> Any:
    """Made only when it is asked for: a limit that is wrong is refused at once."""
    return lambda: {"timeout": Timeout(**{name: value})}


_NO_CONTENTS: tuple[Any, ...] = (None, 7, b"Hi", True, {}, {"text": "Hi"})
_NO_MESSAGES: tuple[Any, ...] = (None, "Hi", b"Hi", 7, [], object())
_PART = {"type": "text", "text": "Hi"}
_ROLE = "messages[0].role"
_CONTENT = "messages[0].content"

_IMAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", {}),
    ("", {"image_url": 5}),
    (".url", {"image_url": {}}),
    (".url", {"image_url": {"url": ""}}),
    (".url", {"image_url": {"url": "file:///etc/passwd"}}),
    (".url", {"image_url": {"url": "/etc/passwd"}}),
    (".url", {"image_url": {"url": "data:image/png,raw"}}),
    (".url", {"image_url": {"url": HALF}}),
    (".url", {"image_url": {"url": b"x"}}),
)
_PARAMETERS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("temperature", ("hot", True, [], {}, math.nan, math.inf, -math.inf, HUGE, b"1", 1j)),
    ("top_p", ("1", False, [0.5], math.nan, HUGE, object())),
    ("max_tokens", (0, -2, 1.5, "5", True, HUGE, -HUGE, 2**64, math.nan, [], b"5")),
    ("max_completion_tokens", (0, -2, 1.5, "5", HUGE)),
    ("n", (0, -1, 1.5, "2", True, HUGE)),
    ("seed", ("1", 1.5, True, HUGE, -HUGE, math.nan)),
    ("presence_penalty", ("1", math.nan, [])),
    ("user", (7, b"me", HALF, [], True)),
    ("tool_choice", (7, True, b"auto", HALF)),
    ("response_format", (7, "json", [], b"", HALF)),
    ("logprobs", (1, "yes", [])),
    ("parallel_tool_calls", (1, "yes", [])),
    ("reasoning_effort", (1, [], HALF)),
    ("metadata", ("x", 7, [])),
)

CASES: tuple[Case | Scene, ...] = (
    refused(
        "something else in place of messages",
        *_with("messages", None, "Hi", b"Hi", 7, 1.5, True, HI[0], object(), _Unprintable()),
    ),
    refused("no messages", *_with("messages", [], (), iter([]))),
    refused(
        "something else in place of a message",
        *_messages(*(("messages[0]", [each]) for each in _NO_MESSAGES)),
        ("messages[1]", {"messages": [HI[0], None]}),
    ),
    refused(
        "roles that are none",
        *_messages(
            (_ROLE, [{"content": "Hi"}]),
            (_ROLE, [{}]),
            *((_ROLE, [{"role": role, "content": "Hi"}]) for role in ("", "robot")),
            *((_ROLE, [{"role": role, "content": "Hi"}]) for role in (None, 7, HALF, ["user"])),
        ),
    ),
    refused(
        "contents that are none",
        *_messages(
            (_CONTENT, [{"role": "user"}]),
            *((_CONTENT, said(each)) for each in _NO_CONTENTS),
            (f"{_CONTENT}[0]", said(["Hi"])),
            (f"{_CONTENT}[1]", said([_PART, None])),
            (f"{_CONTENT}[0].type", said([{"text": "Hi"}])),
            (f"{_CONTENT}[0].text", said([{"type": "text"}])),
            (f"{_CONTENT}[0].text", said([{"type": "text", "text": b"Hi"}])),
            (f"{_CONTENT}[0].text", said([{"type": "text", "text": None}])),
        ),
    ),
    refused(
        "lone surrogates in messages",
        *_messages(
            *((_CONTENT, said(text)) for text in (HALF, f"a{HALF}b", "\udfff", "\ude00\ud83d")),
            (_CONTENT, [{"role": "system", "content": HALF}, *HI]),
            (f"{_CONTENT}[0].text", said([{**_PART, "text": HALF}])),
            ("messages[0].name", [{**HI[0], "name": HALF}]),
            ("messages[1].tool_calls[0].function.name", _call(name=HALF)),
            ("messages[1].tool_calls[0].function.arguments", _call(arguments=f'{{"a": "{HALF}"}}')),
            ("messages[0]", [{**HI[0], HALF: 1}]),
        ),
    ),
    refused(
        "images that are none",
        *_messages(
            *(
                (f"{_CONTENT}[0].image_url{inner}", said([{"type": "image_url", **image}]))
                for inner, image in _IMAGES
            )
        ),
    ),
    refused(
        "calls in the history that are none",
        *_messages(
            ("messages[1].tool_calls[0].function.name", _call(name="")),
            ("messages[1].tool_calls[0].function.name", _call(name=None)),
            ("messages[1].tool_call_id", [*HI, {"role": "tool", "content": "7"}]),
        ),
    ),
    refused(
        "models that are none",
        *_with("model", "", "  ", None, 7, b"gpt", [], object()),
    ),
    refused(
        "a provider that nobody knows",
        *((None, {"model": name}) for name in ("nope/x", "nope", "/x", "\ud800/x", "no\npe/x")),
        kinds=(UnknownProviderError,),
    ),
    *(refused(name, *_with(name, *values)) for name, values in _PARAMETERS),
    refused(
        "stop",
        *_with("stop", 7, True, b"x", HALF, {}),
        ("stop[1]", {"stop": ["a", 7]}),
        ("stop[0]", {"stop": [HALF]}),
    ),
    refused(
        "tools",
        *_with("tools", 7, "x", b"x", {}, True),
        ("tools[0]", {"tools": [None]}),
        ("tools[0].type", {"tools": [{}]}),
        ("tools[0].function", {"tools": [{"type": "function"}]}),
        ("tools[0].function.name", {"tools": [_tool(name="")]}),
        ("tools[0].function.name", {"tools": [_tool(name=HALF)]}),
        ("tools[0].function.description", {"tools": [_tool(description=7)]}),
        ("tools[0].function.parameters", {"tools": [_tool(parameters=[])]}),
        ("tools[0].function.parameters.x", {"tools": [_tool(parameters={"x": math.nan})]}),
        ("tools[0].function.parameters", {"tools": [_tool(parameters={1: "x"})]}),
    ),
    refused(
        "arguments that nobody knows",
        *((name, {name: 1}) for name in ("temprature", "max_token", "foo", "_x", "stream_option")),
        ("räksmörgås", {"räksmörgås": 1}),
    ),
    refused("timeout", *_with("timeout", *_wrong_timeouts())),
    refused("timeout under its earlier names", *_with("force_timeout", 0), path="timeout"),
    *(
        refused(
            f"timeout.{name}" if name != "total" else "timeout of all",
            *(
                ("timeout" if name == "total" else f"timeout.{name}", _timeout_of(name, value))
                for value in _wrong_timeouts()
            ),
        )
        for name in ("total", "connect", "first_token", "idle")
    ),
    refused(
        "max_retries",
        *_with("max_retries", -1, 1.5, "2", True, math.nan, math.inf, -HUGE, [], _Unprintable()),
    ),
    refused("two limits at once", ("force_timeout", {"timeout": 5, "force_timeout": 5})),
    refused("unsupported", *_with("unsupported", "maybe", 7, True, [], _Unprintable())),
    refused("hooks", *_with("hooks", 7, [7], "x", _Unprintable())),
    refused("logger_fn", *_with("logger_fn", 7, "x")),
    refused("extra_body", *_with("extra_body", 7, "x", [], b"x", [("a", 1)])),
    refused(
        "stream_options without a stream",
        ("stream_options", {"stream_options": {"include_usage": True}}),
        streamed=(False,),
    ),
    *inputs_values.CASES,
    *inputs_places.CASES,
)
