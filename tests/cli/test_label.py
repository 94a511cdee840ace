from pathlib import Path

import pytest

from dancetype.cli.label import Tally, label
from dancetype.engine.errors import ExpectedError, SettingsError
from dancetype.stream.settings import load_settings


def test_a_folder_in_which_nothing_is_mounted_costs_the_table_nothing(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    out = tmp_path / "table.parquet"
    out.write_text("the work of a month")
    with pytest.raises(ExpectedError, match="a folder without a video in it"):
        label(tmp_path / "mount", load_settings({}), out=out)
    assert out.read_text() == "the work of a month"


@pytest.mark.parametrize(("folder", "out"), [("away", "t.parquet"), (".", "t.csv")])
def test_what_makes_no_sense_is_refused_first(folder: str, out: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such folder|not named \*\.parquet"):
        label(tmp_path / folder, load_settings({}), out=tmp_path / out)


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
