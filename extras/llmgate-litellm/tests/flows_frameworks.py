"""Frameworks that import litellm, on llmgate-litellm; `make frameworks` has what they need.

They are imported while a test runs: the environment of the other tests has none of them.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate_litellm

MESSAGES = [{"role": "user", "content": "Hi"}]
ANN = {"name": "Ann", "age": 30}
JSON = '{"name": "Ann", "age": 30}'
CODE = "Thought: easy.\n<code>\nfinal_answer(4)\n</code>"
PARIS = "[[ ## answer ## ]]\nParis\n\n[[ ## completed ## ]]"


class User(BaseModel):
    """What a model is asked for."""

    name: str
    age: int


@pytest.fixture(autouse=True, scope="session")
def _installed() -> None:
    """``import litellm`` gives this package, though litellm is there: dspy requires it."""
    llmgate_litellm.install()
    assert import_module("litellm") is llmgate_litellm


@pytest.fixture(name="host")
def _host(server: Any) -> dict[str, Any]:
    """Where the model is."""
    return {"api_base": server.address, "api_key": "k"}


# --- instructor ---


@pytest.mark.parametrize("mode", ["TOOLS", "JSON"])
def test_instructor_parses(server: Any, host: dict[str, Any], mode: str) -> None:
    """By a tool and by JSON."""
    instructor: Any = import_module("instructor")
    server(server.answer(None, [("User", ANN)]) if mode == "TOOLS" else server.answer(JSON))
    client = instructor.from_litellm(llmgate_litellm.completion, mode=instructor.Mode[mode])
    user = client.chat.completions.create(
        model="openai/gpt-4o", messages=MESSAGES, response_model=User, **host
    )
    assert user.model_dump() == ANN


def test_instructor_asks_again(server: Any, host: dict[str, Any]) -> None:
    """What does not fit is sent back, with the error."""
    instructor: Any = import_module("instructor")
    bad = server.answer(None, [("User", {"name": "Ann", "age": "x"})])
    server(bad, server.answer(None, [("User", ANN)]))
    client = instructor.from_litellm(llmgate_litellm.completion)
    user = client.chat.completions.create(
        model="openai/gpt-4o", messages=MESSAGES, response_model=User, max_retries=2, **host
    )
    assert user.model_dump() == ANN
    assert len(server.bodies[-1]["messages"]) > len(MESSAGES)


def test_instructor_streams(server: Any, host: dict[str, Any]) -> None:
    """Partial objects, and the items of a list."""
    instructor: Any = import_module("instructor")
    client = instructor.from_litellm(llmgate_litellm.completion)
    server(server.answer(None, [("User", ANN)]))
    *_, user = client.chat.completions.create_partial(
        model="openai/gpt-4o", messages=MESSAGES, response_model=User, **host
    )
    assert user.age == 30
    server(server.answer(None, [("IterableUser", {"tasks": [ANN, ANN]})]))
    users = client.chat.completions.create_iterable(
        model="openai/gpt-4o", messages=MESSAGES, response_model=User, **host
    )
    assert [user.age for user in users] == [30, 30]


def test_instructor_awaits(server: Any, host: dict[str, Any]) -> None:
    """The async call."""
    instructor: Any = import_module("instructor")
    server(server.answer(None, [("User", ANN)]))
    client = instructor.from_litellm(llmgate_litellm.acompletion)
    user = asyncio.run(
        client.chat.completions.create(
            model="openai/gpt-4o", messages=MESSAGES, response_model=User, **host
        )
    )
    assert user.model_dump() == ANN


# --- smolagents ---


def test_smolagents_calls_a_tool(server: Any, host: dict[str, Any]) -> None:
    """And its result goes back."""
    smolagents: Any = import_module("smolagents")

    def weather(city: str) -> str:
        """Tell the weather.

        Args:
            city: The city.
        """
        return f"sunny in {city}"

    server(
        server.answer(None, [("weather", {"city": "Oslo"})]),
        server.answer(None, [("final_answer", {"answer": "sunny"})]),
    )
    agent = smolagents.ToolCallingAgent(
        tools=[smolagents.tool(weather)],
        model=smolagents.LiteLLMModel("openai/gpt-4o", **host),
        verbosity_level=0,
    )
    assert agent.run("How is the weather?") == "sunny"
    assert "sunny in Oslo" in str(server.body["messages"])


@pytest.mark.parametrize("streams", [False, True])
def test_smolagents_runs_code(server: Any, host: dict[str, Any], streams: bool) -> None:
    """Whole and in a stream."""
    smolagents: Any = import_module("smolagents")
    server(server.answer(CODE))
    model = smolagents.LiteLLMModel("openai/gpt-4o", **host)
    agent = smolagents.CodeAgent(tools=[], model=model, stream_outputs=streams, verbosity_level=0)
    assert agent.run("2 + 2") == 4


def test_smolagents_routes(server: Any, host: dict[str, Any]) -> None:
    """Through the router."""
    smolagents: Any = import_module("smolagents")
    server(server.answer(CODE))
    entry = {"model_name": "main", "litellm_params": {"model": "openai/gpt-4o", **host}}
    model = smolagents.LiteLLMRouterModel(model_id="main", model_list=[entry])
    assert smolagents.CodeAgent(tools=[], model=model, verbosity_level=0).run("2 + 2") == 4


# --- dspy ---


@pytest.mark.parametrize(
    ("adapter", "text"), [("ChatAdapter", PARIS), ("JSONAdapter", '{"answer": "Paris"}')]
)
def test_dspy_predicts(server: Any, host: dict[str, Any], adapter: str, text: str) -> None:
    """With each adapter; the usage is in its history."""
    dspy: Any = import_module("dspy")
    server(server.answer(text))
    model = dspy.LM("openai/gpt-4o", cache=False, **host)
    with dspy.context(lm=model, adapter=getattr(dspy, adapter)()):
        assert dspy.Predict("question -> answer")(question="Capital of France?").answer == "Paris"
    assert model.history[-1]["usage"]["total_tokens"] == 12


def test_dspy_streams(server: Any, host: dict[str, Any]) -> None:
    """Pieces of a field, then the prediction."""
    dspy: Any = import_module("dspy")
    server(server.answer(PARIS.replace("Paris", "It is Paris, as everybody knows.")))
    listener = dspy.streaming.StreamListener(signature_field_name="answer")
    predict = dspy.streamify(dspy.Predict("question -> answer"), stream_listeners=[listener])

    async def read() -> list[Any]:
        model = dspy.LM("openai/gpt-4o", cache=False, **host)
        with dspy.context(lm=model, adapter=dspy.ChatAdapter()):
            return [each async for each in predict(question="Capital of France?")]

    *pieces, prediction = asyncio.run(read())
    assert pieces
    assert prediction.answer.startswith("It is Paris")


def test_dspy_embeds(server: Any, host: dict[str, Any]) -> None:
    """Vectors."""
    dspy: Any = import_module("dspy")
    vector = {"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    server({"object": "list", "data": [vector], "model": "e", "usage": usage})
    embedder = dspy.Embedder("openai/text-embedding-3-small", caching=False, **host)
    assert embedder(["Hi"]).tolist() == [[0.5, 1.0]]
