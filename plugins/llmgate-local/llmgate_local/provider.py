"""The provider: settings, and the two flows over :mod:`encode` and OpenAI's decoder. No I/O.

llama.cpp takes and gives OpenAI's chat format, so that all of the wire is ``llmgate_openai``'s.
Where the model's chat template knows no tools, or a call is forced, ``llmgate.provider.emulation``
puts the tools into words.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from llmgate.errors import DecodeError, InvalidRequestError, ProviderError
from llmgate.provider import Decoder, Provider, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.emulation import ToolEmulation
from llmgate.provider.http import Flow, HttpRequest, HttpResponse, Transport, encode_json
from llmgate.types import Completion
from llmgate_local.encode import (
    SUPPORT,
    check_answer,
    check_forced,
    forces_call,
    plain,
    with_native_tools,
    within,
)
from llmgate_local.settings import Settings
from llmgate_openai import ChatDecoder, Dialect, chat_error, chat_request, decode

if TYPE_CHECKING:
    from llmgate_local.transport import LocalTransport

__all__ = ["Local"]

_DIALECT = Dialect(provider="local", gated=False, stream_usage=True, takes_reasoning=True)
_CHAT = "local://process/v1/chat/completions"
_KNOWLEDGE = "local://process/v1/knowledge"


class Local(Provider):
    """Models in GGUF files, run by llama.cpp in this process.

    A model is loaded when it is first asked, and stays until the process ends; two providers with
    equal settings share it.

    Args:
        context: The most tokens of one answer, prompt included; by default what the model was
            trained for, at most 4096, since memory is taken for all of them.
        threads: The threads that compute; by default half as many as processors.
        parallel: The most answers that are made at once; others wait.

    Raises:
        InvalidRequestError: when a number is below 1.
    """

    name = "local"
    parameters: ClassVar[Mapping[str, Support] | None] = SUPPORT

    def __init__(
        self, *, context: int | None = None, threads: int | None = None, parallel: int = 4
    ) -> None:
        try:
            self._settings = Settings(context=context, threads=threads, parallel=parallel)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """One answer; the model is asked first for what it knows, where that matters."""
        call, emulation = yield from self._prepared(call)
        reply = yield chat_request(call, _CHAT, _DIALECT)
        completion = decode(reply, call.id)
        return completion if emulation is None else emulation.completion(completion)

    def stream(self, call: ProviderCall) -> Flow[Decoder]:
        """One stream, likewise."""
        call, emulation = yield from self._prepared(call)
        yield chat_request(call, _CHAT, _DIALECT)
        decoder = ChatDecoder(call.id)
        return decoder if emulation is None else emulation.decoder(decoder)

    def error(self, reply: HttpResponse) -> ProviderError:
        """llama.cpp's errors have OpenAI's shape; only a busy or closed model is worth a retry."""
        error = chat_error(reply)
        error.retryable = reply.status == 503
        return error

    @property
    def transport(self) -> Transport | None:
        """The models themselves."""
        return self._models

    def __repr__(self) -> str:
        settings = self._settings
        return (
            f"Local(context={settings.context}, threads={settings.threads},"
            f" parallel={settings.parallel})"
        )

    @cached_property
    def _models(self) -> LocalTransport:
        from llmgate_local.transport import LocalTransport  # noqa: PLC0415 - on the first call

        return LocalTransport(self._settings)

    def _prepared(self, call: ProviderCall) -> Flow[tuple[ProviderCall, ToolEmulation | None]]:
        """The call as llama.cpp takes it, and what reads its answer if the tools are emulated."""
        call = plain(call, self._settings.parallel)
        check_answer(call)
        if not _depends_on_model(call):
            return call, None
        question = {**call.parameters, "model": call.model}
        knows = _knowledge((yield HttpRequest("POST", _KNOWLEDGE, body=encode_json(question))))
        call = within(call, knows)
        if not _speaks_of_tools(call):
            return call, None
        if knows["tools"] and not forces_call(call):
            return with_native_tools(call), None
        emulation = ToolEmulation.of(call)
        if emulation.forces:
            check_forced(call, emulation.names)
        return emulation.call, emulation


def _knowledge(reply: HttpResponse) -> Mapping[str, bool]:
    match reply.json():
        case {"tools": bool(), "reasoning": bool(), "effort": bool()} as knows:
            return cast("Mapping[str, bool]", knows)
        case _:
            raise DecodeError("the model did not say what it knows", frame=reply.body)


def _depends_on_model(call: ProviderCall) -> bool:
    return (
        "reasoning_effort" in call.parameters
        or _speaks_of_tools(call)
        or any("reasoning_content" in message for message in call.messages)
    )


def _speaks_of_tools(call: ProviderCall) -> bool:
    return not call.parameters.keys().isdisjoint(_OF_TOOLS) or any(
        message["role"] == "tool" or message.get("tool_calls") for message in call.messages
    )


_OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
