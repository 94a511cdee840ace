"""Dances in a row by one person, who stands still before, between and after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.data.mannequin import NEUTRAL, Floats, add_sway, draw_lengths, pose_joints
from dancetype.training.geometry import face_camera
from dancetype.training.synthetic.posing import LIMBS

_BLEND: Final = 0.7  # seconds between standing still and the first or last pose of a dance
_FLOOR_MARGIN: Final = 0.01  # metres that an ankle may be lower than in a standing person

_ANKLES: Final = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]

_Bone = tuple[str, str]

_BONES: Final[tuple[_Bone, ...]] = (
    ("hips", "left_hip"),
    ("hips", "right_hip"),
    ("hips", "shoulders"),
    ("shoulders", "left_shoulder"),
    ("shoulders", "right_shoulder"),
    *(("shoulders", name) for name in JOINTS[:5]),
    *LIMBS,
)
"""Start and end of each bone, parents before children."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Times of dances that follow each other.

    Attributes:
        pause: Seconds of standing still before, between and after the dances.
        seconds: Duration of each dance.
    """

    pause: float
    seconds: tuple[float, ...]

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """Start and end of each dance in seconds, without the transitions."""
        spans, end = [], -_BLEND
        for seconds in self.seconds:
            start = end + self.pause + 2 * _BLEND
            end = start + seconds
            spans.append((start, end))
        return tuple(spans)

    @property
    def duration(self) -> float:
        """Seconds from the start of the first pause to the end of the last."""
        return self.spans[-1][1] + _BLEND + self.pause


def join_dances(dances: Sequence[Array], *, pause: float, seed: int) -> Array:
    """Return joints (T, 17, 3) of one person who performs all dances, in metres, floor at 0.

    All dances get the bone lengths of the same body. Each starts and ends where the person stands,
    at the origin, and faces +z on average.

    Args:
        dances: Joints (T, 17, 3) of each dance in metres, Y up, 60 frames per second.
        pause: Seconds of standing still before, between and after the dances.
        seed: Random seed of the body and of its sway.
    """
    timeline = Timeline(pause, tuple(len(dance) / FRAMES_PER_SECOND for dance in dances))
    still = _stand(timeline.duration + 1, np.random.default_rng(seed))
    lengths, sole = _bone_lengths(still), float(np.median(still[:, _ANKLES, 1]))
    blend, hold = (round(seconds * FRAMES_PER_SECOND) for seconds in (_BLEND, pause))
    weight = _minimum_jerk(blend)[:, None, None]
    parts: list[Floats] = []

    def next_still(count: int) -> Floats:
        frame = sum(map(len, parts))
        return still[frame : frame + count]

    parts.append(next_still(hold))
    for dance in dances:
        moved = _return_to_start(_fit(face_camera(dance).astype(float), lengths, sole))
        parts.append(next_still(blend) * (1 - weight) + moved[0] * weight)
        parts.append(moved)
        parts.append(next_still(blend) * weight + moved[-1] * (1 - weight))
        parts.append(next_still(hold))
    # Interpolated bones are too short.
    joints = _with_lengths(np.concatenate(parts), lengths)
    depth = sole - _FLOOR_MARGIN - joints[:, _ANKLES, 1].min(axis=1)
    joints[..., 1] += np.maximum(depth, 0)[:, None]
    return joints.astype(np.float32)


def _stand(seconds: float, rng: np.random.Generator) -> Floats:
    """Return joints (T, 17, 3) of a person who stands, breathes and sways."""
    frames = round(seconds * FRAMES_PER_SECOND) + 1
    channels = {name: np.tile(np.array(v, float), (frames, 1)) for name, v in NEUTRAL.items()}
    lengths = draw_lengths(rng)
    return pose_joints(add_sway(channels, rng), lengths, rng)


def _points(joints: Floats) -> dict[str, Floats]:
    """Return joints by name, and the midpoints `hips` and `shoulders`."""
    points = {name: joints[:, index] for index, name in enumerate(JOINTS)}
    for name in ("hip", "shoulder"):
        points[f"{name}s"] = (points[f"left_{name}"] + points[f"right_{name}"]) / 2
    return points


def _bone_lengths(joints: Floats) -> dict[_Bone, float]:
    """Return the median length of each bone in metres."""
    points = _points(joints)
    return {
        bone: float(np.median(np.linalg.norm(points[bone[1]] - points[bone[0]], axis=-1)))
        for bone in _BONES
    }


def _with_lengths(joints: Floats, lengths: dict[_Bone, float]) -> Floats:
    """Return joints with the same directions of the bones, but other lengths."""
    points = _points(joints)
    moved = {"hips": points["hips"]}
    for (start, end), length in lengths.items():
        bone = points[end] - points[start]
        norm = np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-6)
        moved[end] = moved[start] + bone * (length / norm)
    return np.stack([moved[name] for name in JOINTS], axis=1)


def _fit(joints: Floats, lengths: dict[_Bone, float], sole: float) -> Floats:
    """Return a dance by a body with other bone lengths, with its feet on the floor.

    Args:
        joints: Joints (T, 17, 3) of the dance.
        lengths: Bone lengths of the body in metres.
        sole: Height of the body's ankles when it stands, in metres.
    """
    own = _bone_lengths(joints)
    leg = [bone for bone in own if bone[1].endswith(("knee", "ankle"))]
    # Paths on the floor scale with the legs, so that the feet do not slide.
    scale = sum(lengths[bone] for bone in leg) / sum(own[bone] for bone in leg)
    fitted = _with_lengths(joints * scale, lengths)
    lower_ankle = fitted[:, _ANKLES, 1].min(axis=1)
    fitted[..., 1] += sole - np.percentile(lower_ankle, 2)
    return fitted


def _return_to_start(joints: Floats) -> Floats:
    """Return a dance that starts and ends with the pelvis above the origin.

    The distance between start and end is removed evenly over time.
    """
    pelvis = _points(joints)["hips"] * [1, 0, 1]
    share = np.linspace(0, 1, len(joints))[:, None]
    moved: Floats = joints - (pelvis[0] * (1 - share) + pelvis[-1] * share)[:, None]
    return moved


def _minimum_jerk(count: int) -> Floats:
    """Return the progress (count,) of a movement with minimum jerk, from above 0 to below 1."""
    time = np.arange(1, count + 1) / (count + 1)
    progress: Floats = time**3 * (10 - 15 * time + 6 * time**2)
    return progress
