"""Random errors of monocular pose estimation, as measured on real clips with ground truth."""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Generator, Tensor

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.engine.text import read_text
from dancetype.training.tensors import normal, take_rows, uniform

_CORRELATION_TIME: Final = 0.2  # seconds after which an error is independent of its old value
_WHITE_SHARE: Final = 0.1  # share of the variance that is independent from frame to frame
_SCALE_SD: Final = 0.35  # of the logarithm of the scale of one joint's errors in one window


@dataclass(frozen=True, slots=True)
class PoseNoise:
    """Statistics of each joint's errors in camera axes, (17, 3) metres; symmetric.

    Attributes:
        bias: Mean over all clips, mostly due to MediaPipe's joints differing from COCO's.
        offset: Standard deviation of a clip's mean error.
        wander: Standard deviation of the errors about a clip's mean error.
    """

    bias: Array
    offset: Array
    wander: Array

    def draw(
        self, times: Tensor, strength: Tensor, generator: Generator, *, dimensions: int = 3
    ) -> Tensor:
        """Return random errors (N, T, 17, D) in metres for a batch of windows.

        Args:
            times: (N, T) seconds from the start of each window, rising.
            strength: Factor (N,) for each window; 1 for errors as large as measured.
            generator: Source of randomness.
            dimensions: Number of coordinates D: 2 without depth, or 3.
        """
        count, frames = times.shape
        bias, offset, wander = (
            torch.from_numpy(array[:, :dimensions]).to(times.device)
            for array in (self.bias, self.offset, self.wander)
        )
        scale = (normal((count, 1, len(JOINTS), 1), _SCALE_SD, generator) - _SCALE_SD**2).exp()
        noise = _white_noise(count, frames, dimensions, generator).mul_(math.sqrt(_WHITE_SHARE))
        noise.add_(
            _correlated_noise(times, dimensions, generator), alpha=math.sqrt(1 - _WHITE_SHARE)
        )
        strength = strength[:, None, None, None]
        mean = bias + offset * _white_noise(count, 1, dimensions, generator)
        return torch.addcmul(strength * mean, noise, strength * scale * wander)

    @classmethod
    def load(cls, path: Path) -> "PoseNoise":
        """Read a JSON file written by `benchmarks/pose_noise.py`."""
        table = json.loads(read_text(path))
        return cls(**{name: np.array(value, np.float32) for name, value in table.items()})


def _white_noise(count: int, frames: int, dimensions: int, generator: Generator) -> Tensor:
    return normal((count, frames, len(JOINTS), dimensions), 1, generator)


def _correlated_noise(times: Tensor, dimensions: int, generator: Generator) -> Tensor:
    """Return noise (N, T, 17, D) of variance 1, interpolated linearly between random values."""
    count = len(times)
    position = times / _CORRELATION_TIME + uniform((count, 1), 0, 1, generator)
    left = position.long()
    share = (position - left).float()[..., None]
    values = _white_noise(count, int(left.max()) + 2, dimensions, generator).flatten(start_dim=2)
    noise = torch.lerp(take_rows(values, left), take_rows(values, left + 1), share)
    # Interpolation reduces the variance; the divisor restores it.
    noise /= ((1 - share) ** 2 + share**2).sqrt()
    return noise.reshape(*times.shape, len(JOINTS), dimensions)


@lru_cache(maxsize=1)
def mediapipe_noise() -> PoseNoise:
    """Return the noise measured for MediaPipe's full model."""
    with as_file(files("dancetype.training") / "augment" / "mediapipe_full.json") as file:
        return PoseNoise.load(file)
