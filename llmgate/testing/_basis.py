"""What all conformance tests share: the author's attributes, the cases made of them, and findings.

It runs nothing of a provider by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn
from unittest.mock import patch

import pytest

from llmgate.errors import DecodeError, LLMGateError, RequestError
from llmgate.provider import Decoder, Provider, Signing
from llmgate.provider.accumulate import accumulate
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpResponse, decode_json, encode_json
from llmgate.testing._values import parsed, without_counts
from llmgate.testing.driving import (
    GREETING,
    StreamReader,
    call_of,
    drive,
    frames_of,
    read_stream,
)
from llmgate.testing.recordings import Asked, GoldenCall, RecordedExchange
from llmgate.testing.signing import FixedSigning
from llmgate.types import Chunk, Completion

CANARY = "sk-canary-7f3b1d9e5a2c4860"
"""The key to make a provider with for these tests; they look for it wherever it must not be."""


@dataclass(frozen=True, slots=True)
class Case:
    """A call by name."""

    name: str
    call: Asked


@dataclass(frozen=True, slots=True)
class Pair:
    """One exchange recorded twice: answered whole, and streamed."""

    name: str
    whole: RecordedExchange
    stream: RecordedExchange


class Basis:
    """The attributes that an author sets; :class:`ProviderConformance` tells of them."""

    provider: ClassVar[Provider]
    exchanges: ClassVar[Sequence[RecordedExchange]] = ()
    calls: ClassVar[Sequence[GoldenCall]] = ()
    preliminary_replies: ClassVar[Mapping[str, HttpResponse]] = MappingProxyType({})
    model: ClassVar[str] = "model"
    secret: ClassVar[str | None] = CANARY
    keeps_unknown_fields: ClassVar[bool] = True
    ends_with_connection: ClassVar[bool] = False
    most_splits: ClassVar[int] = 400
    most_cuts: ClassVar[int] = 600

    def make_provider(self) -> Provider:
        """The provider under test."""
        return self.provider

    def provider_of(self, golden: GoldenCall) -> Provider:
        """The provider that sends a golden call."""
        own: Any = self.make_provider()
        if golden.environment:
            with patch.dict(os.environ, golden.environment, clear=True):
                made: Provider = type(own)(**golden.settings)
                return made
        if golden.settings and not hasattr(own, "configured"):
            fail(f"{golden.name} has settings, but the provider has no method `configured`")
        configured: Provider = own.configured(**golden.settings) if golden.settings else own
        return configured

    def make_signing(self) -> Signing:
        """What ``authorize`` may use; a provider that asks for a token needs its response there."""
        return FixedSigning()

    # --- the cases ---

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test that asks for cases one run for each of them."""
        for argument, cases in self._cases().items():
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, [*map(_parameter, cases)] or [_lacking(argument)])

    def _cases(self) -> Mapping[str, Sequence[Any]]:
        answered = [exchange for exchange in self.exchanges if exchange.error is None]
        whole = [exchange for exchange in answered if not exchange.is_stream]
        streams = [exchange for exchange in answered if exchange.is_stream]
        recorded = {exchange.name: exchange for exchange in whole}
        return {
            "exchange": self.exchanges,
            "answered": answered,
            "whole": whole,
            "stream": streams,
            "pair": [
                Pair(stream.name, recorded[stream.name], stream)
                for stream in streams
                if stream.name in recorded
            ],
            "golden": [golden for golden in self.calls if golden.error is None],
            "refused": [golden for golden in self.calls if golden.error is not None],
            "case": self._calls(),
        }

    def _calls(self) -> list[Case]:
        """Every call that is to be sent, once: the author's, the recorded ones, and a greeting."""
        sent = [
            Case(f"{exchange.name}{'-stream' * exchange.is_stream}", exchange.call)
            for exchange in self.exchanges
            if exchange.error is None or not issubclass(exchange.error, RequestError)
        ]
        golden = [Case(golden.name, golden.call) for golden in self.calls if golden.is_plain]
        found = dict[object, Case]()
        for case in (Case("greeting", self.greeting()), *golden, *sent):
            found.setdefault(_key_of(case.call), case)
        return [*found.values()]

    # --- what is done with them ---

    def greeting(self, **parameters: Any) -> dict[str, Any]:
        """A plain call with these parameters."""
        return {"model": self.model, "messages": list(GREETING), **parameters}

    def call(self, asked: Asked) -> ProviderCall:
        """A fresh call, as a client would make it."""
        return call_of(self.make_provider(), asked)

    def ready(self, exchange: RecordedExchange) -> RecordedExchange:
        """The exchange with its call made already, for tests that run it many times."""
        return replace(exchange, call=self.call(exchange.call))

    def open(self, exchange: RecordedExchange) -> Decoder[Chunk]:
        """A recorded stream's decoder, before the first byte of it."""
        provider, call = self.make_provider(), self.call(exchange.call)
        return drive(provider.stream(call), exchange.replies, error=provider.error).result

    def decoding(
        self, exchange: RecordedExchange, call: ProviderCall | None = None
    ) -> Callable[[], Completion]:
        """What decodes an exchange, streamed or not; all that a client does is done before.

        ``call`` is a fresh one of the exchange's, whose report will be of interest.
        """
        provider, call = self.make_provider(), call or self.call(exchange.call)
        replies = exchange.replies

        def streamed() -> Completion:
            decoder = drive(provider.stream(call), replies, error=provider.error).result
            return accumulate(read_stream(decoder, [replies[-1].body]))

        def whole() -> Completion:
            return drive(provider.complete(call), replies, error=provider.error).result

        return streamed if exchange.is_stream else whole

    def answer(self, exchange: RecordedExchange) -> Completion:
        """What an exchange is decoded into."""
        return self.decoding(exchange)()

    def answer_with(self, exchange: RecordedExchange, body: bytes) -> Completion:
        """The same, had the last reply had this body."""
        replies = (*exchange.replies[:-1], replace(exchange.replies[-1], body=body))
        return self.answer(replace(exchange, replies=replies))

    def payloads(self, exchange: RecordedExchange) -> list[Any]:
        """What the last response says: one JSON value, or one for each event of a stream."""
        body = exchange.replies[-1].body
        if not exchange.is_stream:
            return [parsed(body)]
        return [parsed(frame.data) for frame in frames_of(self.open(exchange), body)]

    def answer_without_counts(self, exchange: RecordedExchange) -> Completion:
        """What an exchange is decoded into where the response has counted nothing."""
        if not exchange.is_stream:
            return self.answer_with(exchange, encode_json(without_counts(json_of(exchange))))
        frames = frames_of(self.open(exchange), exchange.replies[-1].body)
        reader = StreamReader(self.open(exchange))
        for frame in frames:
            payload = parsed(frame.data)
            if not isinstance(payload, bytes):
                frame = frame._replace(data=encode_json(without_counts(payload)))  # noqa: PLW2901
            reader.take([frame])
        return accumulate(reader.chunks)

    def need_secret(self) -> str:
        """The key to look for; the test is skipped where there is none."""
        if self.secret is None:
            pytest.skip("this provider has no secret")
        return self.secret


def _key_of(asked: Asked) -> object:
    """What equal calls have in common."""
    return id(asked) if isinstance(asked, ProviderCall) else repr(sorted(asked.items()))


def _parameter(case: Any) -> Any:
    name = f"{case.name}{'-stream' * getattr(case, 'is_stream', False)}"
    return pytest.param(case, id=name)


_LACKING = {
    "exchange": "no recorded exchange was given in `exchanges`",
    "answered": "no recorded answer was given in `exchanges`",
    "whole": "no recorded answer that is not streamed was given in `exchanges`",
    "stream": "no recorded stream was given in `exchanges`",
    "pair": "no exchange was given both whole and streamed under one name in `exchanges`",
    "golden": "no golden call was given in `calls`",
    "refused": "no golden call with an `error` was given in `calls`",
}


def _lacking(argument: str) -> Any:
    return pytest.param(None, marks=pytest.mark.skip(reason=_LACKING[argument]), id="none")


def fail(what: str) -> NoReturn:
    """Report a finding."""
    raise AssertionError(what)


def check(is_so: bool, what: str) -> None:
    """Report a finding unless it is so.

    This module is no test module, so pytest would not explain a bare ``assert`` of it.
    """
    if not is_so:
        fail(what)


@contextmanager
def only_our_errors(doing: str) -> Generator[None]:
    """Report an exception that is none of llmgate's; llmgate's own pass."""
    try:
        yield
    except DecodeError as error:
        frame: Any = error.frame
        is_data = frame is None or isinstance(frame, bytes)
        check(is_data, f"{doing} raised {error!r:.200}, whose frame is no bytes: {frame!r:.100}")
        raise
    except (LLMGateError, AssertionError):
        raise
    except Exception as error:
        what = f"{doing} raised {type(error).__name__}, which is no LLMGateError: {error!s:.200}"
        raise AssertionError(what) from error


def json_of(whole: RecordedExchange) -> Any:
    """What the last reply says; the test is skipped where that is no JSON."""
    try:
        return decode_json(whole.replies[-1].body)
    except DecodeError:
        pytest.skip("the reply is no JSON")


def spread(length: int, most: int, budget: int = 3_000_000) -> list[int]:
    """At most so many places inside a text, evenly spread; fewer, where the text is very long.

    ``budget`` bounds the bytes that are read in all when the text is read once for each place.
    """
    most = max(20, min(most, budget // max(length, 1)))
    return _evenly(length, most)


def near_the_end(length: int, last: int = 200, budget: int = 3_000_000) -> list[int]:
    """Each place in the last bytes of a text; fewer, where the text is very long."""
    last = min(last, length)
    most = max(20, budget // max(length, 1))
    return [length - last, *(length - last + place for place in _evenly(last, most))]


def _evenly(length: int, most: int) -> list[int]:
    return list(range(1, length, max(1, ceil((length - 1) / most))))
