import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from engine.classifier import Classifier
from engine.clip import classify_track
from engine.contract import Contract
from engine.track import Track, read_track
from engine.window import WindowSpec, cut_window
from tests.examples.script import EXAMPLES, load

edge = load("edge")

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


def a_contract(spec: WindowSpec) -> Contract:
    return Contract(("HO", "KR"), spec, "camera", recipe="", split="", dancers=())


def test_it_gives_the_same_probabilities_as_the_engine(track: Path) -> None:
    session = ort.InferenceSession(MODEL)
    contract = edge.read_contract(session.get_modelmeta().custom_metadata_map)
    known = read_track(track)
    here = edge.classify(session, contract, *edge.read_track(str(track)))
    there = classify_track(known.times, known.joints, Classifier(MODEL)).probabilities
    assert np.abs(here - there).max() < 1e-5


@pytest.mark.parametrize("axes", ["xy", "xyz"])
@pytest.mark.parametrize("velocity", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
def test_it_makes_the_windows_that_the_engine_makes(
    track: Path, axes: str, velocity: bool, smooth: bool
) -> None:
    spec = WindowSpec(3.0, 1.0, 45, axes, velocity, smooth)  # type: ignore[arg-type]
    contract = edge.read_contract(a_contract(spec).metadata())
    known = read_track(track)
    times, world = edge.read_track(str(track))
    missing = 0
    for end in np.arange(0.5, 8.5, 0.25):
        here = edge.window(times, world, contract, end)
        there = cut_window(known.times, known.joints, spec, end=end).features
        assert (here is None) == (there is None)
        missing += here is None
        if there is not None:
            np.testing.assert_allclose(here, there, atol=1e-4)
    assert 0 < missing < 32


def test_it_needs_nothing_but_numpy_and_onnxruntime(track: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, EXAMPLES / "edge.py", MODEL, track],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 3
    assert ran.stdout.count("%") == 3


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("dancetype_contract", "2", "dancetype contract 1"),
        ("joints", json.dumps(["nose"]), "other joints"),
        ("features", json.dumps(["x"]), "other features"),
        ("normalisation", "none", "other normalisation"),
        ("window", "{}", "cannot be read"),
        ("labels", "no JSON", "cannot be read"),
    ],
)
def test_a_contract_that_it_cannot_do_is_refused(key: str, value: str, reason: str) -> None:
    metadata = a_contract(WindowSpec(4.0, 1.0, 60)).metadata()
    assert edge.read_contract(metadata).labels == ["HO", "KR"]
    with pytest.raises(ValueError, match=reason):
        edge.read_contract({**metadata, key: value})


def test_a_file_that_is_no_track_is_refused(tmp_path: Path) -> None:
    text, other = tmp_path / "text.npz", tmp_path / "other.npz"
    text.write_text("no track")
    np.savez(other, timestamps_ms=np.arange(3), world=np.zeros((2, 33, 3)))
    for path in (text, other, tmp_path / "nowhere.npz"):
        with pytest.raises(ValueError, match="not a landmark track"):
            edge.read_track(str(path))
