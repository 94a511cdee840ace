"""Compare the two pose runtimes, each in a separate process, on one core and on two.

Exact agreement is impossible, even of MediaPipe with itself: the region of interest depends on the
previous frame, so differences in a last bit grow. Comparing MediaPipe with itself on frames with
noise in the last bit of one value in 500 shows by how much.
"""

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
import psutil
from numpy.typing import NDArray

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
from dancetype.engine.skeleton import pelvis_centred
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
    """Result of a runtime for a clip.

    Attributes:
        track: Poses found.
        wall: Seconds for each frame.
        cpu: CPU seconds of all threads for each frame.
        start: Seconds from opening the runtime to the result for the first frame.
        memory: Bytes by which the memory of the process grew.
    """

    track: Track
    wall: list[float]
    cpu: list[float]
    start: float
    memory: int


def estimate_poses(*args: Any) -> Run:
    """Call `_estimate_poses` in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_estimate_poses, *args).result()


def _estimate_poses(
    clip: Path, model: Path, runtime: PoseRuntime, cores: int, noise: bool, max_frames: int
) -> Run:
    """Estimate the poses in the first frames of a clip.

    Args:
        clip: Video.
        model: Pose model.
        runtime: Runtime of the model.
        cores: Number of cores that the process may use.
        noise: Whether to change the last bit of some values of each frame.
        max_frames: Largest number of frames.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    process = psutil.Process()
    times: list[float] = []
    landmarks: list[Landmarks | None] = []
    wall: list[float] = []
    cpu: list[float] = []
    with Video(clip) as video:
        _, first = next(iter(video))
    before = process.memory_info().rss
    start = perf_counter()
    with filter_native_stderr(), _open(model, runtime, cores) as estimator:
        estimator.landmarks(first, 0.0)
        start_seconds = perf_counter() - start
        estimator.reset("start of the measurement")
        estimate = timer(wall, timer(cpu, estimator.landmarks, clock=process_time))
        with Video(clip) as video:
            frames = islice(video, max_frames)
            for time, image in change_last_bits(frames) if noise else frames:
                landmarks.append(estimate(image, time))
                times.append(time)
        memory = process.memory_info().rss - before
    poses, size = stack_landmarks(landmarks), (first.shape[1], first.shape[0])
    track = Track(clip.stem, "", np.array(times), *poses, image_size=size)
    return Run(track, wall, cpu, start_seconds, memory)


def change_last_bits(
    frames: Iterable[tuple[float, NDArray[np.uint8]]],
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield times and images with the last bit of one value in 500 changed."""
    rng = np.random.default_rng(0)
    for time, image in frames:
        changed = rng.random(image.shape, np.float32) < _NOISY_SHARE
        yield time, np.where(changed, image ^ 1, image)


def _open(model: Path, runtime: PoseRuntime, threads: int) -> PoseEstimator:
    if runtime == "litert":
        from dancetype.engine.pose.litert import LiteRtEstimator

        return LiteRtEstimator(model, threads=threads)
    # MediaPipe has no option for the number of threads; the number of cores limits it.
    return open_estimator(model, runtime=runtime)


def agreement(clip: str, compared: str, reference: Track, other: Track) -> dict[str, Any]:
    """Compare two tracks of the same frames.

    Returns:
        `found`, the share of frames in which both or neither have a person; `genres`, the share of
        windows with the same genre; and figures of the mean distance of the joints in a frame,
        relative to the pelvis.
    """
    classifier = Classifier(device="cpu")
    joints, other_joints = (pelvis_centred(track.joints) for track in (reference, other))
    detected, other_detected = (
        np.isfinite(positions).all(axis=(1, 2)) for positions in (joints, other_joints)
    )
    both = detected & other_detected
    distances = np.linalg.norm(joints[both] - other_joints[both], axis=2).mean(axis=1)
    cm = distances * 100 if both.any() else np.array([np.nan])
    predictions = zip(
        *(replay_predictions(track, classifier, hop=DEFAULT_HOP) for track in (reference, other)),
        strict=True,
    )
    same_genre = [
        first.window_probabilities.argmax() == second.window_probabilities.argmax()
        for first, second in predictions
        if first.window_probabilities is not None and second.window_probabilities is not None
    ]
    return {
        "clip": clip,
        "beside": compared,
        "found": np.mean(detected == other_detected),
        "mean_cm": cm.mean(),
        "p95_cm": np.percentile(cm, 95),
        "genres": np.mean(same_genre) if same_genre else np.nan,
        "windows": len(same_genre),
    }


def speed(runtime: PoseRuntime, cores: int, runs: Sequence[Run]) -> dict[str, Any]:
    """Summarise the runs of one runtime over all clips."""
    wall = [seconds for run in runs for seconds in run.wall[_WARM_UP_FRAMES:]]
    cpu = [seconds for run in runs for seconds in run.cpu[_WARM_UP_FRAMES:]]
    return {
        "runtime": runtime,
        "cores": cores,
        "ms": [1e3 * seconds for seconds in wall],
        "cpu_ms": 1e3 * np.mean(cpu),
        "start": np.median([run.start for run in runs]),
        "memory": np.median([run.memory for run in runs]),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP", help="video file")
    parser.add_argument(
        "--frames", type=int, default=100_000, help="largest number of frames of each clip"
    )


def measure(args: argparse.Namespace) -> Results:
    """Run both runtimes on all clips and compare them."""
    model = pose_model()
    runs: dict[tuple[PoseRuntime, int], list[Run]] = {}
    agreements = []
    for clip in args.clips:
        for cores in CORES:
            for runtime in _RUNTIMES:
                print(f"{clip.name}: {runtime}, {cores} cores")
                result = estimate_poses(clip, model, runtime, cores, False, args.frames)
                runs.setdefault((runtime, cores), []).append(result)
        reference, litert = (runs[runtime, 1][-1] for runtime in _RUNTIMES)
        noisy = estimate_poses(clip, model, "mediapipe", 1, True, args.frames)
        for compared, run in (("LiteRT", litert), ("itself, with noise", noisy)):
            agreements.append(agreement(clip.name, compared, reference.track, run.track))
    return {
        "speeds": [speed(runtime, cores, results) for (runtime, cores), results in runs.items()],
        "agreements": agreements,
    }
