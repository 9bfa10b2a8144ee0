"""Conformance of answers: what a provider makes of the replies that were recorded."""

from __future__ import annotations

import pickle
from dataclasses import fields
from typing import Any, cast

import pytest

from llmgate.errors import LLMGateError, ProviderError
from llmgate.provider.http import decode_json, encode_json, is_object
from llmgate.testing._basis import Basis, Pair, check, fail, json_of, only_our_errors
from llmgate.testing._values import differences, nodes_of, occurs, parsed, without_counts
from llmgate.testing.recordings import RecordedExchange
from llmgate.types import Choice, Completion, ToolCall


class Answers(Basis):
    """Tests of the second half of a flow."""

    def test_decodes_what_was_recorded(self, exchange: RecordedExchange) -> None:
        """A recorded exchange gives the answer, or raises the error, that its author expects."""
        call = self.call(exchange.call)
        try:
            with only_our_errors("decoding"):
                completion = self.decoding(exchange, call)()
        except LLMGateError as error:
            if exchange.error is None:
                raise
            what = f"expected {exchange.error.__name__}, raised {error!r}"
            check(isinstance(error, exchange.error), what)
            _check_error(exchange, error)
            return
        if exchange.error is not None:
            fail(f"expected {exchange.error.__name__}, got an answer: {completion!r:.500}")
        _check_expected(exchange, completion)
        if exchange.report is not None:
            reported = [f"{each.path} {each.kind}" for each in call.report]
            _check_same("the report", sorted(exchange.report), sorted(reported))

    def test_decodes_the_same_twice(self, exchange: RecordedExchange) -> None:
        """A response that is decoded again gives the same."""
        first, second = (self._outcome(exchange) for _ in range(2))
        check(first == second, f"decoded again, it is another: {first!r:.300}, {second!r:.300}")

    def test_answers_dump_load_and_pickle(self, answered: RecordedExchange) -> None:
        """An answer is the same after a dump, a dump to JSON, and a pickle."""
        answer = self.answer(answered)
        check(
            Completion.model_validate(answer.model_dump()) == answer, "model_dump loses something"
        )
        text = answer.model_dump_json()
        check(Completion.model_validate(decode_json(text)) == answer, "its JSON loses something")
        check(pickle.loads(pickle.dumps(answer)) == answer, "pickle loses something")  # noqa: S301 - made here

    def test_nothing_stands_twice(self, answered: RecordedExchange) -> None:
        """What has a field of its own is not in ``extra`` as well, where a dump would hide it."""
        own = self.make_provider().name
        answer = self.answer(answered)
        shapes: list[Any] = [answer, answer.usage, *answer.choices]
        for shape in (*shapes, *(choice.message for choice in answer.choices)):
            if shape is None:
                continue
            beside = shape.extra.get(own)
            others = {**(beside if is_object(beside) else {}), **shape.extra}
            for name in others.keys() & {field.name for field in fields(shape)}:
                value, said = others[name], getattr(shape, name)
                where = f"extra of {type(shape).__name__} and in its field {name}: {value!r:.200}"
                check(value is None or said != value, f"the same is in {where}")

    def test_reports_of_responses_are_whole(self, answered: RecordedExchange) -> None:
        """Where a response was converted, the report says from what and into what, or neither."""
        call = self.call(answered.call)
        self.decoding(answered, call)()
        for deviation in call.report:
            given, sent = deviation.given, deviation.sent
            if deviation.path.startswith("response.") and deviation.kind == "converted":
                what = f"{deviation}: it says only one of {given=}, {sent=}"
                check((given is None) == (sent is None), f"{what:.600}")

    def test_tool_calls_are_whole(self, answered: RecordedExchange) -> None:
        """Each tool call has an id of its own, a name, and arguments that are never empty text."""
        for choice in self.answer(answered).choices:
            calls = choice.message.tool_calls or []
            check(len({call.id for call in calls}) == len(calls), f"an id occurs twice: {calls}")
            for call in calls:
                check(call.type == "function" or call.function is None, f"a wrong type: {call}")
                check(bool(call.id), f"a tool call has no id: {call}")
                function = call.function
                is_whole = function is None or bool(function.name and function.arguments.strip())
                check(is_whole, f"a tool call has no name or empty arguments: {call}")

    def test_arguments_are_objects(self, answered: RecordedExchange) -> None:
        """Arguments parse to an object, unless it is the model that wrote something else."""
        payloads = self.payloads(answered)
        received = "".join(node for node in nodes_of(payloads) if isinstance(node, str))
        for choice in self.answer(answered).choices:
            for call in choice.message.tool_calls or []:
                arguments = call.function.arguments if call.function else "{}"
                value = parsed(arguments)
                is_object = isinstance(value, dict) or occurs(value, payloads)
                what = f"the arguments are no object, and not the model's: {arguments!r:.300}"
                check(is_object or arguments in received, what)

    def test_usage_is_not_invented(self, answered: RecordedExchange) -> None:
        """A response without counts gives no counts."""
        try:
            usage = self.answer_without_counts(answered).usage
        except LLMGateError:
            return
        counts = [node for node in nodes_of(usage.model_dump() if usage else None) if node]
        invented = [count for count in counts if isinstance(count, int | float)]
        payloads = self.payloads(answered)
        has_other_names = without_counts(payloads) == payloads
        if has_other_names and any(occurs(count, payloads) for count in invented):
            pytest.skip("the response counts under names that this test does not know")
        check(
            not invented,
            f"the response has no field like usage, tokens, count, billed or meta, in which "
            f"something is counted, but the usage is {usage!r}",
        )

    def test_keeps_unknown_fields(self, whole: RecordedExchange) -> None:
        """A field that the provider added yesterday is in the answer's ``extra``."""
        if not self.keeps_unknown_fields:
            pytest.skip("this provider declares that replies have no place for unknown fields")
        payload = json_of(whole)
        if not isinstance(payload, dict):
            pytest.skip("the reply is not an object")
        body = encode_json({**cast("dict[str, Any]", payload), "x_llmgate_new": "kept as it is"})
        dumped = self.answer_with(whole, body).model_dump_json()
        check("kept as it is" in dumped, "an unknown field of the reply is lost")

    def test_stream_says_what_the_whole_answer_says(self, pair: Pair) -> None:
        """Text, tool calls and finish reason do not depend on whether the answer is streamed."""
        whole, stream = essence(self.answer(pair.whole)), essence(self.answer(pair.stream))
        check(whole == stream, f"whole: {whole!r:.500}; streamed: {stream!r:.500}")

    def _outcome(self, exchange: RecordedExchange) -> Any:
        """The completion, or what the error says."""
        try:
            return self.answer(exchange)
        except LLMGateError as error:
            return type(error), error.message


def essence(completion: Completion) -> list[Any]:
    """What an answer says: texts, calls without their ids, and why it ended."""
    return [
        (
            choice.index,
            choice.message.content or None,
            choice.message.reasoning_content or None,
            choice.message.refusal or None,
            _called(choice),
            choice.finish_reason,
        )
        for choice in completion.choices
    ]


def _called(choice: Choice) -> list[tuple[str, Any]]:
    """Names and arguments of the calls; arguments as values, since their spelling is free."""
    return [_call(call) for call in choice.message.tool_calls or []]


def _call(call: ToolCall) -> tuple[str, Any]:
    if call.function is None:
        return (call.custom.name, call.custom.input) if call.custom else ("", None)
    arguments = call.function.arguments
    try:
        return call.function.name, decode_json(arguments)
    except LLMGateError:
        return call.function.name, arguments


def _check_expected(exchange: RecordedExchange, completion: Completion) -> None:
    check(bool(completion.choices), "the answer has no choice")
    choice = completion.choices[0]
    if exchange.text is not None:
        _check_same("the text", exchange.text, choice.message.content or "")
    if exchange.reasoning is not None:
        said = choice.message.reasoning_content or ""
        _check_same("the reasoning", exchange.reasoning, said)
    if exchange.tool_calls is not None:
        _check_same("the tool calls", list(exchange.tool_calls), _called(choice))
    if exchange.finish_reason is not None:
        _check_same("the finish reason", exchange.finish_reason, choice.finish_reason)
    expected = dict(exchange.completion or {})
    if exchange.usage is not None:
        expected["usage"] = exchange.usage
    for path, value, found in differences(expected, completion.model_dump()):
        fail(f"{path}: expected {value!r:.300}, got {found!r:.300}")


def _check_error(exchange: RecordedExchange, error: LLMGateError) -> None:
    for name in ("code", "retryable", "message", "status", "request_id"):
        expected = getattr(exchange, name)
        if expected is not None:
            _check_same(f"{name} of {error!r}", expected, getattr(error, name, None))
    if exchange.is_stream and not exchange.is_refusal and isinstance(error, ProviderError):
        check(error.in_stream, f"{error!r} came inside a stream, but its in_stream is false")
    if exchange.is_refusal:
        _check_same(f"the status of {error!r}", exchange.replies[-1].status, error.status)


def _check_same(what: str, expected: Any, found: Any) -> None:
    check(expected == found, f"{what}: expected {expected!r:.500}, got {found!r:.500}")
