"""Python functions as tools of a model, and what a model writes for them as Python objects.

It knows only OpenAI's form: plugins translate tools for their providers, and the tool loop runs a
model's calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property, partial, update_wrapper
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from llmgate._text.docstring import read_docstring
from llmgate._text.json import is_number, parse_arguments
from llmgate._text.type_schemas import adapter_of, no_schema, schema_of
from llmgate.errors import DecodeError, InvalidRequestError, LLMGateError, describe_value, excerpt
from llmgate.provider.threads import run_in_thread

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from llmgate.messages import FunctionTool, ToolDefinition

__all__ = [
    "AnyTool",
    "Context",
    "Tool",
    "as_tool",
    "check_names",
    "check_timeout",
    "function_tool",
    "parse_answer",
    "parse_arguments",
    "tool",
]

Parsed = TypeVar("Parsed")
Given = TypeVar("Given")
Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


_NAMED = "give a function that was defined by def, or a name to tool(name=…)"
_BY_NAME = "every argument is passed by its name"


class _FromContext:
    """Marks a parameter that the program passes, and that the model does not see."""


Context: TypeAlias = Annotated[Given, _FromContext]
"""``database: Context[Database]`` is a parameter that the tool loop is given as ``context=``."""


def _is_context(hint: Any) -> bool:
    """Whether a parameter is given by the program, also one that may be None."""
    if get_origin(hint) is Annotated:
        return _FromContext in get_args(hint)
    return get_origin(hint) in (Union, UnionType) and any(map(_is_context, get_args(hint)))


def _is_of_class(function: object) -> bool:
    """Whether a method needs no object: a decorator makes it one of its class, or of nobody."""
    return isinstance(function, classmethod | staticmethod)


class AnyTool(Protocol):
    """A tool that can be called by name: a :class:`Tool`, or a server's."""

    @property
    def name(self) -> str: ...
    @property
    def timeout(self) -> float | None: ...
    @property
    def context_names(self) -> tuple[str, ...]: ...
    @property
    def definition(self) -> ToolDefinition | FunctionTool: ...
    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> Any:
        """The result of a call with these arguments."""
        ...


class Tool(Generic[Parameters, Returned]):
    """A Python function that a model may call; in Python it still works as the original function.

    Its schema is made when it is first needed: of the function's annotations and defaults, and of
    what its docstring says of each parameter. ``timeout`` is how many seconds a call may take.
    """

    __name__: str

    def __init__(
        self,
        function: Callable[Parameters, Returned],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
    ) -> None:
        own: Any = name or None
        if own is not None and not (isinstance(own, str) and own.replace("-", "_").isidentifier()):
            what = "a name of letters, digits, '_' and '-'"
            raise InvalidRequestError.expected(what, own, "tools.name")
        given = own or getattr(function, "__name__", None)
        if given is None or not (own or given.isidentifier()):
            reason = f"{describe_value(function)} has no name: {_NAMED}"
            raise InvalidRequestError(reason, path="tools")
        check_timeout(timeout, f"tools.{given}.timeout")
        update_wrapper(self, function, updated=())
        self.function, self.timeout = function, timeout
        self.name: str = given
        self._description = description

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: object) -> Any:
        """The tool of a method belongs to its object."""
        function: Any = self.function
        if instance is None and not _is_of_class(function):
            return self
        method = function.__get__(instance, owner)
        return Tool[Any, Any](
            method, name=self.name, description=self._description, timeout=self.timeout
        )

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    @property
    def definition(self) -> FunctionTool:
        """The tool in OpenAI's form.

        Raises:
            InvalidRequestError: when JSON cannot express a parameter.
        """
        return self._definition

    @property
    def context_names(self) -> tuple[str, ...]:
        """The parameters that the program passes, not the model."""
        return self._context_names

    @cached_property
    def _definition(self) -> FunctionTool:
        schema = schema_of(self._described, self.name, "tools")
        if schema.get("type", "object") != "object":
            reason = f"{self.name} has parameters without a name: {_BY_NAME}"
            raise InvalidRequestError(reason, path="tools")
        documented = read_docstring(self.function.__doc__)
        for name, words in documented.parameters.items():
            if name in schema.get("properties", {}):
                schema["properties"][name].setdefault("description", words)
        definition: dict[str, Any] = {"name": self.name, "parameters": schema}
        description = documented.text if self._description is None else self._description
        if description:
            definition["description"] = description
        return cast("FunctionTool", {"type": "function", "function": definition})

    @cached_property
    def _context_names(self) -> tuple[str, ...]:
        if isinstance(self.function, type):
            return ()
        try:
            hints = get_type_hints(self.function, include_extras=True)
        except (NameError, TypeError):  # of which the schema says what is wrong
            return ()
        return tuple(name for name, hint in hints.items() if _is_context(hint))

    @cached_property
    def _described(self) -> Callable[..., Any]:
        """The function as the model sees it."""
        return self.function if not self.context_names else self._without_context()

    def _without_context(self) -> Callable[..., dict[str, Any]]:
        """A function of the other parameters, which returns its arguments."""

        def others(**arguments: Any) -> dict[str, Any]:
            return arguments

        hidden, whole = self.context_names, inspect.signature(self.function)
        shown = [each for each in whole.parameters.values() if each.name not in hidden]
        hints = get_type_hints(self.function, include_extras=True)
        described: Any = others
        described.__signature__ = whole.replace(parameters=shown)
        described.__annotations__ = {each: hints[each] for each in hints if each not in hidden}
        return others

    @cached_property
    def _checked(self) -> Callable[..., Any]:
        """The described function, with its arguments validated and converted."""
        if isinstance(self.function, type):
            make = adapter_of(self.function).validate_python

            def made(**fields: Any) -> Any:
                return make(fields)

            return made
        from pydantic import ConfigDict, validate_call  # noqa: PLC0415 - only for those who pass tools

        config = ConfigDict(arbitrary_types_allowed=True)
        return validate_call(config=config)(self._described)

    async def run(self, arguments: Mapping[str, Any], context: Any = None) -> Any:
        """What the function returns for the arguments that a model gives; a sync one runs on a
        thread of its own.

        Raises:
            Exception: whatever the function raises, or pydantic for arguments that do not fit.
        """
        function = self._checked
        if self.context_names:
            given = {**self._checked(**arguments), **dict.fromkeys(self.context_names, context)}
            function, arguments = cast("Callable[..., Any]", self.function), given
        if inspect.iscoroutinefunction(self.function):
            return await cast("Awaitable[Any]", function(**arguments))
        result: Any = await run_in_thread(partial(function, **arguments))
        # a decorator may hide that a function is async
        return await result if inspect.isawaitable(result) else result


@overload
def tool(function: Callable[Parameters, Returned], /) -> Tool[Parameters, Returned]: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, timeout: float | None = None
) -> Callable[[Callable[Parameters, Returned]], Tool[Parameters, Returned]]: ...
def tool(function: Any = None, /, **options: Any) -> Any:
    """Make a function, or a method, a tool: ``@tool`` or ``@tool(timeout=5)`` before its ``def``.

    Args:
        function: Sync or async, with annotations. A parameter of type ``Context[Database]`` is
            given by the program, ``context=`` of the tool loop, and no model knows of it.
        options: ``name`` and ``description`` in place of the function's own, and ``timeout``, the
            seconds that a call of it may take.
    """
    return partial(Tool, **options) if function is None else Tool(function, **options)


def as_tool(given: Any) -> Tool[..., Any]:
    """A tool, or the tool of a plain function.

    Raises:
        InvalidRequestError: for anything else.
    """
    if isinstance(given, Tool):
        return cast("Tool[..., Any]", given)
    if not callable(given):
        reason = f"{describe_value(given)} is neither a function nor a Tool"
        raise InvalidRequestError(reason, path="tools")
    return Tool(given)


def check_names(tools: Iterable[AnyTool]) -> None:
    """Make sure that each tool has a name of its own.

    Raises:
        InvalidRequestError: when two tools have the same name.
    """
    names = set[str]()
    for each in tools:
        if each.name in names:
            raise InvalidRequestError(f"two tools have one name: {each.name!r}", path="tools")
        names.add(each.name)


def check_timeout(seconds: object, path: str) -> None:
    """Make sure that a time limit of tools is one.

    Raises:
        InvalidRequestError: when it is neither None nor a number of seconds above 0.
    """
    if seconds is not None and not (is_number(seconds) and seconds > 0):
        raise InvalidRequestError.expected("a number of seconds above 0", seconds, path)


def function_tool(function: Callable[..., Any]) -> FunctionTool:
    """A Python function as a tool in OpenAI's form: its name, what its docstring says, and the
    schema of its parameters.

    Raises:
        InvalidRequestError: when it has no name, or a parameter that no JSON object can give.
    """
    return as_tool(function).definition


def parse_answer(text: str | None, kind: type[Parsed] | TypeAdapter[Parsed]) -> Parsed:
    """A completion's JSON text as a value of a Python type that was its ``response_format``.

    Raises:
        DecodeError: when the text does not fit the type.
        InvalidRequestError: when the type has no schema.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - as above
    from pydantic.errors import PydanticUserError  # noqa: PLC0415

    failure: LLMGateError
    name: str = getattr(kind, "__name__", None) or "value of the type"
    try:
        parsed: Parsed = adapter_of(kind).validate_json(text or "")
        return parsed
    except ValidationError as error:
        failure = DecodeError(f"the completion is not a {name}: {excerpt(str(error), 1000)}")
    except PydanticUserError as error:
        failure = no_schema(name, error, "kind")
    raise failure
