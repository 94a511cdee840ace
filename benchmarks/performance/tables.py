"""Makes tables of what was measured, and says what was reached."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.performance.measuring import Span, percentiles
from benchmarks.performance.page import Goal, Table, number, share
from benchmarks.performance.trials import CAMERA_FPS, LATE_MS, PLAIN, Load, Parts, Start
from dancetype.engine.defaults import DEFAULT_RUNTIME

MEGABYTE: Final = 1e6
_MOST_REST: Final = 0.08
_MOST_CPU: Final = 0.8
_MOST_LATE: Final = 1.5
_MOST_HALF: Final = 0.5
_MOST_POINTS: Final = 1.0
_MOST_MODEL_MS: Final = 3.0
_MOST_START: Final = 3.0
_MOST_MEMORY: Final = 350 * MEGABYTE
# Below it, a file's frames are further apart than the goal has them.
_LEAST_FPS: Final = 29.0
_ACCURACY_ROWS: Final = "| frames a second |"
_ACCURACY_ROW: Final = re.compile(r"^\|[^|]*\| (15|30) \| ([\d.]+) \|", re.MULTILINE)


@dataclass(slots=True)
class Found:
    """All that was measured.

    Attributes:
        beside: by source, then by pose runtime or `PLAIN`.
        parts: by source, then by pose runtime.
        thinned: by source, then by poses a second.
        starts: by pose runtime.
        genre_model: milliseconds at p50, p95 and p99, by part.
        loads: one for each number of cameras that was tried.
    """

    beside: dict[str, dict[str, Span]] = field(default_factory=dict)
    parts: dict[str, dict[str, Parts]] = field(default_factory=dict)
    thinned: dict[str, dict[str, Span]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    genre_model: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)


def goals(found: Found, accuracy: str) -> Iterator[Goal]:
    """What was to be reached, with the pose runtime that is the default.

    Args:
        found: what was measured.
        accuracy: the text of docs/accuracy.md.
    """
    yield _spread(
        "CPU time of everything but decoding and pose, as a share of the pose model's own",
        "under 8 %",
        [each[DEFAULT_RUNTIME].rest / each[DEFAULT_RUNTIME].pose for each in found.parts.values()],
        _MOST_REST,
        percent=True,
    )
    yield _spread(
        "CPU time a frame against the plain loop, at equal output rate",
        "at most 0.8",
        [
            each[DEFAULT_RUNTIME].cpu_ms_a_frame / each[PLAIN].cpu_ms_a_frame
            for each in found.beside.values()
        ],
        _MOST_CPU,
    )
    yield _spread(
        "from capture to message received, file paced at 30 frames a second, p95, against the "
        "pose model's own p95",
        "at most 1.5",
        [
            percentiles(span.received_ms)[1] / percentiles(span.pose_ms)[1]
            for name, each in found.beside.items()
            if "RTSP" not in name
            and (span := each[DEFAULT_RUNTIME]).frames / span.wall >= _LEAST_FPS
        ],
        _MOST_LATE,
    )
    yield _spread(
        "CPU time with `--pose-fps 15` against 30",
        "half",
        [_load(each["15"]) / _load(each["30"]) for each in found.thinned.values()],
        _MOST_HALF,
    )
    yield _accuracy(accuracy)
    p99 = found.genre_model["classifying it"][2]
    yield Goal(
        "shipped model, one window, one thread, p99",
        f"under {_MOST_MODEL_MS:g} ms",
        number(p99, "ms"),
        p99 < _MOST_MODEL_MS,
    )
    begun = found.starts[DEFAULT_RUNTIME]
    yield Goal(
        "start of `run` to first prediction, warm cache, besides the window itself",
        f"under {_MOST_START:g} s",
        f"{number(begun.window, 's')} (first word after {number(begun.word, 's')})",
        begun.window < _MOST_START,
    )
    yield _spread(
        "resident memory, one source, MB",
        "under 350",
        [each[DEFAULT_RUNTIME].memory / MEGABYTE for each in found.beside.values()],
        _MOST_MEMORY / MEGABYTE,
    )
    yield _cameras(found.loads)


def tables(found: Found) -> Iterator[Table]:
    """All figures."""
    yield Table(
        "Beside the plain loop",
        "The product with either pose runtime and the plain loop, in turn on the same sources.",
        (
            "source, program",
            "poses/s",
            "CPU ms a frame",
            "to the plain loop",
            "pose ms p50, 95, 99",
            "latency ms p50, 95, 99",
            "memory MB",
        ),
        [
            (
                f"{source}: {name}",
                number(span.frames / span.wall),
                number(span.cpu_ms_a_frame),
                number(span.cpu_ms_a_frame / each[PLAIN].cpu_ms_a_frame),
                _three(percentiles(span.pose_ms)),
                _three(percentiles(span.received_ms)),
                number(span.memory / MEGABYTE),
            )
            for source, each in found.beside.items()
            for name, span in each.items()
        ],
    )
    yield Table(
        "Where the time goes",
        "CPU time for each frame, by a meter put about the real program's calls of reading and of "
        "pose estimation, and the threads these start (`benchmarks/performance/metered.py`). The "
        "rest is everything else that the process does.",
        ("source, runtime", "decoding ms", "pose ms", "the rest ms", "rest / pose"),
        [
            (
                f"{source}: {runtime}",
                number(spent.read),
                number(spent.pose),
                number(spent.rest),
                share(spent.rest / spent.pose),
            )
            for source, each in found.parts.items()
            for runtime, spent in each.items()
        ],
    )
    yield Table(
        "Fewer poses a second",
        f"`--pose-fps` with {DEFAULT_RUNTIME}. Every frame has still to be decoded, as each is "
        "told by what differs from the last; those left out are not made into images.",
        ("source, poses a second", "poses/s", "share of a core", "against 30"),
        [
            (
                f"{source}: {fps}",
                number(span.frames / span.wall),
                share(_load(span)),
                number(_load(span) / _load(each["30"])),
            )
            for source, each in found.thinned.items()
            for fps, span in each.items()
        ],
    )
    yield Table(
        "The genre model",
        "One window, one thread, nothing else running.",
        ("part", "p50 ms", "p95 ms", "p99 ms"),
        [(part, *map(number, three)) for part, three in found.genre_model.items()],
    )
    yield Table(
        "Starting",
        "From the start of the process, the middle of several; the first window counts without the "
        "second of dance that it has to hold.",
        ("runtime", "first word s", "first window s"),
        [(name, number(begun.word), number(begun.window)) for name, begun in found.starts.items()],
    )
    yield Table(
        "Cameras on one machine",
        f"Files paced at 30 frames a second in one process, `--pose-fps {CAMERA_FPS:g}`, variant "
        f"`full` (`lite` was not measured), {DEFAULT_RUNTIME}. Held are as many as keep their rate "
        f"with a p95 latency under {LATE_MS:g} ms.",
        ("cores, cameras", "poses/s each", "latency ms p95", "of these cores", "held"),
        [
            (
                f"{load.cores}, {load.cameras}",
                number(load.fps),
                number(load.late_ms),
                share(load.busy),
                "yes" if load.held else "no",
            )
            for load in found.loads
        ],
    )


def _load(span: Span) -> float:
    """CPU seconds a second."""
    return span.cpu / span.wall


def _three(values: tuple[float, float, float]) -> str:
    return ", ".join(map(number, values))


def _spread(
    what: str, to_reach: str, values: list[float], most: float, *, percent: bool = False
) -> Goal:
    """A goal for which the worst of several sources counts."""
    if not values:
        return Goal(what, to_reach, "not measured", None)
    told = share if percent else number
    least, worst = told(min(values)), told(max(values))
    text = worst if least == worst else f"{least} to {worst}, by source"
    return Goal(what, to_reach, text, max(values) <= most)


def _accuracy(page: str) -> Goal:
    rates: Mapping[str, str] = dict(
        reversed(_ACCURACY_ROW.findall(page.partition(_ACCURACY_ROWS)[2]))
    )
    what = "windows right with 15 frames a second against 30, points"
    if not {"15", "30"} <= rates.keys():
        return Goal(what, "within 1", "not measured", None)
    points = float(rates["15"]) - float(rates["30"])
    text = f"{points:+.1f} ({rates['15']} % and {rates['30']} %, [accuracy](accuracy.md))"
    return Goal(what, f"within {_MOST_POINTS:g}", text, abs(points) <= _MOST_POINTS)


def _cameras(loads: list[Load]) -> Goal:
    held: dict[int, int] = {}
    for load in loads:
        held[load.cores] = max(held.get(load.cores, 0), load.cameras if load.held else 0)
    text = "; ".join(f"{number} on {cores}" for cores, number in held.items())
    linear = all(number >= cores * held[1] for cores, number in held.items())
    return Goal(
        "cameras held at 30 frames a second, p95 latency under 100 ms, `--pose-fps 15`, by cores "
        "(variant full; lite not measured)",
        "stated; linear in cores",
        text,
        linear and held[1] > 0,
    )
