"""What a soak has shown, and whether that holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

FACTOR: Final = 2.5
"""Minutes of show in a minute, as ten predictions a second are two and a half times four."""
WARM_UP: Final = 0.15
"""Share of the time after which figures count, but not before `LEAST_WARM_UP` seconds."""
LEAST_WARM_UP: Final = 90.0
MEMORY_GROWTH: Final = 0.05
# What docs/protocol.md calls stale.
LONGEST_GAP: Final = 1.5


@dataclass(frozen=True)
class Sample:
    """What the process holds at a moment.

    Attributes:
        time: seconds since the start.
        resident: bytes of memory.
        threads: their number.
        descriptors: files, sockets and the like.
        sockets: TCP sockets among them.
    """

    time: float
    resident: int
    threads: int
    descriptors: int
    sockets: int

    @property
    def counts(self) -> tuple[int, int]:
        """What is to be the same whenever all is well: descriptors, and sockets among them."""
        return self.descriptors, self.sockets


@dataclass
class Result:
    """What a soak has shown.

    Attributes:
        minutes: how long it was.
        faults: how many there were, by what failed.
        predictions: how many there were.
        samples: of each second.
        checkpoints: of the moments at which all was well.
        longest_gap: seconds between two predictions of the source that nothing happened to.
        problems: what did not hold; none where all did.
    """

    minutes: float
    faults: dict[str, int] = field(default_factory=dict)
    predictions: int = 0
    samples: list[Sample] = field(default_factory=list)
    checkpoints: list[Sample] = field(default_factory=list)
    longest_gap: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def warm_from(self) -> float:
        """Seconds from the start after which figures count."""
        return max(WARM_UP * 60 * self.minutes, LEAST_WARM_UP)

    @property
    def warm(self) -> list[Sample]:
        """The samples that count."""
        return [each for each in self.samples if each.time > self.warm_from]

    @property
    def memory(self) -> tuple[float, float, float]:
        """Megabytes: median of the first fifth that counts, median of the last, and the most."""
        resident = [each.resident / 1e6 for each in self.warm]
        fifth = max(len(resident) // 5, 1)
        return median(resident[:fifth]), median(resident[-fifth:]), max(resident)

    def summary(self) -> str:
        """In a sentence."""
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
    """What did not hold: memory that grew, something left behind, a source that was held up."""
    problems = _left_behind(result.checkpoints)
    if result.warm:
        first, last, most = result.memory
        for name, value in (("at last", last), ("at most", most)):
            if value > (1 + MEMORY_GROWTH) * first:
                problems.append(f"resident memory: {first:.0f} MB at first, {value:.0f} MB {name}")
    if result.longest_gap > LONGEST_GAP:
        problems.append(f"the calm source: no prediction for {result.longest_gap:.1f} s")
    return problems


def _left_behind(checkpoints: Sequence[Sample]) -> list[str]:
    """What there was more of, or less, with all well again."""
    if len(checkpoints) < 2:
        return ["too short: there were no two moments to compare"]
    first = checkpoints[0]
    problems = [
        f"at {each.time:.0f} s descriptors and sockets are {each.counts} and were {first.counts}"
        for each in checkpoints
        if each.counts != first.counts
    ]
    # asyncio's pool starts a thread when it first needs so many, and keeps it.
    half = len(checkpoints) // 2
    most = max(each.threads for each in checkpoints[:half])
    late = [each for each in checkpoints[half:] if each.threads > most]
    return problems + [f"at {each.time:.0f} s {each.threads} threads, not {most}" for each in late]
