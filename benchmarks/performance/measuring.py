"""What is measured of a program while it runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.performance.subjects import Said, Subject

# After the first prediction, so that caches are warm and the window is full.
_WARM_UP: Final = 3.0


@dataclass(frozen=True, slots=True)
class Span:
    """Some seconds of a program's life, from its warm-up on.

    Attributes:
        cpu: seconds of all cores.
        wall: seconds that passed.
        frames: through pose estimation, as the predictions count them.
        said: the predictions.
        memory: bytes that the program held at the end.
    """

    cpu: float
    wall: float
    frames: float
    said: tuple[Said, ...]
    memory: int

    @property
    def cpu_ms_a_frame(self) -> float:
        """CPU time, all in all, for each frame through pose estimation."""
        return self.cpu / max(self.frames, 1) * 1e3

    @property
    def received_ms(self) -> NDArray[np.float64]:
        """From each newest frame's capture until its prediction had reached its reader."""
        return np.array([each.received - each.captured for each in self.said]) * 1e3

    @property
    def pose_ms(self) -> NDArray[np.float64]:
        """Pose estimation of these frames."""
        return np.array([each.pose for each in self.said]) * 1e3


def watch(subject: Subject, seconds: float, *, sources: int = 1) -> Span:
    """Measures a program that has been started, once it is warm.

    Raises:
        ExpectedError: it says nothing.
    """
    subject.wait_for(lambda said: len({each.source for each in said if each.whole}) == sources)
    time.sleep(_WARM_UP)
    first, cpu, start = len(subject.said), subject.cpu, time.monotonic()
    time.sleep(seconds)
    used, wall = subject.cpu - cpu, time.monotonic() - start
    said = tuple(subject.said[first:])
    return Span(
        cpu=used,
        wall=wall,
        frames=frames_a_second(said) * wall,
        said=said,
        memory=subject.memory,
    )


def frames_a_second(said: Sequence[Said]) -> float:
    """Frames of all sources through pose estimation, from first to last word on each source."""
    ends: dict[str, tuple[Said, Said]] = {}
    for each in said:
        ends[each.source] = (ends.get(each.source, (each, each))[0], each)
    return sum(
        (last.frames - first.frames) / (last.received - first.received)
        for first, last in ends.values()
        if last is not first
    )


def together(spans: Sequence[Span]) -> Span:
    """Several spans of one program as one."""
    return Span(
        cpu=sum(span.cpu for span in spans),
        wall=sum(span.wall for span in spans),
        frames=sum(span.frames for span in spans),
        said=tuple(each for span in spans for each in span.said),
        memory=max(span.memory for span in spans),
    )


def percentiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """p50, p95 and p99."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return float(p50), float(p95), float(p99)
