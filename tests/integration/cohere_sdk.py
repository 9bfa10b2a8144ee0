"""Cohere's own SDK, asked through a server on loopback; without it, its tests are skipped."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_cohere import Cohere
from tests.sdk import SdkServer

cohere: Any = pytest.importorskip("cohere", reason="Cohere's own package is not installed")
httpx: Any = pytest.importorskip("httpx", reason="Cohere's own package is not installed")
PROVIDER = Cohere(api_key="co-test")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


def ask_the_sdk(server: SdkServer, **options: Any) -> Any:
    """What the SDK reads from the server's reply: a response, or the events of a stream."""
    is_stream = options.pop("stream", False)
    with httpx.Client() as http:
        client = cohere.ClientV2(api_key="co-test", base_url=server.url, httpx_client=http)
        return [*client.chat_stream(**options)] if is_stream else client.chat(**options)
