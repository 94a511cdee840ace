import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.media.track import Track, read_track
from dancetype.engine.window import WindowSpec, cut_window
from tests.examples.script import EXAMPLES, load_example

edge = load_example("edge")

LINES = 60
MODEL = EXAMPLES.parent / "engine" / "models" / "live.onnx"
# What neither Python nor one of the two packages brings along cannot be imported.
ALONE = """
import runpy, sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "onnxruntime"}:
            raise ImportError(f"{name} is neither numpy nor onnxruntime")
sys.meta_path.insert(0, Guard())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """A made-up dance of 7 s at 30 frames a second, somebody being out of view for a while."""
    chance = np.random.default_rng(0)
    times = np.arange(210) / 30
    still = chance.normal(0, 0.4, (1, 33, 3))
    swing = 0.2 * np.sin(2 * np.pi * times[:, None, None] * chance.uniform(0.5, 2, (1, 33, 3)))
    world = (still + swing + chance.normal(0, 0.01, (210, 33, 3))).astype(np.float32)
    world[40:44] = np.nan
    world[60:80] = np.nan
    made = Track("made", "HO", times, world, world, np.ones((210, 33), np.float32))
    path = tmp_path / "made.npz"
    made.save(path)
    return path


def run(*words: Path | str) -> subprocess.CompletedProcess[str]:
    """Has it run where there is nothing but numpy and onnxruntime."""
    return subprocess.run(
        [sys.executable, "-c", ALONE, EXAMPLES / "edge.py", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_short_enough_to_be_read_at_once() -> None:
    assert len((EXAMPLES / "edge.py").read_text().splitlines()) <= LINES


def test_with_numpy_and_onnxruntime_alone_it_says_what_the_engine_says(track: Path) -> None:
    ran = run(MODEL, track)
    assert ran.returncode == 0, ran.stderr
    known, classifier = read_track(track), Classifier(MODEL, device="cpu")
    contract = classifier.contract
    cut = cut_window(known.times, known.joints, contract.window, end=known.times[-1])
    assert cut.features is not None
    (answer,) = classifier(cut.features[None])
    names = list(contract.genres.values())
    likeliest = [f"{names[index]:16} {answer[index]:.1%}" for index in np.argsort(-answer)[:3]]
    assert ran.stdout.splitlines() == likeliest


@pytest.mark.parametrize("axes", ["xy", "xyz"])
@pytest.mark.parametrize("velocity", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
def test_it_makes_the_windows_that_the_engine_makes(
    track: Path, axes: str, velocity: bool, smooth: bool
) -> None:
    spec = WindowSpec(3.0, 1.0, 45, axes, velocity, smooth)  # type: ignore[arg-type]
    known = read_track(track)
    missing = 0
    for end in np.arange(0.5, 8.5, 0.25):
        here = edge.window(known.times, known.world, end, asdict(spec))
        there = cut_window(known.times, known.joints, spec, end=end).features
        assert (here is None) == (there is None)
        missing += here is None
        if there is not None:
            np.testing.assert_allclose(here, there, atol=1e-4)
    assert 0 < missing < 32


@pytest.mark.parametrize(
    ("key", "value"), [("dancetype_contract", "2"), ("joints", json.dumps(["nose"]))]
)
def test_a_contract_that_it_cannot_do_is_refused(
    track: Path, tmp_path: Path, key: str, value: str
) -> None:
    model = onnx.load(MODEL)
    onnx.helper.set_model_props(model, Classifier(MODEL).contract.metadata() | {key: value})
    onnx.save(model, tmp_path / "other.onnx")
    ran = run(tmp_path / "other.onnx", track)
    assert ran.returncode == 1
    assert ran.stderr.endswith("other.onnx: this reads dancetype contract 1\n")


def test_a_track_that_nobody_is_in_is_told(track: Path, tmp_path: Path) -> None:
    known = read_track(track)
    people, nobody = np.zeros(len(known.times)), known.world[:0]
    np.savez(tmp_path / "empty.npz", times=known.times, people=people, world=nobody)
    ran = run(MODEL, tmp_path / "empty.npz")
    assert ran.returncode == 1
    assert ran.stderr.endswith("nobody is seen in the last 1 s\n")
