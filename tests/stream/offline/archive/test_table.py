from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dancetype.engine.contract import Contract
from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.rolling import Decision
from dancetype.engine.window import WindowSpec
from dancetype.stream.offline.archive.table import Row, TableWriter, is_done, make_row, schema

CONTRACT = Contract(CODES, WindowSpec(4.0, 1.0, 60), "camera", "none", "none", ())
STAMP: Row = {"model": "live 1", "pose": "full", "version": "1", "bytes": 5, "modified_ns": 7}


def row(file: str, *, best: float = 0.9, contract: Contract = CONTRACT, **result: Any) -> Row:
    other = (1 - best) / (len(CODES) - 1)
    defaults = {
        "genre": "HO",
        "confidence": best,
        "probabilities": dict.fromkeys(CODES, other) | {"HO": best},
        "seconds": 4.0,
        "frames": 120,
        "poses": 118,
    }
    return make_row(defaults | result, contract, {"file": file, **STAMP})


def write_table(out: Path, *rows: Row) -> None:
    with TableWriter(out) as table:
        for row in rows:
            table.append(row)
        table.finish([row["file"] for row in rows], CODES)


def test_complete_rows_survive_a_crash(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    with TableWriter(out) as table:
        table.append(row("a.mp4"))
        table.append(row("b.mp4"))
    new_rows = tmp_path / "table.parquet.rows"
    new_rows.write_bytes(new_rows.read_bytes()[:-20])
    with TableWriter(out) as table:
        assert table.rows == {"a.mp4": row("a.mp4")}
        table.append(row("c.mp4"))
    with TableWriter(out) as table:
        assert list(table.rows) == ["a.mp4", "c.mp4"]
        assert not out.exists()


def test_later_run_adds_and_replaces_rows(tmp_path: Path) -> None:
    out = tmp_path / "new" / "table.parquet"
    write_table(out, row("a.mp4"), row("b.mp4"))
    with TableWriter(out) as table:
        table.append(row("b.mp4", best=0.4))
        table.append(row("c.mp4"))
        table.finish(["b.mp4", "c.mp4"], CODES)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    rows = pq.read_table(out).to_pylist()
    assert [(row["file"], row["status"]) for row in rows] == [
        ("b.mp4", "not_sure"),
        ("c.mp4", "genre"),
    ]


def test_status_follows_the_decision_of_the_model() -> None:
    strict = replace(CONTRACT, decision=Decision.uniform(10, enter=0.95, leave=0.5))
    rows = [row("a.mp4", contract=contract) for contract in (CONTRACT, strict)]
    assert [row["status"] for row in rows] == ["genre", "not_sure"]


def test_table_has_the_probability_of_dancing_if_the_model_gives_it(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    write_table(out, row("a.mp4", dancing=0.25), row("b.mp4", dancing=None))
    assert [row["dancing"] for row in pq.read_table(out).to_pylist()] == [0.25, None]


def test_columns_do_not_depend_on_the_rows(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    write_table(out)
    assert pq.read_schema(out).equals(schema(CODES))
    bad = make_row({"file": "/x", "error": "damaged"}, CONTRACT, {"file": "bad.mp4", **STAMP})
    empty = row("empty.mp4", genre=None, confidence=0.0)
    write_table(out, bad, empty)
    table = pq.read_table(out)
    assert table.schema.equals(schema(CODES))
    for values, status in zip(table.to_pylist(), ("error", "no_person"), strict=True):
        assert (values["status"], values["genre"], values["confidence"], values["HO"]) == (
            *(status, None, None),
            None,
        )


def test_table_is_locked_while_a_process_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    with (
        TableWriter(out),
        pytest.raises(FileError, match="another dancetype label process is writing"),
    ):
        TableWriter(out)
    with TableWriter(out) as table:
        assert table.rows == {}


def test_file_that_is_not_a_table_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    out.write_text("other content")
    with pytest.raises(FileError, match="choose another --out"):
        TableWriter(out)
    assert out.read_text() == "other content"


def test_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"table\.parquet\.rows: cannot be written"):
        TableWriter(tmp_path / "file" / "table.parquet")


ROW: Row = {"file": "a.mp4", "bytes": 5, "modified_ns": 7, "model": "live 1", "error": None}


@pytest.mark.parametrize(
    ("change", "row", "retry_errors", "done"),
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
def test_clip_is_done_until_the_clip_or_the_model_changes(
    change: dict[str, Any], row: Row | None, retry_errors: bool, done: bool
) -> None:
    stamp = {column: ROW[column] for column in ("file", "bytes", "modified_ns", "model")}
    assert is_done(row, stamp | change, retry_errors=retry_errors) is done
