"""Table of an archive with one row per clip; rows survive a crash."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import lock_descriptor

from dancetype.engine.contract import Contract
from dancetype.engine.errors import FileError
from dancetype.engine.rolling import Status
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.results import Result

Row = dict[str, Any]
"""Values of one clip by column."""

_LEADING_COLUMNS: Final = (
    ("file", pa.string()),
    ("status", pa.string()),
    ("genre", pa.string()),
    ("name", pa.string()),
    ("confidence", pa.float32()),
    ("dancing", pa.float32()),
)
_TRAILING_COLUMNS: Final = (
    ("seconds", pa.float64()),
    ("frames", pa.int64()),
    ("poses", pa.int64()),
    ("error", pa.string()),
    ("model", pa.string()),
    ("pose", pa.string()),
    ("version", pa.string()),
    ("bytes", pa.int64()),
    ("modified_ns", pa.int64()),
)


def schema(genres: Iterable[str]) -> Any:
    """Return the schema of a table, with a column of probabilities for each genre code."""
    probabilities = ((code, pa.float32()) for code in genres)
    return pa.schema([*_LEADING_COLUMNS, *probabilities, *_TRAILING_COLUMNS])


def make_row(result: Result, contract: Contract, stamp: Row) -> Row:
    """Return the row of a clip.

    Args:
        result: Result of the clip.
        contract: Contract of the classifier.
        stamp: Columns that do not depend on the result, such as `file`.
    """
    probabilities = result.get("probabilities", {})
    genre = result.get("genre")
    return {
        **stamp,
        "status": _status(result, contract),
        "genre": genre,
        "name": contract.genres.get(genre) if genre else None,
        "confidence": result.get("confidence") if genre else None,
        **{code: probabilities.get(code) if genre else None for code in contract.labels},
        **{key: result.get(key) for key in ("dancing", "seconds", "frames", "poses", "error")},
    }


def _status(result: Result, contract: Contract) -> str:
    """Return the status that a live run would report for the clip's probabilities."""
    if "error" in result:
        return "error"
    if result["genre"] is None:
        return Status.NO_PERSON.value
    probabilities = np.array(
        [result["probabilities"][code] for code in contract.labels], np.float32
    )
    return contract.rolling_estimate().update(0.0, probabilities).status.value


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table; none if the file does not exist.

    Raises:
        FileError: The file is not a table of `dancetype label`.
    """
    if not path.exists():
        return []
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise FileError(
            f"{path}: not readable as a table ({error}); choose another --out"
        ) from error
    if not all({"file", "bytes", "modified_ns", "model", "pose"} <= row.keys() for row in rows):
        raise FileError(f"{path}: not written by dancetype label; choose another --out")
    return rows


class TableWriter:
    """Writer of a table whose rows survive a crash before the table is complete.

    New rows are appended as JSON lines to a file next to the table. That file is deleted once the
    table is written. The writer is a context manager and locks the table.

    Args:
        out: Table to write; may exist from an earlier run.

    Attributes:
        rows: Rows by `file`, including those of earlier runs. If a file was labelled twice, the
            later row counts.

    Raises:
        FileError: The table cannot be written, was not written by `dancetype label`, or is locked
            by another process.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._path = out.with_name(f"{out.name}.rows")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        except OSError as error:
            raise FileError(f"{self._path}: cannot be written: {error.strerror}") from error
        if not lock_descriptor(self._file.fileno(), blocking=False):
            self._file.close()
            raise FileError(f"{out}: another dancetype label process is writing it")
        self._file.seek(0)
        rows = (*read_table(out), *_complete_rows(self._file))
        self.rows: dict[str, Row] = {row["file"]: row for row in rows}
        # End a line that was cut off by a crash.
        self._file.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Release the lock."""
        self._file.close()

    def append(self, row: Row) -> None:
        """Add a row so that it survives a crash of the process.

        Raises:
            FileError: The row cannot be written.
        """
        try:
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise FileError(f"{self._path}: cannot be written: {error.strerror}") from error
        self.rows[row["file"]] = row

    def finish(self, files: Iterable[str], genres: Iterable[str]) -> None:
        """Write the table, and delete the file of new rows.

        Args:
            files: Files whose rows the table contains, in this order.
            genres: Genre codes of the model.

        Raises:
            FileError: The table cannot be written.
        """
        table = pa.Table.from_pylist([self.rows[file] for file in files], schema(genres))
        with output_file(self._out) as part:
            pq.write_table(table, part, compression="zstd")
        # Windows does not delete open files.
        self._file.close()
        self._path.unlink(missing_ok=True)


def _complete_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        # The last line before a crash may be incomplete.
        with suppress(ValueError):
            yield json.loads(line)


def is_done(row: Row | None, stamp: Row, *, retry_errors: bool) -> bool:
    """Return whether a clip has an up-to-date row.

    Args:
        row: Row of an earlier run, or None.
        stamp: Columns of a new row that do not depend on the result.
        retry_errors: Whether a clip with an error is labelled again.
    """
    if row is None or (retry_errors and row["error"]):
        return False
    return all(row[column] == value for column, value in stamp.items())
