"""The file of a cassette: exchanges as JSON that is readable in a diff. It opens no connection.

    {
      "llmgate_cassette": 1,
      "exchanges": [
        {
          "request": {"method": "POST", "url": "https://…", "headers": {…}, "json": {…}},
          "response": {"status": 200, "headers": {…}, "json": {…}}
        }
      ]
    }

A body is ``json`` where it is JSON, else ``text`` (a list of lines), else ``base64`` (likewise).
That of a stream is ``chunks``, a list of such bodies without the word ``text``, each of them as it
arrived, with ``pauses``, the seconds before each, where they were asked for. ``ended`` is there
where the body's end was not read: ``"left"``, or the class of the error that came in its place.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from llmgate import errors
from llmgate.errors import LLMGateError, RequestError, describe_value
from llmgate.provider.http import is_array, is_object

__all__ = [
    "END",
    "LEFT",
    "CassetteError",
    "Exchange",
    "RecordedRequest",
    "RecordedResponse",
    "as_json",
    "load_exchanges",
    "save_exchanges",
]

_VERSION = 1
_KEY = "llmgate_cassette"
_BASE64_LINE = 76

END = "end"
LEFT = "left"
"""How a body ended: it was read to its end, or nobody read on. Else it is an error's class."""

Value = TypeVar("Value")


class CassetteError(RequestError):
    """A file is no cassette; the message says which, and where in it."""


@dataclass(slots=True)
class RecordedRequest:
    """What was sent, without credentials."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(slots=True)
class RecordedResponse:
    """What came: the pieces of the body as they arrived, and the seconds before each of them."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: list[bytes] = field(default_factory=list[bytes])
    pauses: list[float] = field(default_factory=list[float])
    ended: str = LEFT
    is_stream: bool = False


@dataclass(slots=True)
class Exchange:
    """One request and its response."""

    request: RecordedRequest
    response: RecordedResponse


# --- writing ---


def save_exchanges(path: Path, exchanges: Iterable[Exchange]) -> None:
    """Write a cassette in place of what is there, whole or not at all.

    Raises:
        OSError: where that cannot be written.
    """
    shown = [
        {"request": _shown_request(each.request), "response": _shown_response(each.response)}
        for each in exchanges
    ]
    text = json.dumps({_KEY: _VERSION, "exchanges": shown}, indent=2, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(f"{text}\n".encode())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _shown_request(request: RecordedRequest) -> dict[str, Any]:
    about = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
    return {**about, **_shown_body(request.body)}


def _shown_response(response: RecordedResponse) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": response.status, "headers": dict(response.headers)}
    if response.is_stream:
        shown["chunks"] = [_shown_piece(piece) for piece in response.pieces]
    else:
        shown |= _shown_body(b"".join(response.pieces))
    if response.pauses:
        shown["pauses"] = [round(pause, 4) for pause in response.pauses]
    if response.ended != END:
        shown["ended"] = response.ended
    return shown


def _shown_body(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    found = as_json(body)
    if found is not None:
        return {"json": found[0]}
    piece = _shown_piece(body)
    return {"text": piece} if isinstance(piece, list) else piece


def _shown_piece(piece: bytes) -> Any:
    """The lines of a text, else base64."""
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        encoded = b64encode(piece).decode()
        starts = range(0, len(encoded), _BASE64_LINE)
        return {"base64": [encoded[start : start + _BASE64_LINE] for start in starts]}
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def as_json(body: bytes) -> tuple[Any] | None:
    """The JSON of a body, where nothing but white space is lost when it is written again."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, object_pairs_hook=_unique)
        _encoded(value)  # lone surrogates, and numbers that are too large
    except (ValueError, RecursionError):
        return None
    return (value,)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _encoded(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


# --- reading ---


def load_exchanges(path: Path) -> list[Exchange]:
    """The exchanges of a cassette.

    Raises:
        CassetteError: where there is no such file, or it is no cassette of a version that is known.
    """
    try:
        whole = json.loads(path.read_bytes())
    except OSError as error:
        raise CassetteError(f"the cassette {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{path} is not a cassette: it is not JSON ({error})") from None
    if not (is_object(whole) and _KEY in whole):
        raise CassetteError(f"{path} is not a cassette: it has no {_KEY!r}")
    here = _Place(str(path), whole)
    version = here.get(_KEY, int)
    if version > _VERSION:
        raise here.error(
            _KEY,
            f"format {version} is newer than {_VERSION}, the newest that this llmgate-testing "
            "reads: upgrade llmgate-testing, or record the cassette again (mode='all')",
        )
    return [
        Exchange(_request(each.inside("request")), _response(each.inside("response")))
        for each in here.items("exchanges")
    ]


@dataclass(slots=True)
class _Place:
    """An object of the file, and how it is reached."""

    where: str
    value: Mapping[str, Any]
    path: str = ""

    def error(self, name: str, reason: str) -> CassetteError:
        """The error of what stands here."""
        return CassetteError(f"{self.where}: {self.path}{name}: {reason}")

    def get(self, name: str, kind: type[Value], default: Value | None = None) -> Value:
        """A value of this type."""
        found = self.value.get(name, default)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            expected = "a text" if kind is str else "an integer"
            raise self.error(name, f"expected {expected}, got {describe_value(found)}")
        return found

    def inside(self, name: str) -> _Place:
        """An object in this one."""
        return self._place(name, self.value.get(name))

    def items(self, name: str) -> list[_Place]:
        """The objects of a list."""
        return [self._place(f"{name}[{at}]", item) for at, item in enumerate(self.array(name))]

    def _place(self, name: str, value: object) -> _Place:
        if not is_object(value):
            raise self.error(name, f"expected an object, got {describe_value(value)}")
        return _Place(self.where, value, f"{self.path}{name}.")

    def array(self, name: str) -> list[Any]:
        """A list."""
        found = self.value.get(name)
        if not is_array(found):
            raise self.error(name, f"expected a list, got {describe_value(found)}")
        return found

    def headers(self) -> dict[str, str]:
        """The headers, all of them texts."""
        found = self.inside("headers")
        return {name: found.get(name, str) for name in found.value}


def _request(place: _Place) -> RecordedRequest:
    return RecordedRequest(
        place.get("method", str), place.get("url", str), place.headers(), _body(place)
    )


def _response(place: _Place) -> RecordedResponse:
    ended = place.get("ended", str, END)
    if ended not in (END, LEFT) and not _is_error(ended):
        raise place.error("ended", f"there is no error named {ended!r}")
    is_stream = "chunks" in place.value
    if is_stream:
        chunks = enumerate(place.array("chunks"))
        pieces = [_piece(place, f"chunks[{at}]", chunk) for at, chunk in chunks]
    else:
        pieces = [_body(place)]
    pauses = place.array("pauses") if "pauses" in place.value else []
    if not all(isinstance(pause, int | float) and 0 <= pause < inf for pause in pauses):
        raise place.error("pauses", "expected numbers of seconds")
    status = place.get("status", int)
    return RecordedResponse(status, place.headers(), pieces, pauses, ended, is_stream)


def _is_error(name: str) -> bool:
    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, LLMGateError)


def _body(place: _Place) -> bytes:
    if "json" in place.value:
        return _json(place, place.value["json"])
    if "text" in place.value:
        return _piece(place, "text", place.value["text"])
    if "base64" in place.value:
        return _piece(place, "base64", {"base64": place.value["base64"]})
    return b""


def _json(place: _Place, value: object) -> bytes:
    try:
        return _encoded(value)
    except ValueError as error:  # a number that JSON lacks, half of a character
        reason = f"it cannot be sent as JSON: {error}"
    raise place.error("json", reason)


def _piece(place: _Place, name: str, shown: Any) -> bytes:
    lines: object = shown.get("base64") if is_object(shown) else shown
    if not (is_array(lines) and all(isinstance(line, str) for line in lines)):
        raise place.error(name, "expected a list of lines")
    joined = "".join(lines)
    try:
        return joined.encode() if lines is shown else b64decode(joined, validate=True)
    except ValueError:
        raise place.error(name, "it cannot be decoded") from None
