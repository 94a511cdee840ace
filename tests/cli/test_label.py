from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.cli.label import Tally
from dancetype.engine.errors import ExpectedError, SettingsError


def label(folder: Path, out: Path) -> None:
    words = ["label", str(folder), "--out", str(out)]
    CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_folder_in_which_nothing_is_mounted_costs_the_table_nothing(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    out = tmp_path / "table.parquet"
    out.write_text("the work of a month")
    with pytest.raises(ExpectedError, match="no video in this folder"):
        label(tmp_path / "mount", out)
    assert out.read_text() == "the work of a month"


@pytest.mark.parametrize(("folder", "out"), [("away", "t.parquet"), (".", "t.csv")])
def test_what_makes_no_sense_is_refused_first(folder: str, out: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such folder|not named \*\.parquet"):
        label(tmp_path / folder, tmp_path / out)


def test_how_long_it_takes_is_told_by_the_pace_since_the_first_clip() -> None:
    now = 0.0
    tally = Tally(100, clock=lambda: now)
    now = 60.0
    tally.add(failed=True)
    assert tally.line() == "1 of 100 clips, 1 with errors"
    now = 70.0
    for _ in range(10):
        tally.add(failed=False)
    assert tally.line() == "11 of 100 clips, 1 with errors; 1 a second, 1 min to go"
