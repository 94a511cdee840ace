"""Names the genre of a landmark track with numpy and onnxruntime alone, as a small device would.

    pip install numpy onnxruntime
    python edge.py engine/models/live.onnx track.npz

The model says itself what it wants to be shown; what this file cannot make, it refuses. A track is
what `dancetype record` writes. On a device, keep the landmarks of the last seconds in its place and
call `window` as often as you want an answer.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Array = NDArray[np.float32]

HOP: Final = 0.5
"""Seconds between two windows."""
MAX_GAP: Final = 0.5
"""Seconds without a person after which a new window begins."""

# MediaPipe's landmark for each of COCO's 17 joints; its y points down and its z away from us.
LANDMARKS: Final = 33
COCO: Final = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
AXES: Final = np.array([1, -1, -1], np.float32)
LEFT_HIP: Final = 11
RIGHT_HIP: Final = 12

VERSION: Final = "1"
JOINTS: Final = ["nose"] + [
    f"{side}_{part}"
    for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
NORMALISATION: Final = (
    "pelvis (middle of the hips) at the origin in each frame; resampled by time; divided by the "
    "window's median of the largest joint distance from the pelvis"
)
OVERSAMPLING: Final = 4


@dataclass(frozen=True)
class Contract:
    """What a model wants to be shown, and what its answer means."""

    labels: list[str]
    genres: dict[str, str]
    seconds: float
    min_seconds: float
    length: int
    axes: str
    velocity: bool
    smooth: bool


def read_contract(metadata: dict[str, str]) -> Contract:
    """Reads the metadata of a model file.

    Raises:
        ValueError: it wants something that is not done here; the text says what.
    """
    if metadata.get("dancetype_contract") != VERSION:
        raise ValueError(f"needs a model with dancetype contract {VERSION}")
    try:
        contract = Contract(
            labels=json.loads(metadata["labels"]),
            genres=json.loads(metadata["genres"]),
            **json.loads(metadata["window"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its contract cannot be read: {error}") from None
    features = [*contract.axes, *(f"v{axis}" for axis in contract.axes if contract.velocity)]
    wanted = {
        "joints": json.dumps(JOINTS),
        "features": json.dumps(features),
        "normalisation": NORMALISATION,
    }
    for name, known in wanted.items():
        if metadata.get(name) != known:
            raise ValueError(f"wants other {name}: {metadata.get(name)}")
    if contract.axes not in ("xy", "xyz"):
        raise ValueError(f"wants other axes: {contract.axes}")
    return contract


def window(
    times: NDArray[np.float64], world: Array, contract: Contract, end: float
) -> Array | None:
    """Makes of the last seconds what the model wants to see.

    Args:
        times: (T,) seconds, rising.
        world: (T, 33, 3) MediaPipe's world landmarks; NaN where nobody was seen.
        contract: of the model.
        end: seconds on the clock of `times`.

    Returns:
        (L, F), or None where too little was seen.
    """
    joints = world[:, COCO] * AXES
    lately = (times > end - contract.seconds - MAX_GAP) & (times <= end)
    seen = lately & np.isfinite(joints).all(axis=(1, 2))
    times, joints = times[seen], joints[seen]
    if not len(times) or end - times[-1] > MAX_GAP:
        return None
    gaps = np.flatnonzero(np.diff(times) > MAX_GAP)
    if len(gaps):
        times, joints = times[gaps[-1] + 1 :], joints[gaps[-1] + 1 :]
    start = max(times[0], times[-1] - contract.seconds)
    seconds = float(times[-1] - start)
    # Frames come a little early or late, so nearly enough is enough.
    if len(times) < 2 or seconds < contract.min_seconds - 0.05:
        return None

    pelvis = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / np.float32(2)
    centred = (joints - pelvis[:, None])[..., : len(contract.axes)]
    positions = resampled(times, centred, contract, start, seconds)
    scale = float(np.median(np.linalg.norm(positions, axis=-1).max(axis=-1)))
    positions /= max(scale, 1e-6)
    if not contract.velocity:
        return positions.reshape(contract.length, -1)
    velocities = np.gradient(positions, seconds / (contract.length - 1), axis=0)
    return np.concatenate([positions, velocities], axis=-1).reshape(contract.length, -1)


def resampled(
    times: NDArray[np.float64], joints: Array, contract: Contract, start: float, seconds: float
) -> Array:
    """(L, 17, D): positions at even steps, each smoothed over the steps beside it."""
    fine = contract.length
    if contract.smooth:
        fine = fine * OVERSAMPLING - (OVERSAMPLING - 1)
    at = np.linspace(start, start + seconds, fine)
    flat = joints.reshape(len(joints), -1)
    steps = np.stack([np.interp(at, times, column) for column in flat.T], axis=1)
    if contract.smooth:
        far = np.abs(np.arange(fine) - np.arange(contract.length)[:, None] * OVERSAMPLING)
        weights = np.clip(1 - far / OVERSAMPLING, 0, None)
        steps = weights / weights.sum(axis=1, keepdims=True) @ steps
    return steps.astype(np.float32).reshape(contract.length, len(JOINTS), -1)


def classify(
    session: Any, contract: Contract, times: NDArray[np.float64], world: Array
) -> Array | None:
    """(K,): the mean of the answers to all windows of a track; None where there is no window."""
    ends = np.arange(times[0] + contract.seconds, times[-1] + 1e-3, HOP)
    # A track shorter than a window is one, of all there is.
    ends = ends if len(ends) else times[-1:]
    cuts = [window(times, world, contract, end + 1e-6) for end in ends]
    windows = [cut for cut in cuts if cut is not None]
    if not windows:
        return None
    (probabilities,) = session.run(None, {session.get_inputs()[0].name: np.stack(windows)})
    mean: Array = probabilities.mean(axis=0)
    return mean


def read_track(path: str) -> tuple[NDArray[np.float64], Array]:
    """Reads the times (T,) in seconds and the landmarks (T, 33, 3) of a track.

    Raises:
        ValueError: it is none.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            times, world = arrays["timestamps_ms"] / 1000, arrays["world"].astype(np.float32)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"not a landmark track: {error}") from None
    if not len(times) or world.shape != (len(times), LANDMARKS, 3):
        raise ValueError(f"not a landmark track: world is {world.shape}, of {len(times)} times")
    return times, world


def main(model: str, track: str) -> None:
    """Prints the three likeliest genres."""
    if not Path(model).is_file():
        sys.exit(f"{model}: no such file")
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    try:
        contract = read_contract(session.get_modelmeta().custom_metadata_map)
    except ValueError as error:
        sys.exit(f"{model}: {error}")
    try:
        times, world = read_track(track)
    except ValueError as error:
        sys.exit(f"{track}: {error}")
    probabilities = classify(session, contract, times, world)
    if probabilities is None:
        sys.exit(f"{track}: nobody is in it for {contract.min_seconds:g} s on end")
    for index in np.argsort(-probabilities)[:3]:
        print(f"{contract.genres[contract.labels[index]]:16} {probabilities[index]:.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: edge.py MODEL.onnx TRACK.npz")
    main(sys.argv[1], sys.argv[2])
