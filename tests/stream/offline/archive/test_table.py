from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES, GENRES
from dancetype.stream.offline.archive.table import Ledger, Row, is_done, row_of, schema

SAME: Row = {"model": "live 1", "pose": "full", "version": "1", "bytes": 5, "modified_ns": 7}


def row(file: str, *, best: float = 0.9, **result: Any) -> Row:
    rest = (1 - best) / (len(CODES) - 1)
    said = {
        "genre": "HO",
        "confidence": best,
        "probabilities": dict.fromkeys(CODES, rest) | {"HO": best},
        "seconds": 4.0,
        "frames": 120,
        "poses": 118,
    }
    return row_of(said | result, GENRES, {"file": file, **SAME})


def finished(out: Path, *rows: Row) -> None:
    with Ledger(out) as ledger:
        for each in rows:
            ledger.keep(each)
        ledger.finish([each["file"] for each in rows], CODES)


def test_rows_are_there_after_a_crash_but_for_the_line_it_cut_short(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    with Ledger(out) as ledger:
        ledger.keep(row("a.mp4"))
        ledger.keep(row("b.mp4"))
    beside = tmp_path / "table.parquet.rows"
    beside.write_bytes(beside.read_bytes()[:-20])
    with Ledger(out) as ledger:
        assert ledger.rows == {"a.mp4": row("a.mp4")}
        ledger.keep(row("c.mp4"))
    with Ledger(out) as ledger:
        assert list(ledger.rows) == ["a.mp4", "c.mp4"]
        assert not out.exists()


def test_a_later_run_adds_to_the_table_and_its_rows_count(tmp_path: Path) -> None:
    out = tmp_path / "new" / "table.parquet"
    finished(out, row("a.mp4"), row("b.mp4"))
    with Ledger(out) as ledger:
        ledger.keep(row("b.mp4", best=0.4))
        ledger.keep(row("c.mp4"))
        ledger.finish(["b.mp4", "c.mp4"], CODES)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    rows = pq.read_table(out).to_pylist()
    assert [(each["file"], each["status"]) for each in rows] == [
        ("b.mp4", "not_sure"),
        ("c.mp4", "genre"),
    ]


def test_the_columns_are_the_same_whatever_is_in_them(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    finished(out)
    assert pq.read_schema(out).equals(schema(CODES))
    bad = row_of({"file": "/x", "error": "damaged"}, GENRES, {"file": "bad.mp4", **SAME})
    nobody = row("nobody.mp4", genre=None, confidence=0.0)
    finished(out, bad, nobody)
    table = pq.read_table(out)
    assert table.schema.equals(schema(CODES))
    for each, status in zip(table.to_pylist(), ("error", "no_person"), strict=True):
        assert (each["status"], each["genre"], each["confidence"], each["HO"]) == (
            *(status, None, None),
            None,
        )


def test_two_do_not_write_one_table(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    with Ledger(out), pytest.raises(FileError, match="another dancetype label is writing"):
        Ledger(out)
    with Ledger(out) as ledger:
        assert ledger.rows == {}


def test_what_is_no_such_table_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    out.write_text("mine")
    with pytest.raises(FileError, match="take another --out"):
        Ledger(out)
    assert out.read_text() == "mine"


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"table\.parquet\.rows: cannot be written"):
        Ledger(tmp_path / "file" / "table.parquet")


ROW: Row = {"file": "a.mp4", "bytes": 5, "modified_ns": 7, "model": "live 1", "error": None}


@pytest.mark.parametrize(
    ("now", "row", "retry_errors", "done"),
    [
        ({}, ROW, False, True),
        ({}, None, False, False),
        ({"bytes": 6}, ROW, False, False),
        ({"modified_ns": 8}, ROW, False, False),
        ({"model": "live 2"}, ROW, False, False),
        ({}, {**ROW, "error": "damaged"}, False, True),
        ({}, {**ROW, "error": "damaged"}, True, False),
        ({}, ROW, True, True),
    ],
)
def test_a_clip_is_done_once_until_it_or_the_model_changes(
    now: dict[str, Any], row: Row | None, retry_errors: bool, done: bool
) -> None:
    stamp = {column: ROW[column] for column in ("file", "bytes", "modified_ns", "model")}
    assert is_done(row, stamp | now, retry_errors=retry_errors) is done
