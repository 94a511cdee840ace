"""Measure the time of each step from frame to prediction on a real clip, in one process."""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import pose_model, sample_clip
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.window import cut_window
from dancetype.stream.system import filter_native_stderr

_WARM_UP_CALLS = 5


def measure(video: Path, frames: int) -> dict[str, list[float]]:
    """Return the duration of each call in seconds by step.

    Args:
        video: Clip, which is repeated as often as necessary.
        frames: Number of frames to process.
    """
    durations: dict[str, list[float]] = {
        step: [] for step in ("decode", "pose", "window", "classify", "rolling")
    }
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    buffer, rolling = RingBuffer(spec.seconds), classifier.contract.rolling_estimate()
    cut = timer(durations["window"], cut_window)
    classify = timer(durations["classify"], classifier)
    update = timer(durations["rolling"], rolling.update)
    time = 0.0
    with open_estimator(pose_model()) as estimator:
        estimate_pose = timer(durations["pose"], estimator.landmarks)
        while len(durations["pose"]) < frames:
            with Video(video) as reader:
                decode = timer(durations["decode"], reader.read)
                while len(durations["pose"]) < frames and (frame := decode()):
                    time += 1 / 30
                    landmarks = estimate_pose(frame[1], time)
                    buffer.append(time, None if landmarks is None else landmarks.pose())
                    window = cut(*buffer.track(), spec, end=time)
                    if window.features is not None:
                        update(time, classify(window.features[None])[0])
    return durations


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path, nargs="?", help="clip (default: the sample clip)")
    parser.add_argument(
        "--frames", type=int, default=240, help="number of frames (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> None:
    """Print a table of all steps."""
    video = args.video or sample_clip()
    with filter_native_stderr():
        durations = measure(video, args.frames)
    pose = float(np.mean(durations["pose"][_WARM_UP_CALLS:]))
    table = Table(title=f"{video.name}: all steps on one thread, {args.frames} frames")
    for column in ("step", "p50 ms", "p95 ms", "p99 ms", "mean / mean of pose"):
        table.add_column(column, justify="right")
    for step, seconds in durations.items():
        warm = np.array(seconds[_WARM_UP_CALLS:] or [np.nan])
        percentiles = np.percentile(warm, [50, 95, 99]) * 1e3
        cells = (f"{value:.2f}" for value in percentiles)
        table.add_row(step, *cells, f"{warm.mean() / pose:.4f}")
    Console().print(table)
