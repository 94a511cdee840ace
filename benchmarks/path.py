"""Time each step between a frame and a prediction on a real clip, in one process."""

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
from dancetype.engine.rolling import RollingEstimate
from dancetype.engine.window import cut_window
from dancetype.stream.system import filter_native_stderr

_WARM_UP_CALLS = 5


def measure(video: Path, frames: int) -> dict[str, list[float]]:
    """Return the seconds of each call of each step; the clip is repeated until it has `frames`."""
    spent: dict[str, list[float]] = {
        step: [] for step in ("decode", "pose", "window", "classify", "rolling")
    }
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    buffer, rolling = RingBuffer(spec.seconds), RollingEstimate(classifier.contract.labels)
    cut = timer(spent["window"], cut_window)
    classify = timer(spent["classify"], classifier)
    update = timer(spent["rolling"], rolling.update)
    time = 0.0
    with open_estimator(pose_model()) as estimator:
        find_pose = timer(spent["pose"], estimator.landmarks)
        while len(spent["pose"]) < frames:
            with Video(video) as reader:
                decode = timer(spent["decode"], reader.read)
                while len(spent["pose"]) < frames and (frame := decode()):
                    time += 1 / 30
                    found = find_pose(frame[1], time)
                    buffer.append(time, None if found is None else found.pose())
                    window = cut(*buffer.track(), spec, end=time)
                    if window.features is not None:
                        update(time, classify(window.features[None])[0])
    return spent


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path, nargs="?", help="clip (default: the sample clip)")
    parser.add_argument("--frames", type=int, default=240)


def run(args: argparse.Namespace) -> None:
    """Print a table of all steps."""
    video = args.video or sample_clip()
    with filter_native_stderr():
        spent = measure(video, args.frames)
    pose = float(np.mean(spent["pose"][_WARM_UP_CALLS:]))
    table = Table(title=f"{video.name}: one thread of calls, {args.frames} frames")
    for column in ("part", "p50 ms", "p95 ms", "p99 ms", "mean / mean of pose"):
        table.add_column(column, justify="right")
    for step, seconds in spent.items():
        warm = np.array(seconds[_WARM_UP_CALLS:] or [np.nan])
        percentiles = np.percentile(warm, [50, 95, 99]) * 1e3
        table.add_row(step, *(f"{v:.2f}" for v in percentiles), f"{warm.mean() / pose:.4f}")
    Console().print(table)
