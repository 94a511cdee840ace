"""Simulated camera and pose estimator for batches of motion, with the errors of real ones.

Joints are (N, T, 17, 3) metres, Y up. In camera axes x points to the right of the image and z
towards the camera, as in a `Pose`. Times are (N, T) seconds from the start of each motion, rising;
the last frame of a motion may be repeated at its end, because all motions of a batch have the same
number of frames.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from dancetype.engine.skeleton import JOINTS, MIRRORED, Array
from dancetype.training.augment.pose_noise import mediapipe_noise
from dancetype.training.bones import PARENTS, bone_matrix
from dancetype.training.data.aist import FRAMES_PER_SECOND
from dancetype.training.geometry import face_camera
from dancetype.training.recipe import CameraSettings
from dancetype.training.tensors import log_normal, normal, rotations, split_pelvis, uniform

_PELVIS_NOISE: Final = 0.012
"""Standard deviation of the pelvis's errors in the image, in metres."""

_LIMBS: Final = tuple(dict.fromkeys(child.split("_")[-1] for child, _ in PARENTS))
"""Names of the limbs that get a random length, the same on the left and on the right."""


def exposure_times(seconds: Tensor, settings: CameraSettings, generator: Generator) -> Tensor:
    """Return the times (N, T) at which cameras with random frame rates expose their frames.

    Some frames are dropped. The first and the last are kept, so that a motion has its full length.

    Args:
        seconds: Length (N,) of each motion.
        settings: Range of the frame rates, and share of dropped frames.
        generator: Source of randomness.
    """
    count = len(seconds)
    rate = uniform((count, 1), *settings.frame_rate, generator)
    frames = math.ceil(float(seconds.max()) * settings.frame_rate[1]) + 1
    numbers = torch.arange(frames, device=seconds.device)
    jitter = normal((count, frames), 0.1, generator)
    times = (numbers + uniform((count, 1), 0, 1, generator) + jitter) / rate
    dropped = uniform((count, frames), 0, 1, generator) < uniform(
        (count, 1), 0, settings.dropped, generator
    )
    last = seconds[:, None]
    times = torch.where(dropped | (times > last), last, times.clamp_min(0)).sort(dim=1).values
    # Most windows of a batch are shorter than the longest, at a lower rate.
    used = int((times < last).sum(dim=1).max())
    return torch.cat([torch.zeros_like(last), times[:, :used], last], dim=1)


def every_frame(seconds: Tensor, frame_rate: float) -> Tensor:
    """Return the times (N, T) of all frames of a camera without faults; as `exposure_times`."""
    frames = math.ceil(float(seconds.max()) * frame_rate) + 1
    numbers = torch.arange(frames, device=seconds.device)
    return torch.minimum(numbers / frame_rate, seconds[:, None])


def simulate_camera(
    times: Tensor,
    joints: Tensor,
    settings: CameraSettings,
    generator: Generator,
    *,
    estimated: Tensor | None = None,
    any_heading: Tensor | None = None,
    dimensions: int = 3,
) -> Tensor:
    """Return motions as a camera and a pose estimator might record them.

    Args:
        times: (N, T) seconds from the start of each motion.
        joints: (N, T, 17, 3) metres; motion capture faces the camera on average.
        settings: Strength of each error.
        generator: Source of randomness.
        estimated: Mask (N,) of motions from tracks, which already have a heading and most errors.
        any_heading: Mask (N,) of motions that may be recorded from any side.
        dimensions: Number of the coordinates to return: 2 without depth, or 3.
    """
    count = len(joints)
    none = torch.zeros(count, dtype=torch.bool, device=joints.device)
    estimated = none if estimated is None else estimated
    any_heading = none if any_heading is None else any_heading
    heading = torch.where(
        any_heading,
        uniform((count,), -math.pi, math.pi, generator),
        _angles(count, settings.heading, generator),
    )
    captured = ~estimated
    limbs = _limb_matrices(log_normal((count, len(_LIMBS)), settings.limbs, generator))
    rotation = (
        rotations("z", _angles(count, settings.roll, generator))
        @ rotations("x", _angles(count, settings.pitch, generator) * captured)
        @ rotations("y", heading * captured)
    )
    # One matrix for the coordinates of all joints of a frame.
    view = torch.einsum("njk,ned->nkdje", limbs, rotation[:, :dimensions])
    view = view.reshape(count, 3 * len(JOINTS), -1)
    centred, pelvis = split_pelvis(joints)
    joints = (centred.flatten(start_dim=2) @ view).reshape(*times.shape, len(JOINTS), dimensions)
    strength = torch.where(
        estimated,
        uniform((count,), 0, settings.track_noise, generator),
        uniform((count,), *settings.noise, generator),
    )
    joints += mediapipe_noise().draw(times, strength, generator, dimensions=dimensions)
    _displace(joints, settings, generator)
    follows = uniform((count,), 0, 1, generator) < settings.follow
    kept = 1 - follows * uniform((count,), 0, 1, generator)
    joints += pelvis @ rotation[:, None, :dimensions].mT * kept[:, None, None, None]
    joints += _pelvis_errors(times, strength, settings, generator)[..., :dimensions]
    mirror = uniform((count,), 0, 1, generator) < settings.mirror
    joints[mirror] = mirrored(joints[mirror])
    return joints


def record_motion(
    joints: Array, settings: CameraSettings, generator: Generator
) -> tuple[NDArray[np.float64], Array]:
    """Return a whole motion as a camera and a pose estimator might record it.

    Args:
        joints: (T, 17, 3) metres, 60 frames per second, in any heading.
        settings: Strength of each error.
        generator: Source of randomness.

    Returns:
        Times (F,) of the frames in seconds, and joints (F, 17, 3) as in a `Pose`.
    """
    seconds = torch.tensor([(len(joints) - 1) / FRAMES_PER_SECOND])
    exposures = exposure_times(seconds, settings, generator)[0].numpy()
    frames = np.unique(np.ceil(exposures * FRAMES_PER_SECOND - 1e-3).astype(int))
    times = frames / FRAMES_PER_SECOND
    recorded = torch.from_numpy(face_camera(joints[frames]))
    simulated = simulate_camera(torch.from_numpy(times)[None], recorded[None], settings, generator)
    return times, simulated[0].numpy()


def mirrored(joints: Tensor) -> Tensor:
    """Return the mirror image of joints (..., 17, D) whose first axis points to the right."""
    return joints[..., MIRRORED, :] * joints.new_tensor([-1, 1, 1])[: joints.shape[-1]]


def _angles(count: int, degrees: float, generator: Generator) -> Tensor:
    return normal((count,), math.radians(degrees), generator)


def _pelvis_errors(
    times: Tensor, strength: Tensor, settings: CameraSettings, generator: Generator
) -> Tensor:
    """Return errors (N, T, 1, 3) of the pelvis in the image, as if a person held the camera."""
    count, frames = times.shape
    errors = normal((count, frames, 1, 3), _PELVIS_NOISE, generator) * strength[:, None, None, None]
    speed = normal((count, 1, 1, 3), settings.pan, generator)
    return errors + speed * times[..., None, None].float()


def _displace(joints: Tensor, settings: CameraSettings, generator: Generator) -> None:
    """Add large errors to some of the joints (N, T, 17, D) in half of the frames, as if hidden."""
    if not settings.thrown_share * settings.thrown:
        return
    count, frames, number, dimensions = joints.shape
    displaced = uniform((count, number), 0, 1, generator) < settings.thrown_share
    motions, indices = displaced.nonzero(as_tuple=True)
    errors = normal((len(motions), frames, dimensions), settings.thrown, generator)
    affected = uniform((len(motions), frames, 1), 0, 1, generator) < 0.5
    joints[motions, :, indices] += errors * affected


def _limb_matrices(scales: Tensor) -> Tensor:
    """Return matrices (N, 17, 17) that scale the limbs of joints (17, 3) by `scales` (N, limbs)."""
    # Each scaled joint is a linear combination of the original joints.
    return (scales @ _limb_weights().to(scales.device)).reshape(-1, len(JOINTS), len(JOINTS))


@lru_cache(maxsize=1)
def _limb_weights() -> Tensor:
    """Return weights (limbs, 17 * 17): each limb's part in the position of each joint."""
    bones = dict(zip(JOINTS, bone_matrix(), strict=True))
    after = {"pelvis": torch.zeros(len(_LIMBS), len(JOINTS))}
    for child, parent in PARENTS:
        if parent == "shoulders":
            after[parent] = (after["left_shoulder"] + after["right_shoulder"]) / 2
        after[child] = after[parent].clone()
        after[child][_LIMBS.index(child.split("_")[-1])] += bones[child]
    return torch.stack([after[name] for name in JOINTS], dim=1).flatten(start_dim=1)
