"""What ``authorize`` may use: the time, requests for tokens, and tokens that calls share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llmgate import Client
from llmgate._core import token_cache
from llmgate.errors import (
    AuthenticationError,
    ConnectError,
    DeadlineExceededError,
    LLMGateError,
    ProviderError,
    ResponseTooLargeError,
)
from llmgate.provider import AccessToken, Signing
from llmgate.provider.http import HttpRequest, HttpResponse, Secret
from llmgate.testing import Canned, CannedTransport, FakeProvider, FixedSigning, with_transport
from tests.faults.calls import AT_ONCE, HI

MODEL = "fake/fake-1"
TOKEN_URL = "https://tokens.invalid/new"
Make = Callable[[Signing], Awaitable[AccessToken]]


class TokenProvider(FakeProvider):
    """Needs a token that is made as a test says, and may be asked for it again."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.make = make
        self.seen: list[Signing] = []

    async def authorize(self, request: HttpRequest, signing: Signing) -> HttpRequest:
        self.seen.append(signing)
        token = await signing.once("token", lambda: self.make(signing))
        return request.with_headers({"Token": token.secret.reveal()})

    def error(self, reply: HttpResponse) -> ProviderError:
        return AuthenticationError("no", status=reply.status, retryable=True)


def good(request: HttpRequest) -> Canned:
    """A completion that repeats the token."""
    text = request.headers.get("Token", "").encode()
    return Canned(body=b'{"say": "%s", "end": "done"}' % text)


def client_of(make: Make, answer: Callable[[HttpRequest], Canned] = good) -> Client:
    """A client of a provider whose responses come from memory."""
    provider = with_transport(TokenProvider(make), CannedTransport(answer))
    return Client(providers={"fake": provider}, retry=AT_ONCE)


class Counter:
    """Makes tokens that are numbered; each waits for ``gate``, if there is one."""

    def __init__(self, life: timedelta | None = None, gate: asyncio.Event | None = None) -> None:
        self.made = 0
        self.life = life
        self.gate = gate

    async def __call__(self, _: Signing) -> AccessToken:
        self.made += 1
        token = Secret(f"token-{self.made}")
        if self.gate is not None:
            await self.gate.wait()
        expires = None if self.life is None else datetime.now(UTC) + self.life
        return AccessToken(token, expires)


async def ask(client: Any, **options: Any) -> str:
    """The token with which a call was sent."""
    completion: Any = await client.acompletion(MODEL, HI, **options)
    return str(completion.text)


async def test_one_token_serves_all_calls() -> None:
    """Those that need it at the same time, and those that come later."""
    make = Counter()
    async with client_of(make) as client:
        together = await asyncio.gather(*(ask(client) for _ in range(10)))
        assert {"token-1"} == {*together, await ask(client)}
    assert 1 == make.made


async def test_the_end_of_the_call_that_began_it_cancels_no_token() -> None:
    """Neither a cancellation, nor a deadline; whoever waits gets the token."""
    make = Counter(gate=asyncio.Event())
    async with client_of(make) as client:
        first = asyncio.ensure_future(ask(client, timeout=0.05))
        await asyncio.sleep(0.01)
        second, third = (asyncio.ensure_future(ask(client)) for _ in range(2))
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(DeadlineExceededError):
            await first
        assert make.gate is not None
        make.gate.set()
        assert "token-1" == await third
    assert second.cancelled()
    assert 1 == make.made


async def test_a_token_is_shared_between_event_loops() -> None:
    """A call on another thread's loop waits for the token that is made on ours."""
    make, given = Counter(gate=asyncio.Event()), list[str]()
    async with client_of(make) as client:
        first = asyncio.ensure_future(ask(client))
        await asyncio.sleep(0.01)
        thread = threading.Thread(target=lambda: given.append(asyncio.run(ask(client))))
        thread.start()
        await asyncio.sleep(0.1)
        assert make.gate is not None
        make.gate.set()
        assert "token-1" == await first
        await asyncio.to_thread(thread.join)
    assert ["token-1"] == given
    assert 1 == make.made


@pytest.mark.parametrize("is_cancelled", [True, False], ids=["loop that ended", "loop that stands"])
async def test_a_token_of_a_loop_that_is_gone_is_made_anew(
    is_cancelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop that made it ends while another call waits for it, or does not go on."""
    monkeypatch.setattr(token_cache, "_CHECK_SECONDS", 0.05)
    begun, waits, counted = threading.Event(), threading.Event(), list[int]()

    async def make(_: Signing) -> AccessToken:
        counted.append(1)
        if len(counted) == 1:
            begun.set()
            await asyncio.Event().wait()
        return AccessToken(Secret(f"token-{len(counted)}"))

    client = client_of(make)
    loop = asyncio.new_event_loop()

    async def first() -> None:
        asking = asyncio.ensure_future(ask(client))
        await asyncio.to_thread(waits.wait)
        asking.cancel()
        if is_cancelled:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as asyncio.run does
                task.cancel()
        await asyncio.wait({asking})

    thread = threading.Thread(target=lambda: loop.run_until_complete(first()))
    thread.start()
    await asyncio.to_thread(begun.wait)
    second = asyncio.ensure_future(ask(client))
    await asyncio.sleep(0.05)
    waits.set()
    assert "token-2" == await second
    await asyncio.to_thread(thread.join)
    await asyncio.to_thread(end, loop)
    await client.aclose()


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what a loop that stands has not done, and close it."""
    for task in asyncio.all_tasks(loop):
        task.cancel()
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


async def test_a_token_that_is_about_to_expire_is_made_anew() -> None:
    """A minute before its end; one that lives for less, a tenth of its life before."""
    for life, expected in ((50, "token-2"), (3600, "token-1"), (-1, "token-2")):
        make = Counter(timedelta(seconds=life))
        async with client_of(make) as client:
            assert "token-1" == await ask(client)
            later = datetime.now(UTC) + timedelta(seconds=46)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("time.time", later.timestamp)
                assert expected == await ask(client)


def refusing(*tokens: str) -> Callable[[HttpRequest], Canned]:
    """A server that does not accept these tokens."""
    return lambda request: (
        Canned(401, {"Date": "now"}) if request.headers["Token"] in tokens else good(request)
    )


async def test_a_token_that_was_refused_is_made_anew_once() -> None:
    """For all of the calls to which that happened."""
    make = Counter()
    async with client_of(make, refusing("token-1")) as client:
        assert ["token-2"] * 5 == await asyncio.gather(*(ask(client) for _ in range(5)))
    assert 2 == make.made


async def test_a_second_refusal_is_final() -> None:
    """Another token was made, and was refused, too: no retry is spent on a third."""
    make = Counter()
    client = client_of(make, lambda _: Canned(401, body=b"no"))
    async with client:
        for made in (2, 3):  # the second call begins with the token that was made last
            with pytest.raises(AuthenticationError) as caught:
                await ask(client, max_retries=5)
            assert 2 == len(caught.value.attempts)
            assert made == make.made


async def test_a_failure_between_two_refusals() -> None:
    """The second one is of the token made before that failure; another may be made."""
    make, failures = Counter(), [Canned(401), Canned(then=ConnectError("no")), Canned(401)]

    def answer(request: HttpRequest) -> Canned:
        return failures.pop(0) if failures else good(request)

    async with client_of(make, answer) as client:
        assert "token-3" == await ask(client, max_retries=5)


async def test_signing_tells_of_the_call_and_of_the_attempt_before() -> None:
    """The time is that of UTC; a response of the attempt before has its headers."""
    provider = TokenProvider(Counter())
    provider = with_transport(provider, CannedTransport(refusing("token-1")))
    previous: list[HttpResponse | None] = []
    seen, authorize = list[Signing](), provider.authorize

    async def watch(request: HttpRequest, signing: Signing) -> HttpRequest:
        seen.append(signing)
        previous.append(signing.previous)
        return await authorize(request, signing)

    object.__setattr__(provider, "authorize", watch)
    async with Client(providers={"fake": provider}, retry=AT_ONCE) as client:
        await client.acompletion(MODEL, HI)
        await client.acompletion(MODEL, HI)
    first, second, third = previous
    assert (None, None) == (first, third)
    assert second is not None
    assert (401, "now") == (second.status, second.headers["date"])
    assert abs(datetime.now(UTC) - seen[0].now) < timedelta(minutes=1)
    assert UTC is seen[0].now.tzinfo
    assert "fake-1" == seen[0].model


@dataclass
class Pair:
    """Credentials of two parts."""

    name: str
    expires: datetime | None = None


async def fetched(signing: Signing) -> AccessToken:
    """A token that is asked for."""
    response = await signing.send(HttpRequest("POST", TOKEN_URL, body=b"grant"))
    return AccessToken(Secret(f"{response.status}-{response.body.decode()}"))


async def test_a_token_is_asked_for_over_the_same_transport() -> None:
    """Whatever the status; it is no attempt of the call."""

    def answer(request: HttpRequest) -> Canned:
        return Canned(403, body=[b"t", b"1"]) if request.url == TOKEN_URL else good(request)

    async with client_of(fetched, answer) as client:
        completion = await client.acompletion(MODEL, HI)
    assert "403-t1" == completion.text
    assert 1 == len(completion.attempts)


FAILURES: list[tuple[Any, type[LLMGateError]]] = [
    (Canned(body=b"x" * 1_100_000), ResponseTooLargeError),
    (Canned(then=ConnectError("no")), ConnectError),
]


@pytest.mark.parametrize(("canned", "kind"), FAILURES)
async def test_a_token_that_cannot_be_had(canned: Canned, kind: type[LLMGateError]) -> None:
    """Each call that waits for it has an error of its own, and the next call asks again."""
    answers = {TOKEN_URL: canned}
    client = client_of(fetched, lambda request: answers.get(request.url) or good(request))
    async with client:
        calls = (ask(client, max_retries=0) for _ in range(3))
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [kind] * 3 == [type(error) for error in errors]
        assert 3 == len({id(error) for error in errors})
        answers[TOKEN_URL] = Canned(body=b"t2")
        assert "200-t2" == await ask(client)


async def test_a_token_server_that_hangs() -> None:
    """A call waits for it within its deadline, and no call within another's."""
    async with client_of(fetched, lambda _: Canned(hang=True)) as client:
        with pytest.raises(DeadlineExceededError):
            await ask(client, timeout=0.1)


async def test_a_token_that_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute it is given up, so that later calls can have another."""
    monkeypatch.setattr(token_cache, "_MAKE_SECONDS", 0.05)
    make = Counter(gate=asyncio.Event())
    async with client_of(make) as client:
        with pytest.raises(DeadlineExceededError, match=r"no token within 0\.05 s"):
            await ask(client, max_retries=0)
        make.gate = None
        assert "token-2" == await ask(client)


async def test_a_maker_that_cancels_itself() -> None:
    """That is no cancellation of the call."""

    async def make(_: Signing) -> AccessToken:
        raise asyncio.CancelledError

    async with client_of(make) as client:
        with pytest.raises(
            LLMGateError,
            match=r"RuntimeError at (llmgate/_core/token_cache\.py|tests/test_tokens)",
        ):
            await ask(client)


async def test_tokens_of_providers_that_are_gone_do_not_pile_up() -> None:
    """A client with many keys keeps the newest, and gives none to another provider."""
    cache = token_cache.TokenCache()

    async def make() -> Pair:
        return Pair("x")

    for _ in range(300):
        await cache.get(FakeProvider(), "token", make, None)
    assert 256 == len(cache._entries)  # what is bounded shows nowhere else


async def test_a_preview_asks_for_no_token() -> None:
    """It shows the request without one; a token that needs nothing sent is added."""
    sent = list[HttpRequest]()

    def answer(request: HttpRequest) -> Canned:
        sent.append(request)
        return good(request)

    async with client_of(fetched, answer) as client:
        assert "Token" not in client.preview(MODEL, HI).headers

    async def made(signing: Signing) -> AccessToken:
        return AccessToken(Secret(f"{signing.model}-{signing.now.tzname()}-{signing.previous}"))

    async with client_of(made, answer) as client:
        assert "***" == client.preview(MODEL, HI).headers["Token"]
    assert [] == sent


async def test_authorize_is_tested_without_a_client() -> None:
    """With a clock that stands, and responses from memory."""
    provider, request = TokenProvider(fetched), HttpRequest("POST", "https://x.invalid")
    signing = FixedSigning([Canned(body=b"one"), Canned(body=b"two"), Canned(body=b"three")])
    tokens = [(await provider.authorize(request, signing)).headers["Token"] for _ in range(2)]
    signing.previous = HttpResponse(401)
    tokens.append((await provider.authorize(request, signing)).headers["Token"])
    assert ["200-one", "200-one", "200-two"] == tokens
    assert [TOKEN_URL] * 2 == [request.url for request in signing.requests]
    life = timedelta(minutes=1)

    async def make() -> Pair:
        return Pair(f"{signing.now:%M}", signing.now + life)

    signing.previous = None
    assert "00" == (await signing.once("pair", make)).name
    signing.now += life
    assert "01" == (await signing.once("pair", make)).name
