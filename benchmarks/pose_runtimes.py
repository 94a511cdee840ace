"""Compare the two pose runtimes, each in a process of its own, on one core and on two.

Perfect agreement is out of reach, for MediaPipe with itself too: the region that it looks at
depends on the frame before, so that differences in a last bit grow. Clips with noise in the last
bit of one value in 500 show how far.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
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
from dancetype.engine.defaults import PoseRuntime
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import Prediction, Recognizer
from dancetype.stream.sources.base import Frame
from dancetype.stream.sources.file import FileSource
from dancetype.stream.system import filter_native_stderr

PAGE: Final = DOCS / "performance.md"
PART: Final = "pose-runtimes"
CORES: Final = (1, 2)
_RUNTIMES: Final[tuple[PoseRuntime, ...]] = ("mediapipe", "litert")
_NOISY_SHARE: Final = 1 / 500
_WARM_UP_FRAMES: Final = 10


@dataclass
class Run:
    """Poses that a runtime found in a clip, frame by frame, and what it took."""

    times: list[float] = field(default_factory=list)
    found: list[Landmarks | None] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)  # seconds
    cpu: list[float] = field(default_factory=list)  # seconds, of all threads
    start: float = 0.0  # seconds until the first frame was done, loading included
    memory: int = 0  # bytes by which the process grew


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
    run = Run()
    first = next(_frames(clip, most))
    before = process.memory_info().rss
    start = perf_counter()
    with filter_native_stderr(), _open(model, runtime, cores) as estimator:
        estimator.landmarks(first.image, 0.0)
        run.start = perf_counter() - start
        estimator.reset("measured")
        timed = timer(run.wall, timer(run.cpu, estimator.landmarks, clock=process_time))
        for frame in _frames(clip, most):
            image = frame.image
            if noise:
                noisy = rng.random(image.shape, np.float32) < _NOISY_SHARE
                image = np.where(noisy, image ^ 1, image)
            run.found.append(timed(image, frame.time))
            run.times.append(frame.time)
        run.memory = process.memory_info().rss - before
    return run


def _open(model: Path, runtime: PoseRuntime, threads: int) -> PoseEstimator:
    if runtime == "litert":
        from dancetype.engine.pose.litert import LiteRtEstimator

        return LiteRtEstimator(model, threads=threads)
    # MediaPipe takes no number of threads; the cores are what limits it.
    return open_estimator(model, runtime=runtime)


def _frames(clip: Path, most: int) -> Iterator[Frame]:
    with closing(FileSource(clip)) as source:
        yield from islice(filter(None, iter(source.read, None)), most)


def agreement(clip: str, beside: str, one: Run, other: Run) -> dict[str, Any]:
    """Compare two runs over the same frames.

    `found` is the share of frames in which both or neither found a person, `genres` that of windows
    with the same genre, and the distances are those of a frame's joints on average.
    """
    pairs = list(zip(one.found, other.found, strict=True))
    poses = [(a.pose().joints, b.pose().joints) for a, b in pairs if a and b]
    cm = [float(np.linalg.norm(a - b, axis=1).mean()) * 100 for a, b in poses] or [np.nan]
    same = [
        a.window_probabilities.argmax() == b.window_probabilities.argmax()
        for a, b in zip(_predictions(one), _predictions(other), strict=True)
        if a.window_probabilities is not None and b.window_probabilities is not None
    ]
    return {
        "clip": clip,
        "beside": beside,
        "found": float(np.mean([(a is None) == (b is None) for a, b in pairs])),
        "mean_cm": float(np.mean(cm)),
        "p95_cm": float(np.percentile(cm, 95)),
        "genres": float(np.mean(same)) if same else np.nan,
        "windows": len(same),
    }


def _predictions(run: Run) -> list[Prediction]:
    recognizer = Recognizer(Classifier(device="cpu"))
    predictions = (
        recognizer.push(time, None if person is None else person.pose())
        for time, person in zip(run.times, run.found, strict=True)
    )
    return [prediction for prediction in predictions if prediction]


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
        agreements.append(agreement(clip.name, "LiteRT", reference, litert))
        agreements.append(agreement(clip.name, "itself, with noise", reference, noisy))
    return {
        "speeds": [speed(runtime, cores, found) for (runtime, cores), found in runs.items()],
        "agreements": agreements,
    }
