"""Conversations with one field each that a provider may forget, and parameters' values.

They are values; what must become of them is said by :mod:`llmgate.testing._messages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from llmgate.provider.http import encode_json


@dataclass(frozen=True, slots=True)
class History:
    """A call's keywords, and the path in them of the field that must not be lost.

    ``needle`` is what is looked for in the body, so many ``times``; where it is None, the value
    may be sent in other words, but the body must be another than without the field.
    """

    path: str
    options: Mapping[str, Any]
    needle: str | None = None
    times: int = 1

    @property
    def value(self) -> Any:
        """The value of that field; for arguments, the object."""
        return (
            _ARGUMENTS if self.path.endswith(".arguments") else _at(self.options, _steps(self.path))
        )

    def without(self) -> dict[str, Any]:
        """The keywords without that field."""
        options = deepcopy(dict(self.options))
        *steps, last = _steps(self.path)
        del _at(options, steps)[last]
        return options


@dataclass(frozen=True, slots=True)
class Turns:
    """A call's keywords, and parts of its messages' texts in their order."""

    options: Mapping[str, Any]
    parts: Sequence[str]


def _steps(path: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]


def _at(options: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        options = options[step]
    return options


# --- messages -----------------------------------------------------------------------------

_ARGUMENTS = {"city": "Zürich 4301", "days": [1, 2], "exact": True, "note": None}


def _user(content: Any = "Say 4302.", **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def _message(role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def _parts(*parts: tuple[str, Any]) -> list[Any]:
    return [_user([{"type": kind, kind: value} for kind, value in parts])]


def _call(identifier: str, arguments: Any) -> dict[str, Any]:
    function = {"name": "find_weather", "arguments": encode_json(arguments).decode()}
    return {"id": identifier, "type": "function", "function": function}


def _tool(name: str, description: str, **fields: Any) -> dict[str, Any]:
    city = {"type": "string", "description": "Of Europe, 4303."}
    schema = {
        "type": "object",
        "properties": {"city": city},
        "required": ["city"],
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": schema, **fields}
    return {"type": "function", "function": function}


_TOOLS = [_tool("find_weather", "Finds it, 4304.", strict=True), _tool("tell_time_4305", "Tells.")]
_CALLED = {
    "messages": [
        _user(),
        _message(
            "assistant",
            "I look, 4306.",
            tool_calls=[_call("call_4307", _ARGUMENTS), _call("call_4308", {"city": "Bern"})],
        ),
        _message("tool", "Rain, 4309.", tool_call_id="call_4307"),
        _message("tool", "Sun, 4310.", tool_call_id="call_4308"),
    ],
    "tools": _TOOLS,
}


def _answered(**fields: Any) -> dict[str, Any]:
    return {"messages": [_user(), _message("assistant", "4311 it is.", **fields), _user("Go on.")]}


_MARK = {"type": "ephemeral"}
_PNG = "iVBORw0KGgo0MzEy"
_PDF = "JVBERi0xLjQ0MzEz"
_IMAGE = _parts(
    ("text", "What is it, 4314?"),
    ("image_url", {"url": f"data:image/png;base64,{_PNG}", "detail": "low"}),
    ("text", "And why, 4315?"),
)
_FILE = {"filename": "paper-4316.pdf", "file_data": f"data:application/pdf;base64,{_PDF}"}

HISTORIES: Mapping[str, History] = {
    "a user's name": History(
        "messages[0].name", {"messages": [_user(name="ann_4317")]}, "ann_4317"
    ),
    "a system message's name": History(
        "messages[0].name",
        {"messages": [_message("system", "Be brief.", name="ed_4318"), _user()]},
        "ed_4318",
    ),
    "an assistant's name": History("messages[1].name", _answered(name="bob_4319"), "bob_4319"),
    "a system message": History(
        "messages[0].content",
        {"messages": [_message("system", "Be brief, 4320."), _user()]},
        "Be brief, 4320.",
    ),
    "a second system message": History(
        "messages[1].content",
        {
            "messages": [
                _message("system", "Be brief."),
                _message("system", "And kind, 4321."),
                _user(),
            ]
        },
        "And kind, 4321.",
    ),
    "a developer's message": History(
        "messages[0].content",
        {"messages": [_message("developer", "Be kind, 4322."), _user()]},
        "Be kind, 4322.",
    ),
    "the text before an image": History(
        "messages[0].content[0].text", {"messages": _IMAGE}, "What is it, 4314?"
    ),
    "the text after an image": History(
        "messages[0].content[2].text", {"messages": _IMAGE}, "And why, 4315?"
    ),
    "an image": History("messages[0].content[1].image_url.url", {"messages": _IMAGE}, _PNG),
    "an image's type": History("messages[0].content[1].image_url.url", {"messages": _IMAGE}, "png"),
    **{
        f"the type of a {kind}": History(
            "messages[0].content[0].image_url.url",
            {"messages": _parts(("image_url", {"url": f"data:image/{kind};base64,{_PNG}"}))},
            kind,
        )
        for kind in ("gif", "jpeg", "webp")
    },
    "an image's detail": History("messages[0].content[1].image_url.detail", {"messages": _IMAGE}),
    "an image's address": History(
        "messages[0].content[0].image_url.url",
        {"messages": _parts(("image_url", {"url": "https://images.invalid/4323.png"}))},
        "https://images.invalid/4323.png",
    ),
    "a file's name": History(
        "messages[0].content[0].file.filename",
        {"messages": _parts(("file", _FILE))},
        "paper-4316.pdf",
    ),
    "a file": History(
        "messages[0].content[0].file.file_data", {"messages": _parts(("file", _FILE))}, _PDF
    ),
    "a sound": History(
        "messages[0].content[0].input_audio.data",
        {"messages": _parts(("input_audio", {"data": "UklGRjQzMjQ=", "format": "wav"}))},
        "UklGRjQzMjQ=",
    ),
    "an assistant's text": History("messages[1].content", _answered(), "4311 it is."),
    "an assistant's reasoning": History(
        "messages[1].reasoning_content",
        _answered(reasoning_content="It could be, 4325."),
        "It could be, 4325.",
    ),
    "an assistant's refusal": History(
        "messages[1].refusal",
        {"messages": [_user(), _message("assistant", None, refusal="No, 4326."), _user("Go on.")]},
        "No, 4326.",
    ),
    "the text beside calls": History("messages[1].content", _CALLED, "I look, 4306."),
    "the name of an earlier call": History(
        "messages[1].tool_calls[0].function.name", _CALLED, '"find_weather"', 3
    ),
    "arguments of an earlier call": History(
        "messages[1].tool_calls[0].function.arguments", _CALLED, "4301"
    ),
    "a second call": History("messages[1].tool_calls[1].function.arguments", _CALLED, "Bern"),
    "a result": History("messages[2].content", _CALLED, "Rain, 4309."),
    "a second result": History("messages[3].content", _CALLED, "Sun, 4310."),
    "a result in parts": History(
        "messages[2].content[1].text",
        {
            "messages": [
                _user(),
                _message("assistant", None, tool_calls=[_call("call_4307", _ARGUMENTS)]),
                _message(
                    "tool",
                    [{"type": "text", "text": "Rain, "}, {"type": "text", "text": "and 4327."}],
                    tool_call_id="call_4307",
                ),
            ],
            "tools": _TOOLS,
        },
        "and 4327.",
    ),
    "a tool's description": History("tools[0].function.description", _CALLED, "Finds it, 4304."),
    "a description in a tool's schema": History(
        "tools[0].function.parameters.properties.city.description", _CALLED, "Of Europe, 4303."
    ),
    "a schema's required names": History("tools[0].function.parameters.required", _CALLED),
    "a tool's strict": History("tools[0].function.strict", _CALLED),
    "a second tool": History("tools[1].function.name", _CALLED, "tell_time_4305"),
    "a description in an answer's schema": History(
        "response_format.json_schema.schema.properties.city.description",
        {
            "messages": [_user()],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": _tool("", "")["function"]["parameters"]},
            },
        },
        "Of Europe, 4303.",
    ),
    "a mark of a part": History(
        "messages[0].content[0].cache_control",
        {"messages": [_user([{"type": "text", "text": "Say 4302.", "cache_control": _MARK}])]},
        _MARK["type"],
    ),
    "a mark of a message": History(
        "messages[0].cache_control",
        {"messages": [_message("system", "Be brief.", cache_control=_MARK), _user()]},
        _MARK["type"],
    ),
    "a mark of a tool": History(
        "tools[0].cache_control",
        {"messages": [_user()], "tools": [{**_TOOLS[1], "cache_control": _MARK}]},
        _MARK["type"],
    ),
    "a second stop": History("stop[1]", {"messages": [_user()], "stop": ["4328", "4329"]}, "4329"),
}
"""Each field with a call that has it."""

IN_ORDER = Turns(
    {
        "messages": [
            _message("system", "Be brief, 4330."),
            _user("One, 4331."),
            _message("assistant", "Two, 4332."),
            _user("Three, 4333."),
            _message("assistant", "Four, 4334."),
            _user("Five, 4335."),
        ]
    },
    ("One, 4331.", "Two, 4332.", "Three, 4333.", "Four, 4334.", "Five, 4335."),
)

LATE_SYSTEM = Turns(
    {
        "messages": [
            _user("One, 4336."),
            _message("assistant", "Two, 4337."),
            _message("system", "Be brief, 4338."),
            _user("Three, 4339."),
        ]
    },
    ("Two, 4337.", "Be brief, 4338.", "Three, 4339."),
)

ROLES: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]] = [
    ("system", "user", [_message("", "Be brief, 4340."), _user()]),
    ("assistant", "user", [_user(), _message("", "Two, 4341."), _user("Go on.")]),
]
"""Two roles, and messages of which the one without a role may be of either."""

# --- values of parameters -----------------------------------------------------------------


def _values(name: str, *values: Any, **beside: Any) -> tuple[str, list[dict[str, Any]]]:
    return name, [{**beside, name: value} for value in values]


_NAMED = [{"type": "function", "function": {"name": tool["function"]["name"]}} for tool in _TOOLS]
_FORMATS = [
    {"type": "text"},
    {"type": "json_object"},
    {
        "type": "json_schema",
        "json_schema": {"name": "city", "schema": _TOOLS[0]["function"]["parameters"]},
    },
]

VARIANTS: Mapping[str, Sequence[Mapping[str, Any]]] = dict(
    [
        _values("tool_choice", "auto", "none", "required", *_NAMED, tools=_TOOLS),
        _values("parallel_tool_calls", True, False, tools=_TOOLS),
        _values("response_format", *_FORMATS),
        _values("reasoning_effort", "none", "low", "medium", "high"),
        _values("service_tier", "auto", "default", "flex", "priority"),
        _values("verbosity", "low", "medium", "high"),
        _values("temperature", 0.25, 0.75),
        _values("top_p", 0.96, 0.98),
        _values("max_tokens", 2001, 2002),
        _values("max_completion_tokens", 2001, 2002),
    ]
)
"""Values of a parameter that mean different things."""
