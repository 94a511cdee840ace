"""Random errors of monocular pose estimation, as measured on real clips with ground truth."""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array

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

    def draw(self, times: NDArray[np.float64], strength: float, rng: np.random.Generator) -> Array:
        """Return random errors (T, 17, 3) in metres for one window.

        Args:
            times: (T,) seconds.
            strength: Factor; 1 for errors as large as measured.
            rng: Source of randomness.
        """
        normal = rng.standard_normal((len(JOINTS), 1), np.float32)
        scale = np.exp(_SCALE_SD * normal - _SCALE_SD**2)
        noise = _white_noise(rng, len(times)) * np.float32(np.sqrt(_WHITE_SHARE))
        noise += _correlated_noise(times, rng) * np.float32(np.sqrt(1 - _WHITE_SHARE))
        mean = self.bias + self.offset * _white_noise(rng, 1)
        errors: Array = np.float32(strength) * (mean + scale * self.wander * noise)
        return errors

    @classmethod
    def load(cls, path: Path) -> "PoseNoise":
        """Read a JSON file written by `benchmarks/pose_noise.py`."""
        table = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: np.array(value, np.float32) for name, value in table.items()})


def _white_noise(rng: np.random.Generator, frames: int) -> Array:
    return rng.standard_normal((frames, len(JOINTS), 3), np.float32)


def _correlated_noise(times: NDArray[np.float64], rng: np.random.Generator) -> Array:
    """Return noise (T, 17, 3) of variance 1, interpolated linearly between random values."""
    step = _CORRELATION_TIME
    knots = np.arange(times[0] - rng.uniform(0, step), times[-1] + 2 * step, step)
    right = np.searchsorted(knots, times, side="right")
    share = ((times - knots[right - 1]) / step)[:, None, None].astype(np.float32)
    values = _white_noise(rng, len(knots))
    # Interpolation reduces the variance; the divisor restores it.
    noise: Array = (values[right - 1] * (1 - share) + values[right] * share) / np.sqrt(
        (1 - share) ** 2 + share**2
    )
    return noise


@lru_cache(maxsize=1)
def mediapipe_noise() -> PoseNoise:
    """Return the noise measured for MediaPipe's full model."""
    with as_file(files("dancetype.training") / "augment" / "mediapipe_full.json") as file:
        return PoseNoise.load(file)
