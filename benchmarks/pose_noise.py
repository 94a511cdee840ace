"""Fit the noise of the virtual camera to real clips with motion capture of the same dance."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pages import ROOT
from dancetype.engine.media.track import read_tracks
from dancetype.engine.skeleton import MIRRORED, Array
from dancetype.training.augment.pose_errors import pair_with_truth
from dancetype.training.augment.pose_noise import PoseNoise
from dancetype.training.data.aist import read_sequence

OUT = ROOT / "training" / "augment" / "mediapipe_full.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--tracks", type=Path, required=True, help="folder of tracks of real clips")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="JSON file for the noise (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> None:
    """Fit and save the noise."""
    folder = args.data / "keypoints3d"
    pairs = [
        pair_with_truth(track, read_sequence(folder / f"{track.sequence}.pkl"))
        for track in read_tracks(args.tracks)
        if np.isfinite(track.start)
    ]
    noise = fit_noise([pair.errors for pair in pairs])
    save_noise(noise, args.out)
    deviations = ", ".join(
        f"{axis} {100 * value:.1f} cm"
        for axis, value in zip("xyz", noise.wander.mean(0), strict=True)
    )
    print(f"{args.out}: {len(pairs)} clips; standard deviation within a clip: {deviations}")


def fit_noise(errors: Sequence[Array]) -> PoseNoise:
    """Fit the noise to the errors of each clip.

    Args:
        errors: (T, 17, 3) estimated minus true position in metres, in the axes of the camera; NaN
            in frames without a person.
    """
    means = np.stack([np.nanmean(clip, axis=0) for clip in errors])
    variances = np.stack([np.nanvar(clip, axis=0) for clip in errors])
    bias = means.mean(axis=0)
    mirror = np.array([-1, 1, 1])
    return PoseNoise(
        bias=((bias + bias[MIRRORED, :] * mirror) / 2).astype(np.float32),
        offset=_symmetric(means.var(axis=0, ddof=1)),
        wander=_symmetric(variances.mean(axis=0)),
    )


def _symmetric(variance: NDArray[np.float64]) -> Array:
    """Return standard deviations (17, 3), with the variances of left and right joints averaged."""
    return np.sqrt((variance + variance[MIRRORED, :]) / 2).astype(np.float32)


def save_noise(noise: PoseNoise, path: Path) -> None:
    """Write the noise as JSON, rounded to tenths of a millimetre."""
    table = {name: np.round(value, 4).tolist() for name, value in asdict(noise).items()}
    path.write_text(json.dumps(table) + "\n", encoding="utf-8")
