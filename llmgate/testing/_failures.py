"""Conformance of failures: statuses, errors' bodies, and replies that are no answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from llmgate.errors import DecodeError, LLMGateError, ProviderError, error_class
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing._basis import Basis, check, fail, json_of, only_our_errors, spread
from llmgate.testing._samples import (
    ERROR_BODIES,
    ERROR_SHAPES,
    ERROR_TEXTS,
    MALFORMED,
    ODD,
    STATUSES,
    damaged,
    odd,
    shaped,
)
from llmgate.testing.driving import OutOfRepliesError, drive
from llmgate.testing.recordings import RecordedExchange
from llmgate.types import Completion


class Failures(Basis):
    """Tests of what is not an answer."""

    def test_status_decides_the_class(self) -> None:
        """Whatever body comes with it, a status that says an error gives that error."""
        for name, body in ERROR_BODIES.items():
            for status in STATUSES:
                error = self._error(status, body, name)
                expected = error_class(status)
                what = f"status {status} with {name}: expected {expected.__name__}, got {error!r}"
                check(isinstance(error, expected), what)

    def test_text_does_not_decide_the_class(self) -> None:
        """A message's text changes neither the class nor whether to retry; codes may."""
        for shape in ERROR_SHAPES.values():
            for status in STATUSES:
                plain = self._error(status, shaped(shape, "Something happened."), "a text")
                for text in ERROR_TEXTS:
                    error = self._error(status, shaped(shape, text), "a text")
                    is_same = (type(error), error.retryable) == (type(plain), plain.retryable)
                    check(is_same, f"{status} {text!r}: {error!r}, but with another text {plain!r}")

    def test_recorded_errors_never_break_it(self) -> None:
        """The provider's own bodies of errors give an error with any status."""
        bodies = [exchange.replies[-1].body for exchange in self.exchanges if exchange.is_refusal]
        if not bodies:
            pytest.skip("no recorded refusal was given in `exchanges`")
        for body in bodies:
            for status in STATUSES:
                self._error(status, body, f"{body!r:.100}")

    def test_errors_forge_no_line(self) -> None:
        """An error's text has no control character: a provider writes no terminal and no log."""
        for name, body in ERROR_BODIES.items():
            error = self._error(400, body, name)
            check(error.message.isprintable(), f"{name}: {error.message!r:.200}")
            check(bool(error.message.strip()), f"the error of {name} says nothing")
            check(len(error.message) < 10_000, f"the error of {name} repeats all of it")

    def test_nonsense_is_no_answer(self) -> None:
        """A body with status 200 that is no answer raises one of our errors."""
        greeting = self.call(self.greeting())
        for name, body in MALFORMED.items():
            self._check_refused((HttpResponse(200, _JSON, body),), greeting, name)

    def test_nonsense_at_any_step_is_no_answer(self, whole: RecordedExchange) -> None:
        """Each reply of a flow may be nonsense."""
        call = self.call(whole.call)
        for name, body in MALFORMED.items():
            for step in range(len(whole.replies)):
                replies = (*whole.replies[:step], HttpResponse(200, _JSON, body))
                self._check_refused(replies, call, f"{name} as reply {step}")

    def test_damaged_answers_raise_our_errors(self, whole: RecordedExchange) -> None:
        """An answer with something missing or of a wrong type is a sound answer, or our error."""
        whole = self.ready(whole)
        for what, payload in damaged(json_of(whole), 600):
            our_own = suppress(LLMGateError, OutOfRepliesError)
            with our_own, only_our_errors(f"an answer with {what}"):
                _check_sound(self.answer_with(whole, encode_json(payload)), what)

    def test_odd_values_are_kept_or_reported(self, whole: RecordedExchange) -> None:
        """A value of another type than usual is an error, or it is in the answer or its report."""
        whole = self.ready(whole)
        usual = self.answer(whole).model_dump_json()
        for where, payload in odd(json_of(whole), usual, 120):
            call = self.call(whole.call)
            replies = (
                *whole.replies[:-1],
                replace(whole.replies[-1], body=encode_json(payload)),
            )
            try:
                answer = self.decoding(replace(whole, replies=replies), call)()
            except (LLMGateError, OutOfRepliesError):
                continue
            is_kept = ODD in f"{answer.model_dump_json()}{answer.extra!r}"
            is_reported = any(ODD in repr(deviation.given) for deviation in call.report)
            check(
                is_kept or is_reported,
                f"{where} was {ODD!r}, which is lost: it is neither in the answer, such as in its "
                "`extra`, nor is it `given` in an entry of the report",
            )

    def test_half_an_answer_is_no_answer(self, whole: RecordedExchange) -> None:
        """A truncated body raises one of our errors."""
        json_of(whole)  # text without a form of its own cannot be recognized as truncated
        whole, body = self.ready(whole), whole.replies[-1].body.strip()
        for place in spread(len(body), 60):
            what = f"an answer cut after {place} bytes"
            with suppress(LLMGateError), only_our_errors(what):
                answer = self.answer_with(whole, body[:place])
                fail(f"{what} was taken for whole: {answer!r:.300}")

    def _error(self, status: int, body: bytes, name: str) -> ProviderError:
        provider, what = self.make_provider(), f"error() with status {status} and {name}"
        try:
            error: Any = provider.error(HttpResponse(status, {"content-type": "text/plain"}, body))
        except Exception as raised:
            raise AssertionError(f"{what} raised {raised!r:.200} instead of returning") from raised
        if not isinstance(error, ProviderError):
            fail(f"{what} returned {error!r:.200}, which is no ProviderError")
        return error

    def _check_refused(self, replies: tuple[HttpResponse, ...], asked: Any, name: str) -> None:
        provider = self.make_provider()
        try:
            with only_our_errors(f"decoding {name}"):
                answer = drive(provider.complete(self.call(asked)), replies).result
        except (LLMGateError, OutOfRepliesError):
            return
        fail(f"{name} was taken for an answer: {answer!r:.300}")


_JSON = {"content-type": "application/json"}


def _check_sound(answer: Completion, what: str) -> None:
    """An answer whose values are of the types they are declared with."""
    try:
        reloaded = Completion.model_validate(answer.model_dump())
    except DecodeError as error:
        fail(f"an answer with {what} has values of wrong types: {error}")
    check(reloaded == answer, f"an answer with {what} is not the same after a dump")
