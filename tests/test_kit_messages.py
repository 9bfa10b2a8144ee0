"""The kit: what it reads in messages, how it writes their parts, its pages and its tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from llmgate.errors import (
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    UnsupportedError,
)
from llmgate.models import TokenCount
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.provider.kit import (
    arguments_object,
    arguments_text,
    parsed_arguments,
    read_token_count,
)
from llmgate.provider.kit.history import (
    call_ids,
    called_functions,
    function_in,
    function_names,
    inline_data,
    is_answered_next,
)
from llmgate.provider.kit.paging import read_pages
from llmgate.provider.kit.parts import PartWriter
from llmgate.provider.kit.tokens import ask_for_token
from llmgate.report import Report
from llmgate.testing.driving import drive

CALLED: list[dict[str, Any]] = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "5"},
]


def call_with(messages: Any = (), **parameters: Any) -> ProviderCall:
    given: Any = parameters
    return ProviderCall("m", [*messages], given)


# --- what messages say --------------------------------------------------------------------


def test_functions_and_ids_of_a_history() -> None:
    """Those that are offered come first; other tools have no function, and ids all the same."""
    offered = [{"type": "function", "function": {"name": "o"}}, {"type": "search"}]
    call = call_with(CALLED, tools=offered)
    assert ["o", "f"] == [*function_names(call)]
    assert [{"name": "f", "arguments": "{}"}] == [*called_functions(call)]
    assert ["a", "b", "a"] == [*call_ids(CALLED)]
    assert [] == [*function_names(call_with())]


def test_calls_that_are_none_of_ours() -> None:
    """A host's own types of tools and calls have neither to have; nor has what another role holds
    under the same names."""
    odd: list[dict[str, Any]] = [
        {"type": "x"},
        {"type": "x", "id": ["c"], "function": {"name": "h"}},
        {"type": "x", "id": "c", "function": {"name": 1}},
        {"type": "x", "id": "d", "function": "h"},
    ]
    own = {"type": "x", "id": "e", "function": {"name": "h"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi", "tool_calls": [1], "tool_call_id": {}},
        {"role": "tool", "content": "Hi", "tool_calls": True, "tool_call_id": "f"},
        {"role": "assistant", "content": "Hi", "tool_calls": [*odd, own]},
    ]
    call = call_with(messages, tools=[{"type": "x", "function": {}}, {"type": "y", "function": 1}])
    assert ["h"] == [*function_names(call)]
    assert [{"name": "h"}] == [*called_functions(call)]
    assert [None, None, None, None, {"name": "h"}] == [*map(function_in, [*odd, own])]
    assert ["f", "c", "d", "e"] == [*call_ids(messages)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/PNG;base64,QQ==", ("image/png", "QQ==")),
        ("data:;a=b;base64,", ("", "")),
    ],
)
def test_inline_data(url: str, expected: tuple[str, str]) -> None:
    """The type in lower case, and the base64 as it is."""
    assert expected == inline_data(url, "path")


@pytest.mark.parametrize("url", ["data:image/png,QQ==", "data:image/png;base64", "x;base64,QQ"])
def test_what_is_no_inline_data(url: str) -> None:
    """Nor base64, which is all that is read."""
    with pytest.raises(InvalidRequestError) as caught:
        inline_data(url, "path")
    assert "path" == caught.value.path


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([], True),
        (["assistant"], True),
        (["developer", "system"], True),
        (["system", "user"], False),
    ],
)
def test_whether_a_response_follows(roles: list[str], expected: bool) -> None:
    """Other instructions between do not matter."""
    assert expected is is_answered_next([{"role": role} for role in roles])


# --- arguments of calls -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text", "is_odd"),
    [
        (None, "{}", False),
        ({"a": 1}, '{"a":1}', False),
        ('{"a": 1}', '{"a": 1}', True),
        ([1], "[1]", True),
    ],
)
def test_arguments_as_text(given: Any, text: str, is_odd: bool) -> None:
    """What is none of an object is recorded, where there is a report."""
    report = Report()
    assert text == arguments_text(given, "path", report) == arguments_text(given, "path", None)
    assert is_odd is ("response.path" in report)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" ", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a', '{"a'),
        ('{"a": NaN}', '{"a": NaN}'),
        ('"NaN"', "NaN"),
    ],
)
def test_arguments_as_a_value(text: str, value: Any) -> None:
    """What is not JSON stays text."""
    assert value == parsed_arguments(text)


@pytest.mark.parametrize(
    ("given", "sent"),
    [(None, {}), ({"a": 1}, {"a": 1}), ("", {}), ([1], {"arguments": "[1]"})],
)
def test_arguments_as_an_object(given: Any, sent: dict[str, Any]) -> None:
    """What is one already stays as it is; what is none is its one value."""
    call = call_with()
    assert sent == arguments_object(given, "path", call)
    assert ("arguments" in sent) is ("path" in call.report)


# --- parts of messages --------------------------------------------------------------------


class Acme(PartWriter):
    """A vendor with marks behind its parts."""

    vendor, no_text = "Acme", "it says nothing"
    own, marks = ("card",), ("mark",)

    def beside(self, part: Any, path: str, place: str) -> list[dict[str, Any]]:
        """A mark, and where it is."""
        return [{"mark": f"{path} of {place}"}] if part.get("mark") else []


def test_parts_are_written_each_by_its_kind() -> None:
    """With what is sent behind them; what says nothing is left out with that."""
    call = call_with()
    content = [
        {"type": "text", "text": "", "mark": True},
        {"type": "text", "text": "Hi", "mark": True, "other": 1},
        {"type": "text", "text": "", "mark": True},
        {"type": "refusal", "refusal": "No"},
        {"type": "card", "card": {"a": 1}, "beside": 2},
    ]
    assert [
        {"text": "Hi"},
        {"mark": "p[1] of system"},
        {"mark": "p[2] of system"},
        {"text": "No"},
        {"card": {"a": 1}, "beside": 2},
    ] == Acme(call).parts(content, "p", place="system")
    assert ["p[0]", "p[1].other", "p[2]", "p[3]"] == [each.path for each in call.report]


def test_a_text_is_one_part() -> None:
    """Nothing is none."""
    writer = PartWriterOfText(call_with())
    assert [{"text": "Hi"}] == writer.parts("Hi", "p")
    assert [] == writer.parts(None, "p") == writer.parts("", "p")
    assert ["p"] == [each.path for each in writer.call.report]


class PartWriterOfText(PartWriter):
    """A vendor that has nothing else."""

    vendor, no_text = "Plain", "it says nothing"


@pytest.mark.parametrize("part", [{"type": "image"}, {"type": "card", "card": 5}])
def test_parts_that_are_refused(part: dict[str, Any]) -> None:
    """What the vendor has nothing for, and what may not stand there."""
    writer = Acme(call_with())
    with pytest.raises(UnsupportedError, match=r"p\[0\]: Acme has nothing for a part of type"):
        writer.parts([part], "p")
    with pytest.raises(UnsupportedError, match=r"p\[0\]: Acme takes text alone here, not"):
        writer.parts([part], "p", only=("text",))


# --- pages --------------------------------------------------------------------------------


def pages(*replies: tuple[str, str]) -> tuple[Any, list[str]]:
    """The items of these pages, each an item and a token, and the addresses that were asked."""
    asked: list[str] = []

    def read(response: HttpResponse) -> tuple[list[str], str]:
        item, _, token = response.body.decode().partition(" ")
        return [item], token

    responses = [HttpResponse(200, {}, f"{item} {token}".encode()) for item, token in replies]
    driven = drive(read_pages("https://a.example/list", "next", read), responses)
    asked += [request.url for request in driven.requests]
    return driven.result, asked


def test_pages_are_read_to_the_last() -> None:
    """The token of each stands in the address of the next."""
    items, asked = pages(("a", "x y"), ("b", ""))
    assert ["a", "b"] == items
    assert ["https://a.example/list", "https://a.example/list?next=x%20y"] == asked


def test_pages_that_do_not_end() -> None:
    """A token that comes again leads to no third request."""
    with pytest.raises(DecodeError, match="do not end: 2 were read"):
        pages(("a", "x"), ("b", "x"))


def test_a_query_stays_in_the_address() -> None:
    """It is the first page's, and that of all."""

    def read(response: HttpResponse) -> tuple[list[int], str]:
        return [len(response.body)], "t" if response.body else ""

    flow = read_pages("https://a.example/?size=1", "next", read)
    driven = drive(flow, [HttpResponse(200, {}, b"1"), HttpResponse(200, {}, b"")])
    assert ([1, 0], HttpRequest("GET", "https://a.example/?size=1&next=t")) == (
        driven.result,
        driven.requests[1],
    )


# --- tokens -------------------------------------------------------------------------------


async def _asynchronous() -> str:
    return "t"


def _later() -> Awaitable[str]:
    return _asynchronous()


class OwnError(LLMGateError):
    """One of ours."""


def _fails() -> str:
    raise OwnError("no")


def _breaks() -> str:
    raise ValueError("secret-canary")


@pytest.mark.parametrize("provider", [lambda: "t", _asynchronous, _later])
async def test_a_callable_gives_a_token(provider: Callable[[], Any]) -> None:
    """Async or not, or one that returns an awaitable."""
    assert "t" == await ask_for_token(provider)


async def test_a_callable_that_fails() -> None:
    """Its exception's text may be a secret; our own errors are shown."""
    with pytest.raises(MissingKeyError, match="failed with ValueError") as caught:
        await ask_for_token(_breaks)
    assert "canary" not in str(caught.value)
    with pytest.raises(OwnError):
        await ask_for_token(_fails)


# --- counts of tokens ---------------------------------------------------------------------


def test_a_count_of_tokens() -> None:
    """The number under a key; what has none is an error that holds the body."""
    assert TokenCount(7) == read_token_count(HttpResponse(200, {}, b'{"tokens": 7}'), "tokens")
    with pytest.raises(DecodeError, match="the response counts no tokens") as caught:
        read_token_count(HttpResponse(200, {}, b"{}"), "tokens")
    assert b"{}" == caught.value.frame
