"""Trials of the performance benchmark."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import psutil

from benchmarks.performance.programs import (
    Measurement,
    Program,
    count_rate,
    merge,
    open_dancetype,
    open_plain_loop,
    percentiles,
)
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.skeleton import Pose
from dancetype.engine.window import cut_window
from tests.testbed.demo_server import chromium, find_chromium
from tests.testbed.rtsp_server import find_free_port

RUNTIMES: Final = ("litert", "mediapipe")
PLAIN_LOOP: Final = "plain loop"

CAMERA_FPS: Final = 15.0
MAX_LATENCY_MS: Final = 100.0
# Share of the frame rate that counts as keeping it; a measurement may miss frames at its ends.
_MIN_RATE_SHARE: Final = 0.95
_START_SECONDS: Final = 15.0  # start and warm-up of the plain loop


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """Extent of the trials.

    Attributes:
        seconds: Duration of each run after its warm-up.
        rounds: Number of runs of each program.
        starts: Number of starts, of which the median is taken.
        calls: Number of calls of the genre model.
        stream: Whether to measure an RTSP stream in addition to the files.
    """

    seconds: float = 8.0
    rounds: int = 2
    starts: int = 5
    calls: int = 3000
    stream: bool = True


@dataclass(slots=True)
class Load:
    """Result for a number of cameras with 30 frames per second each.

    Attributes:
        cores: Number of cores available to the process.
        cameras: Number of cameras.
        fps: Poses per second of each camera.
        late_ms: 95th percentile of the latency from capture to the client.
        busy: Share of the cores in use.
        held: Whether all cameras kept their rate and latency.
    """

    cores: int
    cameras: int
    fps: float
    late_ms: float
    busy: float
    held: bool = field(init=False)

    def __post_init__(self) -> None:
        self.held = self.fps >= _MIN_RATE_SHARE * CAMERA_FPS and self.late_ms < MAX_LATENCY_MS


def compare_programs(
    source: str | Path, pose_model: Path, settings: TrialSettings
) -> dict[str, Any]:
    """Measure `dancetype run` with each runtime, and the plain loop, on one source."""
    programs: dict[str, Callable[[], Program]] = {
        runtime: partial(
            open_dancetype, "--source", source, "--pose-runtime", runtime, "--every-frame"
        )
        for runtime in RUNTIMES
    }
    programs[PLAIN_LOOP] = partial(
        open_plain_loop, source, pose_model, seconds=settings.seconds + _START_SECONDS
    )
    return _measure_alternately(programs, settings)


def compare_pose_rates(source: str | Path, runtime: str, settings: TrialSettings) -> dict[str, Any]:
    """Measure `dancetype run` with 30 and with 15 poses per second."""
    options = ("--source", source, "--pose-runtime", runtime, "--pose-fps")
    programs = {fps: partial(open_dancetype, *options, fps) for fps in ("30", "15")}
    return _measure_alternately(programs, settings)


def _measure_alternately(
    programs: Mapping[str, Callable[[], Program]], settings: TrialSettings
) -> dict[str, Any]:
    """Measure programs in turn, so that other load on the machine affects all of them."""
    measurements: dict[str, list[Measurement]] = {name: [] for name in programs}
    for _ in range(settings.rounds):
        for name, start in programs.items():
            with start() as program:
                measurements[name].append(program.measure(settings.seconds))
    return {name: merge(runs).figures() for name, runs in measurements.items()}


def cpu_by_part(source: str | Path, runtime: str, settings: TrialSettings) -> dict[str, float]:
    """Return the CPU time per frame in ms of reading and decoding, of pose, and of the rest."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "meter.jsonl"
        module = ("benchmarks.performance.meter", file)
        options = ("--source", source, "--pose-runtime", runtime, "--every-frame")
        with open_dancetype(*options, module=module) as program:
            program.measure(0.0)
            before = _last_snapshot(file)
            time.sleep(settings.seconds)
            after = _last_snapshot(file)
    used = {name: after[name] - before[name] for name in before}
    read = used["read"] + used["open"]
    frames = max(used["pose_calls"], 1.0)
    seconds = {"read": read, "pose": used["pose"], "rest": used["all"] - read - used["pose"]}
    return {part: value / frames * 1e3 for part, value in seconds.items()}


def _last_snapshot(file: Path) -> dict[str, float]:
    text = file.read_text(encoding="utf-8")
    snapshot: dict[str, float] = json.loads(text[: text.rindex("\n")].splitlines()[-1])
    return snapshot


def start_times(source: str | Path, runtime: str, settings: TrialSettings) -> dict[str, float]:
    """Return the seconds from the start of the process to the first prediction and window.

    `word` is the first prediction, which has no window yet. `window` is the first prediction with a
    window, minus the shortest duration of a window.
    """
    window_seconds = Classifier(device="cpu").contract.window.min_seconds
    first_predictions, first_windows = [], []
    for _ in range(settings.starts):
        with open_dancetype("--source", source, "--pose-runtime", runtime) as program:
            program.wait_for(
                lambda predictions: any(prediction.has_window for prediction in predictions)
            )
            with_window = next(
                prediction for prediction in program.predictions if prediction.has_window
            )
            first_predictions.append(program.predictions[0].received - program.started)
            first_windows.append(with_window.received - program.started - window_seconds)
    return {"word": median(first_predictions), "window": median(first_windows)}


def genre_model_times(settings: TrialSettings) -> dict[str, tuple[float, float, float]]:
    """Return p50, p95 and p99 in ms of cutting and of classifying one window, on one thread."""
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    rng = np.random.default_rng(8)
    poses = RingBuffer(spec.seconds)
    for frame in range(round(30 * spec.seconds) + 1):
        joints = rng.normal(size=(17, 3)).astype(np.float32)
        poses.append(frame / 30, Pose(joints, np.ones(17, np.float32)))
    durations: dict[str, list[float]] = {"cutting the window": [], "classifying it": []}
    cut = timer(durations["cutting the window"], cut_window)
    classify = timer(durations["classifying it"], classifier)
    for _ in range(settings.calls):
        window = cut(*poses.track(), spec, end=spec.seconds)
        assert window.features is not None
        classify(window.features[None])
    warm = slice(settings.calls // 10, None)
    return {part: percentiles(np.array(times[warm]) * 1e3) for part, times in durations.items()}


def overload(
    source: str | Path, runtime: str, settings: TrialSettings, cameras: int
) -> dict[str, Any]:
    """Compare one camera with more than the machine can process, in the default settings.

    Args:
        source: Source of each camera.
        runtime: Pose runtime.
        settings: Extent of the trials.
        cameras: Number of cameras that are too many.

    Returns:
        Figures for one camera as `idle` and for all as `loaded`: those of `Measurement`, and
        `dropped`, the number of dropped frames per second.
    """
    figures = {}
    for name, count in (("idle", 1), ("loaded", cameras)):
        with open_dancetype(*_sources(source, count), "--pose-runtime", runtime) as program:
            measurement = program.measure(settings.seconds, sources=count)
        dropped = count_rate(measurement.predictions, lambda prediction: prediction.dropped)
        figures[name] = {**measurement.figures(), "dropped": dropped}
    return {"cameras": cameras, **figures}


def beside_overlay(source: str | Path, runtime: str, settings: TrialSettings) -> Load | None:
    """Measure two cameras per core on two cores, beside a browser with the overlay of one camera.

    Returns:
        The result; None without a browser.
    """
    if find_chromium() is None:
        return None
    cores = sorted(os.sched_getaffinity(0))[:2]
    cameras, port = 2 * len(cores), find_free_port()
    options = ("--pose-runtime", runtime, "--pose-fps", str(CAMERA_FPS), "--port", str(port))
    with (
        open_dancetype(*_sources(source, cameras), *options) as program,
        chromium() as browser,
    ):
        program.wait_for(bool)
        browser.new_page().goto(f"http://127.0.0.1:{port}/overlay?source=c0")
        for process in psutil.Process().children(recursive=True):
            process.cpu_affinity(cores)
        figures = program.measure(settings.seconds, sources=cameras).figures()
    return _load(figures, len(cores), cameras)


def _sources(source: str | Path, cameras: int) -> list[str]:
    return [f"--source=c{camera}={source}" for camera in range(cameras)]


def camera_loads(source: str | Path, runtime: str, settings: TrialSettings) -> Iterator[Load]:
    """Find the most cameras that the process keeps up with, on one core, then two, four and so on.

    Each search starts with twice the cameras of half the cores.
    """
    available = sorted(os.sched_getaffinity(0))
    cores, cameras = 1, 1
    while cores <= len(available):
        step, most = 0, 0
        while cameras > 0:
            load = _measure_load(source, runtime, settings, available[:cores], cameras)
            yield load
            most = max(most, cameras if load.held else 0)
            step = step or (1 if load.held else -1)
            if load.held != (step > 0):
                break
            cameras += step
        cores, cameras = 2 * cores, max(2 * most, 1)


def _measure_load(
    source: str | Path, runtime: str, settings: TrialSettings, cores: Sequence[int], cameras: int
) -> Load:
    options = (*_sources(source, cameras), "--pose-runtime", runtime, "--pose-fps", str(CAMERA_FPS))
    with open_dancetype(*options, cores=cores) as program:
        figures = program.measure(settings.seconds, sources=cameras).figures()
    return _load(figures, len(cores), cameras)


def _load(figures: Mapping[str, Any], cores: int, cameras: int) -> Load:
    return Load(
        cores=cores,
        cameras=cameras,
        fps=figures["fps"] / cameras,
        late_ms=figures["received_ms"][1],
        busy=figures["cores"] / cores,
    )
