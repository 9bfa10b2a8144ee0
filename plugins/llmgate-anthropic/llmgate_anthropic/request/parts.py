"""Parts of a message's content as Anthropic's content blocks; one function for each kind of part.

It decides nothing about turns. What a block cannot carry is refused with its path, or reported.
Source: https://platform.claude.com/docs/en/api/messages/create (content block parameters),
/docs/en/build-with-claude/{vision,pdf-support,files}.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array
from llmgate.provider.kit import drop_others
from llmgate.provider.kit.history import BASE64_OF_PDF, inline_data

__all__ = ["Block", "blocks_of", "is_blank", "with_cache_mark"]

Block = dict[str, Any]

_ROLES: Mapping[str, tuple[str, ...]] = {
    "image": ("user", "tool"),
    "document": ("user", "tool", "assistant"),
    "search_result": ("user", "tool"),
    "container_upload": ("user", "assistant"),
    "tool_reference": ("tool",),
    **dict.fromkeys(
        ("thinking", "redacted_thinking", "compaction", "fallback"),
        ("assistant",),
    ),
    **dict.fromkeys(
        (
            *("text", "refusal", "image_url", "file", "tool_use", "tool_result"),  # see _KINDS
            *("input_text", "output_text", "input_image", "input_file", "input_audio"),
            *("input_video", "audio", "audio_url", "video", "video_url"),
        ),
        (),
    ),
}
"""Where Anthropic's own blocks may stand; those of other formats, nowhere. It may have kinds that
are not known here, which are its own to judge."""
_FOR_ASSISTANT_ENDS = ("_tool_use", "_tool_result")


def blocks_of(content: Any, role: str, path: str, call: ProviderCall) -> list[Block]:
    """The blocks of a message's content; blank text is left out, which is reported.

    Raises:
        UnsupportedError: for a part that Anthropic has no block for.
        InvalidRequestError: for a part that is not what its kind says.
    """
    if content is None:
        return []
    if not is_array(content):
        return _without_blank([{"type": "text", "text": content}], [path], call)
    paths = [f"{path}[{index}]" for index in range(len(content))]
    blocks = [_block(part, role, where, call) for part, where in zip(content, paths, strict=True)]
    return _without_blank(blocks, paths, call)


def with_cache_mark(blocks: list[Block], control: Any) -> list[Block]:
    """The blocks with a message's own ``cache_control`` on the last that can bear it."""
    places = [place for place, block in enumerate(blocks) if "thinking" not in block["type"]]
    if control is None or not places:
        return blocks
    marked = [*blocks]
    marked[places[-1]] = {"cache_control": control, **blocks[places[-1]]}
    return marked


def is_blank(block: Block) -> bool:
    """Whether it is a text without a word, which the API sends and does not accept."""
    return block["type"] == "text" and not str(block.get("text") or "").strip()


def _without_blank(
    blocks: Iterable[Block], paths: Iterable[str], call: ProviderCall
) -> list[Block]:
    rest: list[Block] = []
    for block, path in zip(blocks, paths, strict=True):
        if is_blank(block):
            reason = "text without a word is refused by the API"
            call.report.add("dropped", path, reason, given=block["text"])
        else:
            rest.append(block)
    return rest


def _block(part: Mapping[str, Any], role: str, path: str, call: ProviderCall) -> Block:
    kind = part["type"]
    convert = _KINDS.get(kind)
    if convert is not None and kind in _KINDS_FOR.get(role, _KINDS):
        others = {
            key: value
            for key, value in part.items()
            if key not in (kind, "type") and value is not None
        }
        return _with_own_cache_mark(convert(part, path, call) | others, path, call)
    if _is_native(kind, role):
        return dict(part)
    raise UnsupportedError(
        f"{path}: Anthropic supports no {kind!r} in a message of the {role}", parameter=path
    )


def _is_native(kind: str, role: str) -> bool:
    """Whether a part is already one of Anthropic's own blocks, for those who know them."""
    if kind.endswith(_FOR_ASSISTANT_ENDS):
        return role == "assistant"
    return role in _ROLES.get(kind, (role,))


def _with_own_cache_mark(block: Block, path: str, call: ProviderCall) -> Block:
    """OpenAI's mark of a prefix to be cached, in Anthropic's words; its 30 minutes need ``1h``."""
    if "prompt_cache_breakpoint" not in block:
        return block
    given = block.pop("prompt_cache_breakpoint")
    control = {"type": "ephemeral", "ttl": "1h"}
    block.setdefault("cache_control", control)
    where = f"{path}.prompt_cache_breakpoint"
    call.report.add("converted", where, "sent as cache_control", given=given, sent=control)
    return block


# --- one function for each kind -----------------------------------------------------------


def _text(part: Mapping[str, Any], path: str, call: ProviderCall) -> Block:  # noqa: ARG001 - one signature
    return {"type": "text", "text": part["text"]}


def _refusal(part: Mapping[str, Any], path: str, call: ProviderCall) -> Block:
    call.report.add("converted", path, "an earlier refusal, sent as text")
    return {"type": "text", "text": part["refusal"]}


_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def _image(part: Mapping[str, Any], path: str, call: ProviderCall) -> Block:
    image = part["image_url"]
    url = image["url"]
    drop_others(image, ("url",), f"{path}.image_url", call, "an image block has no such field")
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media_type, data = inline_data(url, f"{path}.image_url.url")
    return _inline_image(media_type, data, f"{path}.image_url.url")


def _inline_image(media_type: str, data: str, path: str) -> Block:
    if media_type not in _IMAGES:
        raise UnsupportedError(
            f"{path}: must be JPEG, PNG, GIF, WebP, PDF or text, not {media_type!r:.60}",
            parameter=path,
        )
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _file(part: Mapping[str, Any], path: str, call: ProviderCall) -> Block:
    file = part["file"]
    title, data, identifier = (file.get(key) for key in _OF_A_FILE)
    drop_others(file, _OF_A_FILE, f"{path}.file", call, "a document block has no such field")
    if isinstance(identifier, str):
        block: Block = {"type": "document", "source": {"type": "file", "file_id": identifier}}
    elif isinstance(data, str):
        block = _inline_file(data, f"{path}.file.file_data", call)
    else:
        raise InvalidRequestError("neither file_id nor file_data is given", path=f"{path}.file")
    if title is None:
        return block
    if block["type"] == "image":
        call.report.drop(f"{path}.file.filename", "an image block has no title", given=title)
        return block
    return {**block, "title": title}


_OF_A_FILE = ("filename", "file_data", "file_id")
_PDF = "application/pdf"


def _inline_file(data: str, path: str, call: ProviderCall) -> Block:
    if data.startswith(("https://", "http://")):
        return {"type": "document", "source": {"type": "url", "url": data}}
    if data.startswith(BASE64_OF_PDF):
        media_type = _PDF
    else:
        media_type, data = inline_data(data, path)
    if media_type == _PDF:
        source = {"type": "base64", "media_type": _PDF, "data": data}
    elif media_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(data, path)}
        if media_type != "text/plain":
            call.report.add("converted", path, "sent as text/plain", given=media_type)
    else:
        return _inline_image(media_type, data, path)
    return {"type": "document", "source": source}


def _decoded(data: str, path: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        pass
    raise InvalidRequestError("must be text in UTF-8, written in base64", path=path)


_KINDS: Mapping[str, Callable[[Mapping[str, Any], str, ProviderCall], Block]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "file": _file,
}
_KINDS_FOR: Mapping[str, frozenset[str]] = {
    "system": frozenset({"text"}),
    "assistant": frozenset({"text", "refusal"}),
}
