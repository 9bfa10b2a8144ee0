"""JSON objects as models write them by mistake, read as what was meant where there is no doubt.

It guesses nothing: a text that was cut is not completed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from llmgate._text.json import is_object


def repaired_object(text: str) -> dict[str, Any] | None:
    """The object that a text means: in a code fence, written twice over as JSON, with line breaks
    in its texts, commas before its ends, or in Python's notation. None where it is none."""
    for candidate in _candidates(text.strip()):
        for read in _READERS:
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                value = read(candidate)
                if isinstance(value, str):  # an object as the text of a JSON string
                    value = json.loads(value, strict=False)
                if is_object(value) and value == json.loads(json.dumps(value)):
                    return value  # a set of Python's is no JSON, nor are names that are no texts
    return None


def _candidates(text: str) -> Iterator[str]:
    yield text
    fenced = re.fullmatch(r"```\w*\n(.*?)\n?```", text, re.DOTALL)
    if fenced is not None:
        yield fenced[1]
    outside = re.split(r'("(?:[^"\\]|\\.)*")', text)  # texts stand at the odd places
    for place in range(0, len(outside), 2):
        outside[place] = re.sub(r",(\s*[}\]])", r"\1", outside[place])
    yield "".join(outside)


_READERS: tuple[Callable[[str], Any], ...] = (
    partial(json.loads, strict=False),
    ast.literal_eval,
)
