"""A user who only streams installs dancetype without PyTorch, and is told when that is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with `pip install .` and nothing else in it."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = environment / "bin" / "pip"
    subprocess.run([pip, "install", "--quiet", CHECKOUT], check=True)
    return environment / "bin"


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_classify_needs_no_torch(
    installed: Path, sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    assert run(installed / "python", "-c", "import torch", cwd=tmp_path).returncode != 0
    result = run(
        installed / "dancetype",
        "classify",
        sample_clip,
        "--json",
        "--pose-model",
        pose_model,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["poses"] > 0


def test_evaluation_of_the_shipped_model_needs_no_torch(
    installed: Path, shared: Path, tmp_path: Path
) -> None:
    tracks = shared / "data" / "tracks"
    result = run(installed / "dancetype", "evaluate", "--tracks", tracks, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["clips"] == 12


def test_training_without_torch_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    result = run(
        installed / "dancetype",
        *("train", "--data", ".", "--recipe", "live", "--out", "out"),
        cwd=tmp_path,
    )
    assert result.returncode == 1
    assert "dancetype[train]" in result.stderr
    assert "Traceback" not in result.stderr
