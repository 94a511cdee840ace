"""Jobs, their data and their results."""

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
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import AistSequence, read_sequence
from dancetype.training.data.negatives import negatives_in_split, read_negatives
from dancetype.training.data.splits import Split, find_split

OTHER_FOLD: Final = {"A": "B", "B": "A"}
"""The other fold. Fold A trains on `dancers:A` and tests on `dancers:B`, fold B the reverse."""

Result = dict[str, Any]


class MissingDataError(ExpectedError):
    """A job cannot run without data that was not given."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Data, results and settings of all jobs.

    Attributes:
        data: AIST++ folder.
        tracks: Folder of tracks of real clips, which are used for tests only.
        rendered: Folders of tracks of rendered clips.
        videos: Folder with `kicks.mp4`, or None.
        runs: Folder for results and trained networks.
        recipe: Name or file of the recipe of the live model.
        steps: Batches of each small training.
        graph_steps: Batches of each training of the graph network.
        negatives: Folder of captured motion of people who do not dance, or None. Each fold trains
            on half of the files and is tested on the others.
        nondance: Folder of tracks of real people who do not dance, which are used for tests only,
            or None.
    """

    data: Path
    tracks: Path
    rendered: tuple[Path, ...]
    videos: Path | None
    runs: Path
    recipe: str = "live"
    steps: int = 1000
    graph_steps: int = 2500
    negatives: Path | None = None
    nondance: Path | None = None

    def result(self, job: str) -> Result | None:
        """Return a job's result, or None if it has not run yet."""
        path = self.runs / f"{job}.json"
        return dict(load(path)) if path.exists() else None

    def results(self, jobs: Iterable[str]) -> list[Result]:
        """Return the existing results of some jobs."""
        return [result for job in jobs if (result := self.result(job)) is not None]

    def save_result(self, job: str, result: Result) -> None:
        """Write a job's result."""
        save(result, self.runs / f"{job}.json")

    def split_file(self, name: str, sequences: Iterable[str]) -> str:
        """Write a list of sequences; return its path, which `split` accepts as a name."""
        path = self.runs / "splits" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{sequence}\n" for sequence in sequences)
        # Don't rewrite an unchanged file: other processes may be reading it.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def split(self, name: str) -> Split:
        """Return a split of the data."""
        return find_split(self.data, name)

    def sequences(self, split: Split) -> list[AistSequence]:
        """Return all usable sequences of a split."""
        sequences = [_read_sequence(self.data, name) for name in split.sequences]
        return [sequence for sequence in sequences if sequence is not None]

    def unseen_sequences(self, fold: str) -> list[AistSequence]:
        """Return the test sequences of a fold, with the ten dancers of the other half."""
        return self.sequences(self.split(f"dancers:{OTHER_FOLD[fold]}"))

    def real_tracks(self) -> list[Track]:
        """Return the tracks of real clips."""
        return read_tracks(self.tracks)

    def nondance_tracks(self) -> list[Track]:
        """Return the tracks of real people who do not dance; none without a folder."""
        return [] if self.nondance is None else read_tracks(self.nondance)

    def held_out_negatives(self, fold: str) -> list[Array]:
        """Return captured motions (T, 17, 3) without dance that a fold is not trained on."""
        if self.negatives is None:
            return []
        other = f"dancers:{OTHER_FOLD[fold]}"
        sequences = negatives_in_split(read_negatives(self.negatives), other)
        return [sequence.joints for sequence in sequences]

    def rendered_tracks(self, split: Split) -> list[Track]:
        """Return the tracks of rendered clips of a split's sequences."""
        tracks = [track for folder in self.rendered for track in read_tracks(folder)]
        return [track for track in tracks if track.sequence in split.sequences]


@lru_cache(maxsize=2048)
def _read_sequence(data: Path, name: str) -> AistSequence | None:
    try:
        return read_sequence(data / "keypoints3d" / f"{name}.pkl")
    except FileError as error:
        print(f"dropped {error}")
        return None


@dataclass(frozen=True, slots=True)
class Job:
    """A measurement with one result.

    Attributes:
        name: Name of the job and of its result.
        description: Description in one line.
        run: Function that measures and returns JSON-ready values.
        needs: Jobs whose results or networks it uses.
    """

    name: str
    description: str
    run: Callable[[Workspace], Result]
    needs: tuple[str, ...] = ()


def jobs_for_both_folds(
    name: str,
    description: str,
    run: Callable[[str, Workspace], Result],
    needs: tuple[str, ...] = (),
) -> list[Job]:
    """Return one job per fold.

    Args:
        name: Name of the jobs, to which `-A` and `-B` are added.
        description: Description with the placeholders `{fold}` and `{other}`.
        run: Function of a fold and a workspace.
        needs: Jobs whose results or networks it uses.
    """
    return [
        Job(
            f"{name}-{fold}",
            description.format(fold=fold, other=other),
            partial(run, fold),
            needs,
        )
        for fold, other in OTHER_FOLD.items()
    ]


def run_job(job: Job, workspace: Workspace, *, again: bool) -> bool:
    """Run a job unless its result exists; return whether it exists afterwards.

    `again` runs it in any case, but does not repeat finished trainings.
    """
    if workspace.result(job.name) is not None and not again:
        print_progress(f"{job.name}: result exists")
        return True
    missing = [need for need in job.needs if workspace.result(need) is None]
    if missing:
        print_progress(f"{job.name}: skipped: needs the results of {', '.join(missing)}")
        return False
    print_progress(f"{job.name}: {job.description}")
    start = perf_counter()
    workspace.save_result(job.name, job.run(workspace))
    print_progress(f"{job.name}: done in {perf_counter() - start:.0f} s")
    return True


def print_progress(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)
