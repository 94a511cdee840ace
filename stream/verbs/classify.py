"""`dancetype classify`: the genre of whole video files, as fast as they can be read."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from engine.classifier import Classifier
from engine.pose.estimator import PoseEstimator
from stream.clips.finding import Clip, find_clips
from stream.clips.writing import ClipWriteError, places, written_whole
from stream.native_stderr import chatter_dropped
from stream.settings import Settings, SettingsError
from stream.sources.base import SourceError
from stream.verbs.loading import estimator_maker, native_libraries

if TYPE_CHECKING:
    from stream.clips.seeing import Seen
    from stream.clips.tables import Report, Result


def classify(
    words: list[Path],
    settings: Settings,
    *,
    as_json: bool = False,
    as_csv: bool = False,
    video_out: str | None = None,
    plot: str | None = None,
) -> None:
    """Prints one result a clip; one that cannot be read does not stop the rest.

    Args:
        words: names of files and folders, and patterns.
        settings: say the models and the hop.
        as_json: print JSON lines in place of a table.
        as_csv: print comma-separated values in place of a table.
        video_out: file, or folder, for a film of each clip with what is said of it.
        plot: file, or folder, for a plot of each clip's genres over time.

    Raises:
        ExpectedError: it cannot start.
        SystemExit: one of the clips could not be read, or what was asked for not be written.
    """
    if as_json and as_csv:
        raise SettingsError("--json and --csv are two ways to say the same: take one")
    clips = find_clips(words)
    files = [clip.file for clip in clips if not clip.fault]
    films = places("--video-out", video_out, files, ".mp4")
    plots = places("--plot", plot, files, ".png")
    err = Console(stderr=True)
    failed = False
    with chatter_dropped(), native_libraries():
        classifier = Classifier(settings.model, device=settings.device)
        make_estimator = estimator_maker(settings)
        report = _report(classifier.contract.genres, err, as_json=as_json, as_csv=as_csv)
        with _progress(err) as progress:
            work = _Work(settings, classifier, make_estimator, films, plots, progress)
            for number, clip in enumerate(clips, 1):
                result = work.result_of(clip, f"{number} of {len(clips)}")
                report.add(result)
                failed |= "error" in result
        report.end()
    if failed:
        sys.exit(1)


def _report(genres: Mapping[str, str], err: Console, *, as_json: bool, as_csv: bool) -> "Report":
    from stream.clips.tables import CsvLines, JsonLines, TableReport

    if as_json:
        return JsonLines()
    return CsvLines(genres) if as_csv else TableReport(genres, Console(), err)


def _progress(err: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[which]}"),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
        # Rich would lead results past a file or pipe that stdout is, to the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    settings: Settings
    classifier: Classifier
    make_estimator: Callable[[], PoseEstimator]
    films: Mapping[Path, Path]
    plots: Mapping[Path, Path]
    progress: Progress

    def result_of(self, clip: Clip, which: str) -> "Result":
        """What is said of a clip; `which` of them it is stands beside the progress."""
        from stream.clips.tables import result_of

        if clip.fault:
            return {"file": str(clip.file), "error": clip.fault}
        try:
            seen = self._seen(clip.file, which)
        except SourceError as error:
            return {"file": str(clip.file), "error": str(error)}
        result = result_of(clip.file, seen, self.classifier.contract)
        try:
            self._draw(clip.file, seen, which, result)
        except (SourceError, ClipWriteError) as error:
            result["error"] = str(error)
        return result

    def _seen(self, file: Path, which: str) -> "Seen":
        # Seconds to load.
        from stream.clips.seeing import see

        task = self.progress.add_task(f"{escape(file.name)}: looking", total=None, which=which)
        try:
            with self.make_estimator() as estimator:
                return see(
                    file,
                    estimator,
                    self.classifier,
                    hop=self.settings.hop,
                    on_frame=lambda done, total: self.progress.update(
                        task, completed=done, total=total
                    ),
                )
        finally:
            self.progress.remove_task(task)

    def _draw(self, file: Path, seen: "Seen", which: str, result: "Result") -> None:
        genres = self.classifier.contract.genres
        if path := self.plots.get(file):
            from stream.clips.plot import make_plot

            with written_whole(path) as part:
                make_plot(file, seen, genres, part)
            result["plot"] = str(path)
        if path := self.films.get(file):
            from stream.clips.film import make_film

            task = self.progress.add_task(
                f"{escape(file.name)}: filming", total=len(seen.track.times), which=which
            )
            try:
                with written_whole(path) as part:
                    left_out = make_film(
                        file,
                        seen,
                        genres,
                        part,
                        on_frame=lambda done: self.progress.update(task, completed=done),
                    )
            finally:
                self.progress.remove_task(task)
            result["video"] = str(path)
            if left_out:
                result["note"] = f"MP4 takes no sound of {left_out}; it is left out"
