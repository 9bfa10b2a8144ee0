"""Lists of models: fallback to the next one, in streams and within deadlines."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ContentFilterError,
    ContextWindowError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    OverloadedError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamTruncatedError,
    UnknownProviderError,
)
from llmgate.middleware import Middleware
from llmgate.middlewares.routing import Router, Target
from llmgate.options import Timeout
from llmgate.testing import Canned, FakeProvider
from tests.routed_calls import HANGING, HI, ask, client_of, sent

# --- a list of models ---


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("refused"),
        RateLimitError("slow down", status=429),
        QuotaExceededError("no credit", status=429),
        OverloadedError("busy", status=529),
        ServerError("oops", status=500),
        RequestTimeoutError("slow", status=408),
        DecodeError("no JSON"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_the_next_model_is_asked_where_one_fails(error: LLMGateError) -> None:
    """At once, and both are among the attempts."""
    client = client_of({"a": [error], "b": ["from b"]})
    completion = await client.acompletion(["a/x", "b/y"], HI)
    assert "from b" == completion.text
    assert "fake" == completion.provider
    found = [(attempt.target, attempt.error) for attempt in completion.attempts]
    assert [("a/x", type(error).__name__), ("b/y", None)] == found
    assert {"a": 1, "b": 1} == sent(client)


async def test_a_model_that_answers_is_the_only_one_asked() -> None:
    """And nothing else is to be seen of the others."""
    client = client_of({"a": ["from a"], "b": ["from b"]})
    completion = await client.acompletion(("a/x", "b/y"), HI)
    assert "from a" == completion.text
    assert [""] == [attempt.target for attempt in completion.attempts]
    assert {"a": 1} == sent(client)


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError("no", status=400),
        AuthenticationError("who?", status=401),
        ContextWindowError("too long", status=400),
        ContentFilterError("no", status=400),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_fault_of_the_callers_is_raised_as_it_is(error: LLMGateError) -> None:
    """Another model would be asked in vain, or the mistake would stay unseen."""
    client = client_of({"a": [error], "b": ["from b"]})
    with pytest.raises(type(error)) as caught:
        await ask(client, ["a/x", "b/y"])
    assert ["a/x"] == [attempt.target for attempt in caught.value.attempts]
    assert {"a": 1} == sent(client)


async def test_where_all_fail_the_last_failure_is_raised() -> None:
    """With the attempts at all, and a note of the others."""
    client = client_of({"a": [ServerError("one", status=500)], "b": [OverloadedError("two")]})
    with pytest.raises(OverloadedError) as caught:
        await ask(client, ["a/x", "b/y"], max_retries=0)
    assert ["a/x", "b/y"] == [attempt.target for attempt in caught.value.attempts]
    assert ["a/x failed as well: ServerError"] == caught.value.__notes__


async def test_only_the_last_one_is_retried() -> None:
    """Where somebody follows, that is better than to wait."""
    failures = [ServerError("oops", status=500)] * 2
    client = client_of({"a": failures, "b": [failures[0], "from b"]})
    assert "from b" == await ask(client, ["a/x", "b/y"])
    assert {"a": 1, "b": 2} == sent(client)


async def test_retries_that_are_asked_for_are_made_at_each() -> None:
    """Before the next one is asked."""
    failures = [ServerError("oops", status=500)] * 2
    client = client_of({"a": failures, "b": ["from b"]})
    assert "from b" == await ask(client, ["a/x", "b/y"], max_retries=1)
    assert {"a": 2, "b": 1} == sent(client)


async def test_a_key_goes_to_the_provider_that_was_named_first() -> None:
    """Another one is asked with its own."""

    made = list[tuple[str, dict[str, Any]]]()

    def maker(name: str, answers: list[Any]) -> Any:
        def make(**settings: Any) -> FakeProvider:
            made.append((name, settings))
            return FakeProvider(answers)

        return make

    providers = {"a": maker("a", [ServerError("oops")] * 2), "b": maker("b", ["from b"])}
    client = Client(providers=providers)
    assert "from b" == await ask(client, ["a/x", "a/y", "b/z"], api_key="k-1", max_retries=0)
    assert [("a", ["api_key"]), ("b", [])] == [(name, [*settings]) for name, settings in made]


@pytest.mark.parametrize(
    ("model", "path"),
    [([], "model"), (["a/x", 3], "model[1]"), (["a/x", " "], "model[1]")],
)
async def test_a_list_is_checked(model: Any, path: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        await ask(client_of({"a": []}), model)
    assert path == caught.value.path


@pytest.mark.parametrize(
    ("model", "named"), [("fsat", "; names of the client's own: 'fast', 'careful'"), ("b/m", "")]
)
async def test_a_name_that_is_none_of_the_clients_own(model: str, named: str) -> None:
    """The error lists them, since one may have been meant; a provider's prefix is no such name."""
    models = {"fast": ["a/x"], "careful": ["a/y"]}
    client = Client(providers={"a": FakeProvider(["Hi"])}, models=models)
    with pytest.raises(UnknownProviderError) as caught:
        await ask(client, model)
    assert named == "".join(caught.value.message.partition("; names of the client's own")[1:])


async def test_a_model_named_twice_is_asked_once() -> None:
    """It has failed already."""
    client = client_of({"a": [ServerError("oops")] * 9, "b": [ServerError("oops")] * 9})
    with pytest.raises(ServerError):
        await ask(client, ["a/x", "a/x", "b/x", "a/x", "b/x"], max_retries=0)
    assert {"a": 1, "b": 1} == sent(client)


async def test_a_model_that_cannot_take_the_call_is_passed_over() -> None:
    """What it lacks is no reason to hide what the others failed with."""

    class Keyless(FakeProvider):
        def complete(self, call: Any) -> Any:
            raise MissingKeyError("set KEYLESS_API_KEY")

    providers = {
        "a": FakeProvider([ServerError("oops", status=500)]),
        "b": Keyless(),
        "c": FakeProvider([RateLimitError("slow down"), "from c"]),
    }
    client = Client(providers=providers, max_retries=0)
    with pytest.raises(RateLimitError) as caught:
        await ask(client, ["a/x", "b/x", "c/x"])
    assert "b/x failed as well: MissingKeyError" in caught.value.__notes__
    with pytest.raises(MissingKeyError):
        await ask(client, ["b/x", "c/x"])


def test_the_same_without_async() -> None:
    """In a thread of its own."""
    client = client_of({"a": [ServerError("oops")], "b": ["from b"]})
    assert "from b" == client.completion(["a/x", "b/y"], HI).text


async def test_embeddings_fall_back_likewise() -> None:
    """By the same rules."""

    class Broken(FakeProvider):
        def embed(self, call: Any) -> Any:
            raise ServerError("oops", status=500)

    client = Client(providers={"a": Broken(), "b": FakeProvider()})
    embeddings = await client.aembedding(["a/x", "b/y"], ["Hi"])
    assert 1 == len(embeddings.data)


async def test_a_preview_is_of_the_first() -> None:
    """Which is asked in any case."""
    client = client_of({"a": [], "b": []})
    assert b'"x"' in client.preview(["a/x", "b/y"], HI).body


# --- streams ---


async def test_a_stream_falls_back_before_its_first_chunk() -> None:
    """And its attempts are those at both, as are those of its completion."""
    client = client_of({"a": [Canned(body=[])], "b": ["from b"]}, max_retries=0)
    stream = await client.acompletion(["a/x", "b/y"], HI, stream=True)
    completion = await stream.completion()
    assert "from b" == completion.text
    for found in (stream, completion):
        assert [("a/x", None), ("b/y", None)] == [(a.target, a.error) for a in found.attempts]


async def test_what_was_delivered_stays_with_its_stream() -> None:
    """Nobody is given the beginning of one completion and the end of another."""
    cut = Canned(body=[b'{"say": "one "}\n'])
    client = client_of({"a": [cut], "b": ["from b"]}, max_retries=0)
    stream = await client.acompletion(["a/x", "b/y"], HI, stream=True)
    with pytest.raises(StreamTruncatedError):
        await stream.completion()
    assert {"a": 1} == sent(client)
    router: Router = client._router
    assert [1, 0] == [router.states("a/x")[0].failures, router.states("a/x")[0].busy]


# --- deadlines ---


async def test_a_target_has_no_more_than_its_own_time() -> None:
    """The next one has what is left."""
    models = {"fast": [Target("a/x", timeout=0.05, priority=1), Target("b/y", priority=2)]}
    client = client_of({"a": [HANGING], "b": ["from b"]}, models=models)
    assert "from b" == await ask(client, "fast")


async def test_silence_is_a_targets_fault_and_the_deadline_is_the_callers() -> None:
    """Of the whole time of a call nothing is left for another one."""
    client = client_of({"a": [HANGING] * 2, "b": ["from b"] * 2})
    timeout = Timeout(total=5, idle=0.05, first_token=0.05)
    assert "from b" == await ask(client, ["a/x", "b/y"], timeout=timeout)
    with pytest.raises(DeadlineExceededError) as caught:
        await ask(client, ["a/x", "b/y"], timeout=0.05)
    assert "total" == caught.value.phase
    assert {"a": 2, "b": 1} == sent(client)


async def test_a_targets_longer_time_makes_the_callers_no_longer() -> None:
    """And a target that had less than its own is not at fault."""
    models = {"fast": [Target("a/x", timeout=60), Target("b/y", priority=2)]}
    client = client_of({"a": [HANGING], "b": ["from b"]}, models=models)
    with pytest.raises(DeadlineExceededError):
        await ask(client, "fast", timeout=0.05)
    assert 0 == client._middleware[0].states("fast")[0].failures


async def test_cancellation_is_no_failure() -> None:
    """Nobody else is asked, and the target is free again."""
    client = client_of({"a": [HANGING], "b": ["from b"]})
    task = asyncio.create_task(ask(client, ["a/x", "b/y"]))
    await asyncio.sleep(0.02)
    assert 1 == client._router.states("a/x")[0].busy
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    state = client._router.states("a/x")[0]
    assert (0, 0) == (state.busy, state.failures)
    assert {"a": 1} == sent(client)


async def test_a_deadline_that_was_over_before_anybody_was_asked() -> None:
    """Is the caller's, and no fault of a target."""
    router = Router()

    class Late(Middleware):
        async def chat(self, call: Any, handler: Any) -> Any:
            raise DeadlineExceededError("the time of the call is over")

    client = client_of({"a": ["a"], "b": ["b"]}, middleware=[router, Late()])
    with pytest.raises(DeadlineExceededError):
        await ask(client, ["a/x", "b/y"])
    assert 0 == router.states("a/x")[0].failures


async def test_the_time_of_a_call_is_that_of_all_its_models() -> None:
    """The second one has what the first one has left, with no deadline around both."""
    hanging = Canned(body=[b'{"say": "one "}\n'], hang=True)
    provider = FakeProvider([Canned(503), hanging])
    client: Any = Client(providers={"fake": provider}, timeout=0.3)
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError) as caught:
        await client.acompletion(["fake/a", "fake/b", "fake/c"], HI)
    assert time.monotonic() - began >= 0.3
    assert ["fake/a", "fake/b"] == [each.target for each in caught.value.attempts]


async def test_what_is_known_of_unnamed_models_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of models are forgotten with them, and go on to be asked in their order."""
    monkeypatch.setattr("llmgate.middlewares.routing._MAX_UNNAMED", 3)
    router, provider = Router(), FakeProvider(["word"] * 10)
    client: Any = Client(providers={"fake": provider}, middleware=[router])
    for first, second in ("ab", "ba", "ac", "ca", "de", "ab"):
        completion = await client.acompletion([f"fake/{first}", f"fake/{second}"], HI)
        assert "word" == completion.text
        assert len(vars(router)["_orders"]) <= 3
        assert len(vars(router)["_unnamed"]) <= 3
    names = [f"fake/{letter}" for letter in "wxyz"]
    assert "word" == (await client.acompletion(names, HI)).text
    assert tuple(names) not in vars(router)["_orders"]
