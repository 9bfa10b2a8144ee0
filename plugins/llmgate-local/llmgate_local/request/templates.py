"""What a model's chat template has a place for; llama.cpp silently drops everything else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from llmgate.errors import DecodeError
from llmgate.provider.http import HttpResponse

__all__ = ["Template"]


@dataclass(frozen=True, slots=True)
class Template:
    """Whether a chat template uses tools, earlier reasoning, and a reasoning effort."""

    tools: bool = False
    reasoning: bool = False
    effort: bool = False

    @classmethod
    def of(cls, response: HttpResponse) -> Self:
        """The template of the model whose server was asked for ``/props``.

        Raises:
            DecodeError: when the response names no template.
        """
        match response.json():
            case {"chat_template": str(text), **others}:
                text = f"{text}{others.get('chat_template_tool_use', '')}"
            case _:
                raise DecodeError("llama.cpp names no chat template", frame=response.body)
        return cls(
            tools=_uses(text, "tools"),
            reasoning=_uses(text, "reasoning_content", "thinking"),
            effort=_uses(text, "reasoning_effort", "enable_thinking"),
        )


def _uses(template: str, *names: str) -> bool:
    """Whether the template has one of these names in what it does, and not just in its words."""
    tags = re.findall(r"\{[{%].*?[%}]\}", template, re.DOTALL)
    return any(re.search(rf"\b(?:{'|'.join(names)})\b", tag) for tag in tags)
