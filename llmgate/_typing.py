"""What type checkers accept for ``messages``; nothing of it is there at run time.

A variable of any type that holds messages is accepted. A dictionary that is written in the call
itself must be one of the typed dictionaries, so that a mistake in a role or a key is found. No one
type says that, as both may be of type ``dict[str, str]``. Therefore:

- For mypy, ``Mapping[str, WrongMessage]`` is the only generic class of the union in ``Messages``,
  and hence the type that a dictionary expression is checked against when no typed dictionary fits.
  A variable fits ``_Dictionary``, whatever its values are.
- For pyright, overloads take ``MistakenMessages``, which every dictionary expression fits and no
  variable does, and are deprecated. They return what the others return, since otherwise pyright
  knows no result where the messages are of type ``Any``.

Each checker is kept away from the overloads that are for the other, since both know no result
where an argument is of type ``Any`` and several overloads fit: ``ForMypy`` is ``bool`` for mypy,
which needs an overload for a ``stream`` that is a variable, and ``ForPyright`` is the model for
pyright. For the other, each is a class of which there is no instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, Literal, LiteralString, Protocol, Required, TypeAlias, TypeVar

    from typing_extensions import TypedDict

    from llmgate.messages import FunctionCall, MessageParam
    from llmgate.types import Message

    MYPY = False  # mypy takes it for True
    if MYPY:
        ForMypy: TypeAlias = bool  # pyright: ignore[reportRedeclaration, reportAssignmentType]

        class ForPyright: ...  # pyright: ignore[reportRedeclaration]

    else:
        ForPyright: TypeAlias = str | Sequence[str]

        class ForMypy: ...  # pyright: ignore[reportRedeclaration]

    class WrongMessage:
        """What no message contains: this one has a wrong role, a wrong key or a wrong value."""

    class _Dictionary(Protocol):
        def keys(self) -> object: ...
        def clear(self) -> object: ...

    class _List(Protocol):
        def reverse(self) -> object: ...
        def clear(self) -> object: ...

    Parsed = TypeVar("Parsed")
    Given = TypeVar("Given", bound=Message | Mapping[str, Any] | _Dictionary)
    Each_co = TypeVar("Each_co", covariant=True)

    class _Several(Protocol[Each_co]):
        def __iter__(self) -> Iterator[Each_co]: ...

    # --- for mypy: messages whose content and calls may be variables ---

    class _Said(TypedDict, total=False):
        role: Required[Literal["system", "developer", "user"]]
        content: Required[str | _List]
        name: str

    class _Written(TypedDict, total=False):
        role: Required[Literal["assistant"]]
        content: str | _List | None
        name: str
        refusal: str | None
        tool_calls: _List | None
        function_call: FunctionCall | _Dictionary | None
        audio: Mapping[str, Any] | None
        reasoning_content: str | None
        provider_data: Mapping[str, Any] | None

    class _Returned(TypedDict, total=False):
        role: Required[Literal["tool"]]
        content: Required[str | _List]
        tool_call_id: Required[str]
        name: str

    # --- for pyright: dictionary expressions; a variable among their values makes them no such ---

    class _AnyPart(  # type: ignore[call-arg] # mypy does not know PEP 728 yet
        TypedDict, total=False, extra_items=object
    ):
        _: None

    class _AnyMessage(  # type: ignore[call-arg] # likewise
        TypedDict, total=False, extra_items=object
    ):
        role: LiteralString | int | None
        content: str | float | list[_AnyPart] | None
        tool_calls: list[_AnyPart] | None
        _: None

    ExactMessages: TypeAlias = Iterable[MessageParam | Message]
    MistakenMessages: TypeAlias = Iterable[MessageParam | Message | _AnyMessage]
    Messages: TypeAlias = (
        Iterable[
            MessageParam
            | _Said
            | _Written
            | _Returned
            | Message
            | Mapping[str, WrongMessage]
            | _Dictionary
        ]
        | _Several[Given]
    )
