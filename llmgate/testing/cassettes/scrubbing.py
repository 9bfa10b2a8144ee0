"""Takes credentials out of what is recorded: by an allow-list of headers, and by their values.

What is known as a credential: what a :class:`~llmgate.provider.http.Secret` revealed, what stands
in a header that is not on the list, in the address under a credential's name, or in a body as the
password or the token of a sign-in. It is hidden in each form in which it may be repeated.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from llmgate._text.redact import redact_query, split_query
from llmgate.provider.http import HttpRequest, Secret, is_array, is_object
from llmgate.testing.cassettes.file import as_json
from llmgate.testing.cassettes.pieces import Edit, cut_again, spans_of

__all__ = ["Scrubber"]

_HIDDEN = "***"
_SHORTEST = 8
"""Shorter texts are no secrets, and hiding them would mangle what is recorded."""

_REQUEST_HEADERS = re.compile(r"accept|content-type|prefer|[a-z0-9-]*-(version|beta)")
_RESPONSE_HEADERS = re.compile(
    r"content-type|date|retry-after|retry-after-ms|x-should-retry|openai-processing-ms"
    r"|[a-z0-9-]*-version|(x-|anthropic-)?ratelimit-[a-z0-9-]+"
    r"|[a-z0-9-]*request-?id|x-trace-id|x-correlation-id|cf-ray|x-amzn-errortype"
)
_HARMLESS = frozenset({"user-agent", "accept-encoding", "content-length", "connection", "host"})
"""They are not recorded either, but no secrets."""

_PRIVATE_NAMES = re.compile(
    r"(access|refresh|id|session|security)token|client(secret|assertion)|assertion|password"
    r"|(x?api|private|secret|secretaccess)key|secret|authorization"
)
"""Names of texts in a body that are credentials, without their dashes and underscores."""


class Scrubber:
    """The credentials that are known so far."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._forms: tuple[str, ...] | None = None

    # --- what is secret ---

    def learn(self, *texts: str) -> None:
        """These texts, and each of their words, are credentials."""
        words = {word for text in texts for word in (text, *text.split())}
        found = {word for word in words if len(word) >= _SHORTEST} - self._secrets
        if found:
            self._secrets |= found
            self._forms = None

    def learn_request(self, request: HttpRequest) -> None:
        """What in a request is a credential by where it stands."""
        for name, value in request.headers.items():
            lowered = name.lower()
            if not (_REQUEST_HEADERS.fullmatch(lowered) or lowered in _HARMLESS):
                self.learn(value)
        parts = urlsplit(request.url)
        self.learn(*(value for _, value in parse_qsl(split_query(parts.query)[1])))
        if parts.password:
            user, password = unquote(parts.username or ""), unquote(parts.password)
            self.learn(parts.password, password, f"{user}:{password}")

    @contextmanager
    def watch(self) -> Generator[None]:
        """Learn what is revealed within, whatever other scrubbers begin or end meanwhile."""
        with _lock:
            _watching.append(self)
            Secret.reveal = _reveal_to_watching  # type: ignore[method-assign] # for a while
        try:
            yield
        finally:
            with _lock:
                _watching.remove(self)
                if not _watching:
                    Secret.reveal = _reveal  # type: ignore[method-assign] # as it was

    @property
    def forms(self) -> tuple[str, ...]:
        """The credentials in each form, the longest first."""
        if self._forms is None:
            forms = {form for secret in self._secrets for form in _forms(secret)}
            self._forms = tuple(sorted(forms, key=len, reverse=True))
        return self._forms

    # --- what is written ---

    def text(self, text: str) -> str:
        """A text without credentials."""
        parts, start = list[str](), 0
        for begin, end in spans_of(text, self.forms):
            parts += (text[start:begin], _HIDDEN)
            start = end
        return "".join([*parts, text[start:]])

    def url(self, url: str) -> str:
        """An address without what is a credential by its name, its place or its value."""
        return self.text(redact_query(url))

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request that are recorded."""
        return self._listed(headers, _REQUEST_HEADERS)

    def response_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a response that are recorded."""
        return self._listed(headers, _RESPONSE_HEADERS)

    def _listed(self, headers: Mapping[str, str], allowed: re.Pattern[str]) -> dict[str, str]:
        lowered = {name.lower(): value for name, value in headers.items()}
        return {
            name: self.text(value)
            for name, value in sorted(lowered.items())
            if allowed.fullmatch(name)
        }

    def body(self, body: bytes, content_type: str = "") -> bytes:
        """A body that is whole."""
        found = as_json(body)
        if found is not None:
            return _compact(self.json(found[0]))
        if "x-www-form-urlencoded" in content_type:
            form = body.decode("utf-8", "replace")
            self.learn(*(value for name, value in parse_qsl(form) if _is_private(name)))
            named = [_hide_field(field) for field in form.split("&")]
            body = "&".join(named).encode()
        return b"".join(self.stream([body]))

    def json(self, value: Any) -> Any:
        """A value of JSON."""
        self._learn_names(value)
        return self._clean(value)

    def _learn_names(self, value: Any) -> None:
        """Learn the texts that stand under a credential's name."""
        for holder, key, text in _texts_in(value):
            if isinstance(holder, dict) and _is_private(str(key)):
                self.learn(text)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if is_array(value):
            return [self._clean(item) for item in value]
        if is_object(value):
            return {self.text(name): self._field(name, item) for name, item in value.items()}
        return value

    def _field(self, name: str, value: Any) -> Any:
        return _HIDDEN if isinstance(value, str) and _is_private(name) else self._clean(value)

    def stream(self, pieces: Iterable[bytes]) -> list[bytes]:
        """The pieces of a body, though a credential be spread over pieces, or over the texts of
        events. Where one stood on a boundary, that is behind it now; some pieces may be empty."""
        made = [*pieces]
        whole = b"".join(made)
        edits = [*self._edits_of_events(whole)]
        made = cut_again(made, edits)
        plain = b"".join(made).decode("latin-1")
        spans = spans_of(plain, self.forms)
        return cut_again(made, [Edit(begin, end, _HIDDEN.encode()) for begin, end in spans])

    def _edits_of_events(self, whole: bytes) -> Iterator[Edit]:
        """The lines of a stream that hold a JSON with a part of a credential."""
        events = [*_events_in(whole)]
        for _, _, value in events:
            self._learn_names(value)
        texts: dict[tuple[Any, ...], list[tuple[Any, Any, str]]] = {}
        for _, _, value in events:
            for path, place in _paths_in(value):
                texts.setdefault(path, []).append(place)
        before = [json.dumps(value) for _, _, value in events]
        for places in texts.values():
            self._clean_over(places)
        for (begin, end, value), text in zip(events, before, strict=True):
            cleaned = self._clean(value)
            if json.dumps(cleaned) != text:
                yield Edit(begin, end, _compact(cleaned))

    def _clean_over(self, places: list[tuple[Any, Any, str]]) -> None:
        """Hide what is only seen in texts that follow each other, where they stand."""
        spans, offset = spans_of("".join(text for _, _, text in places), self.forms), 0
        if not spans:
            return
        for holder, key, text in places:
            parts, start = list[str](), 0
            for begin, end in spans:
                first, last = max(begin - offset, 0), min(end - offset, len(text))
                if first < last:
                    parts += (text[start:first], _HIDDEN if begin >= offset else "")
                    start = last
            holder[key] = "".join([*parts, text[start:]])
            offset += len(text)


_lock = threading.Lock()
_watching: list[Scrubber] = []
_reveal = Secret.reveal


def _reveal_to_watching(self: Secret) -> str:
    text = _reveal(self)
    for each in [*_watching]:
        each.learn(text)
    return text


def _hide_field(field: str) -> str:
    name, equals, _ = field.partition("=")
    return f"{name}={_HIDDEN}" if equals and _is_private(unquote(name)) else field


def _is_private(name: str) -> bool:
    return _PRIVATE_NAMES.fullmatch(re.sub("[-_]", "", name.lower())) is not None


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# --- the forms of a secret ---


def _forms(secret: str) -> Iterator[str]:
    """As it is, percent-encoded, and in base64 wherever in the encoded bytes it begins."""
    for form in {secret, *_base64(secret.encode())}:
        yield form
        encoded = quote(form, safe="")
        yield encoded
        yield re.sub("%..", lambda found: found[0].lower(), encoded)


def _base64(raw: bytes) -> Iterator[str]:
    for before, shared in ((0, 0), (1, 2), (2, 3)):  # bytes before it, characters that they change
        padded = bytes(before) + raw
        whole = padded[: len(padded) // 3 * 3]
        yield b64encode(whole).decode()[shared:]
        yield urlsafe_b64encode(whole).decode()[shared:]


# --- the texts of JSON ---


def _texts_in(value: Any) -> Iterator[tuple[Any, Any, str]]:
    return (place for _, place in _paths_in(value))


def _paths_in(
    value: Any, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, Any, str]]]:
    """Each text, with what holds it; the same path in two events is one text that goes on."""
    items: Iterable[tuple[Any, Any]] = ()
    if is_object(value):
        items = value.items()
    elif is_array(value):
        items = enumerate(value)
    for key, item in items:
        if isinstance(item, str):
            yield (*path, key), (value, key, item)
        else:  # the items of a list are known by their index, where they have one
            index = item.get("index") if is_object(item) else None
            yield from _paths_in(item, (*path, index if isinstance(index, int | str) else key))


_LINE = re.compile(rb"^(?:data:)?[ \t]*([\[{].*?)\r?$", re.MULTILINE)


def _events_in(whole: bytes) -> Iterator[tuple[int, int, Any]]:
    """The lines that are JSON, or whose data is: begin, end and value."""
    for found in _LINE.finditer(whole):
        value = as_json(found[1])
        if value is not None:
            yield found.start(1), found.end(1), value[0]
