"""Any value of each shape is loaded and dumped without loss."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate import types
from llmgate._text.shape import Shape
from llmgate.errors import DecodeError
from llmgate.report import Report
from llmgate.types import (
    Attempt,
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    CompletionTokensDetails,
    CustomCall,
    Exchange,
    FinishReason,
    Function,
    FunctionDelta,
    Message,
    PromptTokensDetails,
    ToolCall,
    ToolCallDelta,
    Usage,
)

# --- any value of each shape ------------------------------------------------------------
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=3)
texts = st.none() | st.text(max_size=12)
counts = st.none() | st.integers(0, 10**12)
reasons = st.none() | st.sampled_from(get_args(FinishReason))


def extra_of(kind: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Keys that the shape does not name."""
    names = {field.name for field in dataclasses.fields(kind)} - {"extra", "exchange"}
    return objects.map(lambda found: {k: value for k, value in found.items() if k not in names})


def build(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value of a shape."""
    return st.builds(kind, extra=extra_of(kind), **fields)


functions = build(Function, name=st.text(), arguments=st.text())
function_deltas = build(FunctionDelta, name=texts, arguments=texts)
customs = build(CustomCall, name=st.text(), input=st.text())
tool_calls = build(
    ToolCall,
    id=st.text(),
    function=st.none() | functions,
    custom=st.none() | customs,
    type=st.text(),
)
tool_call_deltas = build(
    ToolCallDelta,
    index=st.integers(0, 9),
    id=texts,
    function=st.none() | function_deltas,
    custom=st.none() | objects,
    type=texts,
)
said: dict[str, st.SearchStrategy[Any]] = {
    "content": texts,
    "refusal": texts,
    "reasoning_content": texts,
    "annotations": st.none() | st.lists(objects, max_size=2),
    "audio": st.none() | objects,
    "provider_data": st.none() | objects,
}
messages = build(
    Message,
    role=st.text(),
    tool_calls=st.none() | st.lists(tool_calls, max_size=2),
    function_call=st.none() | functions,
    **said,
)
deltas = build(
    ChoiceDelta,
    role=texts,
    tool_calls=st.none() | st.lists(tool_call_deltas, max_size=2),
    function_call=st.none() | function_deltas,
    **said,
)
ended: dict[str, st.SearchStrategy[Any]] = {
    "index": st.integers(0, 9),
    "finish_reason": reasons,
    "logprobs": st.none() | objects,
    "native_finish_reason": texts,
}
choices = build(Choice, message=messages, **ended)
chunk_choices = build(ChunkChoice, delta=deltas, **ended)
prompt_details = build(PromptTokensDetails, cached_tokens=counts, audio_tokens=counts)
completion_details = build(CompletionTokensDetails, reasoning_tokens=counts)
usages = build(
    Usage,
    prompt_tokens=st.integers(),
    completion_tokens=st.integers(),
    total_tokens=st.integers(),
    prompt_tokens_details=st.none() | prompt_details,
    completion_tokens_details=st.none() | completion_details,
)
whole: dict[str, st.SearchStrategy[Any]] = {
    "id": st.text(),
    "created": st.integers(),
    "model": st.text(),
    "object": st.text(),
    "usage": st.none() | usages,
    "system_fingerprint": texts,
    "service_tier": texts,
}
completions = build(Completion, choices=st.lists(choices, max_size=2), **whole)
chunks = build(Chunk, choices=st.lists(chunk_choices, max_size=2), **whole)
STRATEGIES: dict[type[Shape], st.SearchStrategy[Any]] = {
    Function: functions,
    CustomCall: customs,
    ToolCall: tool_calls,
    Message: messages,
    Choice: choices,
    PromptTokensDetails: prompt_details,
    CompletionTokensDetails: completion_details,
    Usage: usages,
    Completion: completions,
    FunctionDelta: function_deltas,
    ToolCallDelta: tool_call_deltas,
    ChoiceDelta: deltas,
    ChunkChoice: chunk_choices,
    Chunk: chunks,
}
any_shape = st.one_of(*STRATEGIES.values())


def test_every_shape_is_in_these_tests() -> None:
    """A shape that is added is tested with the rest."""
    public = [getattr(types, name) for name in types.__all__]
    kinds = filter(dataclasses.is_dataclass, public)
    shapes = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Shape)}
    assert shapes == set(STRATEGIES)


# --- loading and dumping ----------------------------------------------------------------


@given(any_shape)
def test_a_dump_loads_as_the_same_value(value: Shape) -> None:
    """Nothing is lost on the way to dictionaries and back, unknown keys and nulls included."""
    assert value == type(value).model_validate(value.model_dump())


@given(any_shape)
def test_a_dump_without_nulls_loads_as_the_same_value(value: Shape) -> None:
    """A field that is absent is None."""
    assert value == type(value).model_validate(value.model_dump(exclude_none=True))


@given(any_shape)
def test_a_json_text_loads_as_the_same_value(value: Shape) -> None:
    """The text is plain JSON, which any other program reads."""
    text = value.model_dump_json()
    assert value == type(value).model_validate(json.loads(text))
    assert value == type(value).model_validate_json(text)
    assert value == type(value).model_validate_json(text.encode())


@given(any_shape)
def test_a_value_survives_pickling(value: Shape) -> None:
    """Answers are handed over between processes, and kept in caches."""
    assert value == pickle.loads(pickle.dumps(value))  # noqa: S301 - made in the line itself


@given(any_shape)
def test_every_key_of_a_dump_is_read_by_its_name(value: Any) -> None:
    """``answer["choices"]`` reads what ``answer.choices`` does, and also what is in ``extra``."""
    for key, dumped in value.model_dump().items():
        read = value[key]
        assert dumped == (read.model_dump() if isinstance(read, Shape) else as_plain(read))


def as_plain(value: Any) -> Any:
    """A field's value with the shapes in its list dumped."""
    if isinstance(value, list):
        return [item.model_dump() if isinstance(item, Shape) else item for item in value]  # pyright: ignore[reportUnknownVariableType] # any list
    return value


def test_a_key_that_is_nowhere_is_a_key_error() -> None:
    """As with a dictionary."""
    with pytest.raises(KeyError, match="nothing"):
        Message()["nothing"]


def test_a_shape_without_extra_keys_can_be_read_by_name() -> None:
    """The base serves dataclasses that keep no unknown keys, too."""

    @dataclasses.dataclass(frozen=True)
    class Closed(Shape):
        name: str = "x"

    assert ("x", {"name": "x"}) == (Closed()["name"], Closed().model_dump())
    with pytest.raises(KeyError, match="other"):
        Closed()["other"]


def test_unknown_keys_are_kept_in_extra() -> None:
    """Nothing that a provider says is lost, at any depth."""
    data = {"prompt_tokens": 1, "cost": 2, "prompt_tokens_details": {"cached_tokens": 3, "new": 4}}
    usage = Usage.model_validate(data)
    assert {"cost": 2} == usage.extra
    assert usage.prompt_tokens_details is not None
    assert {"new": 4} == usage.prompt_tokens_details.extra


def test_what_is_about_the_exchange_is_no_key_of_the_shape() -> None:
    """A provider's own key of that name is unknown to the shape, and a dump has no exchange."""
    exchange = Exchange(provider="canned", report=Report())
    completion = Completion([], exchange=exchange)
    assert "exchange" not in completion.model_dump()
    assert {"exchange": 1} == Completion.model_validate({"choices": [], "exchange": 1}).extra


def test_a_dump_shares_no_container_with_the_value() -> None:
    """Who changes a dump does not change the answer."""
    usage = Usage(extra={"a": {"b": [1]}})
    message = Message(annotations=[{"x": [1]}], audio={"data": {"y": 1}})
    usage.model_dump()["a"]["b"].append(2)
    dumped = message.model_dump()
    dumped["annotations"][0]["x"].append(2)
    dumped["audio"]["data"]["y"] = 2
    assert Usage(extra={"a": {"b": [1]}}) == usage
    assert Message(annotations=[{"x": [1]}], audio={"data": {"y": 1}}) == message


def test_excluding_nulls_keeps_those_inside_a_provider_s_own_json() -> None:
    """Only the shape's own fields are left out: what a provider said is repeated verbatim."""
    message = Message(audio={"id": "a", "gone": None}, extra={"odd": None})
    expected = {"role": "assistant", "audio": {"id": "a", "gone": None}, "odd": None}
    assert expected == message.model_dump(exclude_none=True)


def test_json_text_can_be_indented() -> None:
    """For people's eyes."""
    expected = '{\n  "name": "f",\n  "arguments": "{}"\n}'
    assert expected == Function("f").model_dump_json(indent=2)


def test_a_value_of_the_class_is_valid_as_it_is() -> None:
    """Validating twice costs nothing."""
    message = Message("hi")
    assert message is Message.model_validate(message)


@pytest.mark.parametrize(
    ("kind", "data", "field", "expected"),
    [
        (Usage, {"prompt_tokens": 3.0}, "prompt_tokens", 3),
        (Usage, {"prompt_tokens": None}, "prompt_tokens", 0),
        (Completion, {"choices": [], "created": 1e9}, "created", 10**9),
        (Completion, {"choices": [], "id": None}, "id", ""),
        (Choice, {"message": {}, "finish_reason": "unheard-of"}, "finish_reason", "unheard-of"),
        (Message, {"content": None}, "content", None),
        (Message, {"role": None}, "role", "assistant"),
        (ToolCallDelta, {"index": 0, "custom": {"a": None}}, "custom", {"a": None}),
    ],
)
def test_harmless_oddities_are_accepted(
    kind: type[Shape], data: dict[str, Any], field: str, expected: object
) -> None:
    """Whole numbers as floats, null for a default, reasons of tomorrow."""
    value = kind.model_validate(data)[field]
    assert expected == value
    assert isinstance(value, type(expected))


UNFIT: list[tuple[type[Shape], Any, str]] = [
    (Completion, None, "Completion: expected an object, got null"),
    (Completion, [], "Completion: expected an object, got list"),
    (Completion, "x", "Completion: expected an object, got str"),
    (Completion, {}, "Completion: 'choices' is missing"),
    (Completion, {"choices": None}, "Completion: 'choices' is missing"),
    (Completion, {"choices": {}}, "choices: expected list, got dict"),
    (Completion, {"choices": [None]}, "choices[0]: expected an object, got null"),
    (Completion, {"choices": [1]}, "choices[0]: expected an object, got int"),
    (Completion, {"choices": [{}]}, "choices[0]: 'message' is missing"),
    (Completion, {"choices": [{"message": "hi"}]}, "choices[0].message: expected an object"),
    (
        Completion,
        {"choices": [{"message": {"content": ["a"]}}]},
        "choices[0].message.content: expected str, got list",
    ),
    (
        Completion,
        {"choices": [{"message": {"tool_calls": [{"id": "a", "function": {}}]}}]},
        "choices[0].message.tool_calls[0].function: 'name' is missing",
    ),
    (Completion, {"choices": [], "usage": 5}, "usage: expected an object, got int"),
    (Completion, {"choices": [], "id": 5}, "id: expected str, got int"),
    (Message, {"annotations": ["x"]}, "annotations[0]: expected dict, got str"),
    (Message, {"annotations": [None]}, "annotations[0]: expected dict, got null"),
    (Message, {"audio": "x"}, "audio: expected dict, got str"),
    (Choice, {"message": {}, "finish_reason": 5}, "finish_reason: expected str, got int"),
    (Usage, {"prompt_tokens": "3"}, "prompt_tokens: expected int, got str"),
    (Usage, {"prompt_tokens": 1.5}, "prompt_tokens: expected int, got float"),
    (Usage, {"prompt_tokens": math.inf}, "prompt_tokens: expected int, got float"),
    (Usage, {"prompt_tokens": math.nan}, "prompt_tokens: expected int, got float"),
    (Usage, {"prompt_tokens": True}, "prompt_tokens: expected int, got bool"),
    (ToolCall, {"function": {"name": "f"}}, "ToolCall: 'id' is missing"),
]


@pytest.mark.parametrize(("kind", "data", "text"), UNFIT)
def test_what_does_not_fit_is_refused_with_its_path(
    kind: type[Shape], data: Any, text: str
) -> None:
    """A reply of the wrong shape is no answer, and the error says where it goes wrong."""
    with pytest.raises(DecodeError) as caught:
        kind.model_validate(data)
    assert text == str(caught.value)[: len(text)]


@given(st.sampled_from(list(STRATEGIES)), json_values)
def test_any_json_is_loaded_or_refused(kind: type[Shape], data: Any) -> None:
    """No reply raises anything but our own error."""
    try:
        loaded = kind.model_validate(data)
    except DecodeError:
        return
    assert data.items() <= loaded.model_dump().items()


@pytest.mark.parametrize("kind", [*STRATEGIES, Attempt, Exchange], ids=lambda kind: kind.__name__)
def test_values_are_slotted_dataclasses_without_a_hash(kind: type[Any]) -> None:
    """A misspelt attribute is an error; what can be changed is in no set."""
    assert dataclasses.is_dataclass(kind)
    assert "__slots__" in vars(kind)
    assert kind.__hash__ is None
