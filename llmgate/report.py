"""The translation report: how the request as sent differs from the call as made.

It only records: a provider declares what it cannot do, and the client decides what happens then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

from llmgate._text.dataclass import slotted
from llmgate.errors import UnsupportedError

__all__ = ["Deviation", "DeviationKind", "Policy", "Report"]

DeviationKind: TypeAlias = Literal[
    "dropped",  # left out: the provider has nothing like it
    "renamed",  # sent under another name whose meaning is not quite the same
    "converted",  # the value was changed into the provider's own terms
    "clamped",  # cut to the provider's range
    "defaulted",  # the provider requires a value and none was given
    "injected",  # added to the request by llmgate
    "emulated",  # done by other means (tools by prompt, a schema by a forced tool)
    "merged",  # several messages or parts became one
    "split",  # one call was sent in several requests
]
Policy: TypeAlias = Literal["drop", "raise"]


@slotted
class Deviation:
    """One difference between the call and the request.

    ``path`` names the parameter, message or part (``seed``, ``messages[2].content[0]``), ``given``
    is the caller's value and ``sent`` the provider's; each may be None.
    """

    kind: DeviationKind
    path: str
    reason: str
    given: Any = None
    sent: Any = None

    def __str__(self) -> str:
        return f"{self.path} {self.kind}: {self.reason}"


class Report:
    """The deviations of one call, in the order in which they were made.

    A sequence of :class:`Deviation`; it is falsy when the request is exactly what was asked.
    """

    __slots__ = ("_deviations", "policy")

    def __init__(self, policy: Policy = "drop", deviations: Iterable[Deviation] = ()) -> None:
        self.policy: Policy = policy
        self._deviations: list[Deviation] = [*deviations]

    def add(
        self, kind: DeviationKind, path: str, reason: str, *, given: Any = None, sent: Any = None
    ) -> None:
        """Record a deviation."""
        self._deviations.append(Deviation(kind, path, reason, given, sent))

    def drop(self, path: str, reason: str, *, given: Any = None) -> None:
        """Record that a parameter is dropped.

        Raises:
            UnsupportedError: when the caller asked for ``unsupported="raise"``.
        """
        if self.policy == "raise":
            raise UnsupportedError(f"{path} is not supported: {reason}", parameter=path)
        self.add("dropped", path, reason, given=given)

    def __iter__(self) -> Iterator[Deviation]:
        return iter(self._deviations)

    def __len__(self) -> int:
        return len(self._deviations)

    def __getitem__(self, index: int) -> Deviation:
        return self._deviations[index]

    def __contains__(self, path: object) -> bool:
        """Whether something at this path deviates: ``"seed" in response.report``."""
        return any(path in (deviation.path, deviation) for deviation in self._deviations)

    def __repr__(self) -> str:
        return f"Report({self._deviations!r})"

    def __str__(self) -> str:
        return "; ".join(map(str, self._deviations)) or "no deviations"
