from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.cli.label import LabelProgress, _model_columns
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import ExpectedError, SettingsError
from dancetype.stream.settings import load_settings


def label(folder: Path, out: Path) -> None:
    arguments = ["label", str(folder), "--out", str(out)]
    CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_empty_mount_point_does_not_change_the_table(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    out = tmp_path / "table.parquet"
    out.write_text("results of a month")
    with pytest.raises(ExpectedError, match="no video in this folder"):
        label(tmp_path / "mount", out)
    assert out.read_text() == "results of a month"


@pytest.mark.parametrize(("folder", "out"), [("missing", "t.parquet"), (".", "t.csv")])
def test_missing_folder_and_wrong_file_type_are_refused(
    folder: str, out: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"no such folder|must end in \.parquet"):
        label(tmp_path / folder, tmp_path / out)


def test_row_of_a_clip_names_the_pose_settings_and_the_changes_to_its_images() -> None:
    contract = Classifier(device="cpu").contract
    settings = load_settings({"rotate": "90", "crop": "0,0,30,40", "pose_fps": 15})
    pose = _model_columns(settings, contract)["pose"]
    assert pose == "full by litert at 15 a second, rotate=90, crop=(0, 0, 30, 40)"
    assert _model_columns(load_settings({}), contract)["pose"] == "full by litert"


def test_time_left_is_estimated_from_the_pace_since_the_first_clip() -> None:
    now = 0.0
    progress = LabelProgress(100, clock=lambda: now)
    now = 60.0
    progress.add(failed=True)
    assert progress.line() == "1 of 100 clips, 1 with errors"
    now = 70.0
    for _ in range(10):
        progress.add(failed=False)
    assert progress.line() == "11 of 100 clips, 1 with errors; 1 per second, 1 min left"
