"""What is sent to Anthropic for the parts of a message."""

from __future__ import annotations

from tests.testing.mutation.anthropic.sent import MARK, in_user

__all__ = ["PARTS"]

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
    in_user(
        "own block",
        {"type": "search_result", "source": "a", "title": "b", "content": []},
        {"type": "search_result", "source": "a", "title": "b", "content": []},
    ),
]
