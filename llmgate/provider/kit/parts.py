"""Writes the parts of a message's content in a vendor's form: one function for each kind of part.

It decides nothing about turns, and knows no vendor's format.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from llmgate._text.json import is_array, is_object
from llmgate.errors import UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.kit.writing import drop_others

__all__ = ["PartWriter"]

Part = Mapping[str, Any]
Written = dict[str, Any]


class PartWriter:
    """Writes the parts of one call's messages. A subclass has a method for each kind of part.

    ``vendor`` is the name in errors, ``no_text`` why a text that says nothing is left out. ``own``
    are the vendor's kinds of parts, which those who know them give as they are. ``marks`` are
    fields that stand beside a part, and belong to none.

    Raises:
        UnsupportedError: for a part that the vendor has nothing for.
        InvalidRequestError: for a part that is not what its kind says.
    """

    vendor: ClassVar[str]
    no_text: ClassVar[str]
    own: ClassVar[Collection[str]] = ()
    marks: ClassVar[Collection[str]] = ()

    def __init__(self, call: ProviderCall) -> None:
        self.call = call
        self.kinds: dict[str, Callable[[Part, str], Written]] = {
            "text": lambda part, _: {"text": part["text"]},
            "refusal": self._refusal,
        }

    def is_blank(self, written: Written) -> bool:
        """Whether it is a text that says nothing."""
        return written.get("text") == ""

    def own_part(self, part: Part, path: str) -> Written:  # noqa: ARG002 - others drop what is beside
        """A part of the vendor's own kinds, as it is sent."""
        return {name: value for name, value in part.items() if name != "type"}

    def beside(self, part: Part, path: str, place: str) -> list[Written]:  # noqa: ARG002 - others have some
        """What is sent behind a part, such as the mark of a prefix to be cached."""
        return []

    def parts(
        self, content: Any, path: str, *, only: Collection[str] = (), place: str = "messages"
    ) -> list[Written]:
        """The parts of a message's content; text that says nothing is left out, and reported.

        Args:
            content: A text, a list of parts, or None.
            path: Where it stands in the call.
            only: The kinds of parts that may stand there; by default all.
            place: Of what the content is, for :meth:`beside`.
        """
        if content is None:
            return []
        items: list[Part] = content if is_array(content) else [{"type": "text", "text": content}]
        kept: list[Written] = []
        for index, part in enumerate(items):
            where, kind = f"{path}[{index}]" if items is content else path, part["type"]
            if only and kind not in only:
                reason = f"{where}: {self.vendor} takes text alone here, not {kind!r:.60}"
                raise UnsupportedError(reason, parameter=where)
            written, behind = self._part(part, where), self.beside(part, where, place)
            if self.is_blank(written):
                self.call.report.add("dropped", where, self.no_text, given=written["text"])
                kept += behind if kept else []
            else:
                kept += [written, *behind]
        return kept

    def _part(self, part: Part, path: str) -> Written:
        kind = part["type"]
        write = self.kinds.get(kind)
        if write is not None:
            known = ("type", kind, *self.marks)
            drop_others(part, known, path, self.call, "a part has no such field")
            return write(part, path)
        if kind in self.own and is_object(part.get(kind)):
            return self.own_part(part, path)
        reason = f"{path}: {self.vendor} has nothing for a part of type {kind!r:.60}"
        raise UnsupportedError(reason, parameter=path)

    def _refusal(self, part: Part, path: str) -> Written:
        self.call.report.add("converted", path, "an earlier refusal, sent as text")
        return {"text": part["refusal"]}
