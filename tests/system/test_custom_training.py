"""Training on custom clips with the real command, from videos to a model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import SettingsError
from tests.testbed.command import CHECKOUT
from tests.training.data.test_extract import cut_clip

RECIPE = """
name = "hasty"
about = "For tests: seconds of video, a few steps."
[window]
seconds = 1.2
min_seconds = 1.0
length = 20
axes = "xy"
velocity = true
smooth = true
[sampling]
windows = "random"
seconds = [1.0, 1.2]
idle = 0.1
[network]
hidden = 8
layers = 1
dropout = 0.0
head_dropout = 0.0
pooling = "mean"
[optimiser]
kind = "adam"
learning_rate = 1e-2
batch = 8
epochs = 1
steps_per_epoch = 4
"""


@pytest.mark.usefixtures("pose_model")
def test_train_on_a_folder_of_clips_makes_a_model_with_their_genres(
    sample_clip: Path, tmp_path: Path
) -> None:
    clips, run = tmp_path / "clips", tmp_path / "run"
    for number, genre in enumerate(("west_coast swing", "House")):
        folder = clips / genre / "ann"
        folder.mkdir(parents=True)
        cut_clip(sample_clip, folder / "one.mp4", first=110 * number, frames=40)
    (clips / "House" / "broken.mp4").write_text("hello")
    (tmp_path / "hasty.toml").write_text(RECIPE)
    arguments = ["--clips", clips, "--out", run, "--recipe", tmp_path / "hasty.toml", "--jobs", 1]

    # A separate process would have to load torch again.
    trained = CliRunner().invoke(app, ["train", *map(str, arguments)])
    assert trained.exit_code == 0, trained.output
    errors = " ".join(trained.stderr.split())
    assert "skipped House/broken.mp4: no video that can be read" in errors
    assert "nothing is measured" in errors
    contract = Classifier(run / "model.onnx", device="cpu").contract
    assert contract.genres == {"HO": "house", "WCS": "west coast swing"}
    assert {path.name for path in run.iterdir()} == {
        "checkpoint.pt",
        "curves.png",
        "log.csv",
        "model.onnx",
        "tracks",
    }
    assert len(list((run / "tracks").iterdir())) == 2

    clip = clips / "House" / "ann" / "one.mp4"
    arguments = ["classify", "--json", clip, "--model", run / "model.onnx"]
    command = [sys.executable, "-m", "dancetype", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert result.returncode == 0, result.stderr
    classified = json.loads(result.stdout)
    assert classified["genre"] in contract.genres
    assert classified["probabilities"].keys() == contract.genres.keys()


def test_train_without_data_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "--out", str(tmp_path)])
    assert isinstance(result.exception, SettingsError)
    assert result.exception.exit_code == 2
    assert "give --data, --clips, or both" in str(result.exception)
