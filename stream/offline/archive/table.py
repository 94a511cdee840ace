"""The table of an archive: a row for each clip, and the schema it has in Parquet."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dancetype.engine.errors import FileError
from dancetype.engine.rolling import RollingEstimate, Status
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.results import Result

Row = dict[str, Any]
"""What is known of one clip, by column."""

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
    """Of a table whose model knows these genres, by code; each has a column of probabilities."""
    return pa.schema([*_BEFORE, *((code, pa.float32()) for code in genres), *_AFTER])


def row_of(result: Result, genres: Mapping[str, str], same: Row) -> Row:
    """A clip's row.

    Args:
        result: what is said of it.
        genres: names by code, in the classifier's order.
        same: columns that do not depend on the result, such as `file`.
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
    """What a live run would say of the clip's probabilities."""
    if "error" in result:
        return "error"
    if result["genre"] is None:
        return Status.NO_PERSON.value
    each = result["probabilities"]
    values = np.array(list(each.values()), np.float32)
    return RollingEstimate(tuple(each)).update(0.0, values).status.value


def read_table(path: Path) -> list[Row]:
    """Rows of a table; none where it is not there.

    Raises:
        FileError: something else has that name.
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


def write_table(path: Path, rows: Iterable[Row], genres: Iterable[str]) -> None:
    """Writes a table, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    table = pa.Table.from_pylist(list(rows), schema(genres))
    with output_file(path) as part:
        pq.write_table(table, part, compression="zstd")
