"""Errors of pose estimation with one camera, measured on real clips with known truth."""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, Array

_TURN: Final = 0.2  # seconds after which an error is independent of its earlier value
_WHITE: Final = 0.1  # share of an error's variance that lasts for one frame
_UNEVEN: Final = 0.35  # sd of the logarithm of the scale of one joint's errors in one window


@dataclass(frozen=True, slots=True)
class PoseNoise:
    """Errors of each joint in camera axes, (17, 3) metres; left and right alike.

    Attributes:
        bias: Mean over all clips; mostly that MediaPipe's joints are not COCO's.
        offset: Sd between clips of a clip's mean error.
        wander: Sd about that mean within a clip.
    """

    bias: Array
    offset: Array
    wander: Array

    def draw(self, times: NDArray[np.float64], strength: float, rng: np.random.Generator) -> Array:
        """Return errors (T, 17, 3) in metres for one window.

        Args:
            times: (T,) seconds.
            strength: Scale; 1 for errors as measured.
            rng: Source of randomness.
        """
        uneven = np.exp(_UNEVEN * rng.standard_normal((len(JOINTS), 1), np.float32) - _UNEVEN**2)
        wander = _normal(rng, len(times)) * np.float32(np.sqrt(_WHITE))
        wander += _wandering(times, rng) * np.float32(np.sqrt(1 - _WHITE))
        mean = self.bias + self.offset * _normal(rng, 1)
        errors: Array = np.float32(strength) * (mean + uneven * self.wander * wander)
        return errors

    @classmethod
    def load(cls, path: Path) -> "PoseNoise":
        """Read the JSON file that `benchmarks/pose_noise.py` writes."""
        table = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: np.array(value, np.float32) for name, value in table.items()})


def _normal(rng: np.random.Generator, frames: int) -> Array:
    return rng.standard_normal((frames, len(JOINTS), 3), np.float32)


def _wandering(times: NDArray[np.float64], rng: np.random.Generator) -> Array:
    """(T, 17, 3) of variance 1, interpolated linearly between random values."""
    knots = np.arange(times[0] - rng.uniform(0, _TURN), times[-1] + 2 * _TURN, _TURN)
    right = np.searchsorted(knots, times, side="right")
    share = ((times - knots[right - 1]) / _TURN)[:, None, None].astype(np.float32)
    values = _normal(rng, len(knots))
    line: Array = (values[right - 1] * (1 - share) + values[right] * share) / np.sqrt(
        (1 - share) ** 2 + share**2
    )
    return line


@lru_cache(maxsize=1)
def mediapipe_noise() -> PoseNoise:
    """Return the noise measured for MediaPipe's full model."""
    with as_file(files("dancetype.training") / "augment" / "mediapipe_full.json") as file:
        return PoseNoise.load(file)
