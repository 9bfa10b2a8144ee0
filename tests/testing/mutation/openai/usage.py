"""Counts of tokens as OpenAI and its imitators give them, and what is expected of them."""

from __future__ import annotations

from llmgate.testing import RecordedExchange
from tests.testing.mutation.openai.values import ASK, answered, choice
from tests.testing.mutation.writing import whole

__all__ = ["USAGES"]

USAGES: list[RecordedExchange] = [
    *[
        whole(
            f"usage of {name}",
            ASK,
            answered(choice("stop", content="Rain."), usage=usage),
            usage=expected,
            report=report,
        )
        for name, usage, expected, report in [
            (
                "reasoning beside",
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 9,
                    "completion_tokens_details": {"reasoning_tokens": 2, "x_new": 5},
                },
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 6,
                    "total_tokens": 9,
                    "completion_tokens_details": {"reasoning_tokens": 2, "x_new": 5},
                },
                ["response.usage.completion_tokens converted"],
            ),
            (
                "audio beside",
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 9,
                    "prompt_audio_tokens": 2,
                },
                {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
                ["response.usage.prompt_tokens converted"],
            ),
            (
                "other names",
                {
                    "input_tokens": 3,
                    "output_tokens": 4,
                    "reasoning_tokens": 2,
                    "num_cached_tokens": 1,
                    "audio_completion_tokens": 1,
                },
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 7,
                    "prompt_tokens_details": {"cached_tokens": 1},
                    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
                },
                None,
            ),
            (
                "no prompt",
                {"completion_tokens": 4},
                {"prompt_tokens": 0, "completion_tokens": 4, "total_tokens": 4},
                None,
            ),
            (
                "a total",
                {"prompt_tokens": 3, "total_tokens": 9},
                {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9},
                None,
            ),
            (
                "nothing generated",
                {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
                {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
                [],
            ),
        ]
    ],
]
