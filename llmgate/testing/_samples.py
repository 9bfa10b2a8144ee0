"""Samples for conformance tests: parameters, bodies that are no answer, and bodies of errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate.provider.http import encode_json

_FUNCTION: Mapping[str, Any] = {
    "name": "find_weather",
    "description": "Finds the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
_TOOLS: Mapping[str, Any] = {"tools": [{"type": "function", "function": _FUNCTION}]}
_SCHEMA: Mapping[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "city", "schema": {"type": "object", "properties": {}}},
}

SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "audio": {"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text", "audio"]},
    "frequency_penalty": {"frequency_penalty": 0.375},
    "logit_bias": {"logit_bias": {"4242": -7}},
    "logprobs": {"logprobs": True},
    "max_completion_tokens": {"max_completion_tokens": 4243},
    "max_tokens": {"max_tokens": 4244},
    "metadata": {"metadata": {"ticket": "T-4245"}},
    "modalities": {"modalities": ["text"]},
    "moderation": {"moderation": {"model": "omni-moderation-latest"}},
    "n": {"n": 3},
    "parallel_tool_calls": {**_TOOLS, "parallel_tool_calls": False},
    "prediction": {"prediction": {"type": "content", "content": "Hello, 4246"}},
    "presence_penalty": {"presence_penalty": 0.625},
    "prompt_cache_key": {"prompt_cache_key": "key-4247"},
    "prompt_cache_options": {"prompt_cache_options": {"mode": "explicit"}},
    "prompt_cache_retention": {"prompt_cache_retention": "24h"},
    "reasoning_effort": {"reasoning_effort": "low"},
    "response_format": {"response_format": _SCHEMA},
    "safety_identifier": {"safety_identifier": "user-4248"},
    "seed": {"seed": 4249},
    "service_tier": {"service_tier": "flex"},
    "stop": {"stop": ["4250"]},
    "store": {"store": True},
    "temperature": {"temperature": 0.8125},
    "tool_choice": {**_TOOLS, "tool_choice": "required"},
    "tools": {**_TOOLS},
    "top_logprobs": {"logprobs": True, "top_logprobs": 5},
    "top_p": {"top_p": 0.9375},
    "user": {"user": "user-4251"},
    "verbosity": {"verbosity": "low"},
    "web_search_options": {"web_search_options": {"search_context_size": "low"}},
}
"""Each parameter with what it makes sense with; the core itself translates legacy functions."""

_HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body></body></html>"
_DEEP = 100_000

MALFORMED: Mapping[str, bytes] = {
    "nothing": b"",
    "white space": b" \n",
    "an empty object": b"{}",
    "an empty list": b"[]",
    "a list of empty objects": b"[{}]",
    "a string": b'"x"',
    "a number": b"5",
    "true": b"true",
    "null": b"null",
    "HTML": _HTML,
    "the beginning of an object": b'{"id": "x", ',
    "bytes that are no text": b"\xff\xfe\x00\x80",
    "an object with such bytes": b'{"id": "\xff"}',
    "lists in lists": b"[" * _DEEP + b"]" * _DEEP,
    "objects in objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "choices that are null": b'{"choices": null}',
    "no choices": b'{"choices": []}',
    "choices that are text": b'{"choices": "x"}',
    "choices that are numbers": b'{"choices": [5]}',
    "a choice without a message": b'{"choices": [{}]}',
    "a message that is null": b'{"choices": [{"message": null}]}',
    "a message that is a list": b'{"choices": [{"message": []}]}',
    "an empty message": b'{"choices": [{"message": {}}]}',
    "content that is a number": b'{"content": 5}',
    "content that is null": b'{"content": null}',
    "a list of wrong content": b'{"content": [5], "message": {"content": [5]}}',
    "other names for nothing": b'{"message": {}, "output": null, "candidates": [], "results": 0}',
    "an error that is null": b'{"error": null}',
}
"""Bodies of replies with status 200 that are no answer of any provider."""

STATUSES: Sequence[int] = (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529)

ERROR_BODIES: Mapping[str, bytes] = {
    **{name: body for name, body in MALFORMED.items() if not name.startswith("an error")},
    "terminal escapes": b'{"error": {"message": "\\u001b[31mred\\nINFO forged line\\u0000"}}',
    "escapes outside JSON": b"\x1b[31mred\nINFO forged line\x00",
    "an error of wrong types": b'{"error": {"message": 5, "type": [], "code": {"a": 1}}}',
    "a list of errors": b'{"errors": [null, {"message": "x"}], "detail": [{"loc": []}]}',
    "a very long text": b"x" * 1_000_000,
}
"""Bodies that may come with any error, from the provider or from a proxy before it."""

ERROR_TEXTS: Sequence[str] = (
    "Rate limit exceeded, too many requests.",
    "You exceeded your current quota; insufficient_quota; check billing.",
    "This model's maximum context length is 8192 tokens: context_length_exceeded.",
    "Invalid API key: authentication_error, permission denied.",
    "Blocked by the content filter: content_policy_violation.",
    "The engine is overloaded: overloaded_error, timeout.",
    "The model was not found: not_found_error.",
)

ERROR_SHAPES: Mapping[str, Any] = {
    "error": "{}",
    "error.message": {"error": {"message": "{}"}},
    "nulls": {"error": {"message": "{}", "type": None, "code": None, "param": None}},
    "message": {"message": "{}"},
    "detail": {"detail": "{}"},
    "list": [{"error": {"message": "{}"}}],
    "error text": {"error": "{}"},
}


def shaped(shape: Any, text: str) -> bytes:
    """The body of an error of this shape with this text, and with no code."""
    return encode_json(shape).replace(b"{}", encode_json(text)[1:-1])


_WRONG: Sequence[Any] = (None, 7, "x", [5], {"x": 5})


def damaged(payload: Any, most: int) -> Iterator[tuple[str, Any]]:
    """A JSON value with one thing in it replaced by another kind of thing, or taken away.

    Each comes with what was done to it; there are about ``most``, evenly spread over the value.
    """
    places = list(_places(payload, ()))
    step = max(1, len(places) * (len(_WRONG) + 1) // most)
    for place in places[::step]:
        where = ".".join(map(str, place))
        yield f"{where} missing", _changed(payload, place, None, remove=True)
        for wrong in _WRONG:
            yield f"{where} = {wrong!r}", _changed(payload, place, wrong, remove=False)


_TAGS = ("object", "role", "type")
ODD = "odd-4600"
"""A text that no response has."""


def odd(payload: Any, usual: str, most: int) -> Iterator[tuple[str, Any]]:
    """A JSON value with one thing in it replaced by :data:`ODD`, or by an object that holds it
    where a text was; each comes with its place, about ``most`` of them.

    Left alone are flags, what only says of which kind an object is, texts that occur twice, and
    texts that are not in ``usual``, which is the answer to the payload as it is.
    """
    said = encode_json(payload).decode()
    places = [
        place
        for place in _places(payload, ())
        if place[-1] not in _TAGS and _is_shown(_at(payload, place), said, usual)
    ]
    for place in places[:: max(1, len(places) // most)]:
        wrong: Any = {"x_odd": ODD} if isinstance(_at(payload, place), str) else ODD
        where = ".".join(map(str, place))
        yield where, _changed(payload, place, wrong, remove=False)


def _is_shown(value: Any, said: str, usual: str) -> bool:
    """Whether an answer says what its response says at one place and nowhere else."""
    if not isinstance(value, str):
        return not isinstance(value, bool)
    text = encode_json(value).decode()
    return bool(value) and said.count(text) == 1 and text[1:-1] in usual


Place = tuple[str | int, ...]


def _places(value: Any, here: Place) -> Iterator[Place]:
    for key, child in _items(value):
        yield (*here, key)
        yield from _places(child, (*here, key))


def _items(value: Any) -> list[tuple[Any, Any]]:
    children: Any = value
    if isinstance(value, dict):
        return list(children.items())
    return [*enumerate(children)] if isinstance(value, list) else []


def _at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def _changed(value: Any, place: Place, wrong: Any, *, remove: bool) -> Any:
    key, *rest = place
    copy = value.copy()
    if rest:
        copy[key] = _changed(value[key], tuple(rest), wrong, remove=remove)
    elif remove:
        del copy[key]
    else:
        copy[key] = wrong
    return copy
