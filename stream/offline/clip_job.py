"""All that `classify` and `label` make of one clip."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError
from dancetype.engine.media.extraction import LandmarkEstimator
from dancetype.engine.workers import ReportProgress
from dancetype.stream.offline.analysis import ClipAnalysis, analyze_video
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.results import Result, result_of


@dataclass(frozen=True, slots=True)
class Task:
    """A clip to analyse.

    Attributes:
        file: Video file.
        film: MP4 file for an annotated copy, if one is wanted.
        plot: PNG file for a plot, if one is wanted.
    """

    file: Path
    film: Path | None = None
    plot: Path | None = None


@dataclass(frozen=True, slots=True)
class FrameProgress:
    """Progress of a task: its stage, the frames done, and the total if it is known."""

    stage: str
    done: int
    total: int | None


class ClipJob:
    """Executes tasks one after the other with one classifier and one pose estimator.

    Args:
        classifier: Classifier of windows.
        estimator: Pose estimator, which is reset for each clip.
        hop: Seconds between predictions.
        fps: Frames per second to analyse; all frames if None.
        clock: Clock in seconds; progress is reported ten times a second.
        threads: Threads that encode an annotated video; one per core if 0.
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

    def __call__(self, task: Task, report: ReportProgress) -> Result:
        """Analyse a clip, write its video and plot, and return its result, or why there is none.

        Args:
            task: The clip.
            report: Called with each `FrameProgress`.
        """
        try:
            analysis = analyze_video(
                task.file,
                self._estimator,
                self._classifier,
                hop=self._hop,
                on_frame=self._paced(report, "looking"),
                fps=self._fps,
            )
        except FileError as error:
            return {"file": str(task.file), "error": str(error)}
        result = result_of(task.file, analysis, self._classifier.contract)
        try:
            self._draw(task, analysis, result, report)
        except FileError as error:
            result["error"] = str(error)
        return result

    def _draw(
        self, task: Task, analysis: ClipAnalysis, result: Result, report: ReportProgress
    ) -> None:
        genres = self._classifier.contract.genres
        if task.plot:
            from dancetype.stream.offline.plot import make_plot

            with output_file(task.plot) as part:
                make_plot(task.file, analysis, genres, part)
            result["plot"] = str(task.plot)
        if task.film:
            from dancetype.stream.offline.render import render_overlay

            on_frame = self._paced(report, "filming")
            frames = len(analysis.track.times)
            with output_file(task.film) as part:
                left_out = render_overlay(
                    task.file,
                    analysis,
                    genres,
                    part,
                    on_frame=lambda done: on_frame(done, frames),
                    threads=self._threads,
                )
            result["video"] = str(task.film)
            if left_out:
                result["note"] = f"MP4 takes no sound of {left_out}; it is left out"

    def _paced(self, report: ReportProgress, stage: str) -> Callable[[int, int | None], None]:
        due = 0.0

        def on_frame(done: int, total: int | None) -> None:
            nonlocal due
            if (now := self._clock()) >= due or done == total:
                due = now + 0.1
                report(FrameProgress(stage, done, total))

        return on_frame
