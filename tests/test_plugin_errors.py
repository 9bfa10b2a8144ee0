"""A bug in a provider's code: its error says where it is, and holds no value."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate import AuthenticationError, Client, InternalError, PluginError
from llmgate._core.retry import RetryPolicy
from llmgate.errors import DecodeError, InvalidRequestError
from llmgate.provider.framing import Frame
from llmgate.provider.http import Flow, HttpRequest
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from tests.faults.calls import HI, KEY

ENCODE = """
import json

def encode(call):
    return call.parameters["missing"]

def encode_with_library(call):
    return json.loads("{")

def sign(key):
    raise ValueError(key)
"""
PROVIDER = """
from dataclasses import replace

from llmgate.testing import FakeProvider
from llmgate_acme.request import body

class Acme(FakeProvider):
    broken = ""

    def complete(self, call):
        if self.broken == "library":
            body.encode_with_library(call)
        if self.broken == "encode":
            body.encode(call)
        return (yield from super().complete(call))

    async def authorize(self, request, signing):
        if self.broken == "authorize":
            body.sign(self._key.reveal())
        return await super().authorize(request, signing)
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A package of a provider, with a folder of its own."""
    package = tmp_path / "llmgate_acme"
    (package / "request").mkdir(parents=True)
    (package / "__init__.py").write_text(PROVIDER)
    (package / "request" / "__init__.py").touch()
    (package / "request" / "body.py").write_text(ENCODE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield importlib.import_module("llmgate_acme").Acme
    for name in [name for name in sys.modules if name.startswith("llmgate_acme")]:
        del sys.modules[name]


async def failure_of(kind: Any, broken: str, **options: Any) -> PluginError:
    """What a call raises."""
    provider = kind(["Hi"], api_key=KEY)
    provider.broken = broken
    async with Client(providers={"fake": provider}, retry=RetryPolicy(max_retries=3)) as client:
        with pytest.raises(PluginError) as caught:
            await client.acompletion("fake/fake-1", HI, **options)
    assert [] == list(provider.transport.requests)
    return caught.value


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ("encode", "llmgate_acme/request/body.py:5 in encode"),
        ("library", "llmgate_acme/request/body.py:8 in encode_with_library"),
        ("authorize", "llmgate_acme/request/body.py:11 in sign"),
    ],
)
async def test_the_place_is_that_in_the_providers_package(
    acme: Any, broken: str, place: str
) -> None:
    """Not one in the library that it called; it is not retried, and has no frames."""
    error = await failure_of(acme, broken)
    assert place == error.origin
    assert f" at {place} (provider fake" in str(error)
    assert isinstance(error, InternalError)
    assert error.__cause__ is error.__context__ is None
    assert not hasattr(error, "__notes__")


async def test_the_place_in_a_call_in_the_legacy_form(acme: Any) -> None:
    """The provider stands behind what turns its completions into that form."""
    functions: Any = [{"name": "f", "parameters": {"type": "object", "properties": {}}}]
    error = await failure_of(acme, "encode", functions=functions)
    assert "llmgate_acme/request/body.py:5 in encode" == error.origin


async def test_a_traceback_where_it_is_asked_for(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With lines of code, without values; never that of ``authorize``."""
    monkeypatch.setenv("LLMGATE_DEBUG", "1")
    (note,) = (await failure_of(acme, "encode")).__notes__
    assert 'return call.parameters["missing"]' in note
    assert note.endswith("KeyError: 'missing'")
    refused = await failure_of(acme, "authorize")
    assert not hasattr(refused, "__notes__")
    assert KEY not in f"{refused}{vars(refused)}"
    monkeypatch.setenv("LLMGATE_DEBUG", "0")
    assert not hasattr(await failure_of(acme, "encode"), "__notes__")


async def test_a_value_that_cannot_be_sent_is_the_callers_bug() -> None:
    """It is named as the caller wrote it, whatever the provider's code made of it."""

    class Strict(FakeProvider):
        def complete(self, call: Any) -> Flow[Any]:
            raise KeyError("x")
            yield

    messages: Any = [{"role": "user", "content": "Hi", "name": "\ud800"}]
    async with Client(providers={"fake": Strict()}) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.acompletion("fake/fake-1", messages)
    assert "messages[0].name" == caught.value.path


class Reader:
    """A framer that does not take all bytes, and says so."""

    finished = False

    def __init__(self, error: Exception) -> None:
        self.framer: Any = self
        self.error = error

    def feed(self, _: Frame | bytes) -> Any:
        raise self.error

    close = feed


@pytest.mark.parametrize(
    ("error", "kind"),
    [(DecodeError("no such length", frame=b"\x00\x01"), DecodeError), (ValueError(), PluginError)],
)
async def test_a_framer_that_raises(error: Exception, kind: type[Exception]) -> None:
    """A ``DecodeError`` is one; anything else is a bug."""

    class Framed(FakeProvider):
        def stream(self, call: Any) -> Flow[Any]:
            yield HttpRequest("POST", "https://fake.invalid", stream=True)
            return Reader(error)

    transport = CannedTransport([Canned(body=b"\x00\x01\x02")])
    provider = with_transport(Framed(), transport)
    async with Client(providers={"fake": provider}) as client:
        stream = await client.acompletion("fake/fake-1", HI, stream=True)
        with pytest.raises(kind) as caught:
            await stream.completion()
    assert kind is type(caught.value)
    assert 0 == transport.still_open


async def test_a_flow_that_raises_when_it_is_closed() -> None:
    """The call's error is what ended it."""

    class Untidy(FakeProvider):
        def complete(self, call: Any) -> Flow[Any]:
            try:
                yield HttpRequest("POST", "https://fake.invalid")
            except GeneratorExit:
                raise KeyError from None

    provider = with_transport(Untidy(), CannedTransport([Canned(401)]))
    async with Client(providers={"fake": provider}) as client:
        with pytest.raises(AuthenticationError):
            await client.acompletion("fake/fake-1", HI)


async def test_what_authorize_returned() -> None:
    """It must be a request."""

    class Careless(FakeProvider):
        async def authorize(self, *_: Any) -> Any:
            return "signed"

    async with Client(providers={"fake": Careless(["Hi"])}) as client:
        with pytest.raises(PluginError, match=re.escape("authorized str, not a request")):
            await client.acompletion("fake/fake-1", HI)
