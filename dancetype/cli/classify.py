"""`dancetype classify`: the genre of whole video files, as fast as they can be read."""

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from rich.console import Console

from dancetype.app import clip_settings, clip_worker, estimator_maker
from dancetype.cli.options import with_settings
from dancetype.engine.cores import available_cores
from dancetype.engine.errors import SettingsError, printable
from dancetype.engine.workers import Began, Done, Failed, Progress, WorkerPool
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries, filter_native_stderr

if TYPE_CHECKING:
    from rich.progress import TaskID

    from dancetype.stream.offline.clip_job import FrameProgress, Task
    from dancetype.stream.offline.files import Clip
    from dancetype.stream.offline.results import Report, Result


@with_settings
def classify(
    settings: Settings,
    words: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help='Videos, folders of videos, or patterns such as "a/**/*.mp4".',
        ),
    ],
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Parallel processes (default: one per core).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line per clip.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    video_out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.mp4|FOLDER/",
            help="Write each clip with its skeleton and predictions drawn in; for several clips, "
            "a folder of NAME.mp4 files.",
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.png|FOLDER/",
            help="Plot the probability of each genre over time; for several clips, in a folder.",
        ),
    ] = None,
) -> None:
    """Classify dance in video files."""
    if as_json and as_csv:
        raise SettingsError("--json and --csv are two ways to say the same: take one")
    err = Console(stderr=True)
    failed = False
    with filter_native_stderr(), explain_missing_libraries():
        from dancetype.engine.classifier import Classifier
        from dancetype.stream.offline.clip_job import Task
        from dancetype.stream.offline.files import find_clips, places

        clips = find_clips(words)
        files = [clip.file for clip in clips if not clip.fault]
        films = places("--video-out", video_out, files, ".mp4")
        plots = places("--plot", plot, files, ".png")
        genres = Classifier(settings.model, device="cpu").contract.genres
        # Fetched once, before all workers look for it.
        estimator_maker(settings)
        report = _report(genres, err, as_json=as_json, as_csv=as_csv)
        tasks = [Task(file, films.get(file), plots.get(file)) for file in files]
        with (
            ClipProgress(err, [clip.file for clip in clips]) as progress,
            closing(_results(tasks, settings, jobs, progress)) as results,
        ):
            for result in _in_order(clips, results):
                report.add(result)
                failed |= "error" in result
        report.end()
    if failed:
        sys.exit(1)


def _report(genres: Mapping[str, str], err: Console, *, as_json: bool, as_csv: bool) -> "Report":
    from dancetype.stream.offline.results import CsvLines, JsonLines, TableReport

    if as_json:
        return JsonLines()
    return CsvLines(genres) if as_csv else TableReport(genres, Console(), err)


def _in_order(clips: "list[Clip]", results: Iterator[tuple[Path, "Result"]]) -> Iterator["Result"]:
    """Results as the clips were given, each once it and all before it are there."""
    there: dict[Path, Result] = {}
    for clip in clips:
        if clip.fault:
            yield {"file": str(clip.file), "error": clip.fault}
            continue
        while clip.file not in there:
            there |= [next(results)]
        yield there.pop(clip.file)


def _results(
    tasks: list["Task"], settings: Settings, jobs: int | None, progress: "ClipProgress"
) -> Generator[tuple[Path, "Result"]]:
    """Yield results in any order."""
    from dancetype.engine.files import remove_partial

    if len(tasks) == 1:
        # The decoder uses the other cores.
        with clip_worker(settings, threads=0) as work:
            yield tasks[0].file, work(tasks[0], partial(progress.show, tasks[0].file))
        return
    worker = partial(clip_worker, clip_settings(settings), threads=1)
    unfinished: set[Task] = set()
    try:
        with WorkerPool(worker, processes=jobs or available_cores()) as pool:
            for event in pool.run(tasks):
                task = tasks[event.index]
                match event:
                    case Began():
                        unfinished.add(task)
                    case Progress(value=frames):
                        progress.show(task.file, frames)
                    case Done(result=result):
                        unfinished.remove(task)
                        progress.remove(task.file)
                        yield task.file, result
                    case Failed():
                        progress.remove(task.file)
                        line = printable(f"{task.file}: {event.reason}")
                        yield task.file, {"file": str(task.file), "error": line}
    finally:
        # A process that is killed leaves partial files.
        for task in unfinished:
            for file in filter(None, (task.film, task.plot)):
                remove_partial(file)


class ClipProgress:
    """Progress bars, one for each clip that is being analysed.

    Args:
        console: Console to draw on.
        files: All clips in their order.
    """

    def __init__(self, console: Console, files: Sequence[Path]) -> None:
        from dancetype.engine.progress import progress_bar

        self._numbers = {file: f"{n} of {len(files)}" for n, file in enumerate(files, 1)}
        self._lines: dict[tuple[Path, str], TaskID] = {}
        self._bar = progress_bar(console, unit="frames")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the bars."""
        self._bar.stop()

    def show(self, file: Path, frames: "FrameProgress") -> None:
        """Show the progress of a clip."""
        key = file, frames.stage
        if key not in self._lines:
            self.remove(file)
            text = f"{self._numbers[file]} {file.name}: {frames.stage}"
            self._lines[key] = self._bar.add_task(text)
        self._bar.update(self._lines[key], completed=frames.done, total=frames.total)

    def remove(self, file: Path) -> None:
        """Remove a clip's bar."""
        for key in [key for key in self._lines if key[0] == file]:
            self._bar.remove_task(self._lines.pop(key))
