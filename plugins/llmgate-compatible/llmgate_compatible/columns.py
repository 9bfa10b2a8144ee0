"""The columns of a row, each with what it may hold; a wrong one is refused by its name.

It checks rows that are shipped, and those that users and their files add, alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast, get_args

from llmgate.errors import InvalidRequestError, describe_value
from llmgate.options import ChatParameters, EmbeddingParameters, RerankParameters
from llmgate.provider.http import base_url_parts, is_object
from llmgate.provider.kit import headers as checked_headers
from llmgate_compatible.errors import CLASSES
from llmgate_compatible.rows import Chat, Echo, Operation, Quirk, Responses, Row

__all__ = ["row_of"]


def row_of(name: str, columns: Mapping[str, Any]) -> Row:
    """The row of a host.

    Raises:
        InvalidRequestError: naming the host and the column that is wrong.
    """
    if _host_name(name) is None:
        allowed = "lower-case letters, digits, '.', '_' and '-'"
        reason = f"{describe_value(name)} is not a host's name: {allowed}"
        raise InvalidRequestError(reason, path="name")
    if columns.get("base_url") is None:
        raise InvalidRequestError("a host needs an address", path=f"{name}.base_url")
    checked = _checked(columns, _ROW, name)
    if "chat" in checked:
        checked["chat"] = Chat(**_checked(checked["chat"], _CHAT, f"{name}.chat"))
    for column in ("embedding", "rerank"):
        if column in checked:
            columns_of = _checked(checked[column], _OPERATION, f"{name}.{column}")
            checked[column] = Operation(**columns_of)
    if "responses" in checked:
        given = _checked(checked["responses"], _RESPONSES, f"{name}.responses")
        checked["responses"] = Responses(**given)
    checked["when"] = {
        glob: _checked(changes, _CHAT, f"{name}.when.{glob}")
        for glob, changes in checked.get("when", {}).items()
    }
    row = Row(name, checked.pop("title", name), **checked)
    _check_address(row)
    return row


def _checked(given: Mapping[str, Any], columns: Mapping[str, _Column], path: str) -> dict[str, Any]:
    """The values of all columns that are given, as a row holds them."""
    checked = dict[str, Any]()
    for name, value in given.items():
        if value is None:
            continue
        column = columns.get(name)
        if column is None:
            reason = f"there is no such column: it is one of {', '.join(columns)}"
            raise InvalidRequestError(reason, path=f"{path}.{describe_value(name)[1:-1]}")
        read = column.read(value)
        if read is None:
            got = f", got {describe_value(value)}" if name not in _MAY_BE_SECRET else ""
            reason = f"expected {column.expected}{got}"
            raise InvalidRequestError(reason, path=f"{path}.{name}")
        checked[name] = read
    return checked


def _check_address(row: Row) -> None:
    """Refuse an address that cannot be one, and placeholders and settings that do not belong."""
    path = f"{row.name}.base_url"
    if {*_PLACEHOLDER.findall(row.base_url)} != {*row.settings}:
        reason = "each {placeholder} of base_url needs a setting of its name, and no other is one"
        raise InvalidRequestError(reason, path=f"{row.name}.settings")
    if row.base_url.startswith("/"):
        if not row.address:
            raise InvalidRequestError("a path alone needs the variable of a host", path=path)
        return
    try:
        parts = base_url_parts(_PLACEHOLDER.sub("x", row.base_url))
    except InvalidRequestError as error:
        raise InvalidRequestError(error.message.removeprefix("base_url: "), path=path) from None
    if parts.username or parts.query:  # it may be a key, and is not quoted
        raise InvalidRequestError("expected an address without user and query", path=path)


_MAY_BE_SECRET = frozenset({"base_url", "key", "headers"})
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


# --- what a column may hold ---------------------------------------------------------------

_Read = Callable[[Any], Any]


class _Column(NamedTuple):
    """What is expected of a column, in words, and what reads its value: None where it is wrong."""

    expected: str
    read: _Read


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _matching(pattern: str) -> _Read:
    """A text."""
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _list(of: _Read) -> _Read:
    """Several values, of which a single text may stand alone."""

    def read(value: Any) -> tuple[Any, ...] | None:
        if isinstance(value, str):
            value = [value]
        elif not isinstance(value, list | tuple):
            return None
        checked = tuple(of(each) for each in cast("list[Any]", value))
        return None if None in checked else checked

    return read


def _table(of: _Read) -> _Read:
    def read(value: Any) -> dict[str, Any] | None:
        if not is_object(value):
            return None
        checked = {name: of(each) for name, each in value.items()}
        return None if None in checked.values() else checked

    return read


def _among(names: Iterable[str]) -> _Read:
    known = frozenset(names)
    return lambda value: value if isinstance(value, str) and value in known else None


def _any_object(value: Any) -> dict[str, Any] | None:
    return dict(value) if is_object(value) else None


def _headers(value: Any) -> Mapping[str, str] | None:
    try:
        return checked_headers(value)
    except InvalidRequestError:
        return None


_host_name = _matching(r"[a-z0-9][a-z0-9._-]{0,62}")
_text = _matching(r"[^\x00-\x1f\x7f]*")


def _any_value(value: Any) -> Any:
    return value


_VARIABLES = _Column(
    "names of variables, such as ACME_API_KEY", _list(_matching(r"[A-Z][A-Z0-9_]*"))
)
_PATH = _Column("a path", _matching(r"(/[A-Za-z0-9._-]+)*"))
_PATHS = ("embeddings", "models", "rerank", "tokens")
_ROW: Mapping[str, _Column] = {
    "title": _Column("text", _text),
    "base_url": _Column("text", _text),
    "key": _VARIABLES,
    "keyless": _Column("true or false", _flag),
    "key_header": _Column("a header's name", _matching(r"[A-Za-z][A-Za-z0-9-]*")),
    "address": _VARIABLES,
    "settings": _Column("names of variables by setting", _table(_VARIABLES.read)),
    "hosts": _Column("names of hosts", _list(_matching(r"[a-z0-9-]+(\.[a-z0-9-]+)+"))),
    "headers": _Column("text by header", _headers),
    "docs": _Column("text", _text),
    "claims": _Column("globs of models", _list(_text)),
    "paths": _Column("embeddings, models, rerank or tokens", _list(_among(_PATHS))),
    "chat_path": _PATH,
    "chat": _Column("a table", _any_object),
    "embedding": _Column("a table", _any_object),
    "rerank": _Column("a table", _any_object),
    "when": _Column("tables by glob", _table(_any_object)),
    "responses": _Column("a table", _any_object),
}
_OPERANDS = _among((*EmbeddingParameters.__annotations__, *RerankParameters.__annotations__))
_OPERATION: Mapping[str, _Column] = {
    "most": _Column("a number of inputs", _count),
    "without": _Column("names of parameters", _list(_OPERANDS)),
    "renames": _Column("names by parameter", _table(_matching(r"\w+"))),
    "words": _Column("words by word", _table(_text)),
    "defaults": _Column("values by parameter", _any_object),
    "body": _Column("a table", _any_object),
    "texts_only": _Column("true or false", _flag),
    "objects": _Column("true or false", _flag),
    "int8": _Column("true or false", _flag),
    "path": _PATH,
}
_PARAMETERS = _among(ChatParameters.__annotations__)
_LIMITS, _ECHOES, _QUIRKS = ("max_tokens", "max_completion_tokens"), get_args(Echo), get_args(Quirk)
_CHAT: Mapping[str, _Column] = {
    "asks_usage": _Column("true or false", _flag),
    "limit": _Column(" or ".join(_LIMITS), _among(_LIMITS)),
    "without": _Column("names of parameters", _list(_PARAMETERS)),
    "values": _Column("lists by parameter", _table(_list(_any_value))),
    "renames": _Column("names by parameter", _table(_matching(r"\w+"))),
    "effort": _Column("words or tables by effort", _table(lambda v: _text(v) or _any_object(v))),
    "effort_field": _Column("a path with dots", _matching(r"\w+(\.\w+)*")),
    "body": _Column("a table", _any_object),
    "echo": _Column(" or ".join(_ECHOES), _among(_ECHOES)),
    "quirks": _Column(f"some of {', '.join(_QUIRKS)}", _list(_among(_QUIRKS))),
    "errors": _Column(f"{' or '.join(CLASSES)} by code", _table(_among(CLASSES))),
}
_RESPONSES: Mapping[str, _Column] = {
    "encrypted": _Column("true or false", _flag),
    "without": _Column("names of parameters", _list(_PARAMETERS)),
}
