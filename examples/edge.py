"""Names the genre of a recording with numpy and onnxruntime alone, as a small device would.

python edge.py live.onnx recording.npz    (docs/edge.md tells each step, and what goes on a device)
"""

import json
import sys
from typing import Any

import numpy as np
import onnxruntime

COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)  # of MediaPipe's landmarks
PARTS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ["nose", *(f"{side}_{part}" for part in PARTS for side in ("left", "right"))]
HIPS = [JOINTS.index("left_hip"), JOINTS.index("right_hip")]
MAX_GAP = 0.5  # seconds without a person after which a new window begins
FINE = 4  # steps in a step, over which it is smoothed to either side


def window(times: Any, world: Any, end: float, spec: dict[str, Any]) -> Any:
    """(L, F) of times (T,) and landmarks (T, 33, 3) before `end`; None where that is too little."""
    joints = world[:, COCO] * (1.0, -1.0, -1.0)  # MediaPipe's y points down, its z away from us
    seen = (times > end - spec["seconds"] - MAX_GAP) & (times <= end)
    seen &= np.isfinite(joints).all(axis=(1, 2))
    times, joints = times[seen], joints[seen]
    if not len(times) or end - times[-1] > MAX_GAP:
        return None
    first = np.flatnonzero(np.diff(times, prepend=-np.inf) > MAX_GAP)[-1]  # after the last gap
    times, joints = times[first:], joints[first:]
    start, length = max(times[0], times[-1] - spec["seconds"]), spec["length"]
    if len(times) < 2 or times[-1] - start < spec["min_seconds"] - 0.05:
        return None
    joints = (joints - joints[:, HIPS].mean(axis=1, keepdims=True))[..., : len(spec["axes"])]
    at = np.linspace(start, times[-1], FINE * (length - 1) + 1 if spec["smooth"] else length)
    points = np.apply_along_axis(lambda values: np.interp(at, times, values), 0, joints)
    if spec["smooth"]:
        weights = np.clip(1 - abs(np.arange(len(at)) / FINE - np.arange(length)[:, None]), 0, None)
        points = np.tensordot(weights / weights.sum(axis=1, keepdims=True), points, axes=1)
    points /= max(np.median(np.linalg.norm(points, axis=-1).max(axis=-1)), 1e-6)
    if spec["velocity"]:
        velocities = np.gradient(points, (times[-1] - start) / (length - 1), axis=0)
        points = np.concatenate([points, velocities], axis=-1)
    return points.reshape(length, -1).astype(np.float32)


if __name__ == "__main__":
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    contract = session.get_modelmeta().custom_metadata_map
    if contract.get("dancetype_contract") != "1" or json.loads(contract["joints"]) != JOINTS:
        sys.exit(f"{sys.argv[1]}: this reads dancetype contract 1")
    spec, names = json.loads(contract["window"]), json.loads(contract["genres"])
    with np.load(sys.argv[2]) as recording:  # `world` has a row for each frame with a person
        times, seen = recording["times"], recording["people"] == 1
        cut = window(times[seen], recording["world"], times[-1], spec)
    if cut is None:
        sys.exit(f"{sys.argv[2]}: nobody is seen in the last {spec['min_seconds']:g} s")
    (answer,) = session.run(None, {session.get_inputs()[0].name: cut[None]})
    for index in np.argsort(-answer[0])[:3]:
        print(f"{names[json.loads(contract['labels'])[index]]:16} {answer[0, index]:.1%}")
