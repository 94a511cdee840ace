"""One clip's way from the file to all that is made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError, SourceError
from dancetype.engine.workers import Tell
from dancetype.stream.offline.analysis import Seen, see
from dancetype.stream.offline.results import Result, result_of
from dancetype.stream.offline.writing import written_whole
from dancetype.stream.record.recording import LandmarkEstimator


@dataclass(frozen=True, slots=True)
class Task:
    """A clip to look at.

    Attributes:
        file: the video file.
        film: file for a film of it, if one is wanted.
        plot: file for a plot of it, likewise.
    """

    file: Path
    film: Path | None = None
    plot: Path | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: what is being done, and how many frames of how many are."""

    what: str
    done: int
    of: int | None


class ClipWork:
    """Does tasks, one after the other, with one classifier and one estimator.

    Args:
        classifier: turns windows into probabilities.
        estimator: starts anew with each clip.
        hop: seconds between predictions.
        fps: frames a second to look at; every one where None.
        clock: in seconds; how far a task is, is told ten times a second.
        threads: that a film is written with; as many as there are cores where 0.
    """

    def __init__(
        self,
        classifier: Classifier,
        estimator: LandmarkEstimator,
        *,
        hop: float,
        fps: float | None,
        clock: Callable[[], float],
        threads: int = 0,
    ) -> None:
        self._classifier = classifier
        self._estimator = estimator
        self._hop = hop
        self._fps = fps
        self._clock = clock
        self._threads = threads

    def __call__(self, task: Task, tell: Tell) -> Result:
        """What is said of a clip, or why nothing can be, once its film and plot are written.

        Args:
            task: the clip.
            tell: takes each `Progress`.
        """
        try:
            seen = self.look(task.file, self._paced(tell, "looking"))
        except SourceError as error:
            return {"file": str(task.file), "error": str(error)}
        result = result_of(task.file, seen, self._classifier.contract)
        try:
            self._draw(task, seen, result, tell)
        except (SourceError, FileError) as error:
            result["error"] = str(error)
        return result

    def look(self, file: Path, on_frame: Callable[[int, int | None], None]) -> Seen:
        """Looks through a clip, whatever was looked at before.

        Raises:
            SourceError: the file cannot be read.
        """
        # The first one too: what it says must not depend on whether it is.
        self._estimator.reset("a new clip")
        return see(
            file,
            self._estimator,
            self._classifier,
            hop=self._hop,
            on_frame=on_frame,
            fps=self._fps,
        )

    def _draw(self, task: Task, seen: Seen, result: Result, tell: Tell) -> None:
        genres = self._classifier.contract.genres
        if task.plot:
            from dancetype.stream.offline.plot import make_plot

            with written_whole(task.plot) as part:
                make_plot(task.file, seen, genres, part)
            result["plot"] = str(task.plot)
        if task.film:
            from dancetype.stream.offline.render import make_film

            told = self._paced(tell, "filming")
            frames = len(seen.track.times)
            with written_whole(task.film) as part:
                left_out = make_film(
                    task.file,
                    seen,
                    genres,
                    part,
                    on_frame=lambda done: told(done, frames),
                    threads=self._threads,
                )
            result["video"] = str(task.film)
            if left_out:
                result["note"] = f"MP4 takes no sound of {left_out}; it is left out"

    def _paced(self, tell: Callable[[Any], None], what: str) -> Callable[[int, int | None], None]:
        due = 0.0

        def told(done: int, of: int | None) -> None:
            nonlocal due
            if (now := self._clock()) >= due or done == of:
                due = now + 0.1
                tell(Progress(what, done, of))

        return told
