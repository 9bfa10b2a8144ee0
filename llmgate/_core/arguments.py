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
    name that the client's ``models`` give. Of a list, the next one is asked where one
    fails.
input: A text, a list of texts, the token ids of a text, or a list of those. More than
    the provider takes in one request are sent in several, within the same deadline.
provider: The provider's name. Without one, all known providers that can list their
    models are asked at once; those without a key are left out, and what else fails is
    in ``errors`` of the list.
query: What the documents are compared with.
documents: Texts, or objects with a ``text`` (or other fields, where the provider takes
    them).
messages: The conversation: dictionaries in OpenAI's format, and messages of earlier
    completions as they are.
stream: Whether the completion comes in chunks, as it is written.
audio: The voice and format of spoken output, where ``modalities`` asks for any.
frequency_penalty: From -2 to 2; above 0, tokens are less likely the more often they
    occurred.
function_call: The legacy form of ``tool_choice``.
functions: The legacy form of ``tools``.
logit_bias: From token ids to what is added to their logits, from -100 to 100.
logprobs: Whether the log probability of each output token is returned.
max_completion_tokens: The most tokens that may be written, reasoning included.
max_tokens: The most tokens that may be written; the older name of
    ``max_completion_tokens``.
metadata: Up to 16 pairs of text that the provider keeps with the completion.
modalities: The kinds of output: ``"text"``, ``"audio"``.
moderation: How the provider moderates the call, as an object of its own.
n: How many choices are returned; each is billed.
parallel_tool_calls: Whether one response may call several tools.
prediction: Text that the output will mostly repeat, which makes it faster.
presence_penalty: From -2 to 2; above 0, tokens that have occurred at all are less
    likely.
prompt_cache_key: What calls with a common beginning share, so that the prompt cache is
    found.
prompt_cache_options: How the prompt cache is used, as an object of the provider's.
prompt_cache_retention: How long the prompt cache is kept, such as ``"24h"``.
reasoning_effort: How much a reasoning model thinks, such as ``"low"``, ``"medium"``,
    ``"high"``.
response_format: A pydantic model or another type, of which ``parsed`` is then a value,
    or OpenAI's object: the output is JSON of it.
safety_identifier: An opaque id of the end user, by which the provider recognizes abuse.
seed: The same seed and parameters give the same output, as far as the provider can.
service_tier: The latency class of the call, such as ``"auto"``, ``"flex"``,
    ``"priority"``.
stop: Up to four texts at which the output ends; they are not part of it.
store: Whether the provider stores the completion.
stream_options: Options of a stream; ``include_usage`` adds OpenAI's last chunk with the
    usage. ``stream.usage`` has it in any case.
temperature: Sampling temperature, mostly from 0 (nearly always the likeliest token) to
    2.
tool_choice: ``"auto"``, ``"none"``, ``"required"``, or the object that names one tool.
tools: What the model may call: Python functions, or OpenAI's objects.
top_logprobs: How many of the likeliest tokens are returned at each position, from 0 to
    20.
top_p: Only the likeliest tokens, which together have this probability, are sampled.
user: An opaque id of the end user; ``safety_identifier`` and ``prompt_cache_key``
    replace it.
verbosity: How long the output is to be: ``"low"``, ``"medium"``, ``"high"``.
web_search_options: How a model that searches the web does so, as an object of OpenAI's.
dimensions: The length of each vector.
encoding_format: How vectors are sent; they are decoded to floats in any case.
input_type: What the texts are for: ``"query"``, ``"document"``, or a provider's own
    word.
truncate: Whether, or on which side, a text that is too long is cut.
max_age: Seconds for which a list that this client was given before is good enough; by
    default it is asked for anew.
top_n: How many of the most relevant documents are returned; by default all.
return_documents: Whether each result holds its document.
hedge_after: Seconds without a response after which the call is made a second time, to
    the next model of a list if there is one; the first response counts.
repair: How often a response that is no value of the type in ``response_format`` is
    asked for again, with what is wrong; 0 by default.
api_key: The provider's key for this call, instead of the one from the environment.
base_url: The address of the provider's API for this call.
api_version: The version of the provider's API, where it has one.
provider_settings: What else the provider's factory takes, by name.
timeout: Seconds for the whole call with its retries and stream, or a ``Timeout``.
max_retries: How many times a failed request is retried.
extra_headers: Headers that are sent beside the provider's own.
extra_body: Fields that are merged into the request's body last, unchecked.
unsupported: ``"drop"`` leaves out, and reports, a parameter that the provider lacks;
    ``"raise"`` refuses the call.
hooks: Callables that are given each event of this call, after those of the client.
labels: Your own words for this call: middleware and hooks see them, and no provider
    does.
api_base: An earlier name of ``base_url``.
force_timeout: An earlier name of ``timeout``.
forceTimeout: An earlier name of ``timeout``.
logger_fn: A function that is given each event of this call as a dictionary.
verbose: Whether this call's events, with prompt and output, are written to standard
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
    """Extend a function's signature and docstring by the arguments of its ``**options``.

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
