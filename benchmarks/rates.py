"""Measure how `--pose-fps` affects accuracy, on noisy poses of unseen dancers.

RUNS is a folder of `make accuracy` with the networks `live-A` and `live-B`. Each is tested on the
half of the dancers that it was not trained on, recorded by the virtual camera at 30 frames per
second with MediaPipe's noise. Frames are selected in the same way as for `--pose-fps`.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.accuracy.models import live_classifier
from benchmarks.accuracy.robustness import (
    ORDINARY,
    SEQUENCE_STRIDE,
    CameraClip,
    measure_accuracy,
    simulate_clips,
)
from benchmarks.accuracy.workspace import OTHER_FOLD, Workspace
from dancetype.engine.media.sampler import FrameSampler

RATES: Final = (30.0, 20.0, 15.0, 12.0, 10.0, 8.0)
HOP: Final = 0.5


def reduce_frame_rate(clip: CameraClip, fps: float) -> CameraClip:
    """Drop frames of a clip so that `fps` frames per second remain."""
    sampler = FrameSampler(fps)
    kept = [sampler.accept(float(time)) for time in clip.times]
    return replace(clip, times=clip.times[kept], joints=clip.joints[kept])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="AIST++ folder")
    parser.add_argument("--runs", type=Path, required=True, help="folder of `make accuracy`")


def run(args: argparse.Namespace) -> None:
    """Print a table of the accuracy at each rate."""
    workspace = Workspace(data=args.data, tracks=Path(), rendered=(), videos=None, runs=args.runs)
    correct = dict.fromkeys(RATES, 0.0)
    windows = dict.fromkeys(RATES, 0)
    for fold in OTHER_FOLD:
        classifier = live_classifier(workspace, fold)
        clips = simulate_clips(workspace.unseen_sequences(fold)[::SEQUENCE_STRIDE], ORDINARY)
        for fps in RATES:
            reduced = [reduce_frame_rate(clip, fps) for clip in clips]
            result = measure_accuracy(classifier, reduced, hop=HOP)
            correct[fps] += result["window_accuracy"] * result["windows"]
            windows[fps] += result["windows"]
    print("| poses per second | windows | accuracy, % |\n|---|---:|---:|")
    for fps in RATES:
        print(f"| {fps:g} | {windows[fps]} | {correct[fps] / windows[fps] * 100:.1f} |")
