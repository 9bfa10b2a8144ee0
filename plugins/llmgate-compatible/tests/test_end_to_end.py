"""Calls to each of the hosts over HTTP, answered by a server on the loopback in its name."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import llmgate
import llmgate_compatible
from llmgate import Client
from llmgate.errors import RateLimitError
from llmgate.testing import Canned, CannedTransport
from llmgate_compatible import CompatibleHost
from llmgate_compatible.shipped import TABLE

NAMES = [line[1:-1] for line in TABLE.read_text("utf-8").splitlines() if line.startswith("[")]
PAGE = (Path(__file__).parents[3] / "docs" / "each-host.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
GREETING = [{"role": "user", "content": "Hi"}]
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def _chunks() -> Iterator[bytes]:
    """A stream as hosts send it: comments, a reasoning, the text, and the usage."""
    yield b": PROCESSING\n\n"
    for delta, reason in (
        ({"role": "assistant", "reasoning_content": "Hm."}, None),
        ({"content": "Hel"}, None),
        ({"content": "lo"}, None),
        ({}, "stop"),
    ):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {"id": "1", "created": 1, "model": "m", "choices": [choice], "x_host": 1}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\ndata: [DONE]\n\n".encode()


class Server:
    """Answers as a host does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = list[tuple[str, dict[str, str], Any]]()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A completion, a stream, or an error for the model of that name."""
        body = await request.json()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.path, headers, body))
        if body["model"] == "busy":
            error = {"message": "slow down", "code": "rate_limit_exceeded"}
            return web.json_response({"error": error}, status=429)
        if body.get("stream"):
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            for chunk in _chunks():
                await response.write(chunk)
            return response
        message = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "1", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
        return web.json_response(answer)


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[Server]:
    server, application = Server(), web.Application()
    application.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    yield server
    await runner.cleanup()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("jina", "voyage")])
def test_the_example_of_each_host_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It needs the variables that its row names, and nothing else; it prints the text."""
    host: type[CompatibleHost] = getattr(llmgate_compatible, name.replace("-", "_"))
    for variable in host.row.variables:
        is_address = variable in host.row.address
        monkeypatch.setenv(variable, "https://h.example/v1" if is_address else "acme-1")
    choice = {"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    transport = CannedTransport([Canned.json({"choices": [choice]})])
    code = next(each for each in EXAMPLES if f'"{name}/MODEL"' in each)
    with Client(transport=transport) as client:
        monkeypatch.setattr(llmgate, "completion", client.completion)
        exec(compile(code, name, "exec"), {})  # noqa: S102 # our own documents
    assert (1, "Hello.\n") == (len(transport.requests), capsys.readouterr().out)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("jina", "voyage")])
async def test_each_host_is_called_by_its_name(name: str, server: Server) -> None:
    """Whole, streamed and refused: as it is installed, with an address and a key for this call."""
    host: type[CompatibleHost] = getattr(llmgate_compatible, name.replace("-", "_"))
    own: dict[str, Any] = {"api_key": "k", "base_url": server.url}
    if host.row.settings:
        own["provider_settings"] = dict.fromkeys(host.row.settings, "acme-1")
    async with Client(max_retries=0) as client:
        answer = await client.acompletion(f"{name}/m", GREETING, **own)
        stream = await client.acompletion(f"{name}/m", GREETING, stream=True, **own)
        streamed = await stream.completion()
        with pytest.raises(RateLimitError, match="slow down"):
            await client.acompletion(f"{name}/busy", GREETING, **own)
    assert name == answer.provider
    for each in (answer, streamed):
        message = each.choices[0].message
        assert ("Hello", "Hm.") == (each.text, message.reasoning_content)
        assert each.usage is not None
        assert 2 == each.usage.completion_tokens
    assert 1 == streamed.extra["x_host"]
    path, headers, body = server.asked[0]
    assert f"/v1{host.row.chat_path}" == path
    assert headers[host.row.key_header.lower()].endswith("k")
    assert ("m", "Hi") == (body["model"], body["messages"][-1]["content"])
    assert host.row.chat.asks_usage is ("stream_options" in server.asked[1][2])
