"""Hints for missing attributes: where that is which somebody looked for. It knows names only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

_MESSAGE = (
    "content",
    "role",
    "refusal",
    "reasoning_content",
    "tool_calls",
    "function_call",
    "annotations",
    "audio",
    "provider_data",
)
_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")
_CHOICE = ("finish_reason", "native_finish_reason", "logprobs")
_CONTENT = {
    "text": "it is content",
    **dict.fromkeys(("reasoning", "thinking"), "it is reasoning_content"),
}
_CALL = "call acompletion(model, messages), or completion(model, messages) without await"
_STREAM = {
    **dict.fromkeys(("choices", "content", "message", "delta"), "iterate over it for its chunks"),
    **dict.fromkeys(("close", "aclose"), "an async stream has aclose(), a sync stream close()"),
    "output_text": "text() iterates over the text",
}
_HINTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Completion": {
            **{name: f"it is in choices[0].message.{name}" for name in _MESSAGE},
            **{name: f"it is in choices[0].{name}" for name in ("message", *_CHOICE)},
            **{name: f"it is in usage.{name}" for name in _USAGE},
            "content": "it is in choices[0].message.content, the first choice's in text",
            "delta": "only the chunks of a stream have deltas; this is choices[0].message",
            "output_text": "it is text",
            "_request_id": "it is request_id",
            "response_headers": "they are headers",
        },
        "Chunk": {
            **{name: f"it is in choices[0].delta.{name}" for name in _MESSAGE},
            **{name: f"it is in choices[0].{name}" for name in ("delta", *_CHOICE)},
            **{name: f"it is in usage.{name}" for name in _USAGE},
            "text": "it is choices[0].delta.content, or iterate over the stream's text()",
            "message": "a chunk has choices[0].delta; the stream's completion() has a message",
        },
        "Choice": {
            **{name: f"it is in message.{name}" for name in _MESSAGE},
            "text": "it is message.content",
            "delta": "only the chunks of a stream have deltas; this is message",
        },
        "ChunkChoice": {
            **{name: f"it is in delta.{name}" for name in _MESSAGE},
            "text": "it is delta.content",
            "message": "a chunk has deltas; the stream's completion() has messages",
        },
        "Message": {**_CONTENT, "message": "this is the message"},
        "ChoiceDelta": _CONTENT,
        "Usage": {
            "input_tokens": "they are prompt_tokens",
            "output_tokens": "they are completion_tokens",
            "cached_tokens": "they are in prompt_tokens_details.cached_tokens",
            "reasoning_tokens": "they are in completion_tokens_details.reasoning_tokens",
        },
        "Embeddings": dict.fromkeys(("embeddings", "embedding"), "they are vectors"),
        "Embedding": dict.fromkeys(("vector", "values"), "it is embedding"),
        "Reranking": {"scores": "each of results has its relevance_score"},
        "RerankResult": {"score": "it is relevance_score", "text": "it is document.text"},
        "ToolCall": {name: f"it is in function.{name}" for name in ("name", "arguments")},
        "ToolCallDelta": {name: f"it is in function.{name}" for name in ("name", "arguments")},
        "Stream": _STREAM,
        "SyncStream": _STREAM,
        "Client": dict.fromkeys(
            ("chat", "completions", "create", "responses", "messages", "generate"), _CALL
        ),
    }
)


def missing_attribute(owner: object, name: str) -> AttributeError:
    """The error for an attribute that an object lacks; it says where that is, if it is known."""
    kind = type(owner)
    hints = (_HINTS[base.__name__].get(name) for base in kind.__mro__ if base.__name__ in _HINTS)
    hint = next((f"; {hint}" for hint in hints if hint), "")
    text = f"{kind.__name__!r} object has no attribute {name!r}{hint}"
    return AttributeError(text, name=name, obj=owner)


def missing_name(name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that the package lacks; it says what was meant, if that is known."""
    hint = _OF_THE_PACKAGE.get(name)
    if hint is None and not name.startswith("_"):
        from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

        near = get_close_matches(name, known, 1, 0.75)
        hint = f"did you mean {near[0]!r}?" if near else None
    text = f"module 'llmgate' has no attribute {name!r}{f'; {hint}' if hint else ''}"
    return AttributeError(text, name=name)


_OF_THE_PACKAGE: Mapping[str, str] = {
    **dict.fromkeys(("ChatCompletion", "chat", "create", "generate", "responses"), _CALL),
    **dict.fromkeys(
        ("AsyncOpenAI", "LLM", "OpenAI"),
        "Client() is for every provider: call its completion(model, messages)",
    ),
    **dict.fromkeys(
        ("api_key", "configure", "set_api_key"),
        "set the provider's variable, such as OPENAI_API_KEY, or pass api_key= to a call",
    ),
    "Router": "a list of models is tried in order: completion([first, second], messages)",
}


class AsyncOnly:
    """What is read by ``async for``; ``for`` says so."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker finds it by itself

        def __iter__(self):
            raise TypeError(
                f"a {type(self).__name__} is async: use `async for`, or call completion() in place "
                "of acompletion() for a stream that is read by `for`"
            )

        def __enter__(self):
            raise TypeError(f"a {type(self).__name__} is async: use `async with`")

        def __exit__(self, *_):
            pass


class SyncOnly:
    """What is read by ``for``; ``async for`` says so."""

    __slots__ = ()

    if not TYPE_CHECKING:  # likewise

        def __aiter__(self):
            raise TypeError(
                f"a {type(self).__name__} is not async: use `for`, or call acompletion() in place "
                "of completion() for a stream that is read by `async for`"
            )

        async def __aenter__(self):
            raise TypeError(f"a {type(self).__name__} is not async: use `with`")

        async def __aexit__(self, *_):
            pass


class HoldsConnections:
    """What holds connections: it says where things are, and why it cannot be pickled."""

    __slots__ = ()

    if not TYPE_CHECKING:  # for a type checker, what is declared is all there is

        def __getattr__(self, name):
            raise missing_attribute(self, name)

    def __reduce__(self) -> NoReturn:
        kind = type(self).__name__
        raise TypeError(
            f"a {kind} cannot be pickled or copied: its connections belong to this process; "
            "make a client, and call, in the process that needs it"
        )
