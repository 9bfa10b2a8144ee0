"""Which of OpenAI's two APIs a call goes to: chat completions, or Responses. It sends nothing.

Chat completions are used wherever they take the call. What they refuse of a model is known from
what the API answered in 2026; what is only supposed chooses nothing.
Sources: https://platform.openai.com/docs/guides/migrate-to-responses; the rules of ``rules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.options import ChatParameters
from llmgate.provider import Rule, Support
from llmgate_openai.rules import EVERYTHING, abilities_of, refuses_tools

__all__ = ["PREFIX", "Api", "ApiChoice", "as_api", "choose_api", "responses_abilities"]

Api: TypeAlias = Literal["chat", "responses"]

_APIS: tuple[Api, ...] = ("chat", "responses")
PREFIX = "responses/"
"""What a model's name begins with that is to be called by the Responses API."""


class ApiChoice(NamedTuple):
    """The API of a call, the model's name without :data:`PREFIX`, and why, for the report."""

    api: Api
    model: str
    reason: str = ""

    @property
    def is_responses(self) -> bool:
        """Whether it is the Responses API."""
        return self.api == "responses"


def as_api(value: Any) -> Api | None:
    """The setting ``api``, checked.

    Raises:
        InvalidRequestError: when it names no API.
    """
    if value is None:
        return None
    for api in _APIS:
        if value == api:
            return api
    reason = f"expected 'chat' or 'responses', got {describe_value(value)}"
    raise InvalidRequestError(reason, path="provider_settings.api")


def choose_api(
    model: str,
    parameters: ChatParameters,
    setting: Api | None,
    *,
    gated: bool,
    named: str | None = None,
) -> ApiChoice:
    """The API for a call of this model with these parameters.

    Args:
        model: The model's name, which begins with :data:`PREFIX` to ask for the Responses API.
        parameters: Those of the call.
        setting: The API that the caller has set; it leaves no choice.
        gated: Whether the host is one whose refusals are known: OpenAI's own, or Azure.
        named: What the model is known by, where ``model`` is the name of a deployment.

    Raises:
        InvalidRequestError: when the model's name and the setting contradict each other.
    """
    if model.startswith(PREFIX):
        if setting == "chat":
            reason = f"{describe_value(model)} asks for the Responses API, and api is 'chat'"
            raise InvalidRequestError(reason, path="model")
        return ApiChoice("responses", _without_prefix(model, gated), "the model's name asks for it")
    if setting is not None:
        return ApiChoice(setting, model, "the setting api asks for it")
    refusal = _refused_by_chat(named or model, parameters) if gated else None
    return ApiChoice("chat", model) if refusal is None else ApiChoice("responses", model, refusal)


def _without_prefix(model: str, gated: bool) -> str:
    """The model's own name; where the provider's comes second, it is left out."""
    plain = model.removeprefix(PREFIX)
    if not gated:
        return plain
    provider, slash, rest = plain.rpartition("/")
    if provider not in ("", "openai"):
        reason = f"the provider's name comes first: {provider}/{PREFIX}{rest}"
        raise InvalidRequestError(reason, path="model")
    return rest if slash else plain


_WITHOUT_CHAT = (
    *("o1-pro*", "o3-pro*", "o3-deep-research*", "o4-mini-deep-research*", "codex-mini*"),
    *("gpt-5-pro*", "gpt-5.2-pro*", "gpt-5.4-pro*", "gpt-5.5-pro*"),
    *("gpt-5-codex*", "gpt-5.1-codex*", "gpt-5.2-codex*", "gpt-5.3-codex*"),
)
_HOSTED = (
    *("web_search*", "file_search", "code_interpreter", "image_generation", "mcp", "computer*"),
    *("shell", "local_shell", "apply_patch", "tool_search", "namespace"),
    "programmatic_tool_calling",
)


def _refused_by_chat(name: str, parameters: ChatParameters) -> str | None:
    """What chat completions refuse of a call that the Responses API takes; None if nothing."""
    name = name.removeprefix("ft:")
    if _has_no_chat(name):
        return f"{name} has no chat completions"
    if _OF_TOOLS.isdisjoint(parameters):
        return None
    if parameters.get("n", 1) != 1 or "audio" in parameters:
        return None  # which the Responses API does not have
    types: set[str] = {tool["type"] for tool in parameters.get("tools") or ()}
    hosted = next((each for each in sorted(types) if _is_hosted(each)), None)
    if hosted is not None:
        return f"chat completions have no tool of the type {hosted}"
    if "function" not in types and not parameters.get("functions"):
        return None
    if refuses_tools(name, parameters.get("reasoning_effort")):
        return f"in chat completions, {name} takes functions only while it does not reason"
    return None


_OF_TOOLS = frozenset({"functions", "tools"})


@lru_cache(maxsize=256)
def _has_no_chat(name: str) -> bool:
    return _is_one(name, _WITHOUT_CHAT)


@lru_cache(maxsize=256)
def _is_hosted(kind: str) -> bool:
    return _is_one(kind, _HOSTED)


def _is_one(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


# --- what the Responses API takes ---------------------------------------------------------

_LACKING = Rule("the Responses API has no such parameter", allowed=())
_LACKS: Mapping[str, Rule] = dict.fromkeys(
    (
        *("audio", "frequency_penalty", "logit_bias", "n", "prediction", "presence_penalty"),
        *("seed", "stop"),
    ),
    _LACKING,
) | {"modalities": Rule("the Responses API responds in text only", allowed=(["text"],))}
_TRANSLATED: Mapping[str, Support] = dict.fromkeys(
    (
        *("function_call", "functions", "logprobs", "max_completion_tokens", "max_tokens"),
        *("reasoning_effort", "response_format", "tool_choice", "tools", "verbosity"),
        "web_search_options",
    ),
    Support.TRANSLATED,
)
_TAKEN: Mapping[str, Support | Rule] = {**EVERYTHING, **_TRANSLATED, **_LACKS}


def responses_abilities(
    name: str, parameters: ChatParameters, *, gated: bool
) -> Mapping[str, Support | Rule]:
    """How the Responses API takes each parameter of a call of this model.

    ``gated`` applies what OpenAI refuses of its own models, as in chat completions; ``max`` is an
    effort that only the Responses API has.
    """
    if not gated:
        return _TAKEN
    effort = parameters.get("reasoning_effort")
    rules = {
        parameter: rule
        for parameter, rule in abilities_of(name, effort).items()
        if isinstance(rule, Rule) and parameter not in _OF_CHAT_ALONE
    }
    efforts = rules.get("reasoning_effort")
    if efforts is not None and effort == "max" and name.startswith("gpt-5.6"):
        del rules["reasoning_effort"]
    return {**_TAKEN, **rules, **_LACKS}


_OF_CHAT_ALONE = frozenset({"max_tokens", "web_search_options"})
"""The parameters whose rules are about chat completions alone."""
