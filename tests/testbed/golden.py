"""Golden vectors: windows, probabilities and rolling estimates for ports to other languages.

python -m tests.testbed.golden FILE.json [--model MODEL.onnx]
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.engine.rolling import Decision, RollingEstimate
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec, cut_window
from tests.engine.walkers import Walker

Frames = list[tuple[float, Landmarks | None]]
Vectors = dict[str, Any]

_SECONDS: Final = 9.0
# Only some windows are written: one has thousands of values.
_WINDOWS_EVERY: Final = 8

SPECS: Final = (
    WindowSpec(4.0, 1.0, 60),
    WindowSpec(2.0, 0.5, 31, axes="xyz"),
    WindowSpec(3.0, 1.0, 20, velocity=False),
    WindowSpec(2.5, 1.0, 33, axes="xyz", smooth=False),
    WindowSpec(1.5, 1.0, 2),
    WindowSpec(4.0, 1.0, 60, trajectory=True),
    WindowSpec(2.0, 0.5, 25, velocity=False, smooth=False, trajectory=True),
)
"""Windows of different shapes; the shipped model has only one."""

DECISIONS: Final = (
    Decision.uniform(4),
    Decision.uniform(4, time_constant=0.4, enter=0.5, leave=0.3, margin=0.2, duration_power=2.0),
    Decision(2.0, (0.3, 0.5, 0.7, 0.9), (0.1, 0.5, 0.6, 0.2), 0.0, 1.5),
)


class _RecordingClassifier:
    """Classifier that keeps the windows that it has received."""

    def __init__(self, classifier: Classifier) -> None:
        self.contract = classifier.contract
        self.windows: list[Array] = []
        self._classifier = classifier

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        self.windows += list(windows)
        return self._classifier(windows)


def tracks() -> dict[str, Frames]:
    """Return five generated tracks: landmarks by time, None in frames without a person."""
    rng = np.random.default_rng(0)
    irregular = np.cumsum(rng.uniform(0.01, 0.12, 120))
    regular = np.arange(0, _SECONDS, 1 / 15)
    return {
        "steps": _track(Walker(swing=0.25, frequency=1.0), regular),
        "waves": _track(Walker(swing=0.4, frequency=2.3, raised=0.5), np.arange(0, 9, 1 / 30)),
        "irregular": _track(Walker(swing=0.6, frequency=0.7, noise=0.03), irregular),
        # Without a person for a moment, for longer than a window may contain, and at the start.
        "gaps": [
            (time, None if time < 0.8 or 2 < time < 2.3 or 5 < time < 6.1 else landmarks)
            for time, landmarks in _track(Walker(swing=0.3, frequency=1.5), regular)
        ],
        "standing": _track(Walker(swing=0.0, noise=0.002), np.arange(100.0, 109.0, 1 / 8)),
    }


def _track(walker: Walker, times: NDArray[np.float64]) -> Frames:
    """Return the landmarks of a person who walks on the stage, to the side and to the camera."""
    rng = np.random.default_rng(2)
    frames: Frames = []
    for time in times.tolist():
        size = walker.size * (1 + 0.3 * np.sin(0.7 * time))
        landmarks = replace(walker, x=2 * np.sin(time), size=size).at(time)
        # Estimates of the same person in the world and in the image differ.
        errors = rng.normal(0, 0.003, landmarks.image.shape).astype(np.float32)
        frames.append((time, replace(landmarks, image=landmarks.image + errors)))
    return frames


def golden_vectors(model: Path | None = None) -> Vectors:
    """Return the golden vectors of a genre model, by default of the shipped one."""
    classifier = Classifier(model, device="cpu")
    return {
        "contract": _contract(classifier.contract),
        "tracks": {name: _predict(frames, classifier) for name, frames in tracks().items()},
        "windows": list(_windows()),
        "estimates": list(_estimates()),
    }


def _contract(contract: Contract) -> Vectors:
    return {
        "labels": contract.labels,
        "genres": dict(contract.genres),
        "window": asdict(contract.window),
        "decision": asdict(contract.decision or Decision.uniform(len(contract.labels))),
        "dancing": contract.dancing,
    }


def _predict(frames: Frames, classifier: Classifier) -> Vectors:
    recording = _RecordingClassifier(classifier)
    recognizer = MultiDancerRecognizer(recording)
    hops: list[Vectors] = []
    for index, (time, landmarks) in enumerate(frames):
        before = len(recording.windows)
        prediction = recognizer.push(time, [] if landmarks is None else [landmarks])
        if prediction is None:
            continue
        window = recording.windows[before] if len(recording.windows) > before else None
        kept = window is not None and len(hops) % _WINDOWS_EVERY == 0
        probabilities = prediction.window_probabilities
        hops.append(
            {
                "frame": index,
                "window": window.ravel().tolist() if window is not None and kept else None,
                "windowSeconds": prediction.window_seconds,
                "windowProbabilities": None if probabilities is None else probabilities.tolist(),
                **_estimate(prediction.estimate),
            }
        )
    return {
        "frames": [
            {"time": time, "landmarks": None if landmarks is None else _landmarks(landmarks)}
            for time, landmarks in frames
        ],
        "hops": hops,
    }


def _landmarks(landmarks: Landmarks) -> Vectors:
    """Return landmarks as the pages have them."""
    world, image = (
        [{"x": x, "y": y, "z": z, "visibility": 1} for x, y, z in positions.tolist()]
        for positions in (landmarks.world, landmarks.image)
    )
    return {"world": world, "image": image, "aspect": landmarks.aspect}


def _windows() -> Iterator[Vectors]:
    for spec in SPECS:
        for name, frames in tracks().items():
            times = np.array([time for time, _ in frames])
            missing = np.full((17, 3), np.nan, np.float32)
            joints = np.stack([missing if one is None else one.pose().joints for _, one in frames])
            for end in times[[len(times) // 5, len(times) // 2, -1]]:
                window = cut_window(times, joints, spec, end=end)
                features = None if window.features is None else window.features.ravel().tolist()
                yield {
                    "spec": asdict(spec),
                    "track": name,
                    "end": float(end),
                    "features": features,
                    "seconds": window.seconds,
                    "empty": window.empty,
                }


def _estimates() -> Iterator[Vectors]:
    rng = np.random.default_rng(1)
    for decision in DECISIONS:
        for dancing in (False, True):
            estimator = RollingEstimate(("A", "B", "C", "D"), decision, dancing=dancing)
            leader = rng.dirichlet([0.4] * 4)
            time, steps = 0.0, []
            for _ in range(80):
                time += float(rng.uniform(0.05, 0.6))
                if rng.random() < 0.15:
                    leader = rng.dirichlet([0.3] * 4)
                probabilities = (0.8 * leader + 0.2 * rng.dirichlet([1] * 4)).astype(np.float32)
                seconds = float(rng.uniform(1, 4))
                estimate = estimator.update(time, probabilities, seconds=seconds)
                given = {"time": time, "given": probabilities.tolist(), "seconds": seconds}
                steps.append({**given, **_estimate(estimate)})
            yield {"decision": asdict(decision), "dancing": dancing, "steps": steps}


def _estimate(estimate: Any) -> Mapping[str, Any]:
    return {**asdict(estimate), "probabilities": estimate.probabilities.tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    arguments.file.write_text(json.dumps(golden_vectors(arguments.model)), encoding="utf-8")
