"""Compare the two pose runtimes, each in a process of its own, on one core and on two.

Perfect agreement is out of reach, for MediaPipe with itself too: the region that it looks at
depends on the frame before, so that differences in a last bit grow. Clips with noise in the last
bit of one value in 500 show how far.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
import psutil

from benchmarks.clips import pose_model
from benchmarks.pages import DOCS, Results
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.defaults import DEFAULT_HOP, PoseRuntime
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, stack_landmarks
from dancetype.engine.media.video import Video
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.offline.analysis import replay_predictions
from dancetype.stream.system import filter_native_stderr

PAGE: Final = DOCS / "explanation" / "performance.md"
PART: Final = "pose-runtimes"
CORES: Final = (1, 2)
_RUNTIMES: Final[tuple[PoseRuntime, ...]] = ("mediapipe", "litert")
_NOISY_SHARE: Final = 1 / 500
_WARM_UP_FRAMES: Final = 10


@dataclass
class Run:
    """Poses that a runtime found in a clip, and what it took."""

    track: Track
    wall: list[float]  # seconds for each frame
    cpu: list[float]  # seconds for each frame, of all threads
    start: float  # seconds until the first frame was done, loading included
    memory: int  # bytes by which the process grew


def find_poses(*args: Any) -> Run:
    """Find poses in a clip, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_find_poses, *args).result()


def _find_poses(
    clip: Path, model: Path, runtime: PoseRuntime, cores: int, noise: bool, most: int
) -> Run:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    process = psutil.Process()
    rng = np.random.default_rng(0)
    times: list[float] = []
    found: list[Landmarks | None] = []
    wall: list[float] = []
    cpu: list[float] = []
    with Video(clip) as video:
        _, first = next(iter(video))
    before = process.memory_info().rss
    start = perf_counter()
    with filter_native_stderr(), _open(model, runtime, cores) as estimator:
        estimator.landmarks(first, 0.0)
        started = perf_counter() - start
        estimator.reset("measured")
        find = timer(wall, timer(cpu, estimator.landmarks, clock=process_time))
        with Video(clip) as video:
            for time, image in islice(video, most):
                if noise:
                    noisy = rng.random(image.shape, np.float32) < _NOISY_SHARE
                    image = np.where(noisy, image ^ 1, image)
                found.append(find(image, time))
                times.append(time)
        memory = process.memory_info().rss - before
    return Run(
        Track(clip.stem, "", np.array(times), *stack_landmarks(found)), wall, cpu, started, memory
    )


def _open(model: Path, runtime: PoseRuntime, threads: int) -> PoseEstimator:
    if runtime == "litert":
        from dancetype.engine.pose.litert import LiteRtEstimator

        return LiteRtEstimator(model, threads=threads)
    # MediaPipe takes no number of threads; the cores limit it.
    return open_estimator(model, runtime=runtime)


def agreement(clip: str, beside: str, one: Track, other: Track) -> dict[str, Any]:
    """Compare two tracks of the same frames.

    `found` is the share of frames in which both or neither have a person, `genres` that of windows
    with the same genre, and the distances are those of a frame's joints on average.
    """
    classifier = Classifier(device="cpu")
    there = [np.isfinite(track.joints).all(axis=(1, 2)) for track in (one, other)]
    both = there[0] & there[1]
    apart = np.linalg.norm(one.joints[both] - other.joints[both], axis=2).mean(axis=1)
    cm = apart * 100 if both.any() else np.array([np.nan])
    windows = zip(
        *(replay_predictions(track, classifier, hop=DEFAULT_HOP) for track in (one, other)),
        strict=True,
    )
    same = [
        a.window_probabilities.argmax() == b.window_probabilities.argmax()
        for a, b in windows
        if a.window_probabilities is not None and b.window_probabilities is not None
    ]
    return {
        "clip": clip,
        "beside": beside,
        "found": np.mean(there[0] == there[1]),
        "mean_cm": cm.mean(),
        "p95_cm": np.percentile(cm, 95),
        "genres": np.mean(same) if same else np.nan,
        "windows": len(same),
    }


def speed(runtime: PoseRuntime, cores: int, runs: Sequence[Run]) -> dict[str, Any]:
    """Summarize the runs of one runtime over all clips."""
    return {
        "runtime": runtime,
        "cores": cores,
        "ms": [1e3 * each for run in runs for each in run.wall[_WARM_UP_FRAMES:]],
        "cpu_ms": 1e3 * np.mean([each for run in runs for each in run.cpu[_WARM_UP_FRAMES:]]),
        "start": np.median([run.start for run in runs]),
        "memory": np.median([run.memory for run in runs]),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--frames", type=int, default=100_000, help="frames of each clip at most")


def measure(args: argparse.Namespace) -> Results:
    """Run both runtimes over all clips, and compare them."""
    model = pose_model()
    runs: dict[tuple[PoseRuntime, int], list[Run]] = {}
    agreements = []
    for clip in args.clips:
        for cores in CORES:
            for runtime in _RUNTIMES:
                print(f"{clip.name}: {runtime}, {cores} cores")
                result = find_poses(clip, model, runtime, cores, False, args.frames)
                runs.setdefault((runtime, cores), []).append(result)
        reference, litert = (runs[runtime, 1][-1] for runtime in _RUNTIMES)
        noisy = find_poses(clip, model, "mediapipe", 1, True, args.frames)
        for beside, run in (("LiteRT", litert), ("itself, with noise", noisy)):
            agreements.append(agreement(clip.name, beside, reference.track, run.track))
    return {
        "speeds": [speed(runtime, cores, found) for (runtime, cores), found in runs.items()],
        "agreements": agreements,
    }
