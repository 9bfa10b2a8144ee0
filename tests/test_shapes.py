"""Completions as people use them: as dictionaries, pydantic models, by attribute, in pickles."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import pydantic
import pydantic_core
import pytest
from hypothesis import given

from llmgate.embeddings import Embedding, Embeddings
from llmgate.report import Report
from llmgate.reranking import Reranking, RerankResult
from llmgate.types import (
    Attempt,
    Choice,
    ChoiceDelta,
    Chunk,
    ChunkChoice,
    Completion,
    Exchange,
    Function,
    Message,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from tests.test_types import any_shape

CANARY = "a-header-of-this-process"


def completion(**more: Any) -> Completion:
    """One with a call, logprobs, keys of a provider's own, and an exchange."""
    report = Report()
    report.drop("seed", "there is none")
    exchange = Exchange(
        "canned", report, {"x-secret": CANARY}, CANARY.encode(), "r-1", (Attempt(1, 0.5),)
    )
    call = ToolCall("c", Function("f"))
    logprobs: dict[str, Any] = {
        "content": [{"token": "a", "logprob": -float("inf"), "top_logprobs": []}]
    }
    message = Message(None, tool_calls=[call], annotations=[{"url": {"title": "t"}}])
    choice = Choice(message, finish_reason="tool_calls", logprobs=logprobs)
    extra = {"citations": [{"url": "u"}]}
    return Completion([choice], "i", usage=Usage(1, 2, 3), extra=extra, exchange=exchange, **more)


# --- as dictionaries ---


@given(any_shape)
def test_a_shape_reads_as_the_dictionary_that_it_dumps(value: Any) -> None:
    """``in``, ``keys``, ``items``, iteration, ``dict(x)`` and ``**x`` agree."""
    dumped = value.model_dump(exclude_none=True)
    for name in value.always_listed:
        dumped.setdefault(name, None)
    assert dumped == dict(value) == dict(**value) == dict(value.items())
    assert dumped.keys() == set(value) == value.keys()
    assert [*value.values()] == [value[key] for key in value]
    assert all(key in value for key in dumped)


def test_fields_that_are_none_are_no_keys_and_can_be_read() -> None:
    """By index and by ``get``; what is nowhere is a KeyError, or the default."""
    message = completion().choices[0].message
    assert ["content", "role", "tool_calls", "annotations"] == [*message]
    assert "refusal" not in message
    assert (None, None) == (message["refusal"], message.get("refusal", "none"))
    assert (5, None) == (message.get("nothing", 5), message.get("nothing"))
    with pytest.raises(KeyError, match="nothing"):
        message["nothing"]
    assert {"content": None, "role": "assistant"} == dict(ChoiceDelta(role="assistant"))


def test_an_answer_is_read_as_code_in_the_field_reads_it() -> None:
    """Index and attribute, in any order."""
    answer = completion()
    assert "f" == answer["choices"][0].message["tool_calls"][0]["function"].name
    assert 3 == answer.get("usage")["total_tokens"]
    assert "u" == answer["citations"][0]["url"]


def test_a_shape_equals_the_dictionary_that_says_the_same() -> None:
    """Null and absent are the same; anything else is not."""
    message = completion().choices[0].message
    assert message == message.model_dump()
    assert message == message.model_dump(exclude_none=True)
    assert {**message.model_dump(), "content": "x"} != message
    assert message != 5


def test_a_shape_is_true_and_has_no_length() -> None:
    """Also one in which every number is 0."""
    usage: Any = Usage()
    assert usage
    with pytest.raises(TypeError, match="len"):
        len(usage)


# --- as pydantic's models ---


def test_a_dump_can_be_chosen() -> None:
    """By names, and by names with what of their values."""
    answer = completion()
    every = {"choices": {"__all__": {"message": {"tool_calls"}}}}
    assert {"id": "i", "object": "chat.completion"} == answer.model_dump(include={"id", "object"})
    assert "usage" not in answer.model_dump(exclude={"usage": True})
    assert "citations" not in answer.model_dump(exclude={"citations"})
    assert "usage" in answer.model_dump(exclude=set())
    assert {"c"} == {
        call["id"]
        for call in answer.model_dump(include=every)["choices"][0]["message"].popitem()[1]
    }
    without = answer.model_dump(exclude={"choices": {0: {"logprobs": {"content"}, "message": ...}}})
    assert {} == without["choices"][0]["logprobs"]
    assert "message" not in without["choices"][0]
    assert {"choices": []} == answer.model_dump(include={"choices": {1: True}})


def test_what_a_dump_leaves_out() -> None:
    """``exclude_none`` every field that is None, ``exclude_unset`` what iterating leaves out."""
    message = Message()
    assert {"role": "assistant"} == message.model_dump(exclude_none=True)
    assert {"role": "assistant", "content": None} == message.model_dump(exclude_unset=True)
    assert message.to_dict() == message.model_dump(exclude_unset=True, by_alias=True)
    assert message.dict() == message.model_dump()
    assert {**message.dict(), "extra": {}} == vars(message)
    assert 9 == len(message.model_dump())


def test_a_dump_is_strict_json() -> None:
    """JSON has no infinity; Python has."""
    answer = completion()
    path: Any = answer.model_dump()["choices"][0]["logprobs"]["content"][0]
    assert -float("inf") == path["logprob"]
    for text in (answer.model_dump_json(), answer.json(indent=1), pydantic_core.to_json(answer)):
        data = json.loads(text, parse_constant=pytest.fail)
        assert answer.model_dump(mode="json") == data
    assert '"id":"i"' in answer.model_dump_json(exclude={"choices"}, exclude_none=True)


def test_a_copy_with_other_values() -> None:
    """Fields, and keys of ``extra``; the original stays as it is."""
    answer = completion()
    copied = answer.model_copy(update={"id": "other", "new": 1})
    assert ("other", 1, "i", False) == (copied.id, copied["new"], answer.id, "new" in answer)
    assert copied.choices is answer.choices
    deep = answer.model_copy(deep=True)
    assert deep == answer
    assert deep.choices[0] is not answer.choices[0]


class Held(pydantic.BaseModel):
    """A user's model with a completion in it."""

    answer: Completion
    anything: Any = None


def test_a_field_of_a_pydantic_model() -> None:
    """Validated, dumped and described as its JSON is; the exchange is seen by nobody."""
    answer = completion()
    held = Held(answer=answer, anything=answer)
    assert answer is held.answer
    assert {"id": "i"} == held.model_dump(include={"answer": {"id"}})["answer"]
    for data in (held.model_dump(mode="json"), json.loads(held.model_dump_json())):
        assert data["answer"] == data["anything"] == answer.model_dump(mode="json")
    text = held.model_dump_json(exclude_none=True)
    assert CANARY not in text + repr(held) + str(held.model_dump())
    again = Held.model_validate_json(text).answer
    assert (answer.id, answer.usage) == (again.id, again.usage)
    with pytest.raises(pydantic.ValidationError, match="choices: expected list"):
        Held.model_validate({"answer": {"choices": 5}})
    held.answer = "a text"  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue] # the mistake
    assert "a text" == held.model_dump()["answer"]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_schema(mode: Any) -> None:
    """Of the JSON, each shape by its name."""
    schema = pydantic.TypeAdapter(Completion).json_schema(mode=mode)
    assert {"Choice", "Message", "Usage"} <= schema["$defs"].keys()
    assert {"choices", "usage"} <= (
        found := schema["$defs"].get("Completion", schema)["properties"]
    ).keys()
    assert {"exchange", "extra"}.isdisjoint(found)


# --- by attribute ---


def test_json_is_read_by_attribute_as_well() -> None:
    """``logprobs``, ``annotations``, ``audio``, ``extra`` and custom calls, at any depth."""
    answer = completion()
    choice = answer.choices[0]
    assert choice.logprobs is not None
    assert "a" == choice.logprobs.content[0].token == choice.logprobs["content"][0]["token"]
    assert choice.logprobs is choice.logprobs
    assert choice.message.annotations is not None
    assert "t" == choice.message.annotations[0].url.title
    assert "u" == answer.extra.citations[0].url
    custom = ToolCallDelta(0, custom={"name": "n"}).custom
    assert custom is not None
    assert "n" == custom.name
    message = Message(audio={"id": "a"}, annotations=[])
    assert ("a", []) == (message["audio"].id, message.annotations)
    for taken in (pickle.loads(pickle.dumps(custom)), copy.deepcopy(custom)):  # noqa: S301 - our own
        assert "n" == taken.name
    with pytest.raises(AttributeError, match="'other' among"):
        _ = custom.other


def test_what_is_set_is_read() -> None:
    """Also in ``extra``, which is there before anything is in it."""
    message = Message("a")
    message.extra["new"] = {"a": 1}
    message.audio = {"id": "x"}
    assert {"new": {"a": 1}} == message.extra == {"new": message["new"]}
    assert "x" == message["audio"].id


def test_keys_of_a_provider_s_own_are_attributes() -> None:
    """As with OpenAI's SDK; but none that Python asks for."""
    answer: Any = Message("a", extra={"reasoning": "r", "__deepcopy__": 5})
    assert "r" == answer.reasoning
    assert answer == copy.deepcopy(answer)


@pytest.mark.parametrize(
    ("owner", "name", "place"),
    [
        (Completion([]), "content", "choices[0].message.content"),
        (Completion([]), "message", "choices[0].message"),
        (Completion([]), "total_tokens", "usage.total_tokens"),
        (Chunk([]), "content", "choices[0].delta.content"),
        (Choice(Message()), "delta", "this is message"),
        (ChunkChoice(ChoiceDelta()), "message", "deltas"),
        (Message(), "text", "content"),
        (ToolCall("a"), "arguments", "function.arguments"),
        (Message(), "reasoning", "it is reasoning_content"),
        (Usage(), "nothing", "no attribute 'nothing'"),
        (Usage(), "input_tokens", "prompt_tokens"),
        (Embeddings([]), "embeddings", "vectors"),
        (Embedding([]), "vector", "it is embedding"),
        (Reranking([]), "scores", "relevance_score"),
        (RerankResult(0, 0.5), "score", "relevance_score"),
    ],
)
def test_an_attribute_that_is_somewhere_else(owner: Any, name: str, place: str) -> None:
    """The error says where."""
    assert not hasattr(owner, name)
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert place in str(caught.value)
    assert (name, owner) == (caught.value.name, caught.value.obj)


def test_what_is_none_is_not_printed() -> None:
    """Nor is an empty ``extra``, nor anything of the exchange."""
    assert "Message(content='a', role='assistant')" == repr(Message("a"))
    assert "Function(name='f', arguments='{}', extra={'a': 1})" == repr(
        Function("f", extra={"a": 1})
    )
    assert CANARY not in repr(completion())


# --- copies and pickles ---


def replaced(answer: Completion) -> Completion:
    return dataclasses.replace(answer, id="i")


def pickled(answer: Completion) -> Completion:
    taken: Completion = pickle.loads(pickle.dumps(answer))  # noqa: S301 - our own
    return taken


@pytest.mark.parametrize("copied", [replaced, copy.copy, copy.deepcopy, pickled])
def test_a_copy_keeps_the_report(copied: Any) -> None:
    """And request id and attempts; headers and body are in no pickle."""
    answer = completion()
    again: Completion = copied(answer)
    assert answer == again
    assert answer is not again
    assert ([*answer.report], "r-1", "canned") == (
        [*again.report],
        again.request_id,
        again.provider,
    )
    assert answer.attempts == again.attempts
    is_here = copied is not pickled
    assert (CANARY.encode() if is_here else b"") == again.raw
    assert is_here == bool(again.headers)


def test_headers_and_body_are_in_no_pickle() -> None:
    """Of a completion, nor of its exchange; nor does anything see an exchange that dumps fields."""
    answer = completion()
    for each in (answer, answer.exchange, [answer]):
        assert CANARY.encode() not in pickle.dumps(each)
    assert CANARY not in str(dataclasses.asdict(answer)) + str(vars(answer))
    assert "exchange" not in {each.name for each in dataclasses.fields(answer)}
    assert copy.copy(answer.exchange) == answer.exchange
    answer.exchange = Exchange("another")
    assert "another" == answer.provider
