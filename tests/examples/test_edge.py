import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.genres import CODES
from dancetype.engine.landmarks import UNKNOWN_SIZE
from dancetype.engine.media.track import Track, read_track
from dancetype.engine.rolling import Decision, RollingEstimate, Status
from dancetype.engine.window import WindowSpec, cut_window
from tests.engine.test_classifier import CONTRACT, make_model
from tests.examples.script import EXAMPLES, load_example
from tests.testbed.models import scaled_model

edge = load_example("edge")

MAX_LINES = 120
MODEL = EXAMPLES.parent / "engine" / "models" / "live.onnx"
# Runs a script that can import only the standard library, numpy and onnxruntime.
RESTRICTED_RUN = """
import runpy, sys
class ImportGuard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "onnxruntime"}:
            raise ImportError(f"{name} is neither numpy nor onnxruntime")
sys.meta_path.insert(0, ImportGuard())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """Write a track of 7 s of random motion through the image at 30 frames per second.

    It has two gaps, one of them too long for a window.
    """
    rng = np.random.default_rng(0)
    times = np.arange(210) / 30
    rest_pose = rng.normal(0, 0.4, (1, 33, 3))
    swing = 0.2 * np.sin(2 * np.pi * times[:, None, None] * rng.uniform(0.5, 2, (1, 33, 3)))
    world = (rest_pose + swing + rng.normal(0, 0.01, (210, 33, 3))).astype(np.float32)
    image = 0.5 + world * np.array([0.1, 0.18, 0.1], np.float32)
    image += rng.normal(0, 0.003, image.shape)
    image[..., 0] += 0.3 * np.sin(times)[:, None]
    world[40:44] = np.nan
    world[60:80] = np.nan
    path = tmp_path / "random.npz"
    visibility = np.ones((210, 33), np.float32)
    size = (1280, 720)
    Track("random", "HO", times, world, image, visibility, image_size=size).save(path)
    return path


def save_linear_model(file: Path, *, trajectory: bool) -> Path:
    """Write a linear model with or without a trajectory; return its path."""
    window = WindowSpec(4.0, 1.0, 60, trajectory=trajectory)
    contract = replace(CONTRACT, window=window)
    onnx.save(make_model(features=window.features, contract=contract), file)
    return file


def run_edge(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """Run the example in a process that can import only numpy and onnxruntime."""
    return subprocess.run(
        [sys.executable, "-c", RESTRICTED_RUN, EXAMPLES / "edge.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_example_is_short() -> None:
    assert len((EXAMPLES / "edge.py").read_text().splitlines()) <= MAX_LINES


def expected_lines(model: Path, track: Path) -> list[str]:
    """Return the lines that the example should print, according to the engine."""
    recorded, classifier = read_track(track), Classifier(model, device="cpu")
    contract = classifier.contract
    rolling = contract.rolling_estimate()
    for end in np.arange(recorded.times[-1], recorded.times[0], -edge.HOP)[::-1]:
        cut = cut_window(recorded.times, recorded.joints, contract.window, end=end)
        estimate = (
            rolling.update_without_window(Status.NO_PERSON)
            if cut.features is None
            else rolling.update(end, classifier(cut.features[None])[0], seconds=cut.seconds)
        )
    names = list(contract.genres.values())
    top_three = np.argsort(-estimate.probabilities)[:3]
    ranked = [(names[index], float(estimate.probabilities[index])) for index in top_three]
    if estimate.dancing is not None:
        ranked.insert(0, ("dancing", estimate.dancing))
    named = contract.genres[estimate.genre] if estimate.genre else "not sure"
    return [named, *(f"{name:16} {value:.1%}" for name, value in ranked)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"decision": None},
        {"decision": Decision(0.5, (0.001,) * 10, (0.0005,) * 10, 0.05, 2.0)},
        {"factor": 0.75, "dancing": True, "decision": None},
    ],
    ids=["shipped", "default decision", "other decision", "dancing"],
)
def test_output_equals_that_of_the_engine_with_numpy_and_onnxruntime_only(
    track: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    model = scaled_model(tmp_path / "changed.onnx", **changes) if changes else MODEL
    lines = output_lines(model, track)
    assert lines == expected_lines(model, track)
    is_dancing_printed = any(line.startswith("dancing ") for line in lines)
    assert is_dancing_printed is Classifier(model, device="cpu").contract.dancing


def output_lines(model: Path, track: Path) -> list[str]:
    """Return the lines that the example prints."""
    result = run_edge(model, track)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.parametrize("trajectory", [True, False])
def test_model_may_have_a_trajectory(track: Path, tmp_path: Path, trajectory: bool) -> None:
    model = save_linear_model(tmp_path / "linear.onnx", trajectory=trajectory)
    assert output_lines(model, track) == expected_lines(model, track)


def test_only_a_trajectory_needs_the_size_of_the_images(track: Path, tmp_path: Path) -> None:
    path = tmp_path / "unknown.npz"
    replace(read_track(track), image_size=UNKNOWN_SIZE).save(path)
    model = save_linear_model(tmp_path / "with.onnx", trajectory=True)
    result = run_edge(model, path)
    assert result.returncode == 1
    assert result.stderr.endswith(
        "unknown.npz: image_size is unknown, but the model needs it; record again\n"
    )
    model = save_linear_model(tmp_path / "without.onnx", trajectory=False)
    assert output_lines(model, path) == expected_lines(model, path)


@pytest.mark.parametrize("genres", [2, 3, 10])
def test_default_decision_equals_that_of_the_engine(genres: int) -> None:
    contract = {"labels": json.dumps(CODES[:genres])}
    expected = asdict(Decision.uniform(genres))
    for key, value in edge.decision_of(contract).items():
        assert value == pytest.approx(expected.pop(key))
    assert not expected


def test_decisions_equal_those_of_the_engine() -> None:
    rng = np.random.default_rng(0)
    labels = CODES[:3]
    decision = Decision(1e-6, (0.6, 0.5, 0.4), (0.5, 0.3, 0.2), 0.1)
    rolling, named, answers = RollingEstimate(labels, decision), None, set()
    for time, mean in enumerate(rng.dirichlet((0.8, 0.8, 0.8), 500).astype(np.float32)):
        named = edge.decide(mean, named, asdict(decision))
        answers.add(named)
        assert (None if named is None else labels[named]) == rolling.update(time, mean).genre
    assert answers == {None, 0, 1, 2}


@pytest.mark.parametrize(("axes", "trajectory"), [("xy", True), ("xy", False), ("xyz", False)])
@pytest.mark.parametrize("velocity", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
def test_windows_equal_those_of_the_engine(
    track: Path, axes: str, trajectory: bool, velocity: bool, smooth: bool
) -> None:
    spec = WindowSpec(3.0, 1.0, 45, axes, velocity, smooth, trajectory)  # type: ignore[arg-type]
    recorded = read_track(track)
    joints = edge.placed_joints(recorded.world, recorded.image, 1280 / 720)
    missing = 0
    for end in np.arange(0.5, 8.5, 0.25):
        actual = edge.window(recorded.times, joints, end, asdict(spec))
        expected = cut_window(recorded.times, recorded.joints, spec, end=end)
        assert (actual is None) == (expected.features is None)
        missing += actual is None
        if expected.features is not None:
            np.testing.assert_allclose(actual[0], expected.features, atol=1e-4)
            assert actual[1] == pytest.approx(expected.seconds)
    assert 0 < missing < 32


def test_windows_do_not_depend_on_the_unit_of_the_world(track: Path) -> None:
    spec = asdict(WindowSpec(4.0, 1.0, 60, trajectory=True))
    recorded = read_track(track)
    in_metres, in_millimetres = (
        edge.placed_joints(recorded.world * unit, recorded.image, 1280 / 720) for unit in (1, 1000)
    )
    features, _ = edge.window(recorded.times, in_metres, 7.0, spec)
    others, _ = edge.window(recorded.times, in_millimetres, 7.0, spec)
    np.testing.assert_allclose(others, features, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "value"), [("dancetype_contract", "2"), ("joints", json.dumps(["nose"]))]
)
def test_model_with_another_contract_is_refused(
    track: Path, tmp_path: Path, key: str, value: str
) -> None:
    model = onnx.load(MODEL)
    onnx.helper.set_model_props(model, Classifier(MODEL).contract.metadata() | {key: value})
    onnx.save(model, tmp_path / "other.onnx")
    result = run_edge(tmp_path / "other.onnx", track)
    assert result.returncode == 1
    assert result.stderr.endswith("other.onnx: not a model with dancetype contract 1\n")


def test_track_without_a_person_is_an_error(track: Path, tmp_path: Path) -> None:
    recorded = read_track(track)
    empty = replace(recorded, world=np.full_like(recorded.world, np.nan))
    empty.save(tmp_path / "empty.npz")
    result = run_edge(MODEL, tmp_path / "empty.npz")
    assert result.returncode == 1
    assert result.stderr.endswith("no person in the last 1 s\n")
