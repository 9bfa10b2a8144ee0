"""Calls in llama.cpp's terms: what is changed, what is refused, and what the report says."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from copy import deepcopy
from typing import Any, cast

import pytest

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.messages import MessageParam
from llmgate.options import ChatParameters
from llmgate.provider import Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpRequest, HttpResponse, decode_json, encode_json
from llmgate.report import Report
from llmgate_local import Local
from llmgate_local.request.body import SUPPORT, plain

USER: dict[str, Any] = {"role": "user", "content": "Hi"}
FUNCTION: dict[str, Any] = {"name": "f", "parameters": {"type": "object", "properties": {}}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": FUNCTION},
    {"type": "function", "function": {**FUNCTION, "name": "g"}},
]
NOTHING = "{% for message in messages %}{{ message.content }}: no tools, no thinking{% endfor %}"
EVERYTHING = "{{ tools }}{%- if reasoning_effort %}{{\n message.reasoning_content }}{% endif %}"


def make_call(
    *messages: dict[str, Any], report: Report | None = None, **parameters: Any
) -> ProviderCall:
    """A call as the core hands it over."""
    return ProviderCall(
        "model",
        cast("list[MessageParam]", list(messages or (USER,))),
        cast("ChatParameters", parameters),
        report=Report() if report is None else report,
    )


def allowed(mode: str, *names: str) -> dict[str, Any]:
    """The choice among some of the functions."""
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def sent(call: ProviderCall, template: str) -> dict[str, Any]:
    """The body that is sent to a model with this template."""
    flow = cast("Generator[HttpRequest, HttpResponse]", Local().complete(call))
    request = next(flow)
    if request.method == "GET":
        assert "local://model/props" == request.url
        request = flow.send(HttpResponse(200, body=encode_json({"chat_template": template})))
    flow.close()
    body: dict[str, Any] = decode_json(request.body)
    return body


def paths(call: ProviderCall) -> list[str]:
    """What the report tells of."""
    return [deviation.path for deviation in call.report]


def test_what_stands_in_the_table_is_what_llama_cpp_honours() -> None:
    """Each of OpenAI's parameters is honoured by some means, or absent."""
    ignored = {"metadata", "moderation", "prediction", "safety_identifier", "service_tier", "store"}
    ignored |= {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
    ignored |= {"audio", "modalities", "stream_options", "user", "verbosity", "web_search_options"}
    assert ChatParameters.__annotations__.keys() - ignored == SUPPORT.keys()
    assert Support.UNSUPPORTED not in SUPPORT.values()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seed": 7}, {"seed": 7}),
        ({"seed": 2**32 - 1}, {"seed": 0}),
        ({"seed": 2**32}, {"seed": 1}),
        ({"seed": -1}, {"seed": 2**32 - 2}),
        ({"logprobs": False}, {"logprobs": False}),
        ({"logprobs": True}, {"logprobs": True, "top_logprobs": 1}),
        ({"logprobs": True, "top_logprobs": 0}, {"logprobs": True, "top_logprobs": 1}),
        ({"logprobs": True, "top_logprobs": 5}, {"logprobs": True, "top_logprobs": 5}),
        ({"n": 4, "stop": ["x"]}, {"n": 4, "stop": ["x"]}),
    ],
)
def test_parameters_are_brought_into_llama_cpps_range(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    """What is changed is reported, and nothing else; the given call stays as it is."""
    call = make_call(**given)
    before = deepcopy(call.parameters)
    assert expected == {**plain(call, 4).parameters}
    assert before == call.parameters
    assert (given != expected) == bool(call.report)
    assert all(path in given for path in paths(call))


@pytest.mark.parametrize("stop", ["", ["x", ""]])
def test_a_stop_that_would_end_every_answer_is_refused(stop: Any) -> None:
    """llama.cpp would answer with nothing."""
    with pytest.raises(InvalidRequestError) as caught:
        plain(make_call(stop=stop), 4)
    assert "stop" == caught.value.path


def test_more_choices_than_slots_are_refused() -> None:
    """The error says which setting to change."""
    with pytest.raises(UnsupportedError, match=r"Local\(parallel=5\)") as caught:
        plain(make_call(n=5), 4)
    assert "n" == caught.value.parameter


MESSAGES: dict[str, tuple[dict[str, Any], dict[str, Any], Iterable[str]]] = {
    "plain": (USER, USER, ()),
    "developer": (
        {"role": "developer", "content": "x"},
        {"role": "system", "content": "x"},
        ["messages[0].role"],
    ),
    "a name": ({**USER, "name": "me"}, USER, ["messages[0].name"]),
    "a tool's name": (
        {"role": "tool", "content": "x", "tool_call_id": "1", "name": "f"},
        {"role": "tool", "content": "x", "tool_call_id": "1", "name": "f"},
        (),
    ),
    "nulls": (
        {"role": "assistant", "content": None, "refusal": None, "audio": None},
        {"role": "assistant", "content": None},
        (),
    ),
    "a refusal": (
        {"role": "assistant", "refusal": "No."},
        {"role": "assistant", "content": "No."},
        ["messages[0].refusal"],
    ),
    "a refusal beside text": (
        {"role": "assistant", "content": "Well.", "refusal": "No."},
        {"role": "assistant", "content": "Well."},
        ["messages[0].refusal"],
    ),
    "a refusal in parts": (
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "No."}]},
        ["messages[0].content[0]"],
    ),
    "audio and annotations": (
        {"role": "assistant", "content": "x", "audio": {"id": "1"}, "annotations": [{}]},
        {"role": "assistant", "content": "x"},
        ["messages[0].annotations", "messages[0].audio"],
    ),
}


@pytest.mark.parametrize(("given", "expected", "told"), MESSAGES.values(), ids=MESSAGES)
def test_messages_are_said_as_templates_know_them(
    given: dict[str, Any], expected: dict[str, Any], told: Iterable[str]
) -> None:
    """What has no place in a template is reported with its path, and can be refused."""
    call = make_call(given)
    before = deepcopy(call.messages)
    assert [expected] == plain(call, 4).messages
    assert (before, list(told)) == (call.messages, paths(call))


def test_whoever_wants_nothing_dropped_gets_an_error() -> None:
    """By ``unsupported="raise"``."""
    with pytest.raises(UnsupportedError, match=r"messages\[0\]\.name"):
        plain(make_call({**USER, "name": "me"}, report=Report("raise")), 4)


def test_a_part_that_is_no_text_is_refused_with_its_path() -> None:
    """Of whatever kind, known or not."""
    message = {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "video"}]}
    with pytest.raises(UnsupportedError, match="cannot read 'video'") as caught:
        plain(make_call(message), 4)
    assert "messages[0].content[1]" == caught.value.parameter


def test_the_model_is_asked_what_it_knows_only_where_it_matters() -> None:
    """A plain call is one request."""
    request = next(Local().complete(make_call()))
    assert "local://model/v1/chat/completions" == request.url
    assert not request.stream


def test_reasoning_goes_to_templates_that_have_a_place_for_it() -> None:
    """For the others it is dropped and reported."""
    thought = {"role": "assistant", "content": "x", "reasoning_content": "Hm."}
    call = make_call(USER, thought, reasoning_effort="low")
    body = sent(call, EVERYTHING)
    assert (thought, "low", []) == (body["messages"][1], body["reasoning_effort"], paths(call))
    call = make_call(USER, thought, reasoning_effort="low")
    body = sent(call, NOTHING)
    assert [USER, {"role": "assistant", "content": "x"}] == body["messages"]
    assert "reasoning_effort" not in body
    assert ["reasoning_effort", "messages[1].reasoning_content"] == paths(call)


def test_tools_go_to_templates_that_know_them() -> None:
    """As they are; only the allowed ones where a choice restricts them."""
    call = make_call(tools=TOOLS, tool_choice="auto", parallel_tool_calls=True)
    body = sent(call, EVERYTHING)
    assert (TOOLS, "auto", True) == (
        body["tools"],
        body["tool_choice"],
        body["parallel_tool_calls"],
    )
    assert [] == paths(call)
    call = make_call(tools=TOOLS, tool_choice=allowed("auto", "g"))
    body = sent(call, EVERYTHING)
    assert ([TOOLS[1]], "auto") == (body["tools"], body["tool_choice"])
    assert ["tool_choice"] == paths(call)
    with pytest.raises(InvalidRequestError, match="tool_choice"):
        sent(make_call(tools=TOOLS, tool_choice=allowed("auto", "h")), EVERYTHING)


@pytest.mark.parametrize(
    ("choice", "template"),
    [
        ("auto", NOTHING),
        ("required", EVERYTHING),
        ({"type": "function", "function": {"name": "f"}}, EVERYTHING),
        (allowed("required", "g"), EVERYTHING),
    ],
)
def test_tools_are_put_into_words_where_llama_cpp_cannot_keep_the_promise(
    choice: Any, template: str
) -> None:
    """For templates that know none, and to force a call by a schema."""
    call = make_call(tools=TOOLS, tool_choice=choice)
    body = sent(call, template)
    assert {"tools", "tool_choice"} & body.keys() == set[str]()
    assert (choice != "auto") == ("response_format" in body)
    assert "You have these functions" in body["messages"][0]["content"]
    assert ["tools", "tool_choice"] == paths(call)


def test_a_history_of_calls_alone_is_put_into_words_too() -> None:
    """A template that knows no tools could not read it."""
    result = {"role": "tool", "content": "x", "tool_call_id": "1"}
    body = sent(make_call(USER, result), NOTHING)
    assert ["user", "user"] == [message["role"] for message in body["messages"]]
    assert result == sent(make_call(USER, result), EVERYTHING)["messages"][1]


def test_only_what_can_be_forced_is_checked() -> None:
    """A schema that llama.cpp does not enforce hinders only calls of its function."""
    loose: dict[str, Any] = {
        "type": "object",
        "properties": {"n": {"type": "number", "minimum": 1}},
    }
    tools = [TOOLS[0], {"type": "function", "function": {"name": "g", "parameters": loose}}]
    sent(make_call(tools=tools, tool_choice="auto"), NOTHING)
    sent(make_call(tools=tools, tool_choice=allowed("required", "f")), NOTHING)
    with pytest.raises(UnsupportedError, match=r"tools\[1\]\.function\.parameters\.properties\.n"):
        sent(make_call(tools=tools, tool_choice="required"), NOTHING)


def test_unavailable_models_alone_are_worth_another_try() -> None:
    """Any other failure would come again."""
    error = Local().error(HttpResponse(503, body=b'{"error": {"message": "x", "type": "y"}}'))
    assert (True, "y") == (error.retryable, error.code)
    error = Local().error(HttpResponse(500, body=b'{"error": {"message": "x", "type": "y"}}'))
    assert False is error.retryable


@pytest.mark.parametrize(
    ("arguments", "given", "is_reported"),
    [
        ('{"a": 1}', '{"a": 1}', False),
        ("", "{}", False),
        ('{"a": "b', '{"arguments":"{\\"a\\": \\"b"}', True),
    ],
)
def test_arguments_that_are_no_object_are_kept_in_one(
    arguments: str, given: str, is_reported: bool
) -> None:
    """A template that reads them would fail on anything else."""
    function = {"name": "f", "arguments": arguments}
    called = [{"id": "c", "type": "function", "function": function}]
    message = {"role": "assistant", "content": None, "tool_calls": called}
    call = make_call(USER, message, {"role": "tool", "tool_call_id": "c", "content": "x"})
    body = sent(call, EVERYTHING)
    assert given == body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    path = "messages[1].tool_calls[0].function.arguments"
    assert [path] * is_reported == [each.path for each in call.report]


def test_odd_values_of_a_response_are_reported() -> None:
    """As those of any host of the format are."""
    call = make_call()
    flow = Local().stream(call)
    next(flow)
    with pytest.raises(StopIteration) as caught:
        flow.send(HttpResponse(200))
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}
    said = {"id": "c", "created": "then", "model": "m", "choices": [choice]}
    caught.value.value.feed(Frame(encode_json(said)))
    assert ["created"] == [deviation.path.rpartition(".")[2] for deviation in call.report]


@pytest.mark.parametrize("kind", ["custom", "x"])
def test_an_earlier_call_of_another_type_than_a_function_is_refused(kind: str) -> None:
    """By its path, where templates know tools; under another role that name says nothing."""
    called = [{"id": "a", "type": kind, "custom": {"name": "g", "input": ""}}]
    message = {"role": "assistant", "content": None, "tool_calls": called}
    with pytest.raises(UnsupportedError, match="cpp supports functions only") as caught:
        sent(make_call(USER, message, tools=TOOLS), EVERYTHING)
    assert "messages[1].tool_calls[0]" == caught.value.parameter
    odd = {"role": "user", "content": "Hi", "tool_calls": [1]}
    for call in (make_call(odd), make_call(odd, tools=TOOLS)):
        assert "Hi" == sent(call, EVERYTHING)["messages"][0]["content"]
