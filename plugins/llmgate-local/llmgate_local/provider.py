"""The provider: settings, and the flows over ``request`` and ``response``. No I/O.

llama.cpp takes and gives OpenAI's format, which ``llmgate_openai`` reads and writes. It stops at
the end of a connection only where it streams, so that a whole completion is streamed as well. Where
the model's chat template knows no tools, or a call is forced, ``llmgate.provider.emulation``
describes the tools in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from llmgate.errors import DecodeError, InvalidRequestError, ProviderError
from llmgate.provider import Decoder, EmbeddingAbilities, Provider, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.emulation import ToolEmulation
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Transport
from llmgate.provider.kit import completion_of_events, json_request
from llmgate.types import Chunk, Completion
from llmgate_local.request.body import SUPPORT, plain, within
from llmgate_local.request.constraints import check_constraints
from llmgate_local.request.templates import Template
from llmgate_local.request.tools import check_forced, forces_call, uses_tools, with_native_tools
from llmgate_local.response.stream import StreamDecoder
from llmgate_local.settings import Settings
from llmgate_openai import Dialect, chat_error, encode

if TYPE_CHECKING:
    from llmgate.embeddings import EmbeddingCall, Embeddings

__all__ = ["Local"]

_DIALECT = Dialect(provider="local", gated=False, stream_usage=False, takes_reasoning=True)


class Local(Provider):
    """Models in GGUF files, each run by llama.cpp in a child process.

    A model is loaded when it is first asked. Clients and providers with equal settings share it. It
    is unloaded when the last client that used it closes, and when it was idle for too long.

    Args:
        context: The most tokens of one completion, prompt included; by default what the model was
            trained for, at most 4096, since memory is taken for all of them.
        threads: The threads that compute; by default half as many as processors.
        parallel: The most completions that are made at once; others wait.
        idle_timeout: Seconds without a call after which a model is unloaded; None is no limit.

    Raises:
        InvalidRequestError: when a number is too small.
    """

    protocol = 2
    name = "local"
    parameters: ClassVar[Mapping[str, Support] | None] = SUPPORT

    def __init__(
        self,
        *,
        context: int | None = None,
        threads: int | None = None,
        parallel: int = 4,
        idle_timeout: float | None = 300.0,
    ) -> None:
        try:
            self._settings = Settings(context, threads, parallel, idle_timeout)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One completion; the model's template is asked for first, where it matters."""
        call, emulation = yield from self._prepared(call)
        response = yield _chat_request(call)
        completion = completion_of_events(response.body, _decoder(call))
        return completion if emulation is None else emulation.completion(completion)

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """One stream, likewise."""
        call, emulation = yield from self._prepared(call)
        yield _chat_request(call)
        decoder = _decoder(call)
        return decoder if emulation is None else emulation.decoder(decoder)

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request, all vectors; the model is loaded once more, to make them."""
        from llmgate_openai import embeddings  # noqa: PLC0415 - not paid for by chat

        url = _url(call, "/v1/embeddings")
        response = yield embeddings.embedding_request(call, url, prefers_base64=True)
        return embeddings.decode_embeddings(response)

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:  # noqa: ARG002 - all alike
        """Texts or token ids; vectors are of the model's own length."""
        return EmbeddingAbilities({"encoding_format": Support.NATIVE}, takes_tokens=True)

    def error(self, response: HttpResponse) -> ProviderError:
        """llama.cpp's errors have OpenAI's shape; only a busy server is worth a retry."""
        error = chat_error(response)
        error.retryable = response.status == 503
        with suppress(DecodeError):
            match response.json():
                case {"error": {"code": int(), "type": str(kind)}}:
                    error.code = kind  # the code only repeats the status
                case _:
                    pass
        return error

    @property
    def transport(self) -> Transport | None:
        """A client's way to the models. Each client asks once, and closes what it got."""
        from llmgate_local.transport import LocalTransport  # noqa: PLC0415 - on the first call

        return LocalTransport(self._settings)

    def __repr__(self) -> str:
        settings = self._settings
        return (
            f"Local(context={settings.context}, threads={settings.threads},"
            f" parallel={settings.parallel}, idle_timeout={settings.idle_timeout})"
        )

    def _prepared(self, call: ProviderCall) -> Flow[tuple[ProviderCall, ToolEmulation | None]]:
        """The call as llama.cpp takes it, and what reads its answer if the tools are emulated."""
        call = plain(call, self._settings.parallel)
        if not _depends_on_template(call):
            return call, None
        template = Template.of((yield HttpRequest("GET", _url(call, "/props"))))
        call = within(call, template)
        if not uses_tools(call):
            return call, None
        if template.tools and not forces_call(call):
            return with_native_tools(call), None
        emulation = ToolEmulation.of(call)
        if emulation.forces:
            check_forced(call, emulation.names)
        return emulation.call, emulation


def _url(call: ProviderCall | EmbeddingCall, path: str) -> str:
    """The address of a model's server, by its model's name; see ``transport``."""
    return f"local://{quote(call.model, safe='')}{path}"


def _chat_request(call: ProviderCall) -> HttpRequest:
    # Without progress, llama.cpp cannot be stopped while it reads the prompt.
    extra_body = {"return_progress": True, **call.extra_body}
    streamed = replace(call, stream=True, include_usage=True, extra_body=extra_body)
    body = {**encode(streamed, _DIALECT), "stream": True}
    check_constraints(body)
    return json_request(_url(call, "/v1/chat/completions"), body, stream=call.stream)


def _decoder(call: ProviderCall) -> StreamDecoder:
    with_progress = bool(call.extra_body.get("return_progress"))
    return StreamDecoder(
        call.id,
        choices=call.parameters.get("n", 1),
        with_progress=with_progress,
        report=call.report,
    )


def _depends_on_template(call: ProviderCall) -> bool:
    return (
        "reasoning_effort" in call.parameters
        or uses_tools(call)
        or any("reasoning_content" in message for message in call.messages)
    )
