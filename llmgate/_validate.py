"""Checks what the caller gave, in compiled code, and turns it into the values of a call.

It refuses what is wrong with the path of the wrong part; it never repairs anything in silence.
The validators are built when the first call needs them, so that importing costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from llmgate._json import is_array, is_object
from llmgate.errors import InvalidRequestError
from llmgate.options import CallOptions, ChatParameters

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator, ValidationError
    from pydantic_core.core_schema import CoreSchema, TypedDictSchema

    from llmgate.messages import MessageParam

__all__ = ["check_json", "check_messages", "check_name", "check_parameters", "json_fault"]

_DEEPEST = 200
"""How many levels a JSON value may be nested; more than any provider accepts."""


def check_messages(messages: Any) -> list[MessageParam]:
    """The messages as dictionaries, with unknown keys kept.

    Raises:
        InvalidRequestError: naming the path of what is wrong.
    """
    is_text = isinstance(messages, str | bytes | Mapping)
    if is_text or not isinstance(messages, Iterable):
        kind = _kind(messages)  # pyright: ignore[reportUnknownArgumentType] # whatever it is
        raise InvalidRequestError(f"expected a list of messages, got {kind}", path="messages")
    plain = [_as_dictionary(message) for message in messages]  # pyright: ignore[reportUnknownVariableType] # checked next
    checked = _checked(_message_validator(), plain, "messages")
    return cast("list[MessageParam]", checked)


def check_parameters(parameters: Mapping[str, Any]) -> ChatParameters:
    """OpenAI's parameters, each of its type.

    Raises:
        InvalidRequestError: naming the parameter and the path inside it.
    """
    plain = {name: _without_tuple(value) for name, value in parameters.items()}
    return cast("ChatParameters", _checked(_parameter_validator(), plain, ""))


def _without_tuple(value: Any) -> Any:
    return [*value] if isinstance(value, tuple) else value


def check_json(value: Any, path: str) -> Any:
    """A value that JSON can carry.

    Raises:
        InvalidRequestError: naming the path of what it cannot.
    """
    return _checked(_json_validator(), value, path)


def check_name(name: str) -> None:
    """Refuse a keyword that ``acompletion`` does not have, naming the nearest that it has.

    Raises:
        InvalidRequestError: unless it has it.
    """
    known = _option_names()
    if name in known:
        return
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "a provider's own arguments go into extra_body"
    raise InvalidRequestError(f"there is no such argument; {hint}", path=name)


@cache
def _option_names() -> frozenset[str]:
    return frozenset(CallOptions.__annotations__ | ChatParameters.__annotations__) | {"stream"}


def _as_dictionary(message: Any) -> Any:
    """The message of an earlier answer, or a pydantic model, as the dictionary it stands for."""
    if is_object(message) or not hasattr(message, "model_dump"):
        return message
    return message.model_dump(exclude_none=True)


def _checked(validator: SchemaValidator, value: Any, path: str) -> Any:
    from pydantic_core import ValidationError  # noqa: PLC0415 - loaded with the validator

    try:
        return validator.validate_python(value)
    except ValidationError as error:
        failure = json_fault(value, path) or _explained(error, value, path)
    except RecursionError:
        failure = InvalidRequestError("nested too deeply", path=path)
    raise failure


def json_fault(value: Any, path: str) -> InvalidRequestError | None:
    """What in a value JSON cannot carry, found without recursion; None when it is all right."""
    waiting: list[tuple[Any, str, int]] = [(value, path, 0)]
    while waiting:
        item, where, depth = waiting.pop()
        reason = "nested too deeply, or contains itself" if depth > _DEEPEST else _fault(item)
        if reason:
            return InvalidRequestError(
                reason, path=where if len(where) < 120 else where[:120] + "…"
            )
        children: Iterable[tuple[str, Any]] = ()
        if is_object(item):
            children = ((_joined(where, key), child) for key, child in item.items())
        elif is_array(item):
            children = ((f"{where}[{index}]", child) for index, child in enumerate(item))
        waiting.extend((child, place, depth + 1) for place, child in reversed([*children]))
    return None


def _fault(item: Any) -> str | None:
    """Why this very item is no JSON value; what is inside it is not looked at."""
    if is_object(item):
        keys: list[Any] = list(item)
        wrong = [key for key in keys if not (isinstance(key, str) and _is_unicode(key))]
        return f"the key {wrong[0]!a} is no text" if wrong else None
    match item:
        case None | bool() | list():
            return None
        case str():
            return None if _is_unicode(item) else "a lone surrogate, which is no valid Unicode text"
        case int():
            return None if item.bit_length() < 2**12 else "an integer of more than 1,200 digits"
        case float():
            return None if math.isfinite(item) else f"{item} is no JSON number"
        case _:
            return f"{_kind(item)} is no JSON value"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _explained(error: ValidationError, value: Any, path: str) -> InvalidRequestError:
    """The deepest of pydantic's findings: in a union that is the branch that was meant."""
    found = max(
        error.errors(include_url=False, include_context=False),
        key=lambda finding: (len(finding["loc"]), not finding["type"].endswith("_type")),
    )
    where = path
    for step in _real_steps(found["loc"], value):
        where = f"{where}[{step}]" if isinstance(step, int) else _joined(where, step)
    return InvalidRequestError(_plain(found["type"], found["msg"], found["input"]), path=where)


def _real_steps(location: tuple[int | str, ...], value: Any) -> Iterable[int | str]:
    """The steps that lead through the value, without the names of union branches.

    Branches are named ``~…`` in the schemas below, or by the tag that chose them; a tag is told
    from a key by being what the value's own ``role`` or ``type`` says, right after an index.
    """
    after_index = False
    for step in location:
        if isinstance(step, str) and step.startswith("~"):
            continue
        is_tag = after_index and isinstance(step, str)
        if is_tag and is_object(value) and step in (value.get("role"), value.get("type")):
            after_index = False
            continue
        after_index = isinstance(step, int)
        yield step
        value = _child(value, step)


def _child(value: Any, step: int | str) -> Any:
    try:
        return value[step]
    except (LookupError, TypeError):
        return None


def _plain(kind: str, message: str, given: Any) -> str:
    """Pydantic's finding in the words of somebody who writes a chat message."""
    if kind == "union_tag_not_found":
        return "'role' is missing" if "'role'" in message else "'type' is missing"
    if kind == "union_tag_invalid":
        tag, expected = message.split("'")[1], message.partition("expected tags: ")[2]
        return f"{tag!r} is none of {expected}"
    if kind == "model_attributes_type":
        return f"expected a dictionary, got {_kind(given)}"
    text = message.replace("Input should be", "expected").replace("Field required", "is missing")
    text = text.replace(" after validation", "").removeprefix("Value error, ")
    shown = "" if is_object(given) or is_array(given) else f", got {given!r:.60}"
    return text[:1].lower() + text[1:] + shown


def _joined(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


# --- schemas ------------------------------------------------------------------------------
# Text has min_length=0 because only a constrained str validator refuses lone surrogates.


@cache
def _json_validator() -> SchemaValidator:
    from pydantic_core import SchemaValidator  # noqa: PLC0415 - first use

    return SchemaValidator(_with_json(_any_json()))


@cache
def _message_validator() -> SchemaValidator:
    from pydantic_core import SchemaValidator  # noqa: PLC0415 - first use
    from pydantic_core import core_schema as cs  # noqa: PLC0415

    return SchemaValidator(_with_json(cs.list_schema(_message(), min_length=1, strict=True)))


@cache
def _parameter_validator() -> SchemaValidator:
    from pydantic_core import SchemaValidator  # noqa: PLC0415 - first use

    return SchemaValidator(_with_json(_parameters()))


def _with_json(schema: CoreSchema) -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    value = cs.union_schema(
        [
            _text(),
            cs.bool_schema(strict=True),
            cs.int_schema(strict=True, lt=10**1200, gt=-(10**1200)),
            cs.float_schema(strict=True, allow_inf_nan=False),
            cs.none_schema(),
            cs.list_schema(_any_json(), strict=True),
            cs.dict_schema(_text(), _any_json(), strict=True),
        ],
        mode="left_to_right",
        ref="json",
    )
    return cs.definitions_schema(schema, [value])


def _any_json() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    return cs.definition_reference_schema("json")


def _text(minimum: int = 0) -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    return cs.str_schema(strict=True, min_length=minimum)


def _object(required: Mapping[str, CoreSchema], **optional: CoreSchema) -> TypedDictSchema:
    """An object with these keys; others must be JSON and are kept."""
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    fields = {name: cs.typed_dict_field(schema) for name, schema in required.items()}
    for name, schema in optional.items():
        fields[name] = cs.typed_dict_field(cs.nullable_schema(schema), required=False)
    return cs.typed_dict_schema(fields, extra_behavior="allow", extras_schema=_any_json())


def _message() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    text, content = _text(), _content()
    said = _object({"role": text, "content": content}, name=text)
    assistant = _object(
        {"role": text},
        content=content,
        name=text,
        refusal=text,
        reasoning_content=text,
        tool_calls=cs.list_schema(_tool_call(), strict=True),
        function_call=_object({"name": _text(1), "arguments": _arguments()}),
    )
    return cs.tagged_union_schema(
        {
            "system": said,
            "developer": said,
            "user": said,
            "assistant": assistant,
            "tool": _object({"role": text, "content": content, "tool_call_id": _text(1)}),
            "function": _object({"role": text, "name": _text(1)}, content=text),
        },
        discriminator="role",
    )


def _content() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    text = _text()
    known = cs.tagged_union_schema(
        {
            "text": _object({"type": text, "text": text}),
            "image_url": _object({"type": text, "image_url": _image_url()}),
            "input_audio": _object(
                {"type": text, "input_audio": _object({"data": _text(1), "format": text})}
            ),
            "file": _object({"type": text, "file": _object({})}),
            "refusal": _object({"type": text, "refusal": text}),
        },
        discriminator="type",
    )
    other = cs.no_info_after_validator_function(_as_other_part, _object({"type": _text(1)}))
    part = cs.union_schema([(known, "~known"), (other, "~other")], mode="left_to_right")
    parts = cs.list_schema(part, min_length=1, strict=True)
    return cs.union_schema([(text, "~text"), (parts, "~parts")], mode="left_to_right")


def _as_other_part(part: dict[str, Any]) -> dict[str, Any]:
    """A kind of part that OpenAI does not have: whether it is carried is the provider's to say."""
    if part["type"] in {"text", "image_url", "input_audio", "file", "refusal"}:
        raise ValueError("not what such a part holds")
    return part


def _image_url() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    return _object(
        {"url": cs.no_info_after_validator_function(_as_image_url, _text(1))}, detail=_text()
    )


def _as_image_url(url: str) -> str:
    if url.startswith("data:"):
        head, comma, _ = url[:200].partition(",")
        if not comma or not head.endswith(";base64"):
            raise ValueError("expected data:<mime type>;base64,<data>")
    elif not url.startswith(("https://", "http://")):
        raise ValueError("expected an https:// or data: URL")
    return url


def _tool_call() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    text, name = _text(), _text(1)
    function = _object({"name": name, "arguments": _arguments()})
    return cs.tagged_union_schema(
        {
            "function": _object({"id": name, "type": text, "function": function}),
            "custom": _object(
                {"id": name, "type": text, "custom": _object({"name": name, "input": text})}
            ),
        },
        discriminator="type",
    )


def _arguments() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    return cs.no_info_after_validator_function(_as_json_text, _text())


def _as_json_text(arguments: str) -> str:
    from pydantic_core import from_json  # noqa: PLC0415 - loaded with the validator

    try:
        from_json(arguments or "{}")
    except ValueError as error:
        raise ValueError(f"the arguments are not JSON ({error})") from None
    return arguments or "{}"


def _parameters() -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    text, flag, json = _text(), cs.bool_schema(strict=True), _any_json()
    number = cs.union_schema(
        [
            (cs.int_schema(strict=True), "~int"),
            (cs.float_schema(strict=True, allow_inf_nan=False), "~float"),
        ],
        mode="left_to_right",
    )
    anything = _object({})
    count = cs.int_schema(strict=True, ge=1, lt=2**63)
    choice = cs.union_schema([(text, "~text"), (anything, "~object")], mode="left_to_right")
    function = _object({"name": _text(1)}, description=text, parameters=anything)
    schemas: dict[str, CoreSchema] = {
        "function_call": choice,
        "functions": cs.list_schema(function, min_length=1, strict=True),
        "logit_bias": cs.dict_schema(text, number, strict=True),
        "modalities": cs.list_schema(text, strict=True),
        "n": count,
        "response_format": anything,
        "stop": cs.union_schema(
            [(text, "~text"), (cs.list_schema(text, max_length=4, strict=True), "~list")],
            mode="left_to_right",
        ),
        "tool_choice": choice,
        "tools": cs.list_schema(_tool(function), strict=True),
    }
    schemas |= dict.fromkeys(
        ("frequency_penalty", "presence_penalty", "temperature", "top_p"), number
    )
    schemas |= dict.fromkeys(("max_completion_tokens", "max_tokens"), count)
    schemas |= dict.fromkeys(("seed",), cs.int_schema(strict=True, ge=-(2**63), lt=2**64))
    schemas |= dict.fromkeys(("top_logprobs",), cs.int_schema(strict=True, ge=0, lt=2**63))
    schemas |= dict.fromkeys(("logprobs", "parallel_tool_calls", "store"), flag)
    schemas |= dict.fromkeys(_TEXTS, text)
    for name in ChatParameters.__annotations__:
        schemas.setdefault(name, json)
    fields = {name: cs.typed_dict_field(item, required=False) for name, item in schemas.items()}
    return cs.typed_dict_schema(fields)


_TEXTS = (
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "user",
    "verbosity",
)


def _tool(function: CoreSchema) -> CoreSchema:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 - loaded with the validator

    return cs.tagged_union_schema(
        {
            "function": _object({"type": _text(), "function": function}),
            "custom": _object({"type": _text(), "custom": _object({"name": _text(1)})}),
        },
        discriminator="type",
    )
