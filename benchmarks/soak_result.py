"""The result of a soak and its evaluation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

FACTOR: Final = 2.5  # equivalent minutes per minute: ten predictions a second instead of four
WARM_UP: Final = 0.15  # share of the duration
MIN_WARM_UP: Final = 90.0  # seconds
MEMORY_GROWTH: Final = 0.05
LONGEST_GAP: Final = 1.5  # the time after which docs/reference/protocol.md calls a source stale


@dataclass(frozen=True)
class Sample:
    """Resources of the process at one time.

    Attributes:
        time: Seconds since the start.
        resident: Resident memory in bytes.
        threads: Number of threads.
        descriptors: Number of open file descriptors.
        sockets: Number of TCP sockets among them.
    """

    time: float
    resident: int
    threads: int
    descriptors: int
    sockets: int

    @property
    def counts(self) -> tuple[int, int]:
        """Descriptors and sockets, which must be equal at all checkpoints."""
        return self.descriptors, self.sockets


@dataclass
class Result:
    """Result of a soak.

    Attributes:
        minutes: Duration in minutes.
        faults: Number of faults of each kind.
        predictions: Number of predictions.
        samples: Samples taken every second.
        checkpoints: Samples taken while nothing fails.
        longest_gap: Longest time in seconds between two predictions of the source without faults.
        problems: Descriptions of violated requirements.
    """

    minutes: float
    faults: Counter[str] = field(default_factory=Counter)
    predictions: int = 0
    samples: list[Sample] = field(default_factory=list)
    checkpoints: list[Sample] = field(default_factory=list)
    longest_gap: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def warm_from(self) -> float:
        """End of the warm-up in seconds since the start."""
        return max(WARM_UP * 60 * self.minutes, MIN_WARM_UP)

    @property
    def memory(self) -> tuple[float, float, float]:
        """Memory after the warm-up in MB: medians of the first and last fifth, and maximum."""
        resident = [
            sample.resident / 1e6 for sample in self.samples if sample.time > self.warm_from
        ]
        if not resident:
            return 0.0, 0.0, 0.0
        fifth = max(len(resident) // 5, 1)
        return median(resident[:fifth]), median(resident[-fifth:]), max(resident)

    def summary(self) -> str:
        """Return the result in one sentence."""
        first, last, most = self.memory
        counts = self.checkpoints[-1]
        thread_counts = sorted({checkpoint.threads for checkpoint in self.checkpoints})
        threads = " or ".join(map(str, thread_counts))
        return (
            f"{self.minutes * FACTOR:.0f} min of show in {self.minutes:.0f} min, "
            f"{sum(self.faults.values())} faults, {self.predictions} predictions; resident memory "
            f"{first:.0f} MB at first, {last:.0f} MB at last, {most:.0f} MB at most; at each of "
            f"{len(self.checkpoints)} checkpoints {threads} threads, "
            f"{counts.descriptors} descriptors, {counts.sockets} sockets"
        )


def find_problems(result: Result) -> list[str]:
    """Return descriptions of memory growth, leaks and delays of the source without faults."""
    problems = _find_leaks(result.checkpoints)
    first, last, most = result.memory
    for name, value in (("at last", last), ("at most", most)):
        if value > (1 + MEMORY_GROWTH) * first:
            problems.append(f"resident memory: {first:.0f} MB at first, {value:.0f} MB {name}")
    if result.longest_gap > LONGEST_GAP:
        problems.append(f"source without faults: no prediction for {result.longest_gap:.1f} s")
    return problems


def _find_leaks(checkpoints: Sequence[Sample]) -> list[str]:
    """Return descriptions of the counts that differ between checkpoints."""
    if len(checkpoints) < 2:
        return ["too short: fewer than two checkpoints to compare"]
    first = checkpoints[0]
    problems = [
        f"at {checkpoint.time:.0f} s: {checkpoint.descriptors} descriptors and "
        f"{checkpoint.sockets} sockets instead of {first.descriptors} and {first.sockets}"
        for checkpoint in checkpoints
        if checkpoint.counts != first.counts
    ]
    # Threads may still be added in the first half, because asyncio's pool keeps its threads.
    half = len(checkpoints) // 2
    limit = max(checkpoint.threads for checkpoint in checkpoints[:half])
    return problems + [
        f"at {checkpoint.time:.0f} s: {checkpoint.threads} threads instead of at most {limit}"
        for checkpoint in checkpoints[half:]
        if checkpoint.threads > limit
    ]
