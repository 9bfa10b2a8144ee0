"""JSON as it is read from replies: text that is cut within a character is repaired, nothing else.

Source: RFC 8259, 8.2, on escapes that name half a character.
"""

from __future__ import annotations

import json
import re
from typing import Any

from llmgate.errors import DecodeError, excerpt
from llmgate.provider.http import decode_json

__all__ = ["read_json"]

_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


def read_json(data: bytes) -> Any:
    """A JSON value in which half a character is U+FFFD.

    Raises:
        DecodeError: for what is no JSON; ``frame`` holds it.
    """
    try:
        return decode_json(data)
    except DecodeError:
        if _ESCAPED_HALF.search(data) is None:
            raise
    try:
        # Written anew, every half still has its escape, and a whole pair is one character.
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    else:
        return decode_json(_HALF.sub("\ufffd", text))
    raise DecodeError(f"the reply is no JSON ({reason}): {excerpt(data)}", frame=data)
