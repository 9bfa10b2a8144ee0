"""The chat templates of open-weights models, against their model cards."""

from __future__ import annotations

import pytest

from llmgate_replicate.request.templates import find_template

TALK = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "U"},
    {"role": "assistant", "content": "A"},
    {"role": "user", "content": "V"},
]

PROMPTS = [
    (
        "meta/meta-llama-3-70b-instruct",
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    (
        "meta/llama-2-13b-chat",
        "[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]",
    ),
    (
        "a16z-infra/llama13b-v2-chat",
        "[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]",
    ),
    (
        "mistralai/mixtral-8x7b-instruct-v0.1",
        "<s>[INST] S\n\nU [/INST] A</s>[INST] V [/INST]",
    ),
    (
        "nateraw/nous-hermes-2-solar-10.7b",
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
        "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n"
        "<|im_start|>assistant\n",
    ),
    (
        "google-deepmind/gemma-2b-it",
        "<bos><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
        "<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\n",
    ),
    (
        "microsoft/phi-3-mini-4k-instruct",
        "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n"
        "<|assistant|>\n",
    ),
    (
        "nateraw/zephyr-7b-beta",
        "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n"
        "<|assistant|>\n",
    ),
    (
        "ibm-granite/granite-3.1-8b-instruct",
        "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>U<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>A<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>V<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>",
    ),
    ("meta/meta-llama-3-8b", None),
    ("meta/llama-2-7b", None),
    ("meta/llama-4-scout-instruct", None),
    ("mistralai/mistral-7b-v0.1", None),
    ("qwen/qwen3-235b-a22b-instruct-2507", None),
    ("openai/gpt-5", None),
    ("anthropic/claude-4-sonnet", None),
    ("deepseek-ai/deepseek-r1", None),
    ("", None),
]


@pytest.mark.parametrize(("model", "expected"), PROMPTS)
def test_templates(model: str, expected: str | None) -> None:
    """Each family writes as its model card says; base models and hosted ones have none."""
    family = find_template(model, {})
    assert expected == (None if family is None else family.render(TALK))


@pytest.mark.parametrize("model", [model for model, prompt in PROMPTS if prompt is not None])
def test_an_answer_that_was_begun_stays_open(model: str) -> None:
    """The model goes on with the last message, where that is its own."""
    family = find_template(model, {})
    assert family is not None
    assert family.render([*TALK[:2], {"role": "assistant", "content": "Well"}]).endswith("Well")


@pytest.mark.parametrize("model", [model for model, prompt in PROMPTS if prompt is not None])
def test_instructions_alone_are_a_prompt(model: str) -> None:
    """A conversation of nothing but instructions is still one."""
    family = find_template(model, {})
    assert family is not None
    assert "S" in family.render(TALK[:1])


def test_control_tokens_are_broken_up() -> None:
    """No text holds a token of its own template."""
    for model, prompt in PROMPTS:
        family = find_template(model, {})
        if prompt is None or family is None:
            continue
        for token in family.tokens:
            assert token not in family.disarmed(f"a{token}b")
            assert token in prompt or token not in ("<|im_start|>", "[INST]")
