"""Models' names as litellm spells them, and the provider's name in llmgate."""

from __future__ import annotations

import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from llmgate_litellm import exceptions as theirs

__all__ = ["COMPATIBLE", "llmgate_model", "llmgate_name", "split"]

_ALIASES = {
    "ai21_chat": "ai21",
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "custom_openai": "openai",
    "fireworks_ai": "fireworks",
    "hosted_vllm": "vllm",
    "jina_ai": "jina",
    "litellm_proxy": "litellm",
    "lm_studio": "lmstudio",
    "meta_llama": "llama",
    "nvidia_nim": "nvidia",
    "ollama_chat": "ollama",
    "openai_like": "openai",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "vertex",
    "vertex_ai_beta": "vertex",
}
COMPATIBLE = frozenset(
    [
        "ai21",
        "cerebras",
        "dashscope",
        "databricks",
        "deepinfra",
        "deepseek",
        "fireworks",
        "friendli",
        "groq",
        "hyperbolic",
        "litellm",
        "llamafile",
        "lmstudio",
        "moonshot",
        "nebius",
        "novita",
        "nscale",
        "nvidia",
        "ollama",
        "openrouter",
        "perplexity",
        "sambanova",
        "together",
        "vllm",
        "volcengine",
        "xai",
    ]
)
"""Hosts of OpenAI's format, which ``api_base=`` reaches where no plugin has their name."""

_OF_BEDROCK = re.compile(
    r"(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|twelvelabs|writer)\.[a-z]"
    r"|arn:aws[a-z-]*:bedrock:"
)
"""Names that nobody but Bedrock uses: litellm takes them without a prefix."""
_ROUTES_OF_BEDROCK = ("converse/", "converse_like/", "invoke/")
"""Ways to Bedrock's models that litellm has; llmgate has one."""


@cache
def _installed() -> dict[str, tuple[str, ...]]:
    """The installed providers, each with the patterns of the unprefixed names that it claims."""
    claims: dict[str, list[str]] = {}
    for claim in entry_points(group="llmgate.models"):
        claims.setdefault(claim.value, []).append(claim.name)
    points = entry_points(group="llmgate.providers")
    return {point.name: tuple(claims.get(point.value, ())) for point in points}


def split(model: str, custom_llm_provider: str | None = None) -> tuple[str, str]:
    """The provider, as litellm calls it, and its own name of the model.

    Raises:
        BadRequestError: when no provider can be found in the name.
    """
    if custom_llm_provider:
        return custom_llm_provider, model.removeprefix(f"{custom_llm_provider}/")
    prefix, slash, rest = model.partition("/")
    if slash and (prefix in _ALIASES or prefix in COMPATIBLE or prefix in _installed()):
        return prefix, rest
    if _OF_BEDROCK.match(model):
        return "bedrock", model
    owner = _claimant(model)
    if owner is not None:
        return owner, model
    hint = _hint(prefix if slash else "", rest, model)
    raise theirs.BadRequestError(
        message=(
            "litellm.BadRequestError: LLM Provider NOT provided. Pass in the LLM provider you are "
            f"trying to call. You passed model={model}: {hint}"
        ),
        model=model,
        llm_provider="",
    )


def _hint(prefix: str, rest: str, model: str) -> str:
    """What to write in place of a name that nobody knows."""
    near = get_close_matches(prefix, [*_installed(), *_ALIASES, *COMPATIBLE], 1) if prefix else []
    if near:
        return f"did you mean {near[0]}/{rest}?"
    return f"write provider/model, as in openai/{model}"


def _claimant(model: str) -> str | None:
    for name, patterns in _installed().items():
        if any(fnmatchcase(model, pattern) for pattern in patterns):
            return name
    return None


def llmgate_name(provider: str) -> str:
    """The provider's name in llmgate."""
    return _ALIASES.get(provider, provider)


def llmgate_model(provider: str, model: str, settings: dict[str, Any]) -> str:
    """The name that llmgate takes. A host without a plugin is reached by OpenAI's, at its address.

    Raises:
        BadRequestError: when there is neither a plugin nor an address.
    """
    name = llmgate_name(provider)
    if name == "bedrock":
        route = next((each for each in _ROUTES_OF_BEDROCK if model.startswith(each)), "")
        model = model.removeprefix(route)
    if name in _installed():
        return f"{name}/{model}"
    if settings.get("base_url"):
        return f"openai/{model}"
    raise theirs.BadRequestError(
        message=(
            f"litellm.BadRequestError: no installed plugin provides {name!r} (installed: "
            f"{', '.join(sorted(_installed()))}); pass api_base= for a host of OpenAI's format"
        ),
        model=model,
        llm_provider=provider,
    )
