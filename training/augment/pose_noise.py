"""How pose estimation errs on one camera, measured on real clips with known truth."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.skeleton import JOINTS, MIRRORED, Array

_TURN: Final = 0.2  # seconds after which an error has forgotten itself
_WHITE: Final = 0.1  # share of an error's variance that lasts for one frame
_UNEVEN: Final = 0.35  # sd of the logarithm of how much worse one joint fares in one window


@dataclass(frozen=True, slots=True)
class PoseNoise:
    """Errors of each joint in camera axes, (17, 3) metres; left and right alike.

    Attributes:
        bias: what all clips have in common; mostly that MediaPipe's joints are not COCO's.
        offset: sd between clips of a clip's mean error.
        wander: sd about that mean within a clip.
    """

    bias: Array
    offset: Array
    wander: Array

    def draw(self, times: NDArray[np.float64], strength: float, rng: np.random.Generator) -> Array:
        """Errors (T, 17, 3) in metres of one window.

        Args:
            times: (T,) seconds.
            strength: 0 for a perfect pose, 1 for as much as was measured.
            rng: where chance comes from.
        """
        uneven = np.exp(_UNEVEN * rng.standard_normal((len(JOINTS), 1), np.float32) - _UNEVEN**2)
        wander = _normal(rng, len(times)) * np.float32(np.sqrt(_WHITE))
        wander += _wandering(times, rng) * np.float32(np.sqrt(1 - _WHITE))
        mean = self.bias + self.offset * _normal(rng, 1)
        errors: Array = np.float32(strength) * (mean + uneven * self.wander * wander)
        return errors

    def save(self, path: Path) -> None:
        """Writes JSON, in tenths of a millimetre."""
        table = {name: np.round(value, 4).tolist() for name, value in asdict(self).items()}
        path.write_text(json.dumps(table) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "PoseNoise":
        """Reads what `save` wrote."""
        table = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: np.array(value, np.float32) for name, value in table.items()})


def _normal(rng: np.random.Generator, frames: int) -> Array:
    return rng.standard_normal((frames, len(JOINTS), 3), np.float32)


def _wandering(times: NDArray[np.float64], rng: np.random.Generator) -> Array:
    """(T, 17, 3) of variance 1 that goes in straight lines from one random value to the next."""
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
    """As measured for MediaPipe's full model; `benchmarks/pose_noise.py` fits it."""
    with as_file(files("dancetype.training") / "augment" / "mediapipe_full.json") as file:
        return PoseNoise.load(file)


def fit_noise(errors: Sequence[Array]) -> PoseNoise:
    """Fits the noise to what was seen.

    Args:
        errors: of each clip, (T, 17, 3) metres, what was seen less the truth in the camera's axes;
            NaN where nobody was seen.
    """
    means = np.stack([np.nanmean(clip, axis=0) for clip in errors])
    variances = np.stack([np.nanvar(clip, axis=0) for clip in errors])
    bias = means.mean(axis=0)
    mirror = np.array([-1, 1, 1])
    return PoseNoise(
        bias=((bias + bias[MIRRORED, :] * mirror) / 2).astype(np.float32),
        offset=_alike(means.var(axis=0, ddof=1)),
        wander=_alike(variances.mean(axis=0)),
    )


def _alike(variance: NDArray[np.float64]) -> Array:
    """(17, 3) sd, from variances that left and right share."""
    return np.sqrt((variance + variance[MIRRORED, :]) / 2).astype(np.float32)
