"""Fits the virtual camera's noise to real clips whose truth is known.

Usage: python benchmarks/pose_noise.py --data AIST --tracks TRACKS [--out FILE]
"""

import argparse
from pathlib import Path

import numpy as np

from dancetype.engine.media.track import read_tracks
from dancetype.training.augment.pose_errors import pair_with_truth
from dancetype.training.augment.pose_noise import fit_noise
from dancetype.training.data.aist import read_sequence

SHIPPED = Path(__file__).parents[1] / "training" / "mediapipe_full.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--tracks", type=Path, required=True, help="tracks of real clips")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    args = parser.parse_args()
    folder = args.data / "keypoints3d"
    pairs = [
        pair_with_truth(track, read_sequence(folder / f"{track.sequence}.pkl"))
        for track in read_tracks(args.tracks)
        if np.isfinite(track.start)
    ]
    noise = fit_noise([pair.errors for pair in pairs])
    noise.save(args.out)
    print(
        f"{args.out}: {len(pairs)} clips; sd within a clip "
        + ", ".join(
            f"{a} {100 * v:.1f} cm" for a, v in zip("xyz", noise.wander.mean(0), strict=True)
        )
    )


if __name__ == "__main__":
    main()
