"""Where results lie, and the jobs that make them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from dancetype.engine.errors import ExpectedError, FileError
from dancetype.engine.media.track import Track, read_tracks
from dancetype.training.data.aist import Sequence, read_sequence
from dancetype.training.data.splits import Split, find_split

OTHER: Final = {"A": "B", "B": "A"}
"""What is trained on `dancers:A` is tested on `dancers:B`, and the other way round."""

Result = dict[str, Any]


class PlaceError(ExpectedError):
    """Something that a job needs is not there."""


@dataclass(frozen=True, slots=True)
class Place:
    """All that a job may look at.

    Attributes:
        data: the AIST++ folder.
        tracks: folder of what MediaPipe saw in real clips; never trained on.
        rendered: folder of what it saw in rendered ones, or None.
        videos: folder with `kicks.mp4`, or None.
        runs: where results and trained networks go.
        recipe: name or file of the recipe that is shipped.
        steps: of each small training.
        graph_steps: of each training of the graph network.
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
        """What a job found, or None where it has not run yet."""
        path = self._file(job)
        if not path.exists():
            return None
        found: Result = json.loads(path.read_text(encoding="utf-8"))
        return found

    def keep(self, job: str, result: Result) -> None:
        """Writes what a job found, whole or not at all."""
        path = self._file(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        part.replace(path)

    def _file(self, job: str) -> Path:
        return self.runs / f"{job}.json"

    def split_file(self, name: str, sequences: Iterable[str]) -> str:
        """Writes a list of sequences and returns its path, which `find_split` takes for a name."""
        path = self.runs / "splits" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{sequence}\n" for sequence in sequences)
        # Other processes may be reading it.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def split(self, name: str) -> Split:
        """A split of the data at hand."""
        return find_split(self.data, name)

    def unseen(self, way: str) -> list[Sequence]:
        """Sequences of the ten dancers whom the model of this way was not trained on."""
        return self.sequences(self.split(f"dancers:{OTHER[way]}"))

    def sequences(self, split: Split) -> list[Sequence]:
        """All sequences of a split that can be used."""
        each = [_read(self.data, name) for name in split.sequences]
        return [sequence for sequence in each if sequence is not None]

    def real_tracks(self) -> list[Track]:
        """What MediaPipe saw in real clips."""
        return read_tracks(self.tracks)

    def rendered_tracks(self, split: Split) -> list[Track]:
        """What it saw in rendered clips of a split's sequences."""
        if self.rendered is None:
            return []
        wanted = set(split.sequences)
        return [track for track in read_tracks(self.rendered) if track.sequence in wanted]

    def rendered_folders(self) -> list[Path]:
        """Folders of tracks to train on."""
        return [] if self.rendered is None else [self.rendered]


@lru_cache(maxsize=2048)
def _read(data: Path, name: str) -> Sequence | None:
    try:
        return read_sequence(data / "keypoints3d" / f"{name}.pkl")
    except FileError as error:
        print(f"dropped {error}")
        return None


@dataclass(frozen=True, slots=True)
class Job:
    """Something to find out.

    Attributes:
        name: also of its file of results.
        about: one line.
        run: finds it out, as JSON-ready values.
        needs: jobs whose results or networks it takes up.
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


def perform(job: Job, place: Place, *, again: bool, say: Callable[[str], None]) -> bool:
    """Runs a job unless its result is there.

    Args:
        job: what to do.
        place: where.
        again: whether a result that is there is found anew; trainings of recipes are not repeated.
        say: takes one line for each thing that happens.

    Returns:
        Whether its result is there now.
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
