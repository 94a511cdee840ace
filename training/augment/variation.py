"""Variation of motion within a genre: new moves from those of the training dancers.

Joints are (N, T, 17, 3) metres, of dancers who face the camera. Times are (N, T) seconds from the
start of each window.
"""

from math import pi
from typing import Final

import numpy as np
import torch
from torch import Generator, Tensor

from dancetype.engine.skeleton import JOINTS
from dancetype.training.recipe import AugmentationSettings
from dancetype.training.tensors import log_normal, normal, split_pelvis, uniform

_UPPER_BODY: Final = [not name.endswith(("hip", "knee", "ankle")) for name in JOINTS]
_FADE: Final = 0.1  # seconds over which one motion fades into another
_WARP_PERIOD: Final = (1.5, 4.0)  # seconds
_MAX_WARP: Final = 0.5  # time must not run backwards


def warp_times(times: Tensor, sd: float, generator: Generator) -> Tensor:
    """Return times (N, T) at a tempo that varies smoothly; the length stays the same.

    Args:
        times: (N, T) seconds from the start of each window, rising.
        sd: Standard deviation of the tempo, as a share of the mean tempo.
        generator: Source of randomness.
    """
    if not sd:
        return times
    shape = (len(times), 1)
    amount = normal(shape, sd * 2**0.5, generator).clamp(-_MAX_WARP, _MAX_WARP)
    frequency = 2 * pi / uniform(shape, *_WARP_PERIOD, generator)
    phase = uniform(shape, 0, 2 * pi, generator)
    warped = times + amount / frequency * ((frequency * times + phase).sin() - phase.sin())
    return warped * (times[:, -1:] / warped[:, -1:].clamp_min(1e-6))


def vary_motion(joints: Tensor, settings: AugmentationSettings, generator: Generator) -> Tensor:
    """Scale each joint's motion about its mean position, and shift that position."""
    if not (settings.motion or settings.motion_joint or settings.posture):
        return joints
    count = len(joints)
    overall = log_normal((count, 1, 1, 1), settings.motion, generator)
    scale = overall * log_normal((count, 1, len(JOINTS), 1), settings.motion_joint, generator)
    posture = normal((count, 1, len(JOINTS), 3), settings.posture, generator)
    centred, pelvis = split_pelvis(joints)
    mean = centred.mean(dim=1, keepdim=True)
    varied, _ = split_pelvis(torch.addcmul(mean * (1 - scale) + posture, centred, scale))
    return varied + pelvis * overall


def partner_weights(times: Tensor, settings: AugmentationSettings, generator: Generator) -> Tensor:
    """Return weights (N, T, 17) of a partner's motion in each window; most are 0 or 1.

    Part swap takes the partner's upper body; splicing fades into the partner's motion at a random
    time.
    """
    shape = (len(times), 1)
    swap = uniform(shape, 0, 1, generator) < settings.part_swap
    splice = uniform(shape, 0, 1, generator) < settings.splice
    middle = times[:, -1:] * uniform(shape, 0.25, 0.75, generator)
    later = (torch.sigmoid((times - middle) / (_FADE / 2)) * splice).float()
    upper_body = torch.tensor(_UPPER_BODY, device=times.device)
    return torch.maximum(later[..., None], (swap[..., None] & upper_body).float())


def mix_windows(
    windows: Tensor,
    targets: Tensor,
    settings: AugmentationSettings,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Mix a share of the windows (N, L, F), and their targets (N, K), with others of the batch.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """
    if not settings.mixup:
        return windows, targets
    count = len(windows)
    mixed = rng.random(count) < settings.mixup_share
    share = np.where(mixed, rng.beta(settings.mixup, settings.mixup, count), 0)
    # A window stays the larger part of its mixture.
    weight = torch.from_numpy(np.minimum(share, 1 - share).astype(np.float32)).to(windows.device)
    others = torch.from_numpy(rng.permutation(count)).to(windows.device)
    return (
        torch.lerp(windows, windows[others], weight[:, None, None]),
        torch.lerp(targets, targets[others], weight[:, None]),
    )
