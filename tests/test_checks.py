"""Checks of any messages and parameters, of names, and what checking costs."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate._core.check import (
    check_json,
    check_messages,
    check_name,
    check_parameters,
)
from llmgate._core.refusals import json_fault
from llmgate._text.json import decode_json, encode_json
from llmgate.errors import InvalidRequestError
from llmgate.options import ChatParameters
from llmgate.report import Deviation
from llmgate.types import Function, Message, ToolCall
from tests.valid_messages import HELLO, TEXT, user, without_nulls

# --- properties ---

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["role", "content", "type", "text", "tool_calls", "function", "name", "arguments", "id"]
)
WORDS = st.sampled_from(["user", "assistant", "tool", "text", "image_url", "function", "{}"])
LIKELY: st.SearchStrategy[Any] = st.recursive(
    WORDS | ANY_JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


NEARLY_RIGHT = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool"]),
        "content": st.text(max_size=5) | LIKELY,
    },
    optional={"extra": ANY_JSON, "tool_call_id": st.text(max_size=2), "name": st.text(max_size=2)},
)


def means(messages: Any) -> Any:
    """What is left where nothing is changed but how nothing is said."""
    plain = [without_nulls(each) for each in messages]
    return [
        {k: v for k, v in without_empty_arguments(each).items() if k != "tool_calls" or v != []}
        for each in plain
    ]


def without_empty_arguments(value: Any) -> Any:
    """Arguments of no text stand for the empty object."""
    if isinstance(value, dict):
        return {
            key: "{}"
            if key == "arguments" and isinstance(item, str) and not item.strip()
            else without_empty_arguments(item)
            for key, item in value.items()  # pyright: ignore[reportUnknownVariableType] # any JSON
        }
    return [*map(without_empty_arguments, value)] if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType] # any JSON


def outcome(
    check: Callable[[Any], object], value: Any
) -> tuple[object, None] | tuple[None, InvalidRequestError]:
    """What a check gives, or why it refuses."""
    try:
        return check(value), None
    except InvalidRequestError as error:
        return None, error


@given(LIKELY | st.lists(st.dictionaries(KEYS, LIKELY, max_size=4) | NEARLY_RIGHT, max_size=3))
def test_any_messages_are_refused_or_sent_as_they_are(messages: Any) -> None:
    """Whatever is given: our own error with a path, or the same value on the wire. And what was
    given is never changed."""
    before = copy.deepcopy(messages)
    changes = list[Deviation]()
    checked, error = outcome(lambda given: check_messages(given, changes), messages)
    if error is not None:
        assert "messages" == error.path[:8]
    elif not changes:
        sent = decode_json(encode_json(checked))
        assert means(before) == means(sent)
    assert repr(before) == repr(messages)


@given(st.dictionaries(st.sampled_from(sorted(ChatParameters.__annotations__)), LIKELY, max_size=4))
def test_any_parameters_are_refused_or_sent_as_they_are(parameters: dict[str, Any]) -> None:
    """Likewise."""
    before = copy.deepcopy(parameters)
    changes = list[Deviation]()
    checked, error = outcome(lambda given: check_parameters(given, changes), parameters)
    if error is not None:
        assert error.path.split("[")[0].split(".")[0] in parameters
    elif not changes:
        before = with_text_keys(before)
        assert before == decode_json(encode_json(checked))
    assert repr(before) == repr(parameters)


def with_text_keys(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters whose token ids are texts, as in JSON."""
    bias: dict[Any, Any] = parameters.get("logit_bias", {})
    named = {str(key): value for key, value in bias.items()}
    return parameters | ({"logit_bias": named} if "logit_bias" in parameters else {})


@given(ANY_JSON)
def test_any_value_is_json_or_has_a_fault(value: Any) -> None:
    """The quick check and the one that explains agree."""
    fault = json_fault(value, "x")
    if fault is None:
        assert value == check_json(value, "x")
        assert value == decode_json(encode_json(value))
    else:
        with pytest.raises(InvalidRequestError) as caught:
            check_json(value, "x")
        assert str(fault) == str(caught.value)


def test_what_was_checked_shares_no_dictionary_with_what_was_given() -> None:
    """A provider may build on it, and the caller's history stays as it was."""
    messages: Any = user([dict(TEXT)], extra={"a": [1]})
    checked: Any = check_messages(messages)
    checked[0]["content"][0]["text"] = "changed"
    checked[0]["extra"]["a"].append(2)
    checked.append(HELLO)
    assert user([TEXT], extra={"a": [1]}) == messages


# --- names ---


@pytest.mark.parametrize(
    "name", ["temperature", "stream", "api_key", "api_base", "forceTimeout", "hooks"]
)
def test_an_argument_that_exists_is_no_mistake(name: str) -> None:
    """OpenAI's parameters, and the options beside them."""
    check_name(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("temprature", "did you mean temperature?"),
        ("max_token", "did you mean max_tokens?"),
        ("functioncall", "did you mean function_call?"),
    ],
)
def test_a_misspelt_argument_is_refused_with_the_nearest(name: str, hint: str) -> None:
    """It is never ignored."""
    with pytest.raises(InvalidRequestError) as caught:
        check_name(name)
    assert f"{name}: there is no such argument; {hint}" == str(caught.value)


# --- the arguments of calls ---


def test_an_answers_own_message_goes_back_as_it_is() -> None:
    """A model may write arguments that are no JSON, or be cut off in them: its message is kept."""
    call = ToolCall("a", Function("f", '{"x": 1'))
    [message] = check_messages([Message(tool_calls=[call])])
    assert message["role"] == "assistant"
    [sent] = message.get("tool_calls") or []
    assert {"name": "f", "arguments": '{"x": 1'} == cast("Any", sent)["function"]


# --- cost ---

TIMED = """
import json, timeit
from llmgate._core.check import check_messages

call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
history = 35 * [
    {"role": "user", "content": "Grüße. " * 400},
    {"role": "assistant", "content": "x" * 3000, "tool_calls": [call]},
    {"role": "tool", "tool_call_id": "a", "content": "y" * 200},
] + 200 * [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
print(
    len(json.dumps(history)),
    min(timeit.repeat(lambda: check_messages(history), number=1, repeat=30)),
    min(timeit.repeat(lambda: json.dumps(history), number=1, repeat=30)),
)
"""


def test_checking_a_long_history_costs_less_than_writing_it() -> None:
    """200 kB of messages, in well under the time that ``json.dumps`` takes for them (0.2 ms and
    1.2 ms where this was written). It is timed in a process of its own, where nothing is traced."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED], capture_output=True, text=True, timeout=60, check=True
    )
    size, checking, writing = map(float, done.stdout.split())
    assert size > 200_000
    assert checking < 0.8 * writing
