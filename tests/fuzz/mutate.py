"""Mutations that know JSON and streams of it, so that a fuzzer comes past the parser.

It is handed bytes and a seed and returns bytes; it knows no provider.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from llmgate.provider.http import is_array, is_object

__all__ = ["mutated"]

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308),
    *(float("nan"), float("inf"), "", " ", "x", "null", "{}", "stop", "error", "[DONE]", "0"),
    *("\ud83d", "\ude00", "é", "\x00", "\u2028", "<think>", "</think>", "<tool_call>"),
    *([], {}, [[]], [{}], [None], {"index": 0}, {"type": "text", "text": "x"}, {"error": "x"}),
    *({"error": {"message": "m", "code": "c"}}, {"name": "f", "arguments": "{}"}),
)
_KEYS = (
    *("index", "id", "type", "text", "content", "delta", "message", "error", "code", "status"),
    *("choices", "finish_reason", "usage", "extra", "role", "name", "arguments", "function"),
    *("custom", "input", "thinking", "reasoning_content", "logprobs", "object", "created"),
    *("model", "native_finish_reason", "provider_data", "tool_calls", "annotations", "citations"),
    *("refusal", "audio", "data", "signature", "output", "metrics", "service_tier"),
)


def mutated(data: bytes, seed: int) -> bytes | None:
    """The data with one of its JSON values, or the order of its events, changed.

    None where there is nothing of the kind to change.
    """
    random = Random(seed)
    mark = b"\n\n" if b"\n\n" in data else b"\n"
    blocks = data.split(mark)
    if len(blocks) > 1 and random.random() < 0.25:
        return mark.join(_reordered(blocks, random))
    places = [place for place, block in enumerate(blocks) if b"{" in block or b"[" in block]
    if not places:
        return None
    place = random.choice(places)
    changed = _changed(blocks[place], random)
    if changed is None:
        return None
    blocks[place] = changed
    return mark.join(blocks)


def _reordered(blocks: list[bytes], random: Random) -> list[bytes]:
    one, other = random.randrange(len(blocks)), random.randrange(len(blocks))
    match random.randrange(4):
        case 0:
            blocks[one], blocks[other] = blocks[other], blocks[one]
        case 1:
            blocks.insert(one, blocks[other])
        case 2:
            del blocks[one]
        case _:
            del blocks[one + 1 :]
    return blocks


def _changed(block: bytes, random: Random) -> bytes | None:
    """The block with one value of its JSON changed; what stands before the JSON is kept."""
    start = min(at for at in (block.find(b"{"), block.find(b"[")) if at >= 0)
    try:
        value = json.loads(block[start:])
        spots = [*_spots(value)]
        if spots:
            holder, key = random.choice(spots)
            _ACTIONS[random.randrange(len(_ACTIONS))](holder, key, random)
        else:
            value = random.choice(_VALUES)
        text = json.dumps(value, ensure_ascii=random.random() < 0.9)
    except (ValueError, RecursionError):  # no JSON, or too deep or too large to be written
        return None
    return block[:start] + text.encode("utf-8", "surrogatepass")


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder in the value with each of its keys or places."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        items: list[tuple[Any, Any]] = []
        if is_object(holder):
            items = [*holder.items()]
        elif is_array(holder):
            items = [*enumerate(holder)]
        for key, item in items:
            yield holder, key
            waiting.append(item)


def _put(holder: Any, key: Any, random: Random) -> None:
    holder[key] = random.choice(_VALUES)


def _remove(holder: Any, key: Any, random: Random) -> None:
    del holder[key]


def _add(holder: Any, key: Any, random: Random) -> None:
    if is_array(holder):
        holder.insert(key, random.choice([*_VALUES, *holder]))
    else:
        holder[random.choice(_KEYS)] = random.choice([*_VALUES, holder[key]])


def _wrap(holder: Any, key: Any, random: Random) -> None:
    depth = random.choice((1, 1, 1, 60, 190, 400))
    for _ in range(depth):
        holder[key] = (
            [holder[key]] if random.random() < 0.5 else {random.choice(_KEYS): holder[key]}
        )


def _rename(holder: Any, key: Any, random: Random) -> None:
    if is_object(holder):
        holder[random.choice(_KEYS)] = holder.pop(key)


def _spoil(holder: Any, key: Any, random: Random) -> None:
    """Cut a text, or put something into it; a number grows."""
    value = holder[key]
    if isinstance(value, str):
        at = random.randrange(len(value) + 1)
        put = random.choice([item for item in _VALUES if isinstance(item, str)])
        holder[key] = random.choice((value[:at], value[:at] + put + value[at:], value * 2))
    elif isinstance(value, int | float):
        holder[key] = random.choice((value + 1, -value, float(value) if abs(value) < 1e9 else 0))


_ACTIONS: tuple[Callable[[Any, Any, Random], None], ...] = (
    *(_put, _put, _remove, _add, _add, _wrap, _rename, _spoil),
)
