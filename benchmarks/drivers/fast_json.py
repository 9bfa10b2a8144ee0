"""orjson, for clients that are written by hand; it is installed in their environment alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["dumps", "loads"]

_orjson = import_module("orjson")
dumps: Callable[[object], bytes] = _orjson.dumps
loads: Callable[[bytes], Any] = _orjson.loads
