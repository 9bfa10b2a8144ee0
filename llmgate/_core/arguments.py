"""Describes each argument of a call; help and type stubs are generated from it.

``check`` and ``settings`` check the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from inspect import Parameter, cleandoc, signature
from itertools import starmap
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_MEANINGS = """
model: ``provider/model``, an unprefixed name that an installed provider claims, or a
    name from the client's ``models``. Given a list, each next model is asked when the
    one before fails.
input: A string, a list of strings, the token ids of a text, or a list of those. More
    than the provider takes in one request are sent in several, within one deadline.
provider: The provider's name. Without one, all known providers that can list their
    models are asked at once; those without a key are left out, and other failures are
    in the list's ``errors``.
query: The text that the documents are compared with.
documents: Strings, or objects with a ``text`` (or other fields, if the provider takes
    them).
messages: The conversation: dictionaries in OpenAI's format, and the messages of earlier
    completions unchanged.
stream: Whether the completion comes in chunks while the model writes it.
audio: The voice and format of spoken output, if ``modalities`` asks for it.
frequency_penalty: From -2 to 2; above 0, tokens become less likely the more often they
    have occurred.
function_call: The legacy form of ``tool_choice``.
functions: The legacy form of ``tools``.
logit_bias: Maps token ids to what is added to their logits, from -100 to 100.
logprobs: Whether the log probability of each output token is returned.
max_completion_tokens: The most tokens that the model may write, reasoning included.
max_tokens: The most tokens that the model may write; the older name of
    ``max_completion_tokens``.
metadata: Up to 16 pairs of strings that the provider stores with the completion.
modalities: The kinds of output: ``"text"``, ``"audio"``.
moderation: How the provider moderates the call, as the provider's own object.
n: How many choices are returned; each is billed.
parallel_tool_calls: Whether one response may call several tools.
prediction: Text that the output will mostly repeat, which makes it faster.
presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
    likely.
prompt_cache_key: A key that calls with a common beginning share, so that they find the
    prompt cache.
prompt_cache_options: How the prompt cache is used, as the provider's own object.
prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
    ``"high"``.
response_format: A pydantic model or another Python type, whose value is then in
    ``parsed``; or OpenAI's object. The output is JSON that fits it.
safety_identifier: An opaque id of the end user, which helps the provider detect abuse.
seed: The same seed and parameters give the same output, as far as the provider can.
service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
    ``"priority"``.
stop: Up to four strings at which the output ends; they are not part of it.
store: Whether the provider stores the completion.
stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
    usage. ``stream.usage`` has the usage in any case.
temperature: Sampling temperature, usually from 0 (nearly always the likeliest token) to
    2.
tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
tools: The tools that the model may call: Python functions, or OpenAI's objects.
top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
    20.
top_p: Sample only from the likeliest tokens that together have this probability.
user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
    replace it.
verbosity: How long the output should be: ``"low"``, ``"medium"``, ``"high"``.
web_search_options: How the model searches the web, if it does, as OpenAI's object.
dimensions: The length of each vector.
encoding_format: How vectors are sent; they are decoded to floats in any case.
input_type: What the texts are for: ``"query"``, ``"document"``, or a provider's own
    word.
truncate: Whether a text that is too long is cut, or on which side.
max_age: How old, in seconds, a list may be that this client received before; by default
    a new one is requested.
top_n: How many of the most relevant documents are returned; by default all.
return_documents: Whether each result holds its document.
hedge_after: Seconds without a response after which the call is made a second time, to
    the next model of a list if there is one; the first response wins.
repair: How often the model is asked again when its response does not fit the type in
    ``response_format``; it is told what is wrong. 0 by default.
api_key: The provider's key for this call, instead of the one from the environment.
base_url: The address of the provider's API for this call.
api_version: The version of the provider's API, where it has one.
provider_settings: Further arguments of the provider's factory, by name.
timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
max_retries: How many times a failed request is retried.
extra_headers: Headers that are sent in addition to the provider's own.
extra_body: Fields that are merged into the request's body last, unchecked.
unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider does not
    support; ``"raise"`` refuses the call.
hooks: Callables that receive each event of this call, after those of the client.
labels: Your own words for this call: middleware and hooks see them, providers do
    not.
api_base: An earlier name of ``base_url``.
force_timeout: An earlier name of ``timeout``.
forceTimeout: An earlier name of ``timeout``.
logger_fn: A function that receives each event of this call as a dictionary.
verbose: Whether this call's events, with prompt and output, go to standard
    error.
"""

ACCEPTED = {
    "functions": "Iterable[FunctionDefinition | Mapping[str, Any]]",
    "logit_bias": "Mapping[Any, float]",
    "metadata": "Mapping[str, str]",
    "modalities": "list[str] | tuple[str, ...]",
    "stop": "str | list[str] | tuple[str, ...]",
    "tools": "Iterable[ToolDefinition | Mapping[str, Any] | Callable[..., Any]]",
}
"""The types that callers may give where they differ from what a provider reads."""


@cache
def meanings() -> dict[str, str]:
    """The description of each argument, by its name."""
    return dict(re.findall(r"^(\w+): (.*(?:\n    .*)*)$", _MEANINGS, re.MULTILINE))


def describe_options(options: type) -> Callable[[Function], Function]:
    """Add the arguments of a function's ``**options`` to its signature and docstring.

    ``options`` is the ``TypedDict`` of them.
    """

    def describe(function: Function) -> Function:
        plain = signature(function)
        own = [
            each.replace(annotation=_as_written(each.annotation))
            for each in plain.parameters.values()
            if each.kind is not each.VAR_KEYWORD
        ]
        described = plain.replace(
            parameters=[*own, *_keywords(options)],
            return_annotation=_as_written(plain.return_annotation),
        )
        function.__signature__ = described  # type: ignore[attr-defined] # where ``inspect`` looks
        if function.__doc__:  # it has none under ``python -OO``
            function.__doc__ = _with_meanings(function.__doc__, described.parameters)
        return function

    return describe


@cache
def _keywords(options: type) -> tuple[Parameter, ...]:
    """The options as parameters of a signature; None counts as absent."""
    return tuple(starmap(_keyword, options.__annotations__.items()))


def _keyword(name: str, declared: Any) -> Parameter:
    kind = ACCEPTED.get(name) or declared.__forward_arg__
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=None, annotation=_Annotation(f"{kind} | None")
    )


class _Annotation(str):
    """An annotation that help shows as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_written(annotation: Any) -> Any:
    return _Annotation(annotation) if isinstance(annotation, str) else annotation


def _with_meanings(text: str, names: Iterable[str]) -> str:
    """A docstring with these arguments described before its Raises section."""
    summary, *rest = cleandoc(text).partition("\n\nRaises:")
    known = meanings()
    entries = [f"{name}: {known[name]}" for name in names if name in known]
    listed = "\n".join(entries).replace("\n", "\n    ")
    return f"{summary}\n\nArgs:\n    {listed}{''.join(rest)}\n"
