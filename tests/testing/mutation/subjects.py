"""The providers that are mutated, with what their authors would tell the kit."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from llmgate.testing import CANARY
from tests.testing.mutation import anthropic, openai
from tests.testing.mutation.trial import Subject

__all__ = ["SUBJECTS"]

_TABLE = "a table of facts about single models, each of which only a call to that model can show"
_FEW: dict[str, Any] = {"most_splits": 20, "most_cuts": 20}


def _openai(package: ModuleType) -> Any:
    return package.OpenAI(api_key=CANARY)


def _relay(package: ModuleType) -> Any:
    return package.OpenAI(api_key=CANARY, base_url="https://relay.invalid/v1")


def _anthropic(package: ModuleType) -> Any:
    return package.Anthropic(api_key=CANARY)


OPENAI = Subject(
    "llmgate_openai",
    (
        (
            _openai,
            {"exchanges": openai.EXCHANGES, "calls": openai.CALLS, "model": "gpt-4o", **_FEW},
        ),
        (
            _relay,
            {"exchanges": openai.RELAYED, "calls": openai.RELAYED_CALLS, "model": "acme", **_FEW},
        ),
    ),
    {
        "embeddings": "it makes no completions, and the kit is about them",
        "models": "it lists models, and the kit is about completions",
        "api": "it chooses between chat completions and the Responses API",
        "responses": "the Responses API, of which these exchanges are not",
        "rules": _TABLE,
    },
)


ANTHROPIC = Subject(
    "llmgate_anthropic",
    (
        (
            _anthropic,
            {
                "exchanges": anthropic.EXCHANGES,
                "calls": anthropic.CALLS,
                "model": "claude-haiku-4-5",
                **_FEW,
            },
        ),
    ),
    {"counting": "it counts tokens, and the kit is about completions", "rules": _TABLE},
)

SUBJECTS = (OPENAI, ANTHROPIC)
