"""Fit the virtual camera's noise to real clips whose truth is known."""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.pages import ROOT
from dancetype.engine.media.track import read_tracks
from dancetype.training.augment.pose_errors import pair_with_truth
from dancetype.training.augment.pose_noise import fit_noise
from dancetype.training.data.aist import read_sequence


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--tracks", type=Path, required=True, help="tracks of real clips")
    parser.add_argument("--out", type=Path, default=ROOT / "training" / "mediapipe_full.json")


def run(args: argparse.Namespace) -> None:
    """Fit and save the noise."""
    folder = args.data / "keypoints3d"
    pairs = [
        pair_with_truth(track, read_sequence(folder / f"{track.sequence}.pkl"))
        for track in read_tracks(args.tracks)
        if np.isfinite(track.start)
    ]
    noise = fit_noise([pair.errors for pair in pairs])
    noise.save(args.out)
    deviations = zip("xyz", noise.wander.mean(0), strict=True)
    within = ", ".join(f"{axis} {100 * value:.1f} cm" for axis, value in deviations)
    print(f"{args.out}: {len(pairs)} clips; sd within a clip {within}")
