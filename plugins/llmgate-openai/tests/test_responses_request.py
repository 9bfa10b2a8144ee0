"""Requests for responses: what is sent for a call of chat, and what the report says of it.

Most of it is compared with OpenAI's own package, in test_responses_sdk.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json
from llmgate.testing.driving import call_of, first_request
from llmgate_openai import OpenAI

PROVIDER = OpenAI(api_key="sk-test", api="responses")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


def sent(**given: Any) -> tuple[dict[str, Any], ProviderCall]:
    """The body of a call, and the call with its report."""
    call = call_of(PROVIDER, {"model": "gpt-4o", "messages": HELLO, **given})
    return dict(decode_json(first_request(PROVIDER.complete(call)).body)), call


def reported(call: ProviderCall) -> dict[str, str]:
    """The paths of its report, with their kinds."""
    return {each.path: each.kind for each in call.report}


def test_nothing_is_stored_unless_it_is_asked_for() -> None:
    """The API's default is another one than that of chat, so the report says so."""
    body, call = sent()
    assert {"model": "gpt-4o", "input": HELLO, "store": False} == body
    assert {"api": "converted", "store": "injected"} == reported(call)
    for given in ({"store": True}, {"extra_body": {"store": True}}):
        body, call = sent(**given)
        assert body["store"] is True
        assert "store" not in call.report


@pytest.mark.parametrize(
    ("model", "options", "is_asked"),
    [
        ("gpt-4o", {}, False),
        ("gpt-5-chat-latest", {}, False),
        ("gpt-5", {}, True),
        ("o3", {}, True),
        ("codex-mini-latest", {}, True),
        ("unknown", {}, False),
        ("unknown", {"reasoning_effort": "low"}, True),
    ],
)
def test_encrypted_reasoning_is_asked_for_where_a_model_may_reason(
    model: str, options: dict[str, Any], is_asked: bool
) -> None:
    """Others refuse to be asked for it."""
    body, call = sent(model=model, **options)
    assert is_asked == ("include" in body) == ("include" in call.report)
    body, _ = sent(model=model, extra_body={"include": []}, **options)
    assert [] == body["include"]


def test_a_limit_is_at_least_what_the_api_takes() -> None:
    """It is raised, and reported; the newer name counts; -1 is no limit here."""
    body, call = sent(max_tokens=5)
    assert (16, "clamped") == (body["max_output_tokens"], reported(call)["max_tokens"])
    body, call = sent(max_tokens=5, max_completion_tokens=50)
    assert (50, "dropped") == (body["max_output_tokens"], reported(call)["max_tokens"])
    with pytest.raises(InvalidRequestError, match="max_tokens: expected 1 or more"):
        sent(max_tokens=-1)


def test_search_options_become_a_tool() -> None:
    """With the place of the user, which lies one level higher there."""
    place = {"type": "approximate", "approximate": {"city": "Bern"}}
    options = {"search_context_size": "low", "user_location": place}
    body, call = sent(web_search_options=options)
    search = {
        "type": "web_search",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "city": "Bern"},
    }
    assert [search] == body["tools"]
    assert "converted" == reported(call)["web_search_options"]
    assert [{"type": "web_search"}] == sent(web_search_options={})[0]["tools"]


def test_odd_tools_and_choices_are_sent_as_they_are() -> None:
    """What has no other form here: no tools at all, formats of a custom tool, names of hosts."""
    custom = {"name": "sql", "format": {"type": "text"}}
    body, _ = sent(tools=[{"type": "custom", "custom": custom}], tool_choice={"type": "auto"})
    assert [{"type": "custom", **custom}] == body["tools"]
    assert {"type": "auto"} == body["tool_choice"]
    assert [] == sent(tools=[])[0]["tools"]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": "all"}}
    body, _ = sent(tools=[], tool_choice=choice)
    assert {"type": "allowed_tools", "mode": "auto", "tools": "all"} == body["tool_choice"]
    odd: dict[str, Any] = {"type": "json_schema", "name": "x", "schema": {}}
    assert odd == sent(response_format=odd)[0]["text"]["format"]


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
    ],
)
def test_parts_that_cannot_be_carried_are_refused(role: str, part: dict[str, Any]) -> None:
    """Sounds, and what a model never gives."""
    messages = [{"role": role, "content": [part]}, *HELLO]
    if (role, part["type"]) == ("user", "image_url"):
        assert "input_image" == sent(messages=messages)[0]["input"][0]["content"][0]["type"]
        return
    with pytest.raises(UnsupportedError, match=r"messages\[0\].content\[0\]"):
        sent(messages=messages)


def test_a_file_by_its_address() -> None:
    """It has a field of its own there; chat completions take none."""
    address = "https://a.example/b.pdf"
    file = {"type": "file", "file": {"file_data": address, "filename": "b.pdf"}}
    body, _ = sent(messages=[{"role": "user", "content": [file]}])
    expected = {"type": "input_file", "filename": "b.pdf", "file_url": address}
    assert [expected] == body["input"][0]["content"]


def test_parts_in_the_apis_own_form_are_sent_as_they_are() -> None:
    """Such as a file by its address, which chat does not have."""
    part = {"type": "input_file", "file_url": "https://a.example/b.pdf"}
    body, _ = sent(messages=[{"role": "user", "content": [part]}])
    assert [part] == body["input"][0]["content"]
    spoken: dict[str, Any] = {"type": "output_text", "text": "Hm.", "annotations": []}
    body, _ = sent(messages=[{"role": "assistant", "content": [spoken]}, *HELLO])
    assert [spoken] == body["input"][0]["content"]
    text = {"type": "text", "text": "Hm."}
    body, _ = sent(messages=[{"role": "assistant", "content": [text]}, *HELLO])
    assert [spoken] == body["input"][0]["content"]


def test_what_no_item_has_is_reported() -> None:
    """Names; calls of other types are refused; a response without anything is left out."""
    named = {"role": "user", "content": "Hello", "name": "ann"}
    empty = {"role": "assistant", "content": ""}
    body, call = sent(messages=[named, {**empty, "annotations": [{"a": 1}]}, *HELLO])
    assert [*HELLO, *HELLO] == body["input"]
    assert {"messages[0].name", "messages[1].annotations"} <= reported(call).keys()
    assert HELLO == sent(messages=[empty, *HELLO])[0]["input"]
    odd: dict[str, Any] = {"id": "c1", "type": "search", "search": {}}
    with pytest.raises(UnsupportedError, match="no call of the type search"):
        sent(messages=[{"role": "assistant", "content": None, "tool_calls": [odd]}, *HELLO])


def test_the_older_openai_address_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in chat completions."""
    monkeypatch.setenv("OPENAI_API_BASE", "https://mine.example/v1")
    provider = OpenAI(api_key="sk-test", api="responses")
    call = call_of(provider, {"model": "m", "messages": HELLO})
    assert "https://mine.example/v1/responses" == first_request(provider.complete(call)).url
    assert "base_url" in call.report
