"""The result of a soak, and whether it is good."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

FACTOR: Final = 2.5  # minutes of show in a minute: ten predictions a second in place of four
WARM_UP: Final = 0.15  # share of the time after which figures count
LEAST_WARM_UP: Final = 90.0
MEMORY_GROWTH: Final = 0.05
LONGEST_GAP: Final = 1.5  # what docs/reference/protocol.md calls stale


@dataclass(frozen=True)
class Sample:
    """Resources of the process at a moment."""

    time: float  # seconds since the start
    resident: int  # bytes of memory
    threads: int
    descriptors: int
    sockets: int  # TCP sockets among the descriptors

    @property
    def counts(self) -> tuple[int, int]:
        """Descriptors and sockets, which must be the same whenever nothing fails."""
        return self.descriptors, self.sockets


@dataclass
class Result:
    """Result of a soak."""

    minutes: float
    faults: Counter[str] = field(default_factory=Counter)
    predictions: int = 0
    samples: list[Sample] = field(default_factory=list)  # one per second
    checkpoints: list[Sample] = field(default_factory=list)  # while nothing fails
    longest_gap: float = 0.0  # seconds between two predictions of the calm source
    problems: list[str] = field(default_factory=list)  # claims that did not hold

    @property
    def warm_from(self) -> float:
        """Seconds after which figures count."""
        return max(WARM_UP * 60 * self.minutes, LEAST_WARM_UP)

    @property
    def memory(self) -> tuple[float, float, float]:
        """Megabytes: median of the first fifth that counts, median of the last, and maximum."""
        resident = [each.resident / 1e6 for each in self.samples if each.time > self.warm_from]
        if not resident:
            return 0.0, 0.0, 0.0
        fifth = max(len(resident) // 5, 1)
        return median(resident[:fifth]), median(resident[-fifth:]), max(resident)

    def summary(self) -> str:
        """Return the result in a sentence."""
        first, last, most = self.memory
        counts = self.checkpoints[-1]
        threads = " or ".join(map(str, sorted({each.threads for each in self.checkpoints})))
        return (
            f"{self.minutes * FACTOR:.0f} min of show in {self.minutes:.0f} min, "
            f"{sum(self.faults.values())} faults, {self.predictions} predictions; resident memory "
            f"{first:.0f} MB at first, {last:.0f} MB at last, {most:.0f} MB at most; at each of "
            f"{len(self.checkpoints)} checkpoints {threads} threads, "
            f"{counts.descriptors} descriptors, {counts.sockets} sockets"
        )


def held_to_the_end(result: Result) -> list[str]:
    """Return what did not hold: growing memory, leaks, a source that was delayed."""
    problems = _leaks(result.checkpoints)
    first, last, most = result.memory
    for name, value in (("at last", last), ("at most", most)):
        if value > (1 + MEMORY_GROWTH) * first:
            problems.append(f"resident memory: {first:.0f} MB at first, {value:.0f} MB {name}")
    if result.longest_gap > LONGEST_GAP:
        problems.append(f"the calm source: no prediction for {result.longest_gap:.1f} s")
    return problems


def _leaks(checkpoints: Sequence[Sample]) -> list[str]:
    """Return which counts differ between checkpoints."""
    if len(checkpoints) < 2:
        return ["too short: there were no two moments to compare"]
    first = checkpoints[0]
    problems = [
        f"at {each.time:.0f} s descriptors and sockets are {each.counts} and were {first.counts}"
        for each in checkpoints
        if each.counts != first.counts
    ]
    # asyncio's pool keeps every thread that it has started.
    half = len(checkpoints) // 2
    most = max(each.threads for each in checkpoints[:half])
    late = [each for each in checkpoints[half:] if each.threads > most]
    return problems + [f"at {each.time:.0f} s {each.threads} threads, not {most}" for each in late]
