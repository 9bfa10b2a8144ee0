"""The boundary as data: requests and replies, and the keys that never show themselves."""

from __future__ import annotations

import copy
import math
import pickle
import re
import traceback
from typing import Any

import pytest

from llmgate.errors import DecodeError, InvalidRequestError
from llmgate.provider import http as wire
from llmgate.provider.http import (
    HttpRequest,
    HttpResponse,
    Secret,
    base_url_parts,
    decode_json,
    encode_json,
    is_array,
    is_object,
    redacted,
    shown_url,
)

CANARY = "sk-canary-0123456789"

# --- secrets ---


@pytest.mark.parametrize("text", [CANARY, f" {CANARY}\n", f"\t{CANARY}\r\n", f"\ufeff{CANARY}"[1:]])
def test_a_secret_reveals_itself_when_asked(text: str) -> None:
    """White space around a key is stripped: it was read from a file."""
    assert CANARY == Secret(text).reveal()


def test_a_secret_shows_itself_nowhere_else() -> None:
    """Neither as text nor inside of anything."""
    secret = Secret(CANARY)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>30}", repr({"key": [secret]})]
    assert [] == [text for text in shown if CANARY in text]
    assert "Secret('***')" == str(secret)


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_written_out(leak: Any) -> None:
    """A pickle is a file that others read."""
    with pytest.raises(TypeError, match="not pickled"):
        leak(Secret(CANARY))


def test_secrets_can_be_compared() -> None:
    """Equal keys make equal secrets, so that clients can be kept by their key."""
    assert Secret("a") == Secret(" a ")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert 1 == len({Secret("a"), Secret("a\n")})


BAD_KEYS: list[tuple[Any, str]] = [
    ("", "the key is empty"),
    (" \n", "the key is empty"),
    (f"{CANARY}\n{CANARY}", "a line end or a character outside ASCII"),
    (f"{CANARY}\x00", "a line end or a character outside ASCII"),
    (f"{CANARY}\x7f", "a line end or a character outside ASCII"),
    (f"{CANARY}é", "a line end or a character outside ASCII"),
    (f"{CANARY}\ud800", "a line end or a character outside ASCII"),
    (f"\ufeff{CANARY}", "a line end or a character outside ASCII"),
    (None, "expected a string, got NoneType"),
    (CANARY.encode(), "expected a string, got bytes"),
]


@pytest.mark.parametrize(("key", "reason"), BAD_KEYS)
def test_what_cannot_stand_in_a_header_is_no_key(key: Any, reason: str) -> None:
    """It is refused under its name, and not printed, not even by a traceback."""
    with pytest.raises(InvalidRequestError) as caught:
        Secret(key, name="token")
    assert "token" == caught.value.path
    assert reason in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# --- requests and replies ---


def test_a_request_shows_neither_its_credentials_nor_its_body() -> None:
    """Headers, the URL's query and its user may hold keys, and the body holds the prompt."""
    request = HttpRequest(
        "POST",
        f"https://user:{CANARY}@host/v1/chat?key={CANARY}",
        {"authorization": f"Bearer {CANARY}"},
        CANARY.encode(),
        on_abandon=HttpRequest("POST", f"https://host/cancel?key={CANARY}"),
    )
    assert "HttpRequest('POST', 'https://host/v1/chat', body=<20 bytes>)" == repr(request)
    assert CANARY not in repr(HttpResponse(200, {"set-cookie": CANARY}, CANARY.encode()))


def test_a_request_is_sent_at_once_and_may_be_sent_again() -> None:
    """A flow says so where it wants anything else."""
    request = HttpRequest("GET", "https://host")
    assert not request.headers
    assert (b"", 0.0, False, None, True) == (
        request.body,
        request.delay,
        request.stream,
        request.on_abandon,
        request.idempotent,
    )


def test_two_requests_share_no_headers() -> None:
    """The default is made anew for each."""
    assert HttpRequest("GET", "a").headers is not HttpRequest("GET", "a").headers


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/path", "https://host/path"),
        ("https://host", "https://host"),
        ("https://host:8000/a/b?key=1&b=2", "https://host:8000/a/b"),
        ("https://user:pass@host/a", "https://host/a"),
        ("https://user:p@ss@host/a@b", "https://host/a@b"),
        ("http://[::1]:1/x?a=http://b", "http://[::1]:1/x"),
        ("/relative?x", "/relative"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, expected: str) -> None:
    """The query and the user's name and password are left out; the rest stays."""
    assert expected == shown_url(url)


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("Content-Type", True),
        ("accept", True),
        ("User-Agent", True),
        ("anthropic-version", True),
        ("OpenAI-Beta", True),
        ("Authorization", False),
        ("x-api-key", False),
        ("cookie", False),
        ("x-anything-else", False),
    ],
)
def test_headers_are_shown_when_they_are_known_to_be_harmless(name: str, is_shown: bool) -> None:
    """An unknown header may hold a credential."""
    headers = {name: CANARY}
    assert {name: CANARY if is_shown else "***"} == redacted(headers)
    assert {name: CANARY} == headers


# --- JSON ---


def test_a_reply_s_body_is_read_as_json() -> None:
    """On demand, and whatever its content type says."""
    assert {"a": [1]} == HttpResponse(200, body=b' {"a": [1]}\n').json()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        (b"\n\t [1] \r\n", [1]),
        ("[1]", [1]),
        ("\ufeff[1]", [1]),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"18446744073709551616", 2**64),
        (b"1e400", float("inf")),
        ('"\U0001f642"', "🙂"),
        (rb'"\ud83d\ude42"', "🙂"),
    ],
)
def test_json_is_read_as_servers_write_it(data: bytes | str, expected: Any) -> None:
    """A byte order mark, white space, duplicate keys and large numbers are no reason to fail."""
    assert expected == decode_json(data)


def test_nan_is_read_too() -> None:
    """Some servers write it among their log probabilities."""
    assert math.isnan(decode_json(b"[NaN]")[0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"<html>",
        b'{"a": 1',
        b"[1,]",
        b"[1] x",
        b"\xff\xfe[\x001\x00]\x00",
        b'"\xff"',
        rb'"\ud800"',
        '"\ud800"',
        b"1" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xef\xbb\xbf" * 100_000,
        b"\x00",
    ],
    ids=lambda data: repr(data)[:20],
)
def test_what_is_no_json_is_a_decode_error(data: bytes | str) -> None:
    """Cut, nested without end, in another encoding: our own error, with bytes and an excerpt."""
    with pytest.raises(DecodeError, match=r"^the response is not JSON \(") as caught:
        decode_json(data)
    expected = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    assert expected == caught.value.frame
    assert len(str(caught.value)) < 500 * 4


@pytest.mark.parametrize(
    "value", [None, True, 5, 2**70, 1.5, "é🙂", [], {}, {"a": [{"b": None}]}, 1e22, 5e-324]
)
def test_what_is_written_as_json_is_read_back_the_same(value: Any) -> None:
    """In UTF-8, without escaping what need not be."""
    assert value == decode_json(encode_json(value))


def test_json_is_compact() -> None:
    """Each byte of a prompt is sent, and no other."""
    assert '{"a":[1,"é"]}'.encode() == encode_json({"a": [1, "é"]})


def cycle() -> list[Any]:
    """A list that contains itself."""
    made: list[Any] = []
    made.append(made)
    return made


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize(
    "value",
    [object(), "\ud800", b"\xff", cycle(), nested(20_000)],
    ids=["an object", "a lone surrogate", "bytes", "a cycle", "nested without end"],
)
def test_what_cannot_be_written_is_an_invalid_request(value: Any) -> None:
    """A plugin's mistake is our own error, too."""
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        encode_json(value)


@pytest.mark.parametrize(
    ("value", "object_", "array"),
    [
        ({}, True, False),
        ([], False, True),
        ("", False, False),
        (None, False, False),
        ((), False, False),
    ],
)
def test_json_values_are_told_apart(value: Any, object_: bool, array: bool) -> None:
    """An object is a dictionary and an array a list, as the parser makes them."""
    assert (object_, array) == (is_object(value), is_array(value))


def test_everything_public_is_there() -> None:
    """Plugins import from here what reads and writes JSON, too."""
    assert [] == [name for name in wire.__all__ if not hasattr(wire, name)]


@pytest.mark.parametrize(
    ("pasted", "path", "query"),
    [
        ("http://h/größe/v1?ä=ö", "/gr%C3%B6%C3%9Fe/v1", "%C3%A4=%C3%B6"),
        ("http://h/100%/a%2Fb%zz?c=50%", "/100%25/a%2Fb%25zz", "c=50%25"),
        ("http://h/~a:b@c,d;e=f(g)!*'?a[0]=/?&b=$+", "/~a:b@c,d;e=f(g)!*'", "a[0]=/?&b=$+"),
    ],
)
def test_a_base_url_can_be_sent(pasted: str, path: str, query: str) -> None:
    """What cannot stand in a URL is encoded where it is configured; all else stays as it is."""
    parts = base_url_parts(pasted)
    assert (path, query) == (parts.path, parts.query)


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("10.0.0.1/v1", "http://10.0.0.1/v1"),
        ("localhost:8000/v1", "http://localhost:8000/v1"),
        ("localhost", "http://localhost"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("example", None),
        ("me:pass@api.example.com", "https://api.example.com"),
        ("ftp://api.example.com", None),
        ("api.example.com/a b", None),
        ("", None),
    ],
)
def test_a_host_without_a_scheme_is_answered_with_the_url_that_was_meant(
    pasted: str, meant: str | None
) -> None:
    """Where that can be told; without a password."""
    with pytest.raises(InvalidRequestError, match=r"is not an http\(s\) URL") as caught:
        base_url_parts(pasted)
    found = re.search(r"did you mean (\S+)\?", str(caught.value))
    assert meant == (None if found is None else found[1])
    assert "pass" not in str(caught.value)
