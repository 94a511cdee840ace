"""Measure what `--pose-fps` costs in accuracy, on noisy poses of unseen dancers.

Needs the networks that `make accuracy` has trained on either half of the dancers (in RUNS), and
asks each about the other half, filmed at 30 frames a second with as much noise as MediaPipe was
measured to add. Frames are chosen by the very rule of `--pose-fps`.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.place import OTHER, Place
from benchmarks.accuracy.robustness import EVERY, ORDINARY, CameraClip, point, simulate_clips
from dancetype.engine.media.sampler import FrameSampler

RATES: Final = (30.0, 20.0, 15.0, 10.0)
HOP: Final = 0.5


def thinned(clip: CameraClip, fps: float) -> CameraClip:
    """Return what is left of a clip at so many frames a second."""
    thinning = FrameSampler(fps)
    kept = [thinning.accept(float(time)) for time in clip.times]
    return replace(clip, times=clip.times[kept], joints=clip.joints[kept])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--runs", type=Path, required=True, help="folder of `make accuracy`")


def run(args: argparse.Namespace) -> None:
    """Print a table of all rates."""
    place = Place(data=args.data, tracks=Path(), rendered=None, videos=None, runs=args.runs)
    right = dict.fromkeys(RATES, 0.0)
    asked = dict.fromkeys(RATES, 0)
    for way in OTHER:
        classifier = live_classifier(place, way)
        clips = simulate_clips(place.unseen(way)[::EVERY], ORDINARY)
        for fps in RATES:
            found = point(classifier, [thinned(clip, fps) for clip in clips], hop=HOP)
            right[fps] += found["window_accuracy"] * found["windows"]
            asked[fps] += found["windows"]
    print("| poses a second | windows | right, % |\n|---|---:|---:|")
    for fps in RATES:
        print(f"| {fps:g} | {asked[fps]} | {right[fps] / asked[fps] * 100:.1f} |")
