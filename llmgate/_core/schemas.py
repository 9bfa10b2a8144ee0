"""What messages and parameters must be like, as schemas for pydantic's compiled code.

Only ``validators`` imports it, when the first call is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic_core import core_schema as cs

from llmgate._core.media import as_audio, as_data_url, as_url
from llmgate._core.refusals import LARGEST
from llmgate.options import ChatParameters

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema, TypedDictSchema, ValidationInfo

Kind: TypeAlias = Literal[
    "json",
    "messages",
    "parameters",
    "texts",
    "tokens",
    "embedding_parameters",
    "rerank_parameters",
]


def schema_of(kind: Kind, with_others: bool) -> CoreSchema:
    """The schema of arguments of a kind; ``with_others`` also accepts tools, and calls of tools, of
    types that OpenAI does not have."""
    value = cs.union_schema(
        [
            _text(),
            cs.bool_schema(strict=True),
            *_numbers(),
            cs.none_schema(),
            cs.list_schema(_any_json(), strict=True),
            cs.dict_schema(_text(), _any_json(), strict=True),
        ],
        mode="left_to_right",
        ref="json",
    )
    return cs.definitions_schema(_SCHEMAS[kind](with_others), [value])


# Text has min_length=0 because only a constrained str validator refuses lone surrogates.


def _numbers() -> Sequence[CoreSchema]:
    return (
        cs.int_schema(strict=True, lt=LARGEST, gt=-LARGEST),
        cs.float_schema(strict=True, allow_inf_nan=False),
    )


def _any_json() -> CoreSchema:
    return cs.definition_reference_schema("json")


def _text(minimum: int = 0) -> CoreSchema:
    return cs.str_schema(strict=True, min_length=minimum)


def _object(required: Mapping[str, CoreSchema], **optional: CoreSchema) -> TypedDictSchema:
    """An object with these keys; other keys must hold JSON and are kept."""
    fields = {name: cs.typed_dict_field(schema) for name, schema in required.items()}
    for name, schema in optional.items():
        fields[name] = cs.typed_dict_field(cs.nullable_schema(schema), required=False)
    return cs.typed_dict_schema(fields, extra_behavior="allow", extras_schema=_any_json())


def _optional(schemas: Mapping[str, CoreSchema]) -> TypedDictSchema:
    """An object that may have these keys, and no others."""
    fields = {name: cs.typed_dict_field(item, required=False) for name, item in schemas.items()}
    return cs.typed_dict_schema(fields)


def _count(lowest: int = 1) -> CoreSchema:
    return cs.int_schema(strict=True, ge=lowest, lt=2**63)


def _several(schema: CoreSchema) -> CoreSchema:
    return cs.list_schema(schema, min_length=1, strict=True)


def _either(**branches: CoreSchema) -> CoreSchema:
    """The first of these that fits; an error's path shows no name that begins with ``~``."""
    named = [(schema, f"~{name}") for name, schema in branches.items()]
    return cs.union_schema([*named], mode="left_to_right")


def _message(with_others: bool) -> CoreSchema:
    text, content = _text(), _content()
    said = _object({"role": text, "content": content}, name=text)
    assistant = _object(
        {"role": text},
        content=content,
        name=text,
        refusal=text,
        reasoning_content=text,
        tool_calls=_several(_tool_call(with_others)),
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
    text = _text()
    file = _object({}, file_data=_read(_as_file_data, text))
    known = cs.tagged_union_schema(
        {
            "text": _object({"type": text, "text": text}),
            "image_url": _object({"type": text, "image_url": _image_url()}),
            "input_audio": _object({"type": text, "input_audio": _audio()}),
            "file": _object({"type": text, "file": file}),
            "refusal": _object({"type": text, "refusal": text}),
        },
        discriminator="type",
    )
    other = cs.no_info_after_validator_function(_as_other_part, _object({"type": _text(1)}))
    return _either(text=text, parts=_several(_either(known=known, other=other)))


def _as_other_part(part: dict[str, Any]) -> dict[str, Any]:
    """A kind of part that OpenAI does not have; each provider decides whether it can send it."""
    if part["type"] in {"text", "image_url", "input_audio", "file", "refusal"}:
        raise ValueError("not what such a part holds")
    return part


def _read(read: Callable[[str], Any], schema: CoreSchema) -> CoreSchema:
    """A string that ``read`` may respell. If it changes the string, the pair of both is added to
    the list that is the context of the validation."""

    def read_and_record(text: str, info: ValidationInfo[list[tuple[str, Any]] | None]) -> Any:
        value = read(text)
        if value is not text and info.context is not None:
            info.context.append((text, value))
        return value

    return cs.with_info_after_validator_function(read_and_record, schema)


def _image_url() -> CoreSchema:
    url = _read(as_url, _text(1))
    text = _read(lambda url: {"url": as_url(url)}, _text(1))
    return _either(object=_object({"url": url}, detail=_text()), text=text)


def _audio() -> CoreSchema:
    text = _read(as_audio, _text(1))
    whole = _object({"data": _text(1), "format": _text()})
    return _either(object=whole, text=text)


def _as_file_data(data: str) -> str:
    return as_data_url(data) if data[:5].lower() == "data:" else data


def _tool_call(with_others: bool) -> CoreSchema:
    text, name = _text(), _text(1)
    function = _object({"name": name, "arguments": _arguments()})
    known = cs.tagged_union_schema(
        {
            "function": _object({"id": name, "type": text, "function": function}),
            "custom": _object(
                {"id": name, "type": text, "custom": _object({"name": name, "input": text})}
            ),
        },
        discriminator="type",
    )
    return _or_of_a_host(known) if with_others else known


def _or_of_a_host(known: CoreSchema) -> CoreSchema:
    """A tool, or a call of one, of these types or of one that a host invented."""
    other = cs.no_info_after_validator_function(_as_of_a_host, _object({"type": _text(1)}))
    return _either(known=known, other=other)


def _as_of_a_host(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] in {"function", "custom"}:
        raise ValueError("not what such a tool holds")
    return item


def _arguments() -> CoreSchema:
    return cs.no_info_after_validator_function(_as_json_text, _text())


def _as_json_text(arguments: str) -> str:
    """Arguments unchanged, except that an empty text means no arguments, as in completions."""
    return arguments if arguments.strip() else "{}"


def _parameters(with_others: bool) -> CoreSchema:
    text, flag = _text(), cs.bool_schema(strict=True)
    number = cs.union_schema(
        [*_numbers()],
        custom_error_type="number_type",
        custom_error_message="Input should be a number",
        mode="left_to_right",
    )
    anything = _object({})
    count = _count()
    choice = _either(text=text, object=anything)
    function = _object({"name": _text(1)}, description=text, parameters=anything)
    schemas: dict[str, CoreSchema] = {
        "function_call": choice,
        "functions": _several(function),
        "logit_bias": cs.dict_schema(text, number, strict=True),
        "modalities": cs.list_schema(text, strict=True),
        "n": count,
        "response_format": _object({"type": _text(1)}),
        "stop": _either(text=text, list=cs.list_schema(text, strict=True)),
        "tool_choice": choice,
        "tools": cs.list_schema(_tool(function, with_others), strict=True),
    }
    schemas |= dict.fromkeys(
        ("frequency_penalty", "presence_penalty", "temperature", "top_p"), number
    )
    schemas |= dict.fromkeys(("max_completion_tokens", "max_tokens"), count)
    schemas |= dict.fromkeys(("seed",), cs.int_schema(strict=True, ge=-(2**63), lt=2**64))
    schemas |= dict.fromkeys(("top_logprobs",), _count(0))
    schemas |= dict.fromkeys(("logprobs", "parallel_tool_calls", "store"), flag)
    schemas |= dict.fromkeys(_TEXTS, text)
    for name in ChatParameters.__annotations__:
        schemas.setdefault(name, anything)
    return _optional(schemas)


_TEXTS = (
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "user",
    "verbosity",
)


def _tool(function: CoreSchema, with_others: bool) -> CoreSchema:
    known = cs.tagged_union_schema(
        {
            "function": _object({"type": _text(), "function": function}),
            "custom": _object({"type": _text(), "custom": _object({"name": _text(1)})}),
        },
        discriminator="type",
    )
    return _or_of_a_host(known) if with_others else known


def _embedding_parameters() -> CoreSchema:
    flag = cs.bool_schema(strict=True)
    return _optional(
        {
            "dimensions": _count(),
            "encoding_format": cs.literal_schema(["float", "base64"]),
            "input_type": _text(1),
            "truncate": _either(flag=flag, text=_text(1)),
            "user": _text(),
        }
    )


def _rerank_parameters() -> CoreSchema:
    flag = cs.bool_schema(strict=True)
    return _optional({"return_documents": flag, "top_n": _count(), "truncate": flag})


_SCHEMAS: Mapping[Kind, Callable[[bool], CoreSchema]] = {
    "json": lambda _: _any_json(),
    "messages": lambda with_others: _several(_message(with_others)),
    "parameters": _parameters,
    "texts": lambda _: _several(_text(1)),
    "tokens": lambda _: _several(_count(0)),  # the token ids of one text
    "embedding_parameters": lambda _: _embedding_parameters(),
    "rerank_parameters": lambda _: _rerank_parameters(),
}
