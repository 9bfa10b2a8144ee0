"""What a host of OpenAI's format is, as data: one row, and what of it holds for one model.

Whether a row is right is checked in ``columns``; nothing here reads a file or the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from llmgate.provider.http import is_object

__all__ = ["Chat", "Echo", "Operation", "Quirk", "Responses", "Row", "chat_of"]

Echo: TypeAlias = Literal["given", "none", "reasoning", "required", "tags", "details"]
"""How a host takes the reasoning of earlier responses back.

``given``: under every name that a message has it. ``none``: not at all. ``reasoning``: under that
name alone. ``required``: as ``reasoning_content``, which every response with tool calls must have.
``tags``: between think tags at the beginning of the content. ``details``: as ``reasoning_details``
where a message has them, otherwise as ``reasoning``.
"""
Quirk: TypeAlias = Literal[
    "system_role",  # the role developer is not known: it is sent as system
    "one_system",  # several system messages are refused: they are joined
    "no_names",  # a message's name is refused
    "known_fields",  # fields that are no part of a request are refused
    "text_content",  # content must be text, where its parts are all text
    "content_with_calls",  # a response with tool calls must have content, if empty
    "alternating",  # several messages of one role in a row are refused: they are joined
    "plain_ids",  # ids of tool calls may have letters, digits, _ and - only
    "content_parts",  # content that came in parts is sent back in parts
    "signed_calls",  # Gemini's: messages and their calls have signatures, which are sent back
    "signatures_required",  # and calls that have none are refused
    "named_tool_as_required",  # one function cannot be chosen by its name
    "free_choice_while_thinking",  # tool_choice cannot force a call, unless reasoning is off
    "schema_in_prompt",  # a JSON schema is refused, and any JSON object is not
    "object_as_schema",  # the reverse
    "no_stream_options",  # stream_options are refused
    "think_tags",  # reasoning comes between think tags at the beginning of the content
    "details_as_reasoning",  # reasoning comes in reasoning_details alone
]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Chat(NamedTuple):
    """How a host, or some of its models, departs from OpenAI's chat completions.

    ``asks_usage`` asks for the usage at the end of each stream. ``limit`` is the only name of the
    token limit that counts; empty where both do. ``without`` are the parameters that it lacks, and
    ``values`` the values that it takes of others. ``renames`` are other names of parameters.
    ``effort`` says what is sent for a value of ``reasoning_effort`` (``*``: for any other): another
    value, or an object that is merged into the body in its place. ``effort_field`` is the path at
    which the effort is sent instead. ``body`` is merged into each body. ``errors`` are the classes
    of the host's own codes.
    """

    asks_usage: bool = False
    limit: str = ""
    without: tuple[str, ...] = ()
    values: Mapping[str, tuple[Any, ...]] = _NOTHING
    renames: Mapping[str, str] = _NOTHING
    effort: Mapping[str, str | Mapping[str, Any]] = _NOTHING
    effort_field: str = ""
    body: Mapping[str, Any] = _NOTHING
    echo: Echo = "given"
    quirks: tuple[Quirk, ...] = ()
    errors: Mapping[str, str] = _NOTHING


class Operation(NamedTuple):
    """How a host departs from the common form of embeddings, or of rerankings.

    ``most`` is the largest number of inputs in one request. ``without`` are the parameters that the
    host lacks, ``renames`` its own names of others, and ``words`` its own words for ``input_type``.
    ``defaults`` are the parameters that are sent where the call has none, and reported; ``body`` is
    merged into each body. ``texts_only`` says that an input cannot be token ids, ``objects`` that a
    document may be an object, and ``int8`` that the base64 of vectors is of signed bytes. ``path``
    stands in the place of ``/embeddings`` or ``/rerank``.
    """

    most: int | None = None
    without: tuple[str, ...] = ()
    renames: Mapping[str, str] = _NOTHING
    words: Mapping[str, str] = _NOTHING
    defaults: Mapping[str, Any] = _NOTHING
    body: Mapping[str, Any] = _NOTHING
    texts_only: bool = False
    objects: bool = False
    int8: bool = False
    path: str = ""


class Responses(NamedTuple):
    """How a host takes the Responses API, at ``/responses``.

    ``encrypted`` asks for reasoning in encrypted form, which can be sent back. ``without`` are
    parameters that it refuses, beside those that the API does not have.
    """

    encrypted: bool = False
    without: tuple[str, ...] = ()


class Row(NamedTuple):
    """A host. ``name`` is what stands before the slash in a model's name.

    ``base_url`` may have placeholders, which are ``settings``, each with the variables that may
    hold it; where it is a path alone, the host has to be named. ``key`` are the variables of the
    key, sent in ``key_header``; ``keyless`` says that none is needed. ``address`` are the variables
    of the address, and ``hosts`` further hosts of the same vendor. ``claims`` are the bare names of
    models that are this host's own, and ``paths`` what it has beside chat, with ``embedding``
    and ``rerank`` for how it departs there; ``chat_path`` is empty where it has no chat. ``when``
    holds, by a model's glob, what is added to ``chat`` (lists and tables) or replaces a part of it.
    ``responses`` is for a host that is known to have the Responses API as well.
    """

    name: str
    title: str
    base_url: str
    key: tuple[str, ...] = ()
    keyless: bool = False
    key_header: str = "Authorization"
    address: tuple[str, ...] = ()
    settings: Mapping[str, tuple[str, ...]] = _NOTHING
    hosts: tuple[str, ...] = ()
    headers: Mapping[str, str] = _NOTHING
    docs: str = ""
    claims: tuple[str, ...] = ()
    paths: tuple[str, ...] = ("models",)
    chat_path: str = "/chat/completions"
    chat: Chat = Chat()
    embedding: Operation = Operation()
    rerank: Operation = Operation()
    when: Mapping[str, Mapping[str, Any]] = _NOTHING
    responses: Responses | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable of the environment that it names."""
        settings = (name for names in self.settings.values() for name in names)
        return (*self.key, *self.address, *settings)


def chat_of(row: Row, model: str) -> Chat:
    """What holds for one model of a host."""
    return row.chat if not row.when else _chat_of(_Identity(row), model)


class _Identity:
    """A row as a key: rows hold dictionaries, and are not changed."""

    __slots__ = ("row",)

    def __init__(self, row: Row) -> None:
        self.row = row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.row is self.row

    def __hash__(self) -> int:
        return id(self.row)


@lru_cache(maxsize=256)
def _chat_of(key: _Identity, model: str) -> Chat:
    chat = key.row.chat
    for glob, changes in key.row.when.items():
        if fnmatchcase(model, glob):
            chat = chat._replace(**{name: _added(chat, name, new) for name, new in changes.items()})
    return chat


def _added(chat: Chat, name: str, new: Any) -> Any:
    before = getattr(chat, name)
    if isinstance(new, tuple):
        return (*before, *new)
    return {**before, **new} if is_object(new) else new
