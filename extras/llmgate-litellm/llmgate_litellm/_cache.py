"""Responses of equal calls, kept in memory: ``litellm.cache = Cache()``.

The key is what is sent but for the key and headers; each hit is a response of its own.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from threading import Lock
from typing import Any

from llmgate.provider.http import is_object
from llmgate_litellm import _settings
from llmgate_litellm._arguments import Asked
from llmgate_litellm.types.utils import ModelResponse

__all__ = ["Cache", "disable_cache", "enable_cache", "get", "key_of", "put", "update_cache"]


class Cache:
    """A cache in this process's memory, of at most ``max_size`` responses.

    Raises:
        NotImplementedError: for any other type.
    """

    def __init__(
        self,
        type: str = "local",
        ttl: float | None = None,
        max_size: int = 1000,
        **_: Any,
    ) -> None:
        if type != "local":
            raise NotImplementedError(
                f"Cache(type={type!r}): only 'local' is to be had here; "
                "llmgate's own Client(middleware=[Cache(store)]) has files and Redis"
            )
        self.ttl, self.max_size = ttl, max_size
        self._held: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()
        self._lock = Lock()

    def get_cache(self, cache_key: str) -> dict[str, Any] | None:
        """The dump of a response that is not too old."""
        with self._lock:
            since, dump = self._held.get(cache_key, (0.0, None))
            if dump is None or (self.ttl is not None and time.monotonic() - since > self.ttl):
                return None
            self._held.move_to_end(cache_key)
            return dump

    def add_cache(self, dump: dict[str, Any], cache_key: str) -> None:
        """Keep the dump of a response."""
        with self._lock:
            self._held[cache_key] = (time.monotonic(), dump)
            while len(self._held) > self.max_size:
                self._held.popitem(last=False)

    def flush_cache(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()


def enable_cache(type: str = "local", **settings: Any) -> None:
    """Have equal calls answered from memory, unless they are already.

    Raises:
        NotImplementedError: for another type than ``"local"``.
    """
    if _settings.value("cache") is None:
        update_cache(type, **settings)


def update_cache(type: str = "local", **settings: Any) -> None:
    """Begin with another, empty cache.

    Raises:
        NotImplementedError: for another type than ``"local"``.
    """
    _settings.assign("cache", Cache(type, **settings))


def disable_cache() -> None:
    """Forget what is kept, and keep nothing."""
    _settings.assign("cache", None)


def key_of(asked: Asked, messages: list[Any]) -> str | None:
    """What equal calls have in common; None where nothing is to be cached."""
    own = asked.given.get("cache")
    wishes: dict[str, Any] = own if is_object(own) else {}
    if _settings.value("cache") is None or asked.given.get("caching") is False:
        return None
    if wishes.get("no-cache") or wishes.get("no-store"):
        return None
    sent = {
        name: value
        for name, value in asked.options.items()
        if name not in {"api_key", "extra_headers", "hooks", "timeout", "max_retries"}
    }
    try:
        return json.dumps([asked.llmgate_model, messages, sent], sort_keys=True)
    except (TypeError, ValueError):  # a class as response_format, or a function as tool
        return None


def get(key: str) -> ModelResponse | None:
    """A new response like the one that was kept."""
    cache = _settings.value("cache")  # another thread may have disabled it meanwhile
    dump = None if cache is None else cache.get_cache(key)
    if dump is None:
        return None
    response = ModelResponse(**dump)
    response.hide(cache_hit=True, response_cost=0.0)
    return response


def put(key: str, response: ModelResponse) -> None:
    """Keep a response, if responses still are."""
    cache = _settings.value("cache")
    if cache is not None:
        cache.add_cache(response.model_dump(), key)
