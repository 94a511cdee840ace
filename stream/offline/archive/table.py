"""The table of an archive: one row per clip, kept so that a crash loses none."""

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dancetype.engine.errors import FileError
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.results import Result

Row = dict[str, Any]
"""Values of one clip by column."""

_BEFORE: Final = (
    ("file", pa.string()),
    ("status", pa.string()),
    ("genre", pa.string()),
    ("name", pa.string()),
    ("confidence", pa.float32()),
)
_AFTER: Final = (
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
    return pa.schema([*_BEFORE, *((code, pa.float32()) for code in genres), *_AFTER])


def row_of(result: Result, genres: Mapping[str, str], same: Row) -> Row:
    """Return a clip's row.

    Args:
        result: Result of the clip.
        genres: Genre names by code, in the classifier's order.
        same: Columns that do not depend on the result, such as `file`.
    """
    probabilities = result.get("probabilities", {})
    genre = result.get("genre")
    return {
        **same,
        "status": _status(result),
        "genre": genre,
        "name": genres.get(genre) if genre else None,
        "confidence": result.get("confidence") if genre else None,
        **{code: probabilities.get(code) if genre else None for code in genres},
        **{key: result.get(key) for key in ("seconds", "frames", "poses", "error")},
    }


def _status(result: Result) -> str:
    """Return the status that a live run would report for the clip's probabilities."""
    if "error" in result:
        return "error"
    if result["genre"] is None:
        return Status.NO_PERSON.value
    each = result["probabilities"]
    values = np.array(list(each.values()), np.float32)
    return RollingEstimate(tuple(each)).update(0.0, values).status.value


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table, or none if it does not exist.

    Raises:
        FileError: The file is something else.
    """
    if not path.exists():
        return []
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise FileError(f"{path}: no table to go on with ({error}); take another --out") from error
    if not all({"file", "bytes", "modified_ns", "model", "pose"} <= row.keys() for row in rows):
        raise FileError(f"{path}: not written by dancetype label; take another --out")
    return rows


class Ledger:
    """Rows of a table: those of an earlier run, and each new one as soon as it is added.

    Until the table is written, new rows are kept in a file beside it, as JSON lines. A context
    manager, which locks the table.

    Args:
        out: Table to write, which may exist from an earlier run.

    Attributes:
        rows: Rows by `file`, the latest one if a file was labelled twice.

    Raises:
        FileError: The table cannot be written, is no such table, or another process writes it.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._path = out.with_name(f"{out.name}.rows")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        except OSError as error:
            raise FileError(f"{self._path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise FileError(f"{out}: another dancetype label is writing it") from error
        self._file.seek(0)
        rows = (*read_table(out), *_complete_rows(self._file))
        self.rows: dict[str, Row] = {row["file"]: row for row in rows}
        # End a line that a crash has cut short.
        self._file.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Release the lock."""
        self._file.close()

    def keep(self, row: Row) -> None:
        """Keep a row, even if the process crashes later.

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
        """Write the table.

        Args:
            files: Files that it has rows of, in this order.
            genres: Genre codes of the model.

        Raises:
            FileError: The table cannot be written.
        """
        table = pa.Table.from_pylist([self.rows[file] for file in files], schema(genres))
        with output_file(self._out) as part:
            pq.write_table(table, part, compression="zstd")
        self._path.unlink(missing_ok=True)


def _complete_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        # The last line before a crash may be cut short.
        with suppress(ValueError):
            yield json.loads(line)


def is_done(row: Row | None, stamp: Row, *, retry_errors: bool) -> bool:
    """Return whether a clip's row is up to date.

    Args:
        row: Row of an earlier run, if there is one.
        stamp: Columns that a new row would have, whatever the result.
        retry_errors: Whether clips that ended in an error are tried again.
    """
    if row is None or (retry_errors and row["error"]):
        return False
    return all(row[column] == value for column, value in stamp.items())
