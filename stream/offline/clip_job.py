"""Analysis of one clip for `classify` and `label`, with its timeline, plot and annotated video."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError
from dancetype.engine.media.extraction import LandmarkEstimator
from dancetype.engine.media.video import Video
from dancetype.engine.workers import ReportProgress
from dancetype.stream.offline.analysis import ClipAnalysis, analyze_video
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.results import Result, make_result
from dancetype.stream.offline.timeline import write_timeline


@dataclass(frozen=True, slots=True)
class Task:
    """A clip to analyse.

    Attributes:
        file: Video file.
        video: MP4 file for an annotated copy; None for no copy.
        plot: PNG file for a plot; None for no plot.
        timeline: Files for the timeline, each with one of `timeline.SUFFIXES`.
    """

    file: Path
    video: Path | None = None
    plot: Path | None = None
    timeline: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameProgress:
    """Progress of a task: stage, number of frames done, and the total or None if it is unknown."""

    stage: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class ClipJob:
    """Worker that executes tasks with one classifier and one pose estimator.

    Attributes:
        classifier: Classifier of windows.
        estimator: Pose estimator; reset for each clip.
        hop: Seconds between predictions.
        open_clip: Function that opens a clip.
        clock: Clock in seconds; progress is reported ten times a second.
        threads: Number of threads that encode an annotated video; one per core if 0.
    """

    classifier: Classifier
    estimator: LandmarkEstimator
    hop: float
    open_clip: Callable[[Path], Video]
    clock: Callable[[], float]
    threads: int = 0

    def __call__(self, task: Task, report: ReportProgress) -> Result:
        """Analyse a clip, write its files, and return its result or error.

        Args:
            task: Clip to analyse.
            report: Called with each `FrameProgress`.
        """
        try:
            analysis = analyze_video(
                task.file,
                self.estimator,
                self.classifier,
                hop=self.hop,
                on_frame=self._throttled(report, "analysing"),
                open_clip=self.open_clip,
            )
        except FileError as error:
            return {"file": str(task.file), "error": str(error)}
        result = make_result(task.file, analysis, self.classifier.contract)
        try:
            self._write_files(task, analysis, result, report)
        except FileError as error:
            result["error"] = str(error)
        return result

    def _write_files(
        self, task: Task, analysis: ClipAnalysis, result: Result, report: ReportProgress
    ) -> None:
        genres = self.classifier.contract.genres
        for path in task.timeline:
            with output_file(path) as part:
                write_timeline(analysis, genres, part, suffix=path.suffix.lower())
            result.setdefault("timeline", []).append(str(path))
        if task.plot:
            from dancetype.stream.offline.plot import make_plot

            with output_file(task.plot) as part:
                make_plot(task.file, analysis, genres, part)
            result["plot"] = str(task.plot)
        if task.video:
            from dancetype.stream.offline.render import render_overlay

            on_frame = self._throttled(report, "rendering")
            with output_file(task.video) as part:
                unsupported = render_overlay(
                    task.file,
                    analysis,
                    genres,
                    part,
                    on_frame=on_frame,
                    open_clip=self.open_clip,
                    threads=self.threads,
                )
            result["video"] = str(task.video)
            if unsupported:
                result["note"] = f"no sound in the video: MP4 does not support {unsupported}"

    def _throttled(self, report: ReportProgress, stage: str) -> Callable[[int, int | None], None]:
        """Return a callback that reports at most ten times a second, and at the last frame."""
        next_report = 0.0

        def on_frame(done: int, total: int | None) -> None:
            nonlocal next_report
            if (now := self.clock()) >= next_report or done == total:
                next_report = now + 0.1
                report(FrameProgress(stage, done, total))

        return on_frame
