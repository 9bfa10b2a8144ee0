"""What people bring from other libraries: each is told where it belongs, and nothing is ignored."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from inspect import signature
from traceback import StackSummary, walk_tb
from types import ModuleType
from typing import Any

import pytest
from pydantic import create_model

import llmgate
from llmgate import Client, Completion, Message, Stream, run_tools, tool
from llmgate._core.foreign import describe_argument, describe_setting
from llmgate._text.hints import AsyncOnly, SyncOnly
from llmgate.errors import InvalidRequestError
from llmgate.options import CallOptions
from llmgate.testing import FakeProvider
from llmgate.types import Choice, ChoiceDelta, Chunk, ChunkChoice

HI = [{"role": "user", "content": "Hi"}]
COMPLETION = Completion([Choice(Message("Hi"))])
MESSAGE = "append response.choices[0].message"


def client() -> Any:
    """A client whose provider says "Hi"; what is done with it here is wrong on purpose."""
    return Client(providers={"fake": FakeProvider(["Hi"])})


def refusal(messages: Any = HI, **options: Any) -> InvalidRequestError:
    """The error of a call that is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        client().completion("fake/m", messages, **options)
    return caught.value


# --- arguments ----------------------------------------------------------------------------

RIGHT = {
    "num_retries": "max_retries=",
    "numRetries": "max_retries=",
    "retry": "RetryPolicy",
    "request_timeout": "timeout=",
    "stream_timeout": "first_token=",
    "headers": "extra_headers=",
    "default_headers": "extra_headers=",
    "organization": "provider_settings=",
    "aws_region_name": "provider_settings=",
    "azure_endpoint": "base_url=",
    "token": "api_key=",
    "custom_llm_provider": "first part of the model's name",
    "provider": "first part of the model's name",
    "api_type": "first part of the model's name",
    "fallbacks": "model=['one/name', 'other/name']: see docs/routing.md",
    "caching": "docs/cache.md",
    "model_list": "Client(models={",
    "rpm": "docs/limits.md",
    "guardrails": "docs/middleware.md",
    "mock_response": "docs/testing.md",
    "drop_params": "unsupported=",
    "max_workers": "abatch(…, concurrency=…)",
    "success_callback": "hooks=",
    "system": "'role': 'system'",
    "prompt": "messages=",
    "maxOutputTokens": "max_tokens=",
    "maxTokens": "max_tokens",
    "stop_sequences": "stop=",
    "response_model": "response_format=",
    "thinking": "reasoning_effort=",
    "http_client": "Client(",
    "top_k": "no parameter of OpenAI's format",
    "topK": "no parameter of OpenAI's format",
    "repetition_penalty": "no parameter of OpenAI's format",
    "litellm_call_id": "another library",
}


@pytest.mark.parametrize(("name", "right"), RIGHT.items())
def test_an_argument_of_another_library_has_a_sentence_of_its_own(name: str, right: str) -> None:
    """It names the right argument or page, and nothing that would mean something else."""
    error = refusal(**{name: 3})
    assert error.path == name
    assert right in error.message
    assert "extra_body" not in error.message
    assert "force" not in error.message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("temprature", "did you mean temperature?"),
        ("max_token", "did you mean max_tokens?"),
        ("functioncall", "did you mean function_call?"),
        ("requst_timeout", "if it is request_timeout that you mean: use timeout="),
        ("acme_api_key", "did you mean api_key?"),
        ("acme_endpoint", "use base_url="),
        ("xyzzy", "docs/calls.md lists the arguments"),
    ],
)
def test_a_misspelt_one_is_refused_with_the_nearest(name: str, hint: str) -> None:
    """An argument that is still taken, but of an early form, is not suggested."""
    assert hint in describe_argument(name, CallOptions.__annotations__)


async def test_other_operations_say_so_as_well() -> None:
    """Embeddings and lists of models have the same arguments beside their own."""
    with pytest.raises(InvalidRequestError, match="use max_retries="):
        await client().aembedding("fake/m", ["x"], num_retries=3)
    with pytest.raises(InvalidRequestError, match="use extra_headers="):
        await client().alist_models("fake", headers={})
    with pytest.raises(InvalidRequestError, match="use top_n="):
        await client().arerank("fake/m", "x", ["y"], top_k=3)


# --- messages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "path", "right"),
    [
        ("Say hi", "messages", '[{"role": "user", "content": "Say hi"}]'),
        (HI[0], "messages", "write [message]"),
        (Message("Hi"), "messages", "write [message]"),
        (COMPLETION, "messages", MESSAGE),
        (5, "messages", "expected a list of messages, got int"),
        ([*HI, COMPLETION], "messages[1]", MESSAGE),
        ([COMPLETION.model_dump()], "messages[0]", MESSAGE),
        ([COMPLETION.choices[0]], "messages[0]", "append its .message"),
        ([Chunk([ChunkChoice(ChoiceDelta("Hi"))])], "messages[0]", MESSAGE),
        ([ChunkChoice(ChoiceDelta("Hi"))], "messages[0]", "append the stream's completion()"),
        (["Hi"], "messages[0]", '{"role": "user", "content": "Hi"}'),
        ([5], "messages[0]", "expected a dictionary, got int"),
        ([{"content": "Hi"}], "messages[0].role", "is missing"),
    ],
)
def test_what_is_no_message(messages: Any, path: str, right: str) -> None:
    """The error shows the right shape, or says what to append."""
    error = refusal(messages)
    assert path == error.path
    assert right in error.message


async def test_what_is_no_message_yet() -> None:
    """A stream, and a call that was not awaited."""
    stream: Any = Stream.replay(COMPLETION)
    for given, path in ((stream, "messages"), ([stream], "messages[0]")):
        with pytest.raises(InvalidRequestError, match="a stream is not a message") as caught:
            await client().acompletion("fake/m", given)
        assert path == caught.value.path
    call = asyncio.sleep(0)
    with pytest.raises(InvalidRequestError, match="await it"):
        await client().acompletion("fake/m", [call])
    await call


@pytest.mark.parametrize("swapped", [HI, (HI[0],), ["fake/m", HI[0]]])
def test_model_and_messages_that_changed_places(swapped: Any) -> None:
    """The error says which is first; a list of models beside a text is no such mistake."""
    with pytest.raises(InvalidRequestError) as caught:
        client().completion(swapped, "fake/m")
    assert "messages: expected a list of messages, got str; the model comes first: " in str(
        caught.value
    )
    with pytest.raises(InvalidRequestError, match=r"write \[{"):
        client().completion(["fake/m", "fake/n"], "Hi")


def weather(city: str) -> str:
    """The weather."""
    return city


@pytest.mark.parametrize("one", [weather, tool(weather)])
def test_a_tool_that_is_not_in_a_list(one: Any) -> None:
    """The error of a call, and of the tool loop, says that a list is meant."""
    assert "write [tool] for one tool" in refusal(tools=one).message
    wrong: list[Any] = [one, "weather", {"type": "function"}, 5]
    for given in wrong:
        with pytest.raises(InvalidRequestError, match="expected a list of tools, got ") as caught:
            run_tools("fake/m", HI, tools=given, client=client())
        assert "tools" == caught.value.path


@pytest.mark.parametrize("one", [{"type": "function", "function": {"name": "f"}}, "f", 5])
def test_what_is_not_a_list_of_tools_is_refused(one: Any) -> None:
    """It is not taken for one that can be read, item by item."""
    assert "expected a valid list, got " in refusal(tools=one).message


def test_messages_of_the_tool_loop_are_a_list() -> None:
    """A text is not taken for a list of letters."""
    text: Any = "How are you?"
    with pytest.raises(InvalidRequestError) as caught:
        run_tools("fake/m", text, tools=[weather], client=client())
    assert '[{"role": "user", "content": "How are you?"}]' in caught.value.message


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("json", 'a dictionary such as {"type": "json_object"}; got \'json\''),
        ([int], 'a dictionary such as {"type": "json_object"}; got '),
        ({"a": int}, "the class int is not a JSON value"),
        (object, "give a type that says what is in it"),
        (type("Plain", (), {}), "give a class: a pydantic model, a dataclass or a TypedDict"),
        (
            create_model("Point", x=int)(x=1),
            "give a class: a pydantic model, a dataclass or a TypedDict",
        ),
    ],
)
def test_what_is_no_response_format(given: Any, right: str) -> None:
    """The error says what is one."""
    error = refusal(response_format=given)
    assert (error.path or "").startswith("response_format")
    assert right in error.message


# --- settings of a client -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("api_key", "give it with a call"),
        ("baseUrl", "give it with a call"),
        ("model", "a client serves every model"),
        ("default_headers", "use headers="),
        ("http_client", "transport="),
        ("timeuot", "did you mean timeout?"),
        ("xyzzy", "there are providers, timeout, "),
    ],
)
def test_a_setting_that_a_client_lacks_says_where_it_belongs(name: str, right: str) -> None:
    """The most frequent one is a key, since a client of another SDK is of one provider."""
    wrong: dict[str, Any] = {name: "sk-secret"}
    with pytest.raises(TypeError) as caught:
        Client(**wrong)
    assert f"Client has no argument {name!r}: " in str(caught.value)
    assert right in str(caught.value)
    frames = [
        frame.locals for frame in StackSummary.extract(walk_tb(caught.tb), capture_locals=True)
    ]
    assert "secret" not in f"{caught.value} {frames[1:]}"


def test_the_signature_of_a_client_is_that_of_its_constructor() -> None:
    """Editors and help show each setting; what is given by position is refused as ever."""
    assert ["providers", "timeout"] == [*signature(Client).parameters][:2]
    wrong: Any = Client
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        wrong({})


# --- settings of the module ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("api_key", "OPENAI_API_KEY"),
        ("api_base", "base_url="),
        ("num_retries", "llmgate.defaults(max_retries=…)"),
        ("request_timeout", "llmgate.defaults(timeout=…)"),
        ("success_callback", "llmgate.defaults(hooks=[…])"),
        ("set_verbose", "llmgate.defaults(hooks=[…])"),
        ("drop_params", "llmgate.defaults(unsupported=…)"),
        ("cache", "llmgate.defaults(middleware=[…])"),
        ("organization", "provider_settings="),
        ("telemetry", "sends no telemetry"),
        ("acme_key", "OPENAI_API_KEY"),
        ("xyzzy", "llmgate.defaults(…)"),
    ],
)
def test_a_setting_of_the_module_says_where_it_belongs(name: str, right: str) -> None:
    """It would be of no effect."""
    with pytest.raises(AttributeError, match=f"llmgate.{name} cannot be set: ") as caught:
        setattr(llmgate, name, 3)
    assert right in str(caught.value)
    assert not hasattr(llmgate, name)


def test_what_the_module_has_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tests do; and importing a submodule sets it."""
    monkeypatch.setattr(llmgate, "acompletion", None)
    monkeypatch.setattr(llmgate, "__version__", "2")
    monkeypatch.setattr(llmgate, "extension", ModuleType("extension"), raising=False)
    assert describe_setting("api_key")


# --- for, and async for -------------------------------------------------------------------


async def test_for_over_an_async_stream() -> None:
    """It says which to use."""
    stream = await client().acompletion("fake/m", HI, stream=True)
    for given in (stream, stream.text()):
        with pytest.raises(TypeError, match="use `async for`"):
            iter(given)
    with pytest.raises(TypeError, match="use `async with`"):
        stream.__enter__()
    await stream.aclose()


def test_with_does_not_hide_why_an_async_stream_is_not_for_it() -> None:
    """Python looks for both halves first."""
    stream: Any = Stream.replay(COMPLETION)
    with pytest.raises(TypeError, match="use `async with`"), stream:
        pass


async def test_async_for_over_a_sync_stream() -> None:
    """And the reverse."""
    stream = client().completion("fake/m", HI, stream=True)
    with pytest.raises(TypeError, match="use `for`"):
        aiter(stream)
    with pytest.raises(TypeError, match="use `with`"):
        async with stream:
            pass
    stream.close()


def test_a_fresh_process_says_so_too() -> None:
    """Before anything of the package was loaded."""
    code = "import llmgate\ntry: llmgate.api_key = 'sk'\nexcept AttributeError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "give api_key= with a call" in done.stdout


async def test_leaving_what_was_never_entered_does_nothing() -> None:
    """``with`` asks for the end of a block before it begins one."""
    is_async, is_sync = AsyncOnly(), SyncOnly()
    leave: Any = getattr(is_async, "__exit__")  # noqa: B009 - checkers do not know it
    leave(None, None, None)
    leave = getattr(is_sync, "__aexit__")  # noqa: B009 - likewise
    await leave(None, None, None)
