"""Fields beside OpenAI's in a response: those that carry one of litellm's own names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import llmgate_litellm as litellm
from llmgate import Chunk, Completion
from llmgate_litellm._convert import model_response, stream_response
from llmgate_litellm._messages import as_messages

Ask = Callable[..., Any]
THOUGHT = {"type": "thinking", "thinking": "Well.", "signature": "s"}
SIDE_FIELDS = {"provider_specific_fields": {"citations": [1]}, "thinking_blocks": [THOUGHT]}


def test_what_a_litellm_proxy_sends_is_kept(ask: Ask, server: Any) -> None:
    """Its fields have the names that the shapes have already."""
    answer = server.answer()
    answer["choices"][0]["message"].update(SIDE_FIELDS)
    answer["usage"].update(cache_read_input_tokens=3, cache_creation_input_tokens=4)
    server(answer)
    response = ask()
    message = response.choices[0].message
    assert {"citations": [1]} == message.provider_specific_fields
    assert [THOUGHT] == message.thinking_blocks
    assert (2, 4) == (
        response.usage.cache_read_input_tokens,
        response.usage.cache_creation_input_tokens,
    )


def test_what_a_litellm_proxy_streams_is_kept() -> None:
    """In each chunk."""
    delta = {"content": "x", **SIDE_FIELDS}
    chunk = Chunk.model_validate({"choices": [{"index": 0, "delta": delta}]})
    streamed = stream_response(chunk, model="m", ident="1", created=1).choices[0].delta
    assert {"citations": [1]} == streamed.provider_specific_fields
    assert [THOUGHT] == streamed.thinking_blocks


def test_fields_of_the_format_itself_join_those_of_the_host() -> None:
    """Neither hides the other."""
    native = {"anthropic": {"content": [THOUGHT]}}
    message = {"content": "x", "provider_data": native, "provider_specific_fields": {"a": 1}}
    completion = Completion.model_validate({"choices": [{"index": 0, "message": message}]})
    made = model_response(completion).choices[0].message
    assert {"a": 1, **native} == made.provider_specific_fields
    assert [THOUGHT] == made.thinking_blocks


def test_what_stands_beside_a_text(server: Any) -> None:
    """Log probabilities are kept; what is no choice is an error of litellm's."""
    host: dict[str, Any] = {"api_key": "k", "api_base": server.address, "num_retries": 0}
    logprobs = {"tokens": ["day"], "token_logprobs": [-0.5]}
    choice = {"index": 0, "text": "day", "logprobs": logprobs, "finish_reason": "stop"}
    server({"id": "c", "choices": [choice]})
    answer = litellm.text_completion("Good", "openai/x", **host)
    assert logprobs == answer.choices[0].logprobs
    server({"id": "c", "choices": [5]})
    with pytest.raises(litellm.APIError, match="no text completion"):
        litellm.text_completion("Good", "openai/x", **host)


def test_a_field_called_self(ask: Ask, server: Any) -> None:
    """It is one like any other, wherever it stands."""
    server(server.answer(None, [("f", {})]))
    answer = server.next()[1]
    choice = answer["choices"][0]
    call = choice["message"]["tool_calls"][0]
    for each in (answer, choice, choice["message"], call, call["function"], answer["usage"]):
        each["self"] = 1
    server(answer)
    response = ask()
    made = response.choices[0].message.tool_calls[0]
    for each in (response, response.choices[0], response.choices[0].message, made, made.function):
        assert 1 == each.get("self")


@pytest.mark.parametrize("odd", [{"index": "first"}, {"finish_reason": 7}, {"logprobs": [1]}])
def test_odd_values_in_a_choice_are_no_error(ask: Ask, server: Any, odd: dict[str, Any]) -> None:
    """The shape's own value stands; the response reads as without them."""
    answer = server.answer()
    answer["choices"][0].update(odd)
    server(json.loads(json.dumps(answer)))
    choice = ask().choices[0]
    assert (0, "stop", "Good day.") == (choice.index, choice.finish_reason, choice.message.content)


@pytest.mark.parametrize(
    "call",
    [1, {"type": "x"}, {"id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}],
    ids=repr,
)
def test_signed_thoughts_beside_calls_of_other_types(call: Any) -> None:
    """Anthropic made none of these, so that they are no blocks of its; the message has them yet."""
    said = {"role": "assistant", "content": "So:", "tool_calls": [call]}
    [made] = as_messages([{**said, "thinking_blocks": [THOUGHT]}])
    blocks = [THOUGHT, {"type": "text", "text": "So:"}]
    assert {**said, "provider_data": {"anthropic": {"content": blocks}}} == made


@pytest.mark.parametrize("thoughts", [[], 1, {"a": 1}])
def test_thoughts_that_are_no_list(thoughts: Any) -> None:
    """They are left out."""
    said = {"role": "assistant", "content": "So:"}
    assert [said] == as_messages([{**said, "thinking_blocks": thoughts}])


def test_arguments_of_another_type_beside_signed_thoughts() -> None:
    """They are none; llmgate says what is wrong with them."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ["x"]}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    [made] = as_messages([{**said, "thinking_blocks": [THOUGHT]}])
    used: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    assert [THOUGHT, used] == made["provider_data"]["anthropic"]["content"]
