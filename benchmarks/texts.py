"""Texts that upstreams answer with, and the head of a response; the same bytes in every run."""

from __future__ import annotations

import random
import string
from functools import cache

__all__ = ["CITY", "SENTENCE", "fragments", "prose", "response_head", "words"]

_LINES = (
    "A lighthouse keeper writes down the weather every hour, and nobody reads it.",
    "Für die Küste gilt: Sturm aus Nordwest, später nachlassend.",
    '{"quoted": "JSON inside of a text", "path": "C:\\\\harbour\\\\log"}',
    "\tThe third column is the pressure; it falls.",
)
SENTENCE = "The keeper has written 8,760 lines this year, one for each hour of it."
_MARKS = (".\n\n", '"', "\u2019s", "ä", ":\n", "\\")
_MOST_WORDS = 10_000
CITY = '{"city":"Tromsø","days":3,"unit":"celsius"}'


def prose(length: int) -> str:
    """Text of about this many bytes, with what has to be escaped in JSON."""
    lines: list[str] = []
    while length > 0:
        lines.append(_LINES[len(lines) % len(_LINES)])
        length -= len(lines[-1].encode()) + 2
    return "\n".join(lines)


@cache
def _many_words() -> list[str]:
    """Tokens of text, hardly two of them alike; in every tenth is what JSON or UTF-8 spell out."""
    letters = random.Random(11)
    words: list[str] = []
    for at in range(_MOST_WORDS):
        word = "".join(letters.choices(string.ascii_lowercase, k=letters.randrange(1, 10)))
        words.append(f" {word}{letters.choice(_MARKS) if at % 10 == 9 else ''}")
    return words


def words(count: int) -> list[str]:
    """As many tokens of text as asked for."""
    return _many_words()[:count]


def fragments(count: int) -> list[str]:
    """The arguments of a function, as JSON in as many fragments as asked for."""
    middle = [f'"hour{at}":{at % 24},' for at in range(count - 2)]
    return ["{", *middle, '"last":true}']


# What the hosted interfaces send beside the body, in number and length: reading it is part of a
# call's cost for everybody.
_HEADERS = """\
Date: Mon, 24 Nov 2025 16:00:00 GMT
Connection: keep-alive
access-control-expose-headers: X-Request-ID
openai-organization: lighthouse
openai-processing-ms: 371
openai-project: proj_u5Pq2LmZr8Kc3Vx9Tn4Wb7Yd
openai-version: 2020-10-01
x-envoy-upstream-service-time: 389
x-ratelimit-limit-requests: 30000
x-ratelimit-limit-tokens: 150000000
x-ratelimit-remaining-requests: 29999
x-ratelimit-remaining-tokens: 149999951
x-ratelimit-reset-requests: 2ms
x-ratelimit-reset-tokens: 0s
x-request-id: req_93d1c07f5be84a6e8c2b7a40f1d6e925
x-openai-proxy-wasm: v0.1
cf-cache-status: DYNAMIC
Strict-Transport-Security: max-age=31536000; includeSubDomains; preload
X-Content-Type-Options: nosniff
Server: cloudflare
CF-RAY: 9a3f51c07e2bd84c-OSL
alt-svc: h3=":443"; ma=86400
"""


def response_head(*fields: str) -> bytes:
    """A status, these fields, and those that every response of a hosted interface has."""
    lines = ["HTTP/1.1 200 OK", *fields, *_HEADERS.splitlines(), "", ""]
    return "\r\n".join(lines).encode()
