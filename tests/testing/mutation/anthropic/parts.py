"""What is sent to Anthropic for the parts of a message."""

from __future__ import annotations

from typing import Any

from tests.testing.mutation.anthropic.sent import MARK, SAID, SAMPLED, golden, in_user
from tests.testing.mutation.anthropic.values import USER

__all__ = ["PARTS"]

THOUGHT = {"type": "thinking", "thinking": "Clouds.", "signature": "c2lnbmVk"}
CITED = {"type": "text", "text": "Rain.", "citations": [{"type": "char_location"}]}
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://a.invalid/b.png"}}
PAPER = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
FOUND = {"type": "search_result", "source": "a", "title": "b", "content": [SAID[0]]}
NATIVE: list[dict[str, Any]] = [
    PICTURE,
    PAPER,
    FOUND,
    {"type": "container_upload", "file_id": "file_1"},
]
REFERENCE = {"type": "tool_reference", "tool_name": "time"}
OF_THE_ASSISTANT: list[dict[str, Any]] = [
    THOUGHT,
    {"type": "redacted_thinking", "data": "a"},
    {"type": "compaction", "content": "a"},
    {"type": "fallback", "a": 1},
    {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "a", "content": []},
    {"type": "container_upload", "file_id": "file_1"},
    PAPER,
    SAID[0],
]
CALL = {
    "role": "assistant",
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    ],
}
USED: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "time", "input": {}}
RESULT = {"role": "tool", "tool_call_id": "a"}
SENT_RESULT = {"type": "tool_result", "tool_use_id": "a"}
BASE64 = {"type": "base64", "media_type": "image/png", "data": "aW1hZ2U="}
PARTS = [
    in_user(
        "image",
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64,aW1hZ2U=", "detail": "low"},
        },
        {"type": "image", "source": BASE64},
        ["messages[0].content[0].image_url.detail dropped"],
    ),
    in_user(
        "address of an image",
        {
            "type": "image_url",
            "image_url": {"url": "https://a.invalid/b.png"},
            "cache_control": MARK,
        },
        {
            "type": "image",
            "source": {"type": "url", "url": "https://a.invalid/b.png"},
            "cache_control": MARK,
        },
    ),
    in_user(
        "paper",
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
    ),
    in_user(
        "bare paper",
        {"type": "file", "file": {"file_data": "JVBERi0=", "x": 1}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
        ["messages[0].content[0].file.x dropped"],
    ),
    in_user(
        "text",
        {"type": "file", "file": {"file_data": "data:text/csv;base64,YSxi"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ["messages[0].content[0].file.file_data converted"],
    ),
    in_user(
        "address of a paper",
        {"type": "file", "file": {"file_data": "https://a.invalid/b.pdf"}},
        {"type": "document", "source": {"type": "url", "url": "https://a.invalid/b.pdf"}},
    ),
    in_user(
        "kept file",
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    ),
    in_user(
        "image in a file",
        {
            "type": "file",
            "file": {"file_data": "data:image/png;base64,aW1hZ2U=", "filename": "a.png"},
        },
        {"type": "image", "source": BASE64},
        ["messages[0].content[0].file.filename dropped"],
    ),
    in_user(
        "breakpoint",
        {"type": "text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ["messages[0].content[0].prompt_cache_breakpoint converted"],
    ),
    *[
        in_user(
            f"a {kind}",
            {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,aW1h"}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": f"image/{kind}", "data": "aW1h"},
            },
        )
        for kind in ("gif", "jpeg", "webp")
    ],
    *[in_user(block["type"], block, block) for block in NATIVE],
    in_user(
        "unencrypted address",
        {"type": "file", "file": {"file_data": "http://a.invalid/b.pdf"}},
        {"type": "document", "source": {"type": "url", "url": "http://a.invalid/b.pdf"}},
    ),
    in_user(
        "plain text",
        {"type": "file", "file": {"file_data": "data:text/plain;base64,YSxi"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
    ),
    golden(
        "own blocks of a tool",
        {"messages": [*USER, CALL, {**RESULT, "content": [*NATIVE[:3], REFERENCE]}]},
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [USED]},
            {
                "role": "user",
                "content": [{**SENT_RESULT, "content": [*NATIVE[:3], REFERENCE]}],
            },
        ],
    ),
    golden(
        "own blocks of the assistant",
        {"messages": [*USER, {"role": "assistant", "content": OF_THE_ASSISTANT}, *USER]},
        version=SAMPLED,  # the newest version takes no document of the model
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": OF_THE_ASSISTANT},
            {"role": "user", "content": SAID},
        ],
    ),
    golden(
        "cited text",
        {"messages": [{"role": "user", "content": [CITED]}]},
        version=SAMPLED,
        messages=[{"role": "user", "content": [CITED]}],
    ),
    golden(
        "cited text of the assistant",
        {"messages": [*USER, {"role": "assistant", "content": [CITED]}, *USER]},
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [CITED]},
            {"role": "user", "content": SAID},
        ],
    ),
    golden(
        "a marked message",
        {"messages": [{**USER[0], "cache_control": MARK}]},
        messages=[{"role": "user", "content": [{**SAID[0], "cache_control": MARK}]}],
    ),
    golden(
        "a marked response",
        {
            "messages": [
                *USER,
                {"role": "assistant", "content": [SAID[0], THOUGHT], "cache_control": MARK},
                *USER,
            ]
        },
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [{**SAID[0], "cache_control": MARK}, THOUGHT]},
            {"role": "user", "content": SAID},
        ],
    ),
    in_user(
        "own block",
        {"type": "search_result", "source": "a", "title": "b", "content": []},
        {"type": "search_result", "source": "a", "title": "b", "content": []},
    ),
]
