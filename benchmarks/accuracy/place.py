"""Data and results of the jobs, and how a job runs."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from benchmarks.pages import load, save
from dancetype.engine.errors import ExpectedError, FileError
from dancetype.engine.media.track import Track, read_tracks
from dancetype.training.data.aist import AistSequence, read_sequence
from dancetype.training.data.splits import Split, find_split

OTHER: Final = {"A": "B", "B": "A"}
"""The split `dancers:A` or `dancers:B` that a model trained on the other one is tested on."""

Result = dict[str, Any]


class PlaceError(ExpectedError):
    """Data that a job needs was not given."""


@dataclass(frozen=True, slots=True)
class Place:
    """Data, results and settings of all jobs.

    Attributes:
        data: AIST++ folder.
        tracks: Folder of tracks of real clips, which are never trained on.
        rendered: Folder of tracks of rendered clips, or None.
        videos: Folder with `kicks.mp4`, or None.
        runs: Folder for results and trained networks.
        recipe: Name or file of the shipped recipe.
        steps: Batches of each small training.
        graph_steps: Batches of each training of the graph network.
    """

    data: Path
    tracks: Path
    rendered: Path | None
    videos: Path | None
    runs: Path
    recipe: str = "live"
    steps: int = 1000
    graph_steps: int = 2500

    def result(self, job: str) -> Result | None:
        """Return a job's result, or None if it has not run yet."""
        path = self.runs / f"{job}.json"
        return dict(load(path)) if path.exists() else None

    def results(self, jobs: Iterable[str]) -> list[Result]:
        """Return the results that exist."""
        return [result for job in jobs if (result := self.result(job)) is not None]

    def keep(self, job: str, result: Result) -> None:
        """Write a job's result."""
        save(result, self.runs / f"{job}.json")

    def split_file(self, name: str, sequences: Iterable[str]) -> str:
        """Write a list of sequences; return its path, which `split` takes for a name."""
        path = self.runs / "splits" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{sequence}\n" for sequence in sequences)
        # Other processes may be reading it.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def split(self, name: str) -> Split:
        """Return a split of the data."""
        return find_split(self.data, name)

    def sequences(self, split: Split) -> list[AistSequence]:
        """Return all usable sequences of a split."""
        each = [_read(self.data, name) for name in split.sequences]
        return [sequence for sequence in each if sequence is not None]

    def unseen(self, way: str) -> list[AistSequence]:
        """Return the sequences of the ten dancers that this way's model was not trained on."""
        return self.sequences(self.split(f"dancers:{OTHER[way]}"))

    def real_tracks(self) -> list[Track]:
        """Return the tracks of real clips."""
        return read_tracks(self.tracks)

    def rendered_tracks(self, split: Split) -> list[Track]:
        """Return the tracks of rendered clips of a split's sequences."""
        tracks = [track for folder in self.rendered_folders() for track in read_tracks(folder)]
        return [track for track in tracks if track.sequence in split.sequences]

    def rendered_folders(self) -> list[Path]:
        """Return the folders of tracks to train on."""
        return [] if self.rendered is None else [self.rendered]


@lru_cache(maxsize=2048)
def _read(data: Path, name: str) -> AistSequence | None:
    try:
        return read_sequence(data / "keypoints3d" / f"{name}.pkl")
    except FileError as error:
        print(f"dropped {error}")
        return None


@dataclass(frozen=True, slots=True)
class Job:
    """A measurement with a result of its own.

    Attributes:
        name: Name of the job and of its result.
        about: Description in one line.
        run: Function that measures and returns JSON-ready values.
        needs: Jobs whose results or networks it uses.
    """

    name: str
    about: str
    run: Callable[[Place], Result]
    needs: tuple[str, ...] = ()


def both_ways(
    name: str, about: str, run: Callable[[str, Place], Result], needs: tuple[str, ...] = ()
) -> list[Job]:
    """Return a job for each half of the dancers: `name` and `about` without the half's letter."""
    return [
        Job(f"{name}-{way}", about.format(way=way, other=OTHER[way]), partial(run, way), needs)
        for way in OTHER
    ]


def perform(job: Job, place: Place, *, again: bool) -> bool:
    """Run a job unless its result exists; return whether it exists now.

    With `again` it runs in any case, but trainings that have ended are not repeated.
    """
    if place.result(job.name) is not None and not again:
        say(f"{job.name}: there already")
        return True
    missing = [need for need in job.needs if place.result(need) is None]
    if missing:
        say(f"{job.name}: waits for {', '.join(missing)}")
        return False
    say(f"{job.name}: {job.about}")
    start = perf_counter()
    place.keep(job.name, job.run(place))
    say(f"{job.name}: done in {perf_counter() - start:.0f} s")
    return True


def say(line: str) -> None:
    """Report progress."""
    print(line, file=sys.stderr, flush=True)
