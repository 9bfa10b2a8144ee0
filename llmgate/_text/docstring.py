"""What a docstring says of a function and its parameters, in Google's, numpy's or Sphinx's style.

It reads text and knows no function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from typing import NamedTuple


class Docstring(NamedTuple):
    """The text without what is said of parameters and errors, and the parameters by name."""

    text: str
    parameters: dict[str, str]


_PARAMETERS = re.compile(
    r"(args|arguments|(other )?param(eter)?s|keyword (args|arguments|parameters))", re.IGNORECASE
)
_ERRORS = re.compile(r"(raises|exceptions|errors|warns)", re.IGNORECASE)
_FIELD = re.compile(r":(\w+)\s*([^:]*):\s*(.*)$")
_PARAMETER_FIELDS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})
_OTHER_FIELDS = frozenset({"type", "rtype", "raises", "raise", "except", "exception"})
_NAMES = r"\s*\*{0,2}(\w+(?:\s*,\s*\*{0,2}\w+)*)\s*"
_GOOGLE = re.compile(_NAMES + r"(?:\(.*?\))?:(?:\s+(.*))?$")
_NUMPY = re.compile(_NAMES + r"(?::.*)?$")


def read_docstring(docstring: str | None) -> Docstring:
    """Read a docstring, in whichever of the styles it is; they may be mixed."""
    lines = cleandoc(docstring or "").split("\n")
    text, found, place = list[str](), dict[str, str](), 0
    while place < len(lines):
        line, end = lines[place], place + 1
        field = _FIELD.match(line)
        if field and field[1] in _PARAMETER_FIELDS | _OTHER_FIELDS:
            end = _end_of_indented(lines, end)
            if field[1] in _PARAMETER_FIELDS:
                words = [field[3], *map(str.strip, lines[place + 1 : end])]
                found[field[2].split(" ")[-1].lstrip("*")] = _joined(words)
        elif _is_heading(line.removesuffix(":")) and line.endswith(":"):
            end = _end_of_indented(lines, end)
            found.update(_entries(lines[place:end], _GOOGLE))
        elif _is_heading(line) and _is_underlined(lines, place):
            end = _end_of_underlined(lines, place + 2)
            found.update(_entries([line, *lines[place + 2 : end]], _NUMPY))
        else:
            text.append(line)
        place = end
    return Docstring(re.sub(r"\n{3,}", "\n\n", "\n".join(text)).strip(), found)


def _is_heading(title: str) -> bool:
    return bool(_PARAMETERS.fullmatch(title) or _ERRORS.fullmatch(title))


def _is_underlined(lines: Sequence[str], place: int) -> bool:
    return place + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[place + 1]) is not None


def _end_of_indented(lines: Sequence[str], place: int) -> int:
    """The first line from here on that is not indented."""
    while place < len(lines) and (not lines[place] or lines[place][0] == " "):
        place += 1
    return place


def _end_of_underlined(lines: Sequence[str], place: int) -> int:
    """The next heading, of whatever section."""
    while place < len(lines) and not _is_underlined(lines, place):
        place += 1
    return place


def _entries(section: Sequence[str], style: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """The parameters of a section, of which the first line is the heading."""
    heading, *lines = section
    if _ERRORS.fullmatch(heading.removesuffix(":")):
        return
    margin = min((_indent(line) for line in lines if line), default=0)
    names, words = list[str](), list[str]()
    for line in lines:
        entry = style.match(line) if line and _indent(line) == margin else None
        if entry is None:
            words.append(line.strip())
            continue
        yield from ((name, _joined(words)) for name in names)
        names = re.split(r"\s*,\s*\**", entry[1])
        words = [entry[2] or ""] if style is _GOOGLE else []
    yield from ((name, _joined(words)) for name in names)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(words: Sequence[str]) -> str:
    return " ".join(filter(None, words))
