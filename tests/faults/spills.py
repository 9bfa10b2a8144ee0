"""Where a secret could show: all that a report, a log, a debugger or a pickle would tell."""

from __future__ import annotations

import copy
import dataclasses
import io
import logging
import pickle
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from types import FunctionType, ModuleType, TracebackType
from typing import Any, cast

from structlog.tracebacks import ExceptionDictTransformer

from llmgate.provider.http import is_array, is_object
from tests.faults.calls import KEY, chain
from tests.faults.table import Outcome

__all__ = ["Overheard", "check_nothing_spilled", "listening", "of_error", "reachable"]

_OURS = ("/tests/", "/unittest/")
"""A test's own frames know the key."""


def reachable(value: Any, depth: int = 12, seen: set[int] | None = None) -> Iterator[str | bytes]:
    """Every text that can be come by from a value, through attributes and containers of any kind.

    It is more than anybody prints: whoever holds the value could reach it.
    """
    seen = set() if seen is None else seen
    if isinstance(value, str | bytes | bytearray):
        yield value if isinstance(value, str) else bytes(value)
    elif id(value) not in seen and depth and not isinstance(value, _CLOSED):
        seen.add(id(value))
        for each in _inside(value):
            yield from reachable(each, depth - 1, seen)


_CLOSED = (type, ModuleType, FunctionType, TracebackType, int, float)


def _inside(value: Any) -> Iterator[Any]:
    yield from _contained(value)
    yield from getattr(value, "__dict__", {}).values()
    for kind in type(value).__mro__:
        slots: Any = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            yield getattr(value, name, None)


def _contained(value: Any) -> Iterator[Any]:
    if is_object(value):
        yield from value.keys()
        yield from value.values()
    elif is_array(value):
        yield from value
    elif isinstance(value, tuple | set | frozenset):
        yield from cast("Iterable[Any]", value)


def in_frames(error: BaseException) -> Iterator[str]:
    """What the variables of every frame show, as tools print them that show variables."""
    for each in chain(error):
        at: TracebackType | None = each.__traceback__
        while at is not None:
            if not any(mine in at.tb_frame.f_code.co_filename for mine in _OURS):
                for value in at.tb_frame.f_locals.values():
                    yield from _pretty(value, 6)
            at = at.tb_next
        shown = traceback.TracebackException.from_exception(each, capture_locals=True)
        yield from (
            repr(frame.locals)
            for frame in shown.stack
            if not any(mine in frame.filename for mine in _OURS)
        )
        yield from _as_structlog_shows(each)


def _pretty(value: Any, depth: int) -> Iterator[str]:
    """What rich would show: the ``repr``, and what is in containers and plain dataclasses; but
    nothing that is in a container which has a ``repr`` of its own."""
    yield repr(value)
    kind = _kind(value)
    if not depth or (issubclass(kind, _CONTAINERS) and kind not in _CONTAINERS):
        return
    for each in _contained(value):
        yield from _pretty(each, depth - 1)
    if dataclasses.is_dataclass(kind) and "__create_fn__" in kind.__repr__.__qualname__:
        for field in dataclasses.fields(kind):
            if field.repr:
                yield from _pretty(getattr(value, field.name, None), depth - 1)


def _kind(value: object) -> Any:
    return type(value)


_CONTAINERS = (dict, list, tuple, set, frozenset)


def _as_structlog_shows(error: BaseException) -> Iterator[str]:
    """As JSON logs tell of an exception, with variables, which may be long."""
    told = ExceptionDictTransformer(show_locals=True, locals_max_string=10_000)(
        (type(error), error, error.__traceback__)
    )
    for trace in told:
        for frame in trace["frames"]:
            if not any(mine in frame["filename"] for mine in _OURS):
                yield repr(frame)


def of_error(error: BaseException) -> Iterator[str | bytes]:
    """All that an exception tells, in every way of asking it."""
    for each in chain(error):
        yield from (str(each), repr(each), repr(vars(each)), repr(each.args))
        yield from reachable(vars(each))
        yield from map(str, getattr(each, "__notes__", ()))
    yield from traceback.format_exception(error)
    yield from in_frames(error)
    yield pickle.dumps(error)
    yield repr(vars(copy.copy(error)))
    record = logging.LogRecord("x", 10, "x", 1, "failed", None, (type(error), error, None))
    yield logging.Formatter().format(record)


def has(text: str | bytes, secret: str) -> bool:
    """Whether a text holds the secret, or so much of its beginning that it says a lot."""
    known = secret[:16]
    return known in text if isinstance(text, str) else known.encode() in text


def check_nothing_spilled(outcome: Outcome, *secrets: str) -> None:
    """Neither the error nor the answer of a call shows the key, or one of these."""
    assert outcome.error is not None, f"no error, but the answer {outcome.text!r}"
    for text in of_error(outcome.error):
        for secret in (KEY, *secrets):
            assert not has(text, secret), f"it is in {text[:300]!r}"


class Overheard(logging.Handler):
    """All that is logged or printed meanwhile."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.printed = io.StringIO()
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        """Everything."""
        raw = (f"{record.msg!r} {record.args!r} {record.__dict__!r}" for record in self.records)
        return "\n".join([*self.lines, *raw, self.printed.getvalue()])


@contextmanager
def listening() -> Generator[Overheard]:
    """Overhear the whole process: every logger at every level, and the console."""
    ear, root = Overheard(), logging.getLogger()
    names = ("aiohttp", "asyncio", "llmgate", "urllib3", "structlog")
    loggers = [root, *map(logging.getLogger, names)]
    levels = [logger.level for logger in loggers]
    with ExitStack() as stack:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(1)
            stack.callback(logger.setLevel, level)
        root.addHandler(ear)
        stack.callback(root.removeHandler, ear)
        stack.enter_context(redirect_stdout(ear.printed))
        stack.enter_context(redirect_stderr(ear.printed))
        yield ear
