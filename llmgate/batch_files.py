"""Reads calls from files, and writes records to a file that survives a crash at any moment."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import zlib
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from llmgate._text.json import is_object
from llmgate.batch import BatchRecord, Budget, check_concurrency, id_of, run_numbered
from llmgate.errors import InvalidRequestError, LLMGateError

if TYPE_CHECKING:
    from llmgate._core.client import Client
    from llmgate.options import CallOptions

__all__ = ["Journal", "batch_file", "calls_in", "encoded_line", "line_of"]


def calls_in(path: Path, template: str | None = None) -> Iterator[Any]:
    """The calls of a file: one JSON object or string per line, or the rows of a CSV file with a
    header.

    ``template`` makes the prompt of each, with ``{name}`` for its value of that name. In place of
    an invalid call stands the error that says why.

    Raises:
        InvalidRequestError: when the file cannot be read.
    """
    try:
        is_table = path.suffix.lower() == ".csv"
        for row in _table(path) if is_table else _json_lines(path):
            yield row if template is None else _filled(template, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        failure = InvalidRequestError(str(error), path=str(path))
    else:
        return
    raise failure


def _check_files(path: Path, output: Path) -> None:
    """Look before anything is made: an output without an input helps nobody, and an input that is
    the output would be overwritten."""
    if output.exists() and path.exists() and output.samefile(path):
        raise InvalidRequestError("the output is the input itself", path=str(output))
    try:
        path.open("rb").close()
    except OSError as error:
        failure = InvalidRequestError(str(error), path=str(path))
    else:
        return
    raise failure


def _table(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _json_lines(path: Path) -> Iterator[Any]:
    """The lines, read as bytes, so that invalid UTF-8 spoils only its own line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                yield InvalidRequestError(f"not JSON: {error}", path=f"line {number}")


def _filled(template: str, row: Any) -> Any:
    """A call whose prompt is made from a row; of the row's other values, only its id is kept."""
    if isinstance(row, LLMGateError):
        return row
    fields = {"text": row} if isinstance(row, str) else row
    try:
        prompt = template.format_map(cast("Mapping[str, Any]", fields))
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        return InvalidRequestError(f"{type(error).__name__}: {error}", path="template")
    kept = {name: fields[name] for name in ("id", "custom_id") if name in fields}
    return {"prompt": prompt, **kept}


def line_of(record: BatchRecord) -> dict[str, Any]:
    """A record as a line of the output: ``completion`` in OpenAI's form, or ``error``."""
    line: dict[str, Any] = {"index": record.index, "id": record.id}
    if record.completion is not None:
        line["completion"] = record.completion.model_dump(mode="json")
        if record.completion.report:
            line["report"] = [str(deviation) for deviation in record.completion.report]
    if record.error is not None:
        error = record.error
        line["error"] = {
            "type": type(error).__name__,
            "message": error.message,
            "status": error.status,
        }
    return line


def encoded_line(record: BatchRecord) -> bytes:
    """The encoded line of a record, with its line end."""
    line = json.dumps(line_of(record), ensure_ascii=False, default=str)
    return line.encode("utf-8", "backslashreplace") + b"\n"


async def batch_file(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    template: str | None = None,
    system: str | None = None,
    model: str | list[str] | None = None,
    concurrency: int = 64,
    max_cost: Decimal | float | None = None,
    client: Client | None = None,
    **options: Unpack[CallOptions],
) -> AsyncGenerator[BatchRecord, None]:
    """Make the calls of a file, write their records to another one, and yield the records as well.

    Run again with the same arguments, it continues where it stopped, however it stopped: calls
    whose completion is in the output are not made again; calls that failed or were under way are.

    Args:
        path: JSON objects or strings, one per line, or a CSV file; see :func:`calls_in`.
        output: Where the records are written, one JSON object per line, as the calls end.
        template: The template for the prompt of each call, such as ``"Translate: {text}"``.
        system: Instructions that come before each prompt.
        model: For calls that name none.
        concurrency: The most calls at once.
        max_cost: What all calls of this run together may cost, as for :func:`~llmgate.abatch`.
        client: Whose limits, hooks and middleware hold; the default one if None.
        options: What every call is given that does not say it itself.

    Raises:
        InvalidRequestError: when a file cannot be read or written, or the output is of another
            input.
        RequestError: when ``max_cost`` is reached, or a price is not known, after the last record.
    """
    check_concurrency(concurrency)
    _check_files(Path(path), Path(output))
    async with Journal(Path(output)) as journal:

        async def open_calls() -> AsyncIterator[tuple[int, Any]]:
            for index, call in enumerate(calls_in(Path(path), template)):
                if not journal.has(index, id_of(call, index)):
                    yield index, call

        common = {"model": model, "system": system, **options}
        budget = Budget(max_cost)
        records = run_numbered(open_calls(), common, concurrency, client, budget=budget)
        async with aclosing(records):
            async for record in records:
                journal.add(record)
                yield record


class Journal:
    """The output of a batch, to which records are added, one per line.

    Added records are on the disk within 50 ms; an incomplete last line is removed when the file is
    opened again. Opening it finds out which calls are done, and removes the records of failed
    calls, which are made again.

    Args:
        path: The file.
        done: Shared if the output has several files: for each index a checksum of the call's id, or
            0. Calls that are done in one file are removed from files that are opened later.
    """

    def __init__(self, path: Path, done: array[int] | None = None) -> None:
        self._path = path
        self._done = array("I") if done is None else done
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llmgate-journal")
        self._pending: list[bytes] = []
        self._flushing: asyncio.Task[None] | None = None
        self._failure: OSError | None = None
        self.count = 0
        """How many calls were done when it was opened."""

    async def __aenter__(self) -> Self:
        try:
            await self._run(self._open)
        except BaseException as error:
            self._thread.shutdown(wait=False)
            if isinstance(error, OSError):
                raise InvalidRequestError(str(error), path=str(self._path)) from None
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._flushing is not None:
            await asyncio.wait({self._flushing})
        await self._run(self._file.close)
        self._thread.shutdown(wait=False)
        if error is None:
            self._check()

    def has(self, index: int, name: str) -> bool:
        """Whether the call with this index is done.

        Raises:
            InvalidRequestError: when another call is recorded there: the output belongs to another
                input.
        """
        known = self._done[index] if index < len(self._done) else 0
        if known and known != _checksum(name):
            reason = f"the record {index} is not of the call {name!r}: it is of another input"
            raise InvalidRequestError(reason, path=str(self._path))
        return bool(known)

    def add(self, record: BatchRecord) -> None:
        """Add a record; it is written soon.

        Raises:
            InvalidRequestError: when earlier records could not be written.
        """
        self.add_line(encoded_line(record))

    def add_line(self, line: bytes) -> None:
        """Add the line of a record, as :func:`encoded_line` gives it; it is written soon.

        Raises:
            InvalidRequestError: as for :meth:`add`.
        """
        self._check()
        self._pending.append(line)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())

    async def written(self) -> None:
        """Wait until all records so far are on the disk.

        Raises:
            InvalidRequestError: when it could not be written.
        """
        if self._flushing is not None:
            await asyncio.wait({self._flushing})
        self._check()

    async def _flush(self) -> None:
        try:
            await asyncio.sleep(_COMMIT_SECONDS / 2)
            while self._pending:
                lines, self._pending = self._pending, []
                await self._run(partial(self._write, lines))
        except OSError as error:
            self._failure = error
        finally:
            self._flushing = None

    def _check(self) -> None:
        if self._failure is not None:
            raise InvalidRequestError(str(self._failure), path=str(self._path))

    async def _run(self, work: Any) -> None:
        await asyncio.wrap_future(self._thread.submit(work))

    # --- on its thread ---

    def _open(self) -> None:
        """Read which calls are done, and rewrite the file if it contains anything else.

        Raises:
            InvalidRequestError: when nothing in it is a record: then it is somebody's own file.
        """
        kept = self._path.with_name(f"{self._path.name}.resumed")
        has_more = has_records = False
        if self._path.exists():
            with self._path.open("rb") as old, kept.open("wb") as new:
                for line in old:
                    record = _record_in(line)
                    has_records = has_records or record is not None
                    if record is not None and self._take(record):
                        new.write(line)
                    else:
                        has_more = True
                new.flush()
                os.fsync(new.fileno())
            if has_more and not has_records:
                kept.unlink()
                reason = "it exists, and holds no records of a batch: give another output"
                raise InvalidRequestError(reason, path=str(self._path))
            if has_more:
                kept.replace(self._path)
            else:
                kept.unlink()
        self._file = self._path.open("ab")

    def _take(self, record: dict[str, Any]) -> bool:
        """Whether a record is that of a call that is done."""
        index, name = record.get("index"), record.get("id") if "completion" in record else None
        if type(index) is not int or index < 0 or not isinstance(name, str):
            return False
        self._done.extend([0] * (index + 1 - len(self._done)))
        if self._done[index]:
            return False
        self._done[index] = _checksum(name)
        self.count += 1
        return True

    def _write(self, lines: list[bytes]) -> None:
        self._file.write(b"".join(lines))
        self._file.flush()
        os.fsync(self._file.fileno())


_COMMIT_SECONDS = 0.05


_BEGINNING = b'{"index": '


def _record_in(line: bytes) -> dict[str, Any] | None:
    """The record in a line; an empty one for the beginning of one that was cut."""
    if not line.endswith(b"\n"):
        return {} if line.startswith(_BEGINNING) or _BEGINNING.startswith(line) else None
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if is_object(record) and "index" in record else None


def _checksum(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "backslashreplace")) or 1
