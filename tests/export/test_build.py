import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import SettingsError
from dancetype.engine.media.track import Track
from dancetype.export.build import TrainingData, build_model
from dancetype.training.data.aist import read_sequences, sequence_names
from dancetype.training.recipe import load_recipe

_LANDMARKS = 33


@pytest.fixture(scope="module")
def data(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    """A few real sequences of each dancer, tracks of them and real captured negatives."""
    folder = tmp_path_factory.mktemp("data")
    script = shared / "data" / "aist" / "unpack.py"
    subprocess.run([sys.executable, script, folder / "aist", "--every", "50"], check=True)
    (folder / "tracks").mkdir()
    for sequence in read_sequences(folder / "aist", sequence_names(folder / "aist")[::3]):
        joints = sequence.joints[::3] - sequence.joints[:1].mean(axis=1, keepdims=True)
        world = np.repeat(joints, 2, axis=1)[:, :_LANDMARKS].astype(np.float32)
        name = sequence.name
        track = Track(
            name.text,
            name.genre,
            sequence.times[::3],
            world,
            world,
            np.ones(world.shape[:2], np.float32),
            sequence=name.text,
        )
        track.save(folder / "tracks" / f"{name.text}.npz")
    return TrainingData(folder / "aist", (folder / "tracks",), shared / "data" / "negatives")


def test_build_writes_a_model_with_calibration_decision_and_card(
    data: TrainingData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = load_recipe("live")
    optimiser = recipe.optimiser.model_copy(
        update={"epochs": 1, "steps_per_epoch": 12, "batch": 16, "average": 0.5}
    )
    recipe = recipe.model_copy(update={"optimiser": optimiser})
    figures = build_model(recipe, data, tmp_path, members=1, jobs=2)
    assert [test["tested"] for test in figures["tests"]] == ["dancers:B", "dancers:A"]
    contract = Classifier(tmp_path / "live.onnx", device="cpu").contract
    assert contract.dancing
    assert "AIST++" in contract.credit
    assert "mocap.cs.cmu.edu" in contract.credit
    assert contract.decision is not None
    assert list(contract.decision.enter) == [contract.decision.enter[0]] * 10
    assert len(contract.dancers) == 20
    assert set(contract.figures) == {
        f"dancers:{test}, by the same recipe trained on dancers:{train}"
        for train, test in (("A", "B"), ("B", "A"))
    }
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written == json.loads(json.dumps(figures))
    card = (tmp_path / "README.md").read_text()
    accuracy = figures["tests"][0]["motion_capture"]["window_accuracy"]
    assert card.count(f"{100 * accuracy:.1f}") >= 2
    assert "live, rendered clips of" in card

    # A second build trains nothing again.
    before = {path: path.stat().st_mtime for path in tmp_path.glob("*/*/log.csv")}
    assert {path.parent.relative_to(tmp_path) for path in before} == {
        Path(f"live-{split}", network)
        for split in ("A", "B", "all")
        for network in ("seed-0", "statistics")
    }
    build_model(recipe, data, tmp_path, members=1, jobs=2)
    assert {path: path.stat().st_mtime for path in before} == before


def test_recipe_without_a_camera_is_rejected_before_training(
    data: TrainingData, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"the recipe first-20 has no \[camera\]"):
        build_model(load_recipe("first-20"), data, tmp_path, members=1, jobs=1)
    assert not list(tmp_path.iterdir())
