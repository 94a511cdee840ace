"""What is tried, one trial after the other."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.performance.measuring import Span, percentiles, together, watch
from benchmarks.performance.subjects import PlainLoop, Product, Subject
from dancetype.engine.classifier import Classifier
from dancetype.engine.ring_buffer import RingBuffer
from dancetype.engine.skeleton import Pose
from dancetype.engine.window import cut_window

RUNTIMES: Final = ("litert", "mediapipe")
PLAIN: Final = "plain loop"

CAMERA_FPS: Final = 15.0
LATE_MS: Final = 100.0
# Of the frames asked for; a frame may fall to the other side of a span's end.
_HELD: Final = 0.95
# To load it all, and to be warm.
_BEFORE: Final = 15.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is measured.

    Attributes:
        seconds: of each run, after its warm-up.
        rounds: in which each program has its turn.
        starts: of which the middle one counts.
        calls: of the genre model.
        stream: whether a camera's stream is looked at, too.
    """

    seconds: float = 8.0
    rounds: int = 2
    starts: int = 5
    calls: int = 3000
    stream: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """CPU time for each frame through pose estimation, in milliseconds.

    Attributes:
        read: reading, decoding and making images.
        pose: pose estimation.
        rest: everything else.
    """

    read: float
    pose: float
    rest: float


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process.

    Attributes:
        word: to the first message about the dance, which is that there is no window yet.
        window: to the first window that was classified, without the seconds that it holds.
    """

    word: float
    window: float


def beside(
    source: str | Path, pose_model: Path, pace: Pace, *, runtimes: Sequence[str] = RUNTIMES
) -> dict[str, Span]:
    """The product, with each runtime, and the plain loop on one source, in turn."""
    subjects: dict[str, Callable[[], Subject]] = {
        runtime: partial(Product, "--source", source, "--pose-runtime", runtime)
        for runtime in runtimes
    }
    subjects[PLAIN] = partial(PlainLoop, source, pose_model, seconds=pace.seconds + _BEFORE)
    return in_turn(subjects, pace)


def in_turn(subjects: Mapping[str, Callable[[], Subject]], pace: Pace) -> dict[str, Span]:
    """Measures each of several programs, one after the other, and that again and again."""
    spans: dict[str, list[Span]] = {name: [] for name in subjects}
    for _ in range(pace.rounds):
        for name, start in subjects.items():
            with start() as subject:
                spans[name].append(watch(subject, pace.seconds))
    return {name: together(each) for name, each in spans.items()}


def thinned(source: str | Path, runtime: str, pace: Pace) -> dict[str, Span]:
    """The product with every frame and with 15 a second, in turn."""
    words = ("--source", source, "--pose-runtime", runtime, "--pose-fps")
    return in_turn({fps: partial(Product, *words, fps) for fps in ("30", "15")}, pace)


def parts(source: str | Path, runtime: str, pace: Pace) -> Parts:
    """Where the product's CPU time goes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "meter.jsonl"
        module = ("benchmarks.performance.metered", file)
        with Product("--source", source, "--pose-runtime", runtime, module=module) as product:
            watch(product, 0.0)
            before = _newest(file)
            time.sleep(pace.seconds)
            now = _newest(file)
    used = {name: now[name] - before[name] for name in before}
    read = used["read"] + used["open"]
    frames = max(used["pose_calls"], 1.0)
    rest = used["all"] - read - used["pose"]
    return Parts(read / frames * 1e3, used["pose"] / frames * 1e3, rest / frames * 1e3)


def _newest(file: Path) -> dict[str, float]:
    text = file.read_text(encoding="utf-8")
    newest: dict[str, float] = json.loads(text[: text.rindex("\n")].splitlines()[-1])
    return newest


def start(source: str | Path, runtime: str, pace: Pace) -> Start:
    """How long the product takes from its start until it says something; the middle of several."""
    least = Classifier(device="cpu").contract.window.min_seconds
    words, windows = [], []
    for _ in range(pace.starts):
        with Product("--source", source, "--pose-runtime", runtime) as product:
            product.wait_for(lambda said: any(each.whole for each in said))
            words.append(product.said[0].received - product.started)
            whole = next(each for each in product.said if each.whole)
            windows.append(whole.received - product.started - least)
    return Start(median(words), median(windows))


def classifying(pace: Pace) -> dict[str, tuple[float, float, float]]:
    """Milliseconds (p50, p95, p99) of cutting one window and of classifying it, on one thread."""
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    chance = np.random.default_rng(8)
    poses = RingBuffer(spec.seconds)
    for frame in range(round(30 * spec.seconds) + 1):
        joints = chance.normal(size=(17, 3)).astype(np.float32)
        poses.append(frame / 30, Pose(joints, np.ones(17, np.float32)))
    cutting, answering = [], []
    for _ in range(pace.calls):
        begun = perf_counter()
        window = cut_window(*poses.track(), spec, end=spec.seconds)
        cut = perf_counter()
        assert window.features is not None
        classifier(window.features[None])
        answering.append(perf_counter() - cut)
        cutting.append(cut - begun)
    return {
        "cutting the window": percentiles(_warm_ms(cutting)),
        "classifying it": percentiles(_warm_ms(answering)),
    }


def _warm_ms(seconds: Sequence[float]) -> NDArray[np.float64]:
    return np.array(seconds[len(seconds) // 10 :]) * 1e3


@dataclass(frozen=True, slots=True)
class Load:
    """So many cameras at a time.

    Attributes:
        cores: that the product might use.
        cameras: at 30 frames a second each.
        fps: poses a second, of each camera on average.
        late_ms: p95 from capture to the reader.
        busy: share of these cores that it used.
    """

    cores: int
    cameras: int
    fps: float
    late_ms: float
    busy: float

    @property
    def held(self) -> bool:
        """Whether no camera was left behind."""
        return self.fps >= _HELD * CAMERA_FPS and self.late_ms < LATE_MS


def cameras(source: str | Path, runtime: str, pace: Pace) -> Iterator[Load]:
    """Adds camera after camera until they are too many; with one core, then two, four and so on."""
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
    with Product(*words, cores=cores) as product:
        span = watch(product, pace.seconds, sources=number)
    return Load(
        cores=len(cores),
        cameras=number,
        fps=span.frames / span.wall / number,
        late_ms=percentiles(span.received_ms)[1],
        busy=span.cpu / span.wall / len(cores),
    )
