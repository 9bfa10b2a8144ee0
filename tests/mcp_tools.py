"""A server of tools, made with the official package, for tests: ``python mcp_tools.py [port]``."""

from __future__ import annotations

import base64
import os
import sys
import time
from typing import Any

from mcp.server import MCPServer
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

__all__ = ["SERVER"]

SERVER = MCPServer("tools")
DATA = base64.b64encode(b"data").decode()


@SERVER.tool()
def add(first: int, second: int) -> str:
    """Add two numbers."""
    return str(first + second)


@SERVER.tool()
def environment() -> str:
    """The names and values of this process's environment."""
    return "\n".join(f"{name}={value}" for name, value in os.environ.items())


@SERVER.tool()
def place() -> str:
    """Where this process is."""
    return os.getcwd()


@SERVER.tool()
def many(count: int) -> str:
    """As many letters."""
    return "é" * count


@SERVER.tool()
def broken() -> str:
    """Fails."""
    raise ValueError("the server's own words")


@SERVER.tool()
def slow() -> str:
    """Takes its time."""
    time.sleep(20)
    return "late"


@SERVER.tool(structured_output=False)
def everything() -> list[Any]:
    """One of each kind of content."""
    blob = BlobResourceContents(uri="file:///a/b.pdf", blob=DATA, mime_type="application/pdf")
    text = TextResourceContents(uri="file:///a.txt", text="of a file")
    return [
        TextContent(type="text", text="Here:"),
        ImageContent(type="image", data=DATA, mime_type="image/png"),
        AudioContent(type="audio", data=DATA, mime_type="audio/wav"),
        EmbeddedResource(type="resource", resource=blob),
        EmbeddedResource(type="resource", resource=text),
        ResourceLink(type="resource_link", uri="https://example.com/x", name="x"),
    ]


@SERVER.tool()
def end() -> str:
    """Ends the server, as a fault would."""
    os._exit(1)


if __name__ == "__main__":
    if sys.argv[1:]:
        SERVER.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        SERVER.run()
