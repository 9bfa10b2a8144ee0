"""Conformance of conversations: each field of messages and tools is sent, or it is in the report.

It looks for values in the body, wherever a provider's format has them, and knows no format.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from llmgate.errors import RequestError
from llmgate.provider.call import ProviderCall
from llmgate.testing._basis import check, fail
from llmgate.testing._encoding import Encoding, body_of, is_reported, is_reported_near
from llmgate.testing._histories import HISTORIES, IN_ORDER, LATE_SYSTEM, ROLES, VARIANTS, History
from llmgate.testing._values import nodes_of, parsed, text_of


class Messages(Encoding):
    """Tests of what becomes of a conversation."""

    def test_each_field_is_sent_or_reported(self) -> None:
        """A name, an image's detail, a second result, … is sent, reported or refused."""
        for name, history in HISTORIES.items():
            encoded = self._encoded(history.options)
            if encoded is not None:
                self._check_sent(name, history, *encoded)

    def test_who_speaks_makes_a_difference(self) -> None:
        """What one role says is sent otherwise than the same from another, or it is reported."""
        for one, other, messages in ROLES:
            encoded = [
                self._encoded({"messages": [{**m, "role": m["role"] or role} for m in messages]})
                for role in (one, other)
            ]
            reports = [call.report for call, _ in filter(None, encoded)]
            bodies = [body for _, body in filter(None, encoded)]
            is_distinct = len(bodies) < 2 or bodies[0] != bodies[1] or any(reports)
            check(
                is_distinct,
                f"a message of the {one} is sent like one of the {other}: {bodies!r:.500}",
            )

    def test_turns_keep_their_order(self) -> None:
        """What was said first is sent first."""
        encoded = self._encoded(IN_ORDER.options)
        if encoded is None:
            return
        text = text_of(encoded[1])
        places = [text.find(part) for part in IN_ORDER.parts]
        check(-1 not in places and places == sorted(places), f"turns out of order: {text:.500}")

    def test_late_instructions_stay_or_are_reported(self) -> None:
        """A system message among the turns stays at its place, or the report says so."""
        encoded = self._encoded(LATE_SYSTEM.options)
        if encoded is None:
            return
        call, body = encoded
        text = text_of(body)
        before, late, after = (text.find(part) for part in LATE_SYSTEM.parts)
        moved = "a system message among the turns was moved, which is not in the report"
        check(before < late < after or is_reported_near("messages[2]", call), moved)

    def test_arguments_are_sent_as_they_are(self) -> None:
        """The arguments of an earlier call are the same object, or text that parses to it."""
        history = HISTORIES["arguments of an earlier call"]
        encoded = self._encoded(history.options)
        if encoded is None:
            return
        call, body = encoded
        is_sent = any(parsed(node) == history.value for node in nodes_of(body))
        what = f"the arguments {history.value!r} are not in the body: {body!r:.500}"
        check(is_sent or is_reported_near(history.path, call), what)

    def test_values_of_a_parameter_differ(self) -> None:
        """Two values of a parameter are two bodies, or the report says what became of one."""
        for name, values in VARIANTS.items():
            encoded = [(v, self._encoded({**self.greeting(), **v})) for v in values]
            for (one, first), (other, second) in combinations(encoded, 2):
                if first is None or second is None or first[1] != second[1]:
                    continue
                what = f"{name}: {one[name]!r:.100} and {other[name]!r:.100} are sent alike"
                check(any(is_reported(name, call) for call, _ in (first, second)), what)

    # --- helpers ---

    def _encoded(self, options: Mapping[str, Any]) -> tuple[ProviderCall, Any] | None:
        """The call with what is sent for it; None where it is refused."""
        try:
            call = self.call({"model": self.model, **options})
            return call, body_of(self.request(call))
        except RequestError:
            return None

    def _check_sent(self, name: str, history: History, call: ProviderCall, body: Any) -> None:
        if is_reported_near(history.path, call):
            return
        if history.needle is not None:
            found = text_of(body).count(history.needle)
            if found < history.times:
                fail(
                    f"{name} ({history.path}) is neither in the body nor in the report: "
                    f"{history.needle!r} occurs {found} times in {body!r:.500}"
                )
            return
        plain = self._encoded(history.without())
        what = f"{name} ({history.path}) changes nothing and is not in the report: {body!r:.500}"
        check(plain is None or plain[1] != body, what)
