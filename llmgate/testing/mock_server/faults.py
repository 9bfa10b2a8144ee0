"""The faults of a mock server, by name: what each does, and with which parameters.

This says what they are; how they are sent is the server's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Any

from llmgate.errors import InvalidRequestError, describe_value

__all__ = ["FAULTS", "Fault", "Kind", "parse_fault"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One fault: what it does, and its parameters with their defaults."""

    meaning: str
    parameters: Mapping[str, float] = field(default_factory=dict[str, float])


FAULTS: Mapping[str, Kind] = MappingProxyType(
    {
        "rate_limit": Kind(
            "status 429; Retry-After says how many seconds to wait", {"retry_after": 1}
        ),
        "overloaded": Kind("status 503, or 529 where Anthropic is spoken"),
        "error": Kind("an error of this status", {"status": 500}),
        "reset": Kind("the connection is closed in place of a response"),
        "slow_head": Kind("the response begins after these seconds", {"pause": 1}),
        "trickle": Kind(
            "the body comes in pieces of so many bytes, with these seconds before each",
            {"size": 1, "pause": 0.01},
        ),
        "cut": Kind("the connection is closed after this byte of the body", {"at": 20}),
        "hang": Kind("after this byte of the body, nothing more comes", {"at": 0}),
        "no_end": Kind("a stream ends after half of its events, without its terminator"),
        "stream_error": Kind("an error in a stream, after so many events", {"after": 1}),
        "garbage": Kind("status 200, and a body that is neither JSON nor events"),
        "html": Kind("status 200, and the page of a login in place of a response"),
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in the place of an answer, or of several: ``Fault("cut", {"at": 100})``.

    ``times`` is how many requests it meets. Where a response comes all the same, as with ``cut`` or
    ``trickle``, it has this ``text``.

    Raises:
        InvalidRequestError: where there is no such fault, or it has no such parameter.
    """

    name: str
    parameters: Mapping[str, float] = field(default_factory=dict[str, float])
    times: int = 1
    text: str | None = None

    def __post_init__(self) -> None:
        kind = FAULTS.get(self.name)
        if kind is None:
            reason = f"must be one of {', '.join(FAULTS)}; got {describe_value(self.name)}"
            raise InvalidRequestError(reason, path="fault")
        for name, value in self.parameters.items():
            given: Any = value
            path = f"fault.{self.name}"
            if name not in kind.parameters:
                known = ", ".join(kind.parameters) or "none"
                raise InvalidRequestError(f"no parameter {name!r} (there is: {known})", path=path)
            if not (isinstance(given, int | float) and 0 <= given < inf):
                reason = f"expected a number, 0 or more, got {describe_value(given)}"
                raise InvalidRequestError(reason, path=f"{path}.{name}")
        if type(self.times) is not int or self.times < 1:
            path = f"fault.{self.name}.times"
            raise InvalidRequestError.expected("a positive integer", self.times, path)

    def value(self, name: str) -> float:
        """A parameter, given or by default."""
        return self.parameters.get(name, FAULTS[self.name].parameters.get(name, 0))


def parse_fault(text: str) -> Fault:
    """A fault as it is written on a command line: ``rate_limit``, ``cut:at=100``,
    ``trickle:size=3,pause=0.1``; ``times`` is taken as well.

    Raises:
        InvalidRequestError: where it is none.
    """
    name, _, rest = text.partition(":")
    parameters: dict[str, float] = {}
    for part in rest.split(",") if rest else ():
        key, _, value = part.partition("=")
        try:
            parameters[key] = float(value)
        except ValueError:
            reason = f"expected NAME=NUMBER, got {describe_value(part)}"
            raise InvalidRequestError(reason, path=f"fault.{name}") from None
    times: Any = parameters.pop("times", 1.0)
    return Fault(name, parameters, times=int(times) if times.is_integer() else times)
