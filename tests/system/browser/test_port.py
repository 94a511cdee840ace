"""The code of the browser page agrees with Python."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
from playwright.sync_api import Page

from dancetype.engine.contract import NORMALISATION, TRAJECTORY, VERSION
from dancetype.engine.defaults import DEFAULT_HOP
from dancetype.engine.landmarks import COCO_LANDMARKS, MAX_COORDINATE
from dancetype.engine.rolling import Decision
from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import MAX_GAP, WindowSpec
from dancetype.stream.pose_schedule import MAX_POSE_FPS
from tests.engine.test_classifier import CONTRACT, make_model
from tests.testbed.file_server import FileServer
from tests.testbed.golden import Vectors, golden_vectors
from tests.testbed.models import scaled_model

TOLERANCE: Final = 1e-4
compare: Final = partial(np.testing.assert_allclose, rtol=0, atol=TOLERANCE)

# Both directions use JSON, since Playwright transfers long lists slowly.
PREDICT_TRACKS: Final = """async ([file, model]) => {
  const { tracks } = await (await fetch(file)).json();
  const load = (name) => import(new URL(`./core/${name}.js`, location.href).href);
  const { Classifier } = await load("classifier");
  const { Recognizer } = await load("recognizer");
  const content = await (await fetch(model)).arrayBuffer();
  const classifier = await Classifier.open(new Uint8Array(content));
  const results = {};
  for (const [name, { frames, hops }] of Object.entries(tracks)) {
    const wanted = new Set(hops.filter(({ window }) => window).map(({ frame }) => frame));
    let features;
    const recognizer = new Recognizer(classifier.contract, (given) => {
      features = given;
      return classifier.classify(given);
    });
    results[name] = [];
    for (const [frame, { time, landmarks }] of frames.entries()) {
      const result = await recognizer.push(time, landmarks);
      if (result) {
        const { estimate, ...rest } = result;
        const window = wanted.has(frame) ? Array.from(features) : null;
        results[name].push({ frame, window, ...rest, ...estimate });
      }
    }
  }
  return JSON.stringify({ contract: classifier.contract, tracks: results });
}"""

CUT_WINDOWS: Final = """async (file) => {
  const { tracks, windows } = await (await fetch(file)).json();
  const load = (name) => import(new URL(`./core/${name}.js`, location.href).href);
  const { cutWindow } = await load("window");
  const { poseOf } = await load("skeleton");
  return JSON.stringify(windows.map(({ spec, track, end }) => {
    const frames = tracks[track].frames.map(({ time, landmarks }) => ({
      time,
      pose: landmarks && poseOf(landmarks),
    }));
    const window = cutWindow(frames, spec, end);
    return { ...window, features: window.features && Array.from(window.features) };
  }));
}"""

ESTIMATE: Final = """async (estimates) => {
  const { RollingEstimate } = await import(new URL("./core/rolling.js", location.href).href);
  return estimates.map(({ decision, dancing, steps }) => {
    const rolling = new RollingEstimate(["A", "B", "C", "D"], decision, dancing);
    return steps.map(({ time, given, seconds }) => rolling.update(time, given, seconds));
  });
}"""

CONSTANTS: Final = """async () => {
  const names = ["contract", "recognizer", "skeleton", "window"];
  const modules = await Promise.all(
    [...names.map((name) => `./core/${name}.js`), "./dancetype.js"].map(
      (path) => import(new URL(path, location.href).href),
    ),
  );
  const { VERSION, NORMALISATION, TRAJECTORY, DEFAULT_HOP, JOINTS, COCO_LANDMARKS, MAX_COORDINATE,
    MAX_GAP, MAX_POSE_FPS } = Object.assign({}, ...modules);
  return [VERSION, NORMALISATION, TRAJECTORY, DEFAULT_HOP, JOINTS, COCO_LANDMARKS, MAX_COORDINATE,
    MAX_GAP, MAX_POSE_FPS];
}"""

LOAD_MODEL: Final = """async (genreModel) => {
  const { DanceClassifier } = await import(new URL("./dancetype.js", location.href).href);
  try {
    (await DanceClassifier.load({ genreModel })).close();
    return "loaded";
  } catch ({ name, message }) {
    return `${name}: ${message}`;
  }
}"""


def test_port_agrees_with_python_on_five_tracks(page: Page, site: Path) -> None:
    golden = golden_vectors()
    assert len(golden["tracks"]) == 5
    compare_tracks(page, site, golden, "models/genre.onnx")
    windows = json.loads(page.evaluate(CUT_WINDOWS, "golden.json"))
    for result, expected in zip(windows, golden["windows"], strict=True):
        assert result["empty"] == expected["empty"]
        compare(result["seconds"], expected["seconds"])
        compare_values(result["features"], expected["features"])
    estimates = page.evaluate(ESTIMATE, golden["estimates"])
    for result, expected in zip(estimates, golden["estimates"], strict=True):
        for estimate, step in zip(result, expected["steps"], strict=True):
            compare_estimates(estimate, step)


def test_page_reads_genres_and_thresholds_from_the_model(page: Page, site: Path) -> None:
    model = site / "models/eager.onnx"
    decision = Decision.uniform(10, enter=0.02, leave=0.01, margin=0.0)
    scaled_model(model, factor=0.5, decision=decision)
    golden = golden_vectors(model)
    compare_tracks(page, site, golden, "models/eager.onnx")
    genres = {hop["genre"] for track in golden["tracks"].values() for hop in track["hops"]}
    assert len(genres) > 2


@pytest.mark.parametrize("trajectory", [True, False])
def test_page_runs_models_with_and_without_a_trajectory(
    page: Page, site: Path, trajectory: bool
) -> None:
    window = WindowSpec(4.0, 1.0, 60, trajectory=trajectory)
    onnx.save(linear_model(window), site / "models/linear.onnx")
    golden = golden_vectors(site / "models/linear.onnx")
    compare_tracks(page, site, golden, "models/linear.onnx")


def linear_model(window: WindowSpec) -> onnx.ModelProto:
    """Return a model for a window; without a trajectory, its metadata do not mention one."""
    contract = replace(CONTRACT, window=window)
    metadata = contract.metadata()
    if not window.trajectory:
        metadata["window"] = metadata["window"].replace(', "trajectory": false', "")
    model = make_model(length=window.length, features=window.features, contract=contract)
    onnx.helper.set_model_props(model, metadata)
    return model


def compare_tracks(page: Page, site: Path, golden: Vectors, model: str) -> None:
    (site / "golden.json").write_text(json.dumps(golden), encoding="utf-8")
    results = json.loads(page.evaluate(PREDICT_TRACKS, ["golden.json", model]))
    compare_contracts(results["contract"], json.loads(json.dumps(golden["contract"])))
    for name, track in golden["tracks"].items():
        compare_hops(results["tracks"][name], track["hops"])


def compare_contracts(contract: dict[str, Any], expected: dict[str, Any]) -> None:
    assert contract == expected
    # Objects of Python and JavaScript are equal regardless of the order of their keys.
    assert list(contract["genres"]) == list(expected["labels"])


def compare_hops(hops: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [hop["frame"] for hop in hops] == [hop["frame"] for hop in expected]
    for hop, other in zip(hops, expected, strict=True):
        compare_values(hop["window"], other["window"])
        compare(hop["windowSeconds"], other["windowSeconds"])
        compare_values(hop["windowProbabilities"], other["windowProbabilities"])
        compare_estimates(hop, other)


def compare_estimates(estimate: dict[str, Any], expected: dict[str, Any]) -> None:
    assert (estimate["status"], estimate["genre"]) == (expected["status"], expected["genre"])
    compare(estimate["confidence"], expected["confidence"])
    compare(estimate["probabilities"], expected["probabilities"])
    compare_values(estimate["dancing"], expected["dancing"])


def compare_values(values: Any, expected: Any) -> None:
    assert (values is None) is (expected is None)
    if expected is not None:
        compare(values, expected)


def test_constants_of_the_port_are_those_of_python(page: Page) -> None:
    assert page.evaluate(CONSTANTS) == [
        VERSION,
        NORMALISATION,
        TRAJECTORY,
        DEFAULT_HOP,
        list(JOINTS),
        list(COCO_LANDMARKS),
        MAX_COORDINATE,
        MAX_GAP,
        MAX_POSE_FPS,
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"axes": "xy"', '"axes": "xyz"', "its window is invalid"),
        ('"trajectory": true', '"trajectory": 1', "its window is invalid"),
        (TRAJECTORY, "", "it needs another normalisation"),
        (', "trajectory": true', "", "it needs another normalisation"),
    ],
)
def test_contradictory_trajectory_is_refused_with_the_reason(
    page: Page, server: FileServer, site: Path, old: str, new: str, reason: str
) -> None:
    model = linear_model(WindowSpec(4.0, 1.0, 60, trajectory=True))
    for entry in model.metadata_props:
        entry.value = entry.value.replace(old, new)
    onnx.save(model, site / "models/changed.onnx")
    assert reason in page.evaluate(LOAD_MODEL, f"http://{server.host}/models/changed.onnx")


def test_unsuitable_genre_model_is_refused_with_the_reason(
    page: Page, server: FileServer, site: Path
) -> None:
    content = (site / "models/genre.onnx").read_bytes()
    changes = {
        "its contract has version 9": (
            b"dancetype_contract\x12\x011",
            b"dancetype_contract\x12\x019",
        ),
        "its joints are not COCO's": (b'"left_knee", "right_knee"', b'"right_knee", "left_knee"'),
        "its decision is invalid": (b'"margin": 0.1', b'"margin": 1.1'),
        "its metadata cannot be read": (content[-5000:], b""),
    }
    for number, (reason, (old, new)) in enumerate(changes.items()):
        assert content.count(old) == 1
        model = f"models/changed-{number}.onnx"
        (site / model).write_bytes(content.replace(old, new))
        assert reason in page.evaluate(LOAD_MODEL, f"http://{server.host}/{model}")
