"""Earlier responses on their way back: with their reasoning, unless the caller has changed them."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_openai import OpenAI

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
THOUGHT: dict[str, Any] = {"type": "reasoning", "summary": [], "encrypted_content": "c2VhbGVk"}
OTHER: dict[str, Any] = {"type": "reasoning", "summary": [], "encrypted_content": "b3RoZXI="}
TEXT: dict[str, Any] = {"type": "output_text", "text": "Hm.", "annotations": []}
SPOKEN: dict[str, Any] = {"type": "message", "role": "assistant", "content": [TEXT]}
CALLED = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"a":1}'}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
PATH = "messages[1].provider_data"


def sent(
    items: Any, message: dict[str, Any], *, base_url: str | None = None, api: Any = "responses"
) -> tuple[list[Any], ProviderCall]:
    """What is sent for a message with these items of its own, and the call."""
    provider = OpenAI(api_key="sk-test", base_url=base_url, api=api)
    data = {"provider_data": {"openai": {"items": items}}}
    messages = [*HELLO, {"role": "assistant", **message, **data}, *HELLO]
    call = call_of(provider, {"model": "gpt-5", "messages": messages})
    body = decode_json(first_request(provider.complete(call)).body)
    return (body["input"] if api == "responses" else body["messages"])[1:-1], call


def with_state(*items: dict[str, Any]) -> list[dict[str, Any]]:
    """Items as they come, with ids and states."""
    return [{"id": f"i_{place}", "status": "completed", **item} for place, item in enumerate(items)]


def test_items_go_back_in_their_order_without_ids() -> None:
    """Nothing is stored under these, and the host would look for it."""
    items = with_state(THOUGHT, SPOKEN, OTHER, CALLED)
    back, call = sent(items, {"content": "Hm.", "tool_calls": [CALL]})
    assert [THOUGHT, SPOKEN, OTHER, CALLED] == back
    assert PATH in call.report
    back, _ = sent([CALLED, SPOKEN], {"content": "Hm.", "tool_calls": [CALL]})
    assert [CALLED, SPOKEN] == back


def test_what_was_changed_takes_the_place_of_what_it_was() -> None:
    """The reasoning before it is left out, which nobody would understand; the rest stays."""
    items = with_state(THOUGHT, SPOKEN, OTHER, CALLED)
    back, call = sent(items, {"content": "Other.", "tool_calls": [CALL]})
    assert [{"role": "assistant", "content": "Other."}, OTHER, CALLED] == back
    assert f"{PATH}.reasoning" in call.report
    changed = {**CALL, "function": {"name": "weather", "arguments": "{}"}}
    back, _ = sent(items, {"content": "Hm.", "tool_calls": [changed]})
    assert [THOUGHT, SPOKEN, {**CALLED, "arguments": "{}"}] == back
    back, call = sent(items, {"content": "Hm."})
    assert [THOUGHT, SPOKEN] == back
    assert f"{PATH}.reasoning" in call.report


def test_what_was_added_is_sent_as_well() -> None:
    """A text, and a call."""
    another = {**CALL, "id": "c2"}
    back, _ = sent([THOUGHT, CALLED], {"content": "Hm.", "tool_calls": [CALL, another]})
    said = {"role": "assistant", "content": "Hm."}
    assert [THOUGHT, CALLED, said, {**CALLED, "call_id": "c2"}] == back


def test_a_message_of_two_texts() -> None:
    """They are one text together; or the first is, where the response was to be JSON."""
    for text in ("Hm.Hm.", "Hm."):
        back, _ = sent([THOUGHT, SPOKEN, SPOKEN], {"content": text})
        assert [THOUGHT, SPOKEN, SPOKEN] == back
    back, _ = sent([THOUGHT, SPOKEN, SPOKEN], {"content": "Other."})
    assert [{"role": "assistant", "content": "Other."}] == back


def test_refusals_and_empty_texts() -> None:
    """A refusal is compared as texts are; an empty message says nothing."""
    refused: dict[str, Any] = {**SPOKEN, "content": [{"type": "refusal", "refusal": "No."}]}
    back, _ = sent([THOUGHT, refused], {"content": None, "refusal": "No."})
    assert [THOUGHT, refused] == back
    empty: dict[str, Any] = {**SPOKEN, "content": [7, {**TEXT, "text": None}]}
    back, call = sent([THOUGHT, empty], {"content": None})
    assert [] == back
    assert f"{PATH}.reasoning" in call.report


def test_calls_without_arguments_and_custom_calls() -> None:
    """No text stands for no arguments; a custom tool has an input."""
    call = {**CALL, "function": {"name": "weather", "arguments": "{}"}}
    back, _ = sent([THOUGHT, {**CALLED, "arguments": ""}], {"content": None, "tool_calls": [call]})
    assert [THOUGHT, {**CALLED, "arguments": ""}] == back
    custom = {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "SELECT 1"}
    call = {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    back, _ = sent([THOUGHT, custom], {"content": None, "tool_calls": [call]})
    assert [THOUGHT, custom] == back


def test_hosted_tools_and_the_end_of_a_budget() -> None:
    """What is known only where it is stored does not go back, nor reasoning that led to nothing."""
    back, call = sent([THOUGHT, SEARCH, OTHER, SPOKEN, THOUGHT], {"content": "Hm."})
    assert [OTHER, SPOKEN] == back
    assert {f"{PATH}.web_search_call", f"{PATH}.reasoning"} <= {each.path for each in call.report}


@pytest.mark.parametrize("base_url", [None, "https://mine.example/v1"])
def test_open_reasoning_goes_back_where_hosts_give_it(base_url: str | None) -> None:
    """OpenAI takes only what is encrypted; gpt-oss and DeepSeek think in clear."""
    content = [{"type": "reasoning_text", "text": "I think."}]
    thought = {"type": "reasoning", "summary": [], "content": content}
    message = {"content": "Hm.", "reasoning_content": "I think."}
    back, call = sent([thought, SPOKEN], message, base_url=base_url)
    assert ([SPOKEN] if base_url is None else [thought, SPOKEN]) == back
    assert (base_url is None) == ("messages[1].reasoning_content" in call.report)


def test_items_that_are_none() -> None:
    """A history may come from anywhere: what cannot be read is left out."""
    message = {"content": "Hm."}
    odd: list[Any] = [7, {"type": ["x"]}, SPOKEN]
    assert [SPOKEN] == sent(odd, message)[0]
    nothing: list[Any] = ["x", [], {}]
    for items in nothing:
        assert [{"role": "assistant", **message}] == sent(items, message)[0]


def test_chat_completions_do_not_take_them() -> None:
    """The text does go there, and the report says what does not."""
    back, call = sent([THOUGHT, SPOKEN], {"content": "Hm."}, api="chat")
    assert [{"role": "assistant", "content": "Hm."}] == back
    assert f"{PATH}.openai.items" in call.report


def test_what_chat_completions_gave_is_reported() -> None:
    """Fields of other hosts of that format, and items of other providers."""
    provider = OpenAI(api_key="sk-test", api="responses")
    data: dict[str, Any] = {"openai": {"audio": {"id": "a"}}, "azure": {"items": [THOUGHT]}}
    message: dict[str, Any] = {"role": "assistant", "content": "Hm.", "provider_data": data}
    call = call_of(provider, {"model": "gpt-5", "messages": [*HELLO, message, *HELLO]})
    body = decode_json(first_request(provider.complete(call)).body)
    assert {"role": "assistant", "content": "Hm."} == body["input"][1]
    assert {f"{PATH}.azure", f"{PATH}.openai.audio"} <= {each.path for each in call.report}
