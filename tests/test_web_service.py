"""A web service made with FastAPI takes and returns completions like any model of its own."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, TypeAdapter

from llmgate import Client, Completion
from llmgate.testing import FakeProvider

HI = [{"role": "user", "content": "Hi"}]


class Person(BaseModel):
    """What a model is asked for."""

    name: str


class Record(BaseModel):
    """A user's model with completions in it."""

    answer: Completion[Person]
    others: list[Completion[Any]] = []
    last: Completion[Person] | None = None


APP = FastAPI()
LLM = Client(providers={"fake": FakeProvider(['{"name": "Ada"}'] * 9)})


@APP.post("/ask", response_model=Completion)
async def ask() -> Any:
    """A completion, as it came."""
    return await LLM.acompletion("fake/x", HI)


@APP.post("/ask-bare")
async def ask_bare():  # type: ignore[no-untyped-def] # as people write it in a hurry
    """The same without a word about the type."""
    return await LLM.acompletion("fake/x", HI)


@APP.post("/text")
async def text(completion: Completion) -> str:
    """What a completion says."""
    return completion.text


@APP.post("/again", response_model_exclude_none=True)
async def again(completion: Completion[Person]) -> Completion[Person]:
    """A completion, as it was sent."""
    return completion


@APP.post("/record")
async def record(given: Record) -> Record:
    """A record with its completion twice."""
    return given.model_copy(update={"last": given.answer, "others": [given.answer]})


@pytest.fixture(scope="module")
def service() -> TestClient:
    """Whoever uses the service."""
    return TestClient(APP)


def test_a_completion_is_a_response(service: TestClient) -> None:
    """In OpenAI's shape; what came with it, such as the provider's headers, stays here."""
    completion = Completion.model_validate(service.post("/ask").json())
    assert '{"name": "Ada"}' == completion.text
    made = LLM.completion("fake/x", HI)
    assert set(made.model_dump()) == set(service.post("/ask").json())
    bare = service.post("/ask-bare").json()
    assert '{"name": "Ada"}' == Completion.model_validate(bare).text
    assert "exchange" not in bare


def test_a_completion_is_a_request(service: TestClient) -> None:
    """Whole or without its nulls; what is none is refused, with the place of the mistake."""
    sent = service.post("/ask").json()
    assert '{"name": "Ada"}' == service.post("/text", json=sent).json()
    again = service.post("/again", json=sent)
    assert TypeAdapter(Completion).validate_json(again.text).model_dump(mode="json") == sent
    assert "null" not in again.text
    refused = service.post("/text", json={"choices": 5})
    assert 422 == refused.status_code
    assert "choices: expected list, got int" in refused.text


def test_a_completion_is_a_field(service: TestClient) -> None:
    """Also one that says what it was asked for."""
    sent = service.post("/ask").json()
    answered = service.post("/record", json={"answer": sent}).json()
    assert {"answer": sent, "others": [sent], "last": sent} == answered
    assert 422 == service.post("/record", json={"answer": {"choices": [5]}}).status_code


def test_the_service_describes_it(service: TestClient) -> None:
    """By its fields, in the document that other programs are made from."""
    described = service.get("/openapi.json").json()["components"]["schemas"]
    assert {"choices", "usage"} <= described["Completion"]["properties"].keys()
    assert {"Choice", "Message", "Record"} <= described.keys()


class Named(Completion[Person]):
    """A completion of a user's own."""


def test_a_completion_of_a_type_is_a_type() -> None:
    """It can be inherited from, and read where annotations are."""
    assert isinstance(Named([]), Completion)
    assert Completion in get_type_hints(Record)["answer"].__mro__
