"""The chat templates of open-weights models that are served raw: turns into one prompt.

They are data and string work; whether a model needs one is decided in :mod:`prompts`.
Source: each family's own model card, as named below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

__all__ = ["Family", "Message", "Template", "find_template"]

Message: TypeAlias = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": text}``."""
Template: TypeAlias = Callable[[Sequence[Message]], str]
"""Writes a conversation as the prompt that the model was trained on, up to where it answers."""


@dataclass(frozen=True, slots=True)
class Family:
    """A template, and the control tokens that no text inside it may hold."""

    name: str
    render: Template
    tokens: tuple[str, ...] = ()

    def disarmed(self, text: str) -> str:
        """The text with the template's control tokens broken up, so that it cannot end its turn."""
        for token in self.tokens:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


def find_template(model: str, own: Mapping[str, Template]) -> Family | None:
    """The template of a model: the caller's, whose keys are glob patterns, or a known family's."""
    for pattern, render in own.items():
        if fnmatchcase(model, pattern):
            return Family(f"the template given for {pattern}", render)
    name = model.rpartition("/")[2].lower()
    return next((family for pattern, family in _FAMILIES if pattern.search(name)), None)


# --- marked turns: every turn between marks that name its role ----------------------------


@dataclass(frozen=True, slots=True)
class _Marks:
    before: str
    after: str
    begin: str = ""
    roles: Mapping[str, str] | None = None
    has_system: bool = True

    def __call__(self, messages: Sequence[Message]) -> str:
        turns = messages if self.has_system else _system_in_first_turn(messages)
        last = len(turns) - 1
        written = [self.begin]
        for place, turn in enumerate(turns):
            is_open = (
                place == last and turn["role"] == "assistant"
            )  # the model writes on from there
            written.append(self._before(turn["role"]) + turn["content"])
            written.append("" if is_open else self.after)
        if turns[last]["role"] != "assistant":
            written.append(self._before("assistant"))
        return "".join(written)

    def _before(self, role: str) -> str:
        return self.before.format(role=(self.roles or {}).get(role, role))


def _system_in_first_turn(messages: Sequence[Message]) -> Sequence[Message]:
    """The conversation with the system text at the head of the user's first turn."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, rest = messages[0]["content"], list(messages[1:])
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    return [{"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]


# --- bracketed turns: [INST] the user's [/INST] the model's -------------------------------


@dataclass(frozen=True, slots=True)
class _Brackets:
    begin: str
    between: str
    system: str | None = None

    def __call__(self, messages: Sequence[Message]) -> str:
        turns = _system_in_first_turn(self._with_marked_system(messages))
        written, previous = [self.begin], ""
        for turn in turns:
            if turn["role"] == "assistant":
                written.append(f" {turn['content']}")
            else:
                written.append(self.between if previous == "assistant" else "")
                written.append(f"[INST] {turn['content']} [/INST]")
            previous = turn["role"]
        return "".join(written)

    def _with_marked_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        if self.system is None or not messages or messages[0]["role"] != "system":
            return messages
        marked = self.system.format(system=messages[0]["content"])
        return [{"role": "system", "content": marked}, *messages[1:]]


# https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/
_LLAMA_3 = Family(
    "Llama 3",
    _Marks("<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>", "<|begin_of_text|>"),
    ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
# https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-2/
_LLAMA_2 = Family(
    "Llama 2",
    _Brackets("", " </s><s>", "<<SYS>>\n{system}\n<</SYS>>"),
    ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>"),
)
# https://huggingface.co/mistralai/Mistral-7B-Instruct-v0.2
_MISTRAL = Family("Mistral", _Brackets("<s>", "</s>"), ("[INST]", "[/INST]", "<s>", "</s>"))
# https://huggingface.co/Qwen/Qwen2-7B-Instruct
_CHATML = Family(
    "ChatML", _Marks("<|im_start|>{role}\n", "<|im_end|>\n"), ("<|im_start|>", "<|im_end|>")
)
# https://ai.google.dev/gemma/docs/core/prompt-structure
_GEMMA = Family(
    "Gemma",
    _Marks(
        "<start_of_turn>{role}\n",
        "<end_of_turn>\n",
        "<bos>",
        roles={"assistant": "model"},
        has_system=False,
    ),
    ("<bos>", "<start_of_turn>", "<end_of_turn>"),
)
# https://huggingface.co/microsoft/Phi-3-mini-4k-instruct
_PHI = Family(
    "Phi 3",
    _Marks("<|{role}|>\n", "<|end|>\n"),
    ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
)
# https://huggingface.co/HuggingFaceH4/zephyr-7b-beta
_ZEPHYR = Family(
    "Zephyr",
    _Marks("<|{role}|>\n", "</s>\n"),
    ("<|system|>", "<|user|>", "<|assistant|>", "</s>"),
)
# https://www.ibm.com/granite/docs/models/granite
_GRANITE = Family(
    "Granite 3",
    _Marks("<|start_of_role|>{role}<|end_of_role|>", "<|end_of_text|>\n"),
    ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
)

# Only what was tuned for chat: a base model (llama-2-7b) knows no template.
_FAMILIES: Sequence[tuple[re.Pattern[str], Family]] = [
    (re.compile(pattern), family)
    for pattern, family in (
        (
            r"hermes|dolphin|qwen(1\.5|2|2\.5)?-.*(chat|instruct)|yi-.*chat|arctic.*instruct",
            _CHATML,
        ),
        (r"llama-?3.*instruct", _LLAMA_3),
        (r"llama-?2?-?(7|13|70)b.*chat|llama-?2.*chat|codellama.*instruct", _LLAMA_2),
        (r"zephyr", _ZEPHYR),
        (r"(mistral|mixtral).*instruct", _MISTRAL),
        (r"gemma.*-it\b|gemma.*instruct", _GEMMA),
        (r"phi-?3.*instruct", _PHI),
        (r"granite-3.*instruct", _GRANITE),
    )
]
