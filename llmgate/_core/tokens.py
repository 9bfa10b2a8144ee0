"""Counts the tokens of a prompt: by its provider, or estimated from the usage of earlier calls.

Nothing is downloaded, and no tokenizer is used. Only a client that was asked for a count watches
the usage of its calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from llmgate._core import drive
from llmgate.errors import PluginError, ProviderError, UnsupportedError, describe_value
from llmgate.middleware import Handler, Middleware
from llmgate.models import TokenCount
from llmgate.provider import TokenCounter
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object

if TYPE_CHECKING:
    from llmgate._core.state import CallState
    from llmgate._core.stream import Stream
    from llmgate._exchange import Exchange, StreamEnd
    from llmgate.options import ChatCall
    from llmgate.types import Completion, Usage

_USUAL = 4.0
"""Bytes per token of English text, used before anything was learned."""
_OF_A_MESSAGE = 4
_OF_AN_IMAGE = 765
_MEDIA = frozenset({"image_url", "input_audio", "file"})
_NO_SUCH_ROUTE = (405, 501)
_MAX_CALLS = 50
"""How many calls of a model are averaged; older calls count less and less."""


class CountCall(ProviderCall):
    """A call whose prompt tokens are to be counted."""

    operation: Literal["count_tokens"] = "count_tokens"


def as_count(call: ProviderCall) -> CountCall:
    """The call as a :class:`CountCall`."""
    return CountCall(
        call.model, call.messages, call.parameters, False, call.extra_body, call.id, call.report
    )


async def count_by_provider(state: CallState) -> TokenCount | None:
    """The provider's count; None if its host has no endpoint for that.

    Raises:
        LLMGateError: always one of our own; cancellation passes unchanged.
    """
    found = await drive.run_call(lambda: _count(state), state)
    state.end("ok")
    return found


async def _count(state: CallState) -> TokenCount | None:
    provider = cast("TokenCounter", state.provider)
    try:
        found = await drive.run_flow(provider.count_tokens, state)
    except UnsupportedError:
        return None
    except ProviderError as error:
        if error.status in _NO_SUCH_ROUTE:
            return None
        raise
    if isinstance(found, TokenCount):  # pyright: ignore[reportUnnecessaryIsInstance]
        return found
    raise PluginError(f"the provider's flow returned {describe_value(found)}, not a token count")


# --- estimates ----------------------------------------------------------------------------


class Ratios(Middleware):
    """The bytes per token of each model, learned from the usage of a client's calls."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, float, int]] = {}

    async def chat(self, call: ChatCall, handler: Handler) -> Completion | Stream:
        """Pass the call on, and learn from the usage of its completion or stream."""
        result = await handler(call)
        size, media = _size_of(call)
        if not media:
            self._watch(result, size)
        return result

    def _watch(self, result: Any, size: int) -> None:
        exchange: Exchange = result.exchange
        if not hasattr(result, "when_done"):
            self._learn(exchange, size, result.usage)
            return

        def done(end: StreamEnd) -> None:
            self._learn(exchange, size, end.usage)

        result.when_done(done)

    def _learn(self, exchange: Exchange, size: int, usage: Usage | None) -> None:
        if usage is None or usage.prompt_tokens <= 0 or exchange.cache == "hit":
            return
        key = (exchange.provider, exchange.model)
        bytes_, tokens, calls = self._known.get(key, (0.0, 0.0, 0))
        kept = 1.0 if calls < _MAX_CALLS else 1 - 1 / _MAX_CALLS
        learned = (bytes_ * kept + size, tokens * kept + usage.prompt_tokens, calls + 1)
        self._known[key] = learned

    def estimate(self, call: ChatCall, provider: str, model: str) -> TokenCount:
        """An estimate of the tokens of a call's prompt."""
        size, media = _size_of(call)
        bytes_, tokens, calls = self._known.get((provider, model), (0.0, 0.0, 0))
        if tokens:
            each, basis = bytes_ / tokens, f"{bytes_ / tokens:.2f} bytes per token in {calls} calls"
            count = round(size / each)
        else:
            basis = f"{_USUAL:g} bytes per token, as in English"
            count = round(size / _USUAL) + _OF_A_MESSAGE * len(call.messages)
        return TokenCount(max(1, count + media * _OF_AN_IMAGE), is_estimate=True, basis=basis)


def _size_of(call: ChatCall) -> tuple[int, int]:
    """The size of a prompt's texts in bytes, and the number of its images and other media."""
    texts, media = 0, 0
    for value in _values(call.messages):
        if isinstance(value, str):
            texts += len(value.encode("utf-8", "replace"))
        else:
            media += 1
    for name in ("tools", "functions", "response_format"):
        given = cast("Mapping[str, Any]", call.parameters).get(name)
        if given is not None:
            texts += len(json.dumps(given, ensure_ascii=False).encode("utf-8", "replace"))
    return texts, media


def _values(value: Any) -> Iterator[str | None]:
    """Every text in the messages, and None for each image or other medium."""
    if isinstance(value, str):
        yield value
    elif is_array(value):
        for item in value:
            yield from _values(item)
    elif is_object(value):
        if value.get("type") in _MEDIA:
            yield None
            return
        for name, item in value.items():
            if name != "provider_data":
                yield from _values(item)
