"""Compares the two pose runtimes, and writes a part of docs/performance.md.

Usage: python -m benchmarks.pose_runtimes CLIP... [--frames 100000] [--out docs/performance.md]

Each runtime looks at each clip in a process of its own, on one core and on two. How far they can
agree at all is told by MediaPipe and itself: where each frame is looked at depends on the one
before, so that what begins in a last bit grows. So it also looks at clips in which the last bit of
one value in five hundred is another.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import numpy as np
import psutil
from rich.console import Console

from benchmarks.marked import ROOT, conditions, write_part
from dancetype.engine.classifier import Classifier
from dancetype.engine.defaults import PoseRuntime
from dancetype.engine.errors import ExpectedError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.pose.base import PoseEstimator
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import Prediction, Recognizer
from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch
from dancetype.stream.sources.base import Frame
from dancetype.stream.sources.file import FileSource
from dancetype.stream.system import filter_native_stderr

PAGE: Final = ROOT / "docs" / "performance.md"
CORES: Final = (1, 2)

_NAMES: Final[dict[PoseRuntime, str]] = {"mediapipe": "MediaPipe", "litert": "LiteRT"}
_NOISY: Final = 1 / 500
_WARM: Final = 10
_console: Final = Console(stderr=True)


@dataclass(frozen=True)
class Run:
    """What a runtime made of a clip, and what it took.

    Attributes:
        times: capture time of each frame in seconds.
        found: the landmarks in each frame.
        wall_ms: of each frame.
        cpu_ms: of each frame, that of all threads.
        start: seconds from nothing to the end of the first frame, with all that is loaded.
        memory: bytes by which the process was larger at the end than before the start.
    """

    times: Sequence[float]
    found: Sequence[Landmarks | None]
    wall_ms: Sequence[float]
    cpu_ms: Sequence[float]
    start: float
    memory: int


@dataclass(frozen=True)
class Agreement:
    """How alike two runs over one clip are.

    Attributes:
        both: share of frames in which both or neither found somebody.
        mean_cm: distance of a COCO joint, averaged over joints and frames.
        p95_cm: that of a frame, averaged over joints, which one frame in twenty exceeds.
        genres: share of windows with the same genre, and how many there are.
    """

    both: float
    mean_cm: float
    p95_cm: float
    genres: tuple[float, int]


def look(clip: Path, model: Path, runtime: PoseRuntime, cores: int, noise: bool, most: int) -> Run:
    """Has a runtime look at a clip; in a process of its own."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    process = psutil.Process()
    chance = np.random.default_rng(0)
    times, found, wall, cpu = [], [], [], []
    frames = _frames(clip, most)
    first = next(frames)
    before = process.memory_info().rss
    start = perf_counter()
    with filter_native_stderr(), _opened(model, runtime, cores) as estimator:
        estimator.landmarks(first.image, 0.0)
        started = perf_counter() - start
        estimator.reset("measured")
        for frame in _frames(clip, most):
            image = frame.image
            if noise:
                image = np.where(chance.random(image.shape, np.float32) < _NOISY, image ^ 1, image)
            wall_start, cpu_start = perf_counter(), process_time()
            found.append(estimator.landmarks(image, frame.time))
            cpu.append((process_time() - cpu_start) * 1e3)
            wall.append((perf_counter() - wall_start) * 1e3)
            times.append(frame.time)
        memory = process.memory_info().rss - before
    return Run(times, found, wall, cpu, started, memory)


def _opened(model: Path, runtime: PoseRuntime, threads: int) -> PoseEstimator:
    if runtime == "litert":
        from dancetype.engine.pose.litert import LiteRtEstimator

        return LiteRtEstimator(model, threads=threads)
    # MediaPipe takes no number of threads; the cores are what limits it.
    return open_estimator(model, runtime=runtime)


def _frames(clip: Path, most: int) -> Iterator[Frame]:
    with closing(FileSource(clip)) as source:
        for _ in range(most):
            frame = source.read()
            if not frame:
                return
            yield frame


def agreement(one: Run, other: Run) -> Agreement:
    """Compares two runs over the same frames."""
    pairs = list(zip(one.found, other.found, strict=True))
    poses = [(a.pose().joints, b.pose().joints) for a, b in pairs if a and b]
    cm = [float(np.linalg.norm(a - b, axis=1).mean()) * 100 for a, b in poses] or [np.nan]
    windows = [
        (a.window_probabilities.argmax(), b.window_probabilities.argmax())
        for a, b in zip(_predictions(one), _predictions(other), strict=True)
        if a.window_probabilities is not None and b.window_probabilities is not None
    ]
    same = float(np.mean([a == b for a, b in windows])) if windows else np.nan
    return Agreement(
        both=float(np.mean([(a is None) == (b is None) for a, b in pairs])),
        mean_cm=float(np.mean(cm)),
        p95_cm=float(np.percentile(cm, 95)),
        genres=(same, len(windows)),
    )


def _predictions(run: Run) -> list[Prediction]:
    recognizer = Recognizer(Classifier(device="cpu"))
    said = (
        recognizer.push(time, None if person is None else person.pose())
        for time, person in zip(run.times, run.found, strict=True)
    )
    return [prediction for prediction in said if prediction]


def agreements_table(rows: Sequence[tuple[str, Agreement, Agreement]]) -> str:
    """The table of agreement: name of the clip, with LiteRT, with itself."""
    lines = [
        "| clip | beside MediaPipe | found by both or neither | joints, mean | joints, p95 "
        "| windows with the same genre |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for clip, *pair in rows:
        for name, found in zip(("LiteRT", "itself, with noise"), pair, strict=True):
            same, windows = found.genres
            lines.append(
                f"| {clip} | {name} | {found.both:.1%} | {found.mean_cm:.2f} cm "
                f"| {found.p95_cm:.2f} cm | {same:.1%} of {windows} |"
            )
    return "\n".join(lines)


def speeds_table(runs: Sequence[tuple[str, int, Sequence[Run]]]) -> str:
    """The table of speed: name of the runtime, cores, its runs over all clips."""
    lines = [
        "| runtime | cores | a frame, p50 / p95 | CPU a frame | start | memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, cores, found in runs:
        p50, p95 = np.percentile([ms for run in found for ms in run.wall_ms[_WARM:]], [50, 95])
        cpu = np.mean([ms for run in found for ms in run.cpu_ms[_WARM:]])
        start = np.median([run.start for run in found])
        memory = np.median([run.memory for run in found]) / 1e6
        lines.append(
            f"| {name} | {cores} | {p50:.1f} / {p95:.1f} ms | {cpu:.1f} ms | {start:.2f} s "
            f"| {memory:.0f} MB |"
        )
    return "\n".join(lines)


def measure(clips: Sequence[Path], most: int) -> str:
    """The part of the page."""
    model = fetch(POSE_MODELS["full"], cache_folder(), say=_console.print)
    runs: dict[tuple[PoseRuntime, int], list[Run]] = {}
    agreements = []
    for clip in clips:
        for cores in CORES:
            for runtime in _NAMES:
                _console.print(f"{clip.name}: {_NAMES[runtime]}, {cores} cores", highlight=False)
                run = _apart(clip, model, runtime, cores, False, most)
                runs.setdefault((runtime, cores), []).append(run)
        noisy = _apart(clip, model, "mediapipe", 1, True, most)
        reference = runs["mediapipe", 1][-1]
        with_litert = agreement(reference, runs["litert", 1][-1])
        agreements.append((clip.name, with_litert, agreement(reference, noisy)))
    speeds = [
        (_NAMES[runtime], cores, runs[runtime, cores]) for cores in CORES for runtime in _NAMES
    ]
    return "\n\n".join(
        (
            speeds_table(speeds),
            agreements_table(agreements),
            f"`python -m benchmarks.pose_runtimes` wrote this on {conditions()}, variant full; "
            "lite and heavy are not measured.",
        )
    )


def _apart(*words: object) -> Run:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(look, *words).result()  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--frames", type=int, default=100_000, help="of each clip, at most")
    parser.add_argument("--out", type=Path, help="page to write the tables to")
    args = parser.parse_args()
    try:
        part = measure(args.clips, args.frames)
        print(part)
        if args.out:
            write_part(args.out, "pose-runtimes", part)
    except (ExpectedError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
