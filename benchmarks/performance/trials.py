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

from benchmarks.performance.programs import (
    Program,
    Span,
    open_plain_loop,
    open_product,
    percentiles,
    together,
)
from benchmarks.timer import timer
from dancetype.engine.classifier import Classifier
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.skeleton import Pose
from dancetype.engine.window import cut_window

RUNTIMES: Final = ("litert", "mediapipe")
PLAIN: Final = "plain loop"

CAMERA_FPS: Final = 15.0
LATE_MS: Final = 100.0
# Share of the frames asked for; a frame may fall to the other side of a span's end.
_HELD: Final = 0.95
_START_SECONDS: Final = 15.0  # for the plain loop to load everything and to be warm


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is measured."""

    seconds: float = 8.0  # of each run, after its warm-up
    rounds: int = 2  # turns of each program
    starts: int = 5  # whose median counts
    calls: int = 3000  # of the genre model
    stream: bool = True  # whether a camera's stream is a source too


@dataclass(slots=True)
class Load:
    """A number of cameras with 30 frames a second each."""

    cores: int  # that the product might use
    cameras: int
    fps: float  # poses a second of each camera
    late_ms: float  # p95 from capture to the reader
    busy: float  # share of the cores that was used
    held: bool = field(init=False)  # whether no camera was left behind

    def __post_init__(self) -> None:
        self.held = self.fps >= _HELD * CAMERA_FPS and self.late_ms < LATE_MS


def beside(source: str | Path, pose_model: Path, pace: Pace) -> dict[str, Any]:
    """Measure the product, with each runtime, and the plain loop on one source, in turn."""
    programs: dict[str, Callable[[], Program]] = {
        runtime: partial(open_product, "--source", source, "--pose-runtime", runtime)
        for runtime in RUNTIMES
    }
    programs[PLAIN] = partial(
        open_plain_loop, source, pose_model, seconds=pace.seconds + _START_SECONDS
    )
    return in_turn(programs, pace)


def thinned(source: str | Path, runtime: str, pace: Pace) -> dict[str, Any]:
    words = ("--source", source, "--pose-runtime", runtime, "--pose-fps")
    return in_turn({fps: partial(open_product, *words, fps) for fps in ("30", "15")}, pace)


def in_turn(programs: Mapping[str, Callable[[], Program]], pace: Pace) -> dict[str, Any]:
    spans: dict[str, list[Span]] = {name: [] for name in programs}
    for _ in range(pace.rounds):
        for name, start in programs.items():
            with start() as program:
                spans[name].append(program.measure(pace.seconds))
    return {name: together(each).figures() for name, each in spans.items()}


def parts(source: str | Path, runtime: str, pace: Pace) -> dict[str, float]:
    """Return the product's CPU time in ms a frame: `read` (and decode), `pose` and the `rest`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "meter.jsonl"
        module = ("benchmarks.performance.meter", file)
        with open_product("--source", source, "--pose-runtime", runtime, module=module) as product:
            product.measure(0.0)
            before = _newest(file)
            time.sleep(pace.seconds)
            now = _newest(file)
    used = {name: now[name] - before[name] for name in before}
    read = used["read"] + used["open"]
    frames = max(used["pose_calls"], 1.0)
    seconds = {"read": read, "pose": used["pose"], "rest": used["all"] - read - used["pose"]}
    return {part: each / frames * 1e3 for part, each in seconds.items()}


def _newest(file: Path) -> dict[str, float]:
    text = file.read_text(encoding="utf-8")
    newest: dict[str, float] = json.loads(text[: text.rindex("\n")].splitlines()[-1])
    return newest


def start(source: str | Path, runtime: str, pace: Pace) -> dict[str, float]:
    """Return the seconds from the start of the process to the first prediction and window.

    The first prediction (`word`) has no window yet; `window` counts without the seconds it holds.
    """
    least = Classifier(device="cpu").contract.window.min_seconds
    words, windows = [], []
    for _ in range(pace.starts):
        with open_product("--source", source, "--pose-runtime", runtime) as product:
            product.wait_for(lambda predictions: any(each.whole for each in predictions))
            words.append(product.predictions[0].received - product.started)
            whole = next(each for each in product.predictions if each.whole)
            windows.append(whole.received - product.started - least)
    return {"word": median(words), "window": median(windows)}


def classifying(pace: Pace) -> dict[str, tuple[float, float, float]]:
    """Return ms (p50, p95, p99) of cutting one window and of classifying it, on one thread."""
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    rng = np.random.default_rng(8)
    poses = RingBuffer(spec.seconds)
    for frame in range(round(30 * spec.seconds) + 1):
        joints = rng.normal(size=(17, 3)).astype(np.float32)
        poses.append(frame / 30, Pose(joints, np.ones(17, np.float32)))
    spent: dict[str, list[float]] = {"cutting the window": [], "classifying it": []}
    cut = timer(spent["cutting the window"], cut_window)
    classify = timer(spent["classifying it"], classifier)
    for _ in range(pace.calls):
        window = cut(*poses.track(), spec, end=spec.seconds)
        assert window.features is not None
        classify(window.features[None])
    warm = slice(pace.calls // 10, None)
    return {part: percentiles(np.array(each[warm]) * 1e3) for part, each in spent.items()}


def cameras(source: str | Path, runtime: str, pace: Pace) -> Iterator[Load]:
    """Add cameras until they are too many; with one core, then two, four and so on."""
    available = sorted(os.sched_getaffinity(0))
    cores, number = 1, 1
    while cores <= len(available):
        load = _loaded(source, runtime, pace, available[:cores], number)
        yield load
        if load.held:
            number += 1
        else:
            cores, number = 2 * cores, max(2 * (number - 1), 1)


def _loaded(
    source: str | Path, runtime: str, pace: Pace, cores: Sequence[int], number: int
) -> Load:
    sources = [word for each in range(number) for word in ("--source", f"c{each}={source}")]
    words = (*sources, "--pose-runtime", runtime, "--pose-fps", str(CAMERA_FPS))
    with open_product(*words, cores=cores) as product:
        figures = product.measure(pace.seconds, sources=number).figures()
    return Load(
        cores=len(cores),
        cameras=number,
        fps=figures["fps"] / number,
        late_ms=figures["received_ms"][1],
        busy=figures["cores"] / len(cores),
    )
