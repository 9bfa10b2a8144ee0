"""Conformance of histories: what a provider made of a response is understood when it comes back.

It looks for ids, signatures and texts of the response in the request that follows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from llmgate.errors import LLMGateError, RequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import decode_json, encode_json
from llmgate.testing._basis import check
from llmgate.testing._encoding import Encoding, body_of, is_reported_near
from llmgate.testing._values import fields_of, nodes_of, parsed, says, text_of
from llmgate.testing.recordings import RecordedExchange
from llmgate.types import Message, ToolCall

_SIGNED = frozenset(
    {"signature", "thought_signature", "thoughtSignature", "encrypted_content", "redactedContent"}
)
"""Names under which vendors send what they want back unchanged."""


@dataclass(slots=True)
class _FollowUp:
    """The call that follows a response, and the body that is sent for it.

    ``place`` is that of the response's message among the messages.
    """

    call: ProviderCall
    body: Any
    place: int

    def check_sent(self, field: str, is_sent: bool) -> None:
        path = f"messages[{self.place}].{field}"
        what = f"{path} of the response is neither in the next body nor in its report: "
        check(is_sent or is_reported_near(path, self.call), f"{what}{self.body!r:.500}")

    def text(self) -> str:
        """All that is sent."""
        return text_of(self.body)


class RoundTrip(Encoding):
    """Tests of a response's message as part of the next request."""

    def test_message_can_be_sent_back(self, answered: RecordedExchange) -> None:
        """A completion's message, as it is or through JSON, is a message of the next request."""
        message = self.answer(answered).choices[0].message
        sent = self._follow_up(answered, message)
        if not _has_json_arguments(message):
            return  # only the completion's own message may go back with what the model wrote there
        stored = decode_json(encode_json(message.model_dump(exclude_none=True)))
        again = self._follow_up(answered, stored)
        check(sent.body == again.body, "a message that was stored as JSON is sent in another form")

    def test_history_is_sent_as_it_was_received(self, answered: RecordedExchange) -> None:
        """Texts, calls and native ids of a response are in the next request, or in its report."""
        message = self.answer(answered).choices[0].message
        following = self._follow_up(answered, message)
        for field in ("content", "reasoning_content", "refusal"):
            text = (getattr(message, field) or "").strip()
            following.check_sent(field, says(text, following.body))
        received = answered.replies[-1].body.decode("utf-8", "replace")
        for number, call in enumerate(message.tool_calls or ()):
            _check_call(call, f"tool_calls[{number}]", received, following)

    def test_signatures_come_back(self, answered: RecordedExchange) -> None:
        """What a vendor signed is sent back unchanged, or the report says that it is not."""
        signatures = set(_signatures_in(self.payloads(answered)))
        if not signatures:
            pytest.skip("the response has no signature")
        following = self._follow_up(answered, self.answer(answered).choices[0].message)
        sent = following.text()
        for signature in signatures:
            following.check_sent("provider_data", text_of(signature) in sent)

    def _follow_up(self, exchange: RecordedExchange, message: Any) -> _FollowUp:
        """The next call, with the message and what somebody says after it."""
        before = self.call(exchange.call)
        following = {
            "model": before.model,
            "messages": [*before.messages, message, *_replies_to(message)],
            "stream": before.stream,
            "extra_body": before.extra_body,
            **before.parameters,
        }
        call = self.call(following)
        try:
            return _FollowUp(call, body_of(self.request(call)), len(before.messages))
        except RequestError as error:
            is_message = isinstance(message, Message)
            if is_message and not _has_json_arguments(cast("Message", message)):
                pytest.skip(
                    f"what the model wrote as arguments is no JSON, and is refused: {error}"
                )
            raise


def _check_call(call: ToolCall, path: str, received: str, following: _FollowUp) -> None:
    """A call goes back with its name, its arguments and, where it was the vendor's own, its id."""
    sent = following.text()
    if call.id in received:  # else the provider made it up, and may leave it out again
        is_paired = sent.count(call.id) > 1  # in the call and in its result
        following.check_sent(f"{path}.id", is_paired)
    if call.function is not None:
        following.check_sent(f"{path}.function.name", call.function.name in sent)
        arguments = parsed(call.function.arguments)
        is_sent = any(arguments == parsed(node) for node in nodes_of(following.body))
        following.check_sent(f"{path}.function.arguments", is_sent)


def _signatures_in(payloads: list[Any]) -> Iterator[str]:
    for name, value in fields_of(payloads):
        if name in _SIGNED and value and isinstance(value, str):
            yield value


def _has_json_arguments(message: Message) -> bool:
    functions = [call.function for call in message.tool_calls or [] if call.function is not None]
    try:
        for function in functions:
            decode_json(function.arguments)
    except LLMGateError:
        return False
    return True


def _replies_to(message: Any) -> list[dict[str, Any]]:
    """What somebody says after a message: the results of its calls, or a word."""
    calls = message["tool_calls"] if "tool_calls" in _keys(message) else None
    if calls:
        return [{"role": "tool", "tool_call_id": c["id"], "content": "42"} for c in calls]
    return [{"role": "user", "content": "Go on."}]


def _keys(message: Any) -> Any:
    return message if isinstance(message, dict) else message.model_dump()  # pyright: ignore[reportUnknownVariableType]
