"""Which clips of an archive are labelled, kept so that a crash loses none."""

import fcntl
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from dancetype.engine.errors import FileError
from dancetype.stream.offline.archive.table import Row, read_table, write_table


class Ledger:
    """Rows of a table: those of an earlier run, and each new one from the moment it is there.

    New rows go to a file beside the table, a JSON text a line, until all are there. Entered and
    left; meanwhile nobody else can do the same.

    Args:
        out: the table, which may be there from an earlier run.

    Attributes:
        rows: by `file`; of a file that was labelled twice the later.

    Raises:
        FileError: it cannot be written, or somebody else is writing it.
        FileError: something else has that name.
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
        self.rows: dict[str, Row] = {
            row["file"]: row for row in (*read_table(out), *_rows(self._file))
        }
        # Ends a line that a crash has cut short.
        self._file.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Lets others at it."""
        self._file.close()

    def keep(self, row: Row) -> None:
        """Takes a row.

        Raises:
            FileError: it cannot be written.
        """
        try:
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise FileError(f"{self._path}: cannot be written: {error.strerror}") from error
        self.rows[row["file"]] = row

    def finish(self, files: Iterable[str], genres: Iterable[str]) -> None:
        """Writes the table.

        Args:
            files: that it is to have rows of, in this order.
            genres: of the model, by code.

        Raises:
            FileError: it cannot be written.
        """
        write_table(self._out, [self.rows[file] for file in files], genres)
        self._path.unlink(missing_ok=True)


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        try:
            row = json.loads(line)
        # The last line before a crash may be cut short.
        except ValueError:
            continue
        yield row
