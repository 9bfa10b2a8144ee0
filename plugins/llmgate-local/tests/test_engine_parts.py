"""Parts of the engine without a model: constraints, jobs, and replies put together."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from llmgate_local import _constraints, _jobs, _replies
from llmgate_local.engine import EngineError

MANY: dict[str, Any] = {"type": "string", "minLength": 5, "maxLength": 2}


@pytest.mark.parametrize("pattern", [r"^(a|[b-z]{2,3})+\.\[$", '^(?:"x").*?$', "^$", r"^\x41é$"])
def test_patterns_that_llama_cpp_enforces_pass(pattern: str) -> None:
    """And data inside a schema is not looked at."""
    _constraints.check_constraints({"json_schema": {"pattern": pattern, "enum": [MANY]}})


@pytest.mark.parametrize("pattern", [r"^\d$", "^(?=a)$", "^a^b$", r"^[\w]$", "^\x00$", "^a", "a$"])
def test_patterns_that_it_would_ignore_do_not(pattern: str) -> None:
    """For it would accept any text in their place."""
    with pytest.raises(ValueError, match="cannot enforce"):
        _constraints.check_constraints({"json_schema": {"pattern": pattern}})


def test_braces_in_texts_of_a_grammar_are_no_repetitions() -> None:
    """Texts, classes and comments are passed over."""
    _constraints.check_constraints({"grammar": 'root ::= "{5,2}" [{5,2}] # {5,2}\n'})


def test_an_error_survives_pickling() -> None:
    """With its status and payload."""
    error = EngineError(400, {"code": 400, "message": "no"})
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert (copy.status, copy.payload, str(copy)) == (400, error.payload, "no")


def test_an_error_in_mid_stream_ends_it() -> None:
    """After what came before it."""
    job = _jobs.Job({}, lambda: None)
    assert job.receive(b'{"choices": []}') is False
    assert job.receive(b'{"error": {"code": 500, "message": "broke"}}') is True
    assert {"choices": []} == job.take()
    with pytest.raises(EngineError, match="broke") as caught:
        job.take()
    assert 500 == caught.value.status


def test_an_answer_that_is_not_json_is_an_error() -> None:
    """It is never passed on."""
    job = _jobs.Job({}, lambda: None)
    assert job.receive(b"nonsense") is True
    with pytest.raises(EngineError, match="not JSON") as caught:
        job.take()
    assert 500 == caught.value.status


def test_a_reply_is_put_together_from_tool_calls_and_reasoning() -> None:
    """Whatever pieces llama.cpp sends them in."""
    reply = _replies.Reply()
    for delta in (
        {"reasoning_content": "Let "},
        {"reasoning_content": "me"},
        {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
    ):
        reply.add({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reply.add({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    [choice] = reply.finish()["choices"]
    function = {"name": "f", "arguments": '{"a":1}'}
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Let me",
        "tool_calls": [{"type": "function", "id": "1", "function": function}],
    }
    assert "tool_calls" == choice["finish_reason"]
