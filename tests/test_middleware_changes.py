"""What middleware may change of a call and of its result, and its part of the time."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Completion, Stream
from llmgate.errors import (
    DeadlineExceededError,
    InternalError,
    LLMGateError,
    OverloadedError,
    RequestError,
    UnknownProviderError,
)
from llmgate.hooks import CallEnded, CallStarted
from llmgate.middleware import ChatCall, Handler, Middleware
from llmgate.options import Timeout
from llmgate.provider.http import Secret
from llmgate.testing import Canned, FakeProvider
from tests.faults.calls import Recorder
from tests.middleware_calls import HELLO, HI, Of, client_of

# --- what it may do ---------------------------------------------------------------------


async def test_it_may_respond_itself() -> None:
    """Whole, and as a stream; the provider is not asked, nor is it looked for."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        return Stream.replay(HELLO) if call.stream else HELLO

    recorder = Recorder()
    async with client_of(Of(chat), hooks=[recorder]) as client:
        assert HELLO is await client.acompletion("nobody/m", HI)
        stream = await client.acompletion("nobody/m", HI, stream=True)
        assert "hello" == (await stream.completion()).text
    assert [] == recorder.events


async def test_it_may_call_the_handler_again() -> None:
    """After a failure, of another model; each time is a call of its own for hooks."""
    failures = list[LLMGateError]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        try:
            return await handler(call)
        except OverloadedError as error:
            failures.append(error)
            return await handler(replace(call, model="other/m", settings={}))

    recorder = Recorder()
    answers = [OverloadedError("busy", status=503)]
    async with client_of(Of(chat), answers=answers, hooks=[recorder]) as client:
        completion = await client.acompletion("fake/m", HI, labels={"a": "b"})
    assert "other" == completion.text
    assert [False] == [error.delivered for error in failures]
    started, ended = recorder.all(CallStarted), recorder.all(CallEnded)
    assert 2 == len({event.call_id for event in started})
    assert ["error", "ok"] == [event.outcome for event in ended]
    assert [{"a": "b"}] * 4 == [event.labels for event in (*started, *ended)]


async def test_it_may_fall_back_until_the_first_chunk() -> None:
    """``start`` tells of a failure that nobody has noticed yet."""
    failures = list[LLMGateError]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        stream = await handler(call)
        assert isinstance(stream, Stream)
        try:
            return await stream.start()
        except LLMGateError as error:
            failures.append(error)
            return await handler(replace(call, model="other/m"))

    async with client_of(Of(chat), answers=[Canned(body=b"[]\n")]) as client:
        stream = await client.acompletion("fake/m", HI, stream=True)
        assert "other" == (await stream.completion()).text
    assert [False] == [error.delivered for error in failures]


async def test_it_may_call_the_handler_several_times_at_once() -> None:
    """From child tasks: the first to come is handed on, the other is left."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        models = [call.model, "other/m"]
        tasks = [asyncio.ensure_future(handler(replace(call, model=model))) for model in models]
        done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await asyncio.wait(late)
        return await done.pop()

    async with client_of(Of(chat), answers=[Canned(hang=True)]) as client:
        assert "other" == (await client.acompletion("fake/m", HI)).text
        assert 0 == client._registry._given["fake"].transport.still_open


async def test_the_provider_of_a_changed_call_is_loaded_like_any() -> None:
    """And an unknown one is answered with what there is."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        return await handler(replace(call, model="nobody/m"))

    async with client_of(Of(chat)) as client:
        with pytest.raises(UnknownProviderError, match="no provider 'nobody'"):
            await client.acompletion("fake/m", HI)


async def test_what_it_raises_reaches_the_caller_unchanged() -> None:
    """It is the caller's own code."""
    failure = KeyError("mine")

    async def chat(call: ChatCall, handler: Handler) -> Any:
        raise failure

    async with client_of(Of(chat)) as client:
        with pytest.raises(KeyError) as caught:
            await client.acompletion("fake/m", HI)
    assert failure is caught.value


@pytest.mark.parametrize(("stream", "kind"), [(False, "Completion"), (True, "Stream")])
async def test_a_forgotten_return_is_named(stream: bool, kind: str) -> None:
    """Not left to whoever reads an attribute of None."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        await handler(call)

    async with client_of(Of(chat)) as client:
        message = f"the middleware returned None, not a {kind}"
        with pytest.raises(InternalError, match=message):
            await client.acompletion("fake/m", HI, stream=stream)
        gc.collect()


async def test_a_key_stays_hidden_on_the_way() -> None:
    """Middleware may look at a call's settings, and print the call."""
    calls = list[ChatCall]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        calls.append(call)
        return HELLO

    async with client_of(Of(chat)) as client:
        await client.acompletion("fake/m", HI, api_key="canary-8")
    assert {"api_key": Secret("canary-8")} == calls[0].settings
    assert "canary" not in f"{calls[0]} {calls[0].settings}"


async def send_to(model: str, asked: str, *, inplace: bool = False, **changes: Any) -> Completion:
    """A call with a key that a middleware sends elsewhere."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        if inplace:
            call.model = model
            return await handler(call)
        return await handler(replace(call, model=model, **changes))

    async with client_of(Of(chat)) as client:
        client._registry._given["fake"] = lambda api_key="": FakeProvider(["fake"])
        client._registry._given["other"] = lambda api_key="": FakeProvider(["other"])
        completion: Completion = await client.acompletion(asked, HI, api_key="key")
    return completion


@pytest.mark.parametrize("inplace", [False, True])
async def test_a_key_for_one_provider_is_not_sent_to_another(inplace: bool) -> None:
    """Forgetting to leave it out is refused."""
    message = "api_key of this call is meant for fake, and a middleware sends it to other"
    with pytest.raises(RequestError, match=message):
        await send_to("other/m", "fake/m", inplace=inplace)


async def test_a_key_is_sent_to_whom_it_is_meant_for() -> None:
    """Another model of the same provider, other settings, and an alias that is nobody's name."""
    assert "fake" == (await send_to("fake/n", "fake/m")).text
    assert "other" == (await send_to("other/m", "fake/m", settings={})).text
    assert "other" == (await send_to("other/m", "fast-one")).text


# --- its time ---------------------------------------------------------------------------


async def test_a_call_s_deadline_ends_its_middleware() -> None:
    """Whatever that waits for."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        await asyncio.sleep(60)

    async with client_of(Of(chat), timeout=0.05) as client:
        with pytest.raises(DeadlineExceededError, match=r"within 0\.05 s") as caught:
            await client.acompletion("fake/m", HI)
    assert ("total", "fake/m") == (caught.value.phase, caught.value.model)


async def test_a_request_that_is_late_says_so_itself() -> None:
    """Its provider and attempts are known, and hooks hear of an error, not of a cancellation."""
    recorder = Recorder()
    answers = [Canned(hang=True)]
    async with client_of(Middleware(), answers=answers, timeout=0.5, hooks=[recorder]) as client:
        with pytest.raises(DeadlineExceededError) as caught:
            await client.acompletion("fake/m", HI)
    assert ("fake", 1) == (caught.value.provider, len(caught.value.attempts))
    assert ["error"] == [event.outcome for event in recorder.all(CallEnded)]


async def test_a_deadline_ends_all_children_of_a_call() -> None:
    """They share it, and none is left behind."""
    recorder = Recorder()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        await asyncio.sleep(0.05)
        return (await asyncio.gather(handler(call), handler(call)))[0]

    answers = [Canned(hang=True), Canned(hang=True)]
    async with client_of(Of(chat), answers=answers, timeout=0.1, hooks=[recorder]) as client:
        with pytest.raises(DeadlineExceededError):
            await client.acompletion("fake/m", HI)
        await asyncio.sleep(0.02)
        assert 0 == client._registry._given["fake"].transport.still_open
    ended = recorder.all(CallEnded)
    assert 2 == len(ended)
    assert all(event.seconds < 0.5 for event in ended)


async def test_time_that_was_spent_is_gone() -> None:
    """A second try has what is left of the call's time, which may be nothing."""
    tries = list[LLMGateError]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        for _ in range(2):
            try:
                await handler(call)
            except DeadlineExceededError as error:
                tries.append(error)
        raise tries[0]

    async with client_of(Of(chat), answers=[Canned(hang=True)] * 2, timeout=0.1) as client:
        with pytest.raises(DeadlineExceededError):
            await client.acompletion("fake/m", HI)
    assert ["total", "total"] == [getattr(error, "phase", "") for error in tries]


@pytest.mark.parametrize("total", [0.05, 60, None])
async def test_a_timeout_for_one_of_several_tries(total: float | None) -> None:
    """It counts from there, and is no longer than what is left of the whole."""
    seconds = list[float]()

    async def chat(call: ChatCall, handler: Handler) -> Any:
        await asyncio.sleep(0.05)
        try:
            return await handler(replace(call, timeout=Timeout(total)))
        except DeadlineExceededError:
            return HELLO

    def hook(event: Any) -> None:
        if isinstance(event, CallEnded):
            seconds.append(event.seconds)

    answers = [Canned(hang=True)]
    async with client_of(Of(chat), answers=answers, timeout=0.3, hooks=[hook]) as client:
        assert HELLO is await client.acompletion("fake/m", HI)
    assert 0.04 < seconds[0] < (0.2 if total == 0.05 else 0.5)


async def test_a_timeout_where_the_whole_has_none() -> None:
    """There is nothing that it could be longer than."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        return await handler(replace(call, timeout=Timeout(None, idle=60)))

    async with client_of(Of(chat), timeout=Timeout(total=None)) as client:
        assert "a" == (await client.acompletion("fake/m", HI)).text


async def test_no_time_is_left_for_a_try_of_its_own() -> None:
    """It is refused with what was exceeded."""

    async def chat(call: ChatCall, handler: Handler) -> Any:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return await handler(replace(call, timeout=Timeout(5)))

    async with client_of(Of(chat), timeout=0.05) as client:
        with pytest.raises(DeadlineExceededError, match=r"within 0\.05 s"):
            await client.acompletion("fake/m", HI)
