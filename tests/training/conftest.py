import subprocess
import sys
from pathlib import Path

import pytest

from dancetype.training.data.aist import AistSequence, read_sequences, sequence_names
from dancetype.training.recipe import Recipe


@pytest.fixture(scope="session")
def aist(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AIST++ folder with some real sequences of each dancer."""
    folder = tmp_path_factory.mktemp("aist")
    script = shared / "data" / "aist" / "unpack.py"
    subprocess.run([sys.executable, script, folder, "--every", "50"], check=True)
    return folder


@pytest.fixture(scope="session")
def sequences(aist: Path) -> list[AistSequence]:
    """All sequences of the folder; fails if one is dropped."""
    return read_sequences(aist, sequence_names(aist), on_drop=pytest.fail)


@pytest.fixture
def recipe() -> Recipe:
    """Recipe of a small run with random windows."""
    return Recipe.model_validate(
        {
            "name": "small",
            "about": "For tests.",
            "window": {
                "seconds": 4.0,
                "min_seconds": 1.0,
                "length": 20,
                "axes": "xy",
                "velocity": True,
                "smooth": True,
            },
            "sampling": {"windows": "random", "seconds": (1.0, 4.0), "tempo": 0.05},
            "network": {
                "hidden": 24,
                "layers": 2,
                "dropout": 0.1,
                "head_dropout": 0.1,
                "input_norm": True,
                "pooling": "mean_max",
            },
            "optimiser": {
                "kind": "adamw",
                "learning_rate": 1e-2,
                "schedule": "one_cycle",
                "batch": 16,
                "epochs": 3,
                "steps_per_epoch": 12,
                "average": 0.5,
            },
            "camera": {
                "heading": 26.0,
                "pitch": 7.0,
                "roll": 3.0,
                "frame_rate": (15.0, 60.0),
                "dropped": 0.2,
                "noise": (0.0, 1.0),
                "track_noise": 0.5,
                "thrown_share": 0.1,
                "thrown": 0.08,
                "limbs": 0.08,
                "mirror": 0.5,
            },
        }
    )
