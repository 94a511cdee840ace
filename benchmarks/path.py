"""Times the path of a frame on a real clip, each part as a share of the pose model's own time.

Usage: python benchmarks/path.py [VIDEO] [--frames 240]
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from dancetype.engine.classifier import Classifier
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.rolling import RollingEstimate
from dancetype.engine.window import cut_window
from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.system import filter_native_stderr


def timed(seconds: list[float], call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    start = perf_counter()
    result = call(*args, **kwargs)
    seconds.append(perf_counter() - start)
    return result


def measure(video: Path, frames: int) -> dict[str, list[float]]:
    """Seconds of each call of each part, over the clip again and again until `frames` are seen."""
    parts: dict[str, list[float]] = {"decode": [], "pose": [], "window": [], "classify": []}
    parts["rolling"] = []
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    buffer, rolling = RingBuffer(spec.seconds), RollingEstimate(classifier.contract.labels)
    time = 0.0
    with open_estimator(fetch(POSE_MODELS["full"], cache_folder(), say=print)) as estimator:
        while len(parts["pose"]) < frames:
            capture = cv2.VideoCapture(str(video))
            while len(parts["pose"]) < frames:
                ok, image = timed(parts["decode"], capture.read)
                if not ok:
                    break
                time += 1 / 30
                found = timed(parts["pose"], estimator.landmarks, image, time)
                buffer.append(time, None if found is None else found.pose())
                window = timed(parts["window"], cut_window, *buffer.track(), spec, end=time)
                if window.features is None:
                    continue
                windows = window.features[None]
                probabilities = timed(parts["classify"], classifier, windows)[0]
                timed(parts["rolling"], rolling.update, time, probabilities)
            capture.release()
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=240)
    args = parser.parse_args()
    video = args.video or fetch(SAMPLE_CLIP, cache_folder(), say=print)
    with filter_native_stderr():
        parts = measure(video, args.frames)
    pose = float(np.mean(parts["pose"][5:]))
    table = Table(title=f"{video.name}: one thread of calls, {args.frames} frames")
    for column in ("part", "p50 ms", "p95 ms", "p99 ms", "mean / mean of pose"):
        table.add_column(column, justify="right")
    for part, seconds in parts.items():
        # The first calls warm caches up.
        warm = np.array(seconds[5:]) if len(seconds) > 5 else np.array([np.nan])
        p50, p95, p99 = np.percentile(warm, [50, 95, 99]) * 1e3
        table.add_row(part, *(f"{v:.2f}" for v in (p50, p95, p99)), f"{warm.mean() / pose:.4f}")
    Console().print(table)


if __name__ == "__main__":
    main()
