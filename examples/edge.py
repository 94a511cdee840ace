"""Classify a recording with numpy and onnxruntime only, as on a small device.

python edge.py live.onnx recording.npz    (docs/guides/edge.md explains each step)
"""

import json
import sys
from typing import Any

import numpy as np
import onnxruntime

COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)  # MediaPipe's indices
PARTS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ["nose", *(f"{side}_{part}" for part in PARTS for side in ("left", "right"))]
HIPS = [JOINTS.index("left_hip"), JOINTS.index("right_hip")]
MAX_GAP = 0.5  # seconds without a person after which a new window begins
HOP = 0.25  # seconds between windows
RATIO = 4  # resampled points per step before smoothing


def pelvis_of(joints: Any) -> Any:
    """Return the middle of the hips (T, 1, D)."""
    return joints[:, HIPS].mean(axis=1, keepdims=True)


def placed_joints(world: Any, image: Any, aspect: float) -> Any:
    """Return joints (T, 17, 3) relative to the image's centre from landmarks (T, 33, 3)."""
    joints = world[:, COCO] * (1.0, -1.0, -1.0)  # MediaPipe: y down, z away from the camera
    joints -= pelvis_of(joints)
    in_image = (image[:, COCO, :2] - 0.5) * (aspect, -1.0)  # in heights of the image
    offsets = in_image - pelvis_of(in_image)
    products = (joints[..., :2] * offsets).sum(axis=(1, 2), keepdims=True)
    metres = products / np.maximum((offsets**2).sum(axis=(1, 2), keepdims=True), 1e-9)
    joints[..., :2] += pelvis_of(in_image) * metres
    return joints


def window(times: Any, joints: Any, end: float, spec: dict[str, Any]) -> Any:
    """Return features (L, F) of times (T,) and joints (T, 17, 3) until `end`, and seconds."""
    used = (times > end - spec["seconds"] - MAX_GAP) & (times <= end)
    used &= np.isfinite(joints).all(axis=(1, 2))
    times, joints = times[used], joints[used]
    if not len(times) or end - times[-1] > MAX_GAP:
        return None
    first = np.flatnonzero(np.diff(times, prepend=-np.inf) > MAX_GAP)[-1]  # after the last gap
    times, joints = times[first:], joints[first:]
    start, length = max(times[0], times[-1] - spec["seconds"]), spec["length"]
    if len(times) < 2 or times[-1] - start < spec["min_seconds"] - 0.05:
        return None
    joints = joints[..., : len(spec["axes"])]
    trajectory = pelvis_of(joints) if spec.get("trajectory") else joints[:, :0]
    joints = np.concatenate([joints - pelvis_of(joints), trajectory], axis=1)
    grid = np.linspace(start, times[-1], RATIO * (length - 1) + 1 if spec["smooth"] else length)
    points = np.apply_along_axis(lambda values: np.interp(grid, times, values), 0, joints)
    if spec["smooth"]:
        weights = np.maximum(1 - abs(np.arange(len(grid)) / RATIO - np.arange(length)[:, None]), 0)
        points = np.tensordot(weights / weights.sum(axis=1, keepdims=True), points, axes=1)
    scale = np.median(np.linalg.norm(points[:, : len(JOINTS)], axis=-1).max(axis=-1))
    points[:, len(JOINTS) :] -= points[:, len(JOINTS) :].mean(axis=0)
    points /= max(scale, 1e-6)
    if spec["velocity"]:
        velocities = np.gradient(points, (times[-1] - start) / (length - 1), axis=0)
        points = np.concatenate([points, velocities], axis=-1)
    return points.reshape(length, -1).astype(np.float32), times[-1] - start


def decision_of(contract: dict[str, str]) -> Any:
    """Return the model's thresholds, or the default ones if its contract has none."""
    if "decision" in contract:
        return {"duration_power": 0} | json.loads(contract["decision"])
    genres = len(json.loads(contract["labels"]))
    enter, leave = ([1 - share * (1 - 1 / genres) / 0.9] * genres for share in (0.35, 0.55))
    common = {"time_constant": 1.5, "margin": 0.1, "duration_power": 0}
    return common | {"enter": enter, "leave": leave}


def decide(mean: Any, named: int | None, decision: dict[str, Any]) -> int | None:
    """Return the genre to name for the averages (K,) if `named` is the one before, or None."""
    best, enter, leave = int(mean.argmax()), decision["enter"], decision["leave"]
    if named is not None and mean[named] >= leave[named]:
        return best if mean[best] >= max(enter[best], mean[named] + decision["margin"]) else named
    return best if mean[best] >= enter[best] else None


if __name__ == "__main__":
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    contract = session.get_modelmeta().custom_metadata_map
    if contract.get("dancetype_contract") != "1" or json.loads(contract["joints"]) != JOINTS:
        sys.exit(f"{sys.argv[1]}: not a model with dancetype contract 1")
    spec, decision = json.loads(contract["window"]), decision_of(contract)
    genres = json.loads(contract["genres"])
    names = [genres[code] for code in json.loads(contract["labels"])]
    with np.load(sys.argv[2]) as recording:
        times, has_person = recording["times"], recording["people"] == 1
        width, height = recording["image_size"]
        # `world` and `image` have a row for each frame with a person.
        joints = placed_joints(recording["world"], recording["image"], width / height)
    if spec.get("trajectory") and (width, height) == (1, 1):
        sys.exit(f"{sys.argv[2]}: image_size is unknown, but the model needs it; record again")
    mean, total, last, named = np.zeros(len(names)), 0.0, -np.inf, None
    for end in np.arange(times[-1], times[0], -HOP)[::-1]:
        if (cut := window(times[has_person], joints, end, spec)) is None:
            last, named = -np.inf, None
            continue
        (output,) = session.run(None, {session.get_inputs()[0].name: cut[0][None]})
        decay = np.exp((last - end) / decision["time_constant"])
        weight = (1 - decay) * cut[1] ** decision["duration_power"]
        total = decay * total + weight
        mean, last = mean + weight / total * (output[0] - mean), end
        named = decide(mean, named, decision)
    if last < times[-1]:
        sys.exit(f"{sys.argv[2]}: no person in the last {spec['min_seconds']:g} s")
    print("not sure" if named is None else names[named])
    if contract.get("dancing") == "true":
        print(f"{'dancing':16} {mean.sum():.1%}")
    for index in np.argsort(-mean)[:3]:
        print(f"{names[index]:16} {mean[index]:.1%}")
