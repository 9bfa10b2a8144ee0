"""Carries requests to models in this process, as if they were servers. It reads no chat format.

Two routes: ``/v1/knowledge`` tells what the chat template of a model has a place for, and
``/v1/chat/completions`` asks the model. Errors have the form in which llama.cpp's server sends
them, and inside a stream that of OpenAI's error event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import RequestError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, decode_json, encode_json
from llmgate_local.engine import EngineError, Generation, Settings, engine_for
from llmgate_local.gguf import GgufError, GgufMetadata, mentions
from llmgate_local.models import ModelNotFoundError, find_model

__all__ = ["LocalTransport"]

_KNOWLEDGE = "/v1/knowledge"


class LocalTransport:
    """The models of this process, each loaded when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(
        self,
        request: HttpRequest,
        timeout: Timeout,  # noqa: ARG002 - whoever awaits this keeps the time, and cancels
    ) -> _WholeReply | _StreamedReply:
        """The model's reply. Cancelling stops the generation.

        Raises:
            RequestError: when llama.cpp is not installed.
        """
        try:
            return await self._answer(request)
        except EngineError as error:
            return _WholeReply(error.status, {"error": _payload(error)})
        except ModelNotFoundError as error:
            return _refused(404, "not_found_error", error)
        except GgufError as error:
            return _refused(400, "invalid_request_error", error)
        except OSError as error:  # the file was taken away, or may not be read
            return _refused(400, "invalid_request_error", error)
        except ImportError as error:
            reason = f"xllamacpp cannot be imported ({error}): pip install xllamacpp"
        raise RequestError(reason)

    async def aclose(self) -> None:
        """Nothing: models stay loaded for the process."""

    async def _answer(self, request: HttpRequest) -> _WholeReply | _StreamedReply:
        body: dict[str, Any] = decode_json(request.body)
        engine = await engine_for(find_model(body["model"]), self._settings)
        if request.url.endswith(_KNOWLEDGE):
            return _WholeReply(200, _knowledge(engine.metadata))
        if not request.stream:
            return _WholeReply(200, await engine.complete(body))
        generation = await engine.stream(body)
        return _StreamedReply(generation, await generation.next())


def _knowledge(metadata: GgufMetadata) -> dict[str, bool]:
    """What the templates have a place for."""
    template = f"{metadata.chat_template or ''}{metadata.tool_chat_template or ''}"
    return {
        "tools": mentions(template, "tools"),
        "reasoning": mentions(template, "reasoning_content", "thinking"),
        "effort": mentions(template, "reasoning_effort", "enable_thinking"),
    }


def _payload(error: EngineError) -> dict[str, Any]:
    """The error without the code that only repeats the status; its type says more."""
    is_status = error.payload.get("code") == error.status
    return {key: value for key, value in error.payload.items() if key != "code" or not is_status}


def _refused(status: int, kind: str, error: Exception) -> _WholeReply:
    return _WholeReply(status, {"error": {"message": str(error), "type": kind}})


class _WholeReply:
    """A reply in one piece."""

    def __init__(self, status: int, payload: Any) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": "application/json"}
        self._body = encode_json(payload)

    async def read(self) -> bytes:
        """The body, and then nothing."""
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        """Nothing is open."""


class _StreamedReply:
    """A generation under way, as server-sent events."""

    def __init__(self, generation: Generation, first: dict[str, Any] | None) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream"}
        self._generation = generation
        self._first = first
        self._ended = False

    async def read(self) -> bytes:
        """The next token's event, and the end mark after the last."""
        if self._ended:
            return b""
        try:
            chunk, self._first = self._first or await self._generation.next(), None
        except EngineError as error:
            self._ended = True
            return _event({"error": {**_payload(error), "status": error.status}})
        if chunk is None:
            self._ended = True
            return b"data: [DONE]\n\n"
        return _event(chunk)

    def close(self) -> None:
        """Stop generating."""
        self._ended = True
        self._generation.stop()


def _event(payload: Any) -> bytes:
    return b"data: " + encode_json(payload) + b"\n\n"
