"""`dancetype classify`: the genre of whole video files, as fast as they can be read."""

import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from dancetype.app import clip_settings, clip_worker, estimator_maker
from dancetype.engine.classifier import Classifier
from dancetype.engine.cores import allowed_cores
from dancetype.engine.errors import SettingsError, printable
from dancetype.stream.offline.finding import Clip, find_clips
from dancetype.stream.offline.workers import Began, Done, Failed, Pool, Told
from dancetype.stream.offline.writing import places, sweep
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries, filter_native_stderr

if TYPE_CHECKING:
    from dancetype.stream.offline.clip_job import Task
    from dancetype.stream.offline.progress import ClipProgress
    from dancetype.stream.offline.results import Report, Result


def classify(
    words: list[Path],
    settings: Settings,
    *,
    jobs: int | None = None,
    as_json: bool = False,
    as_csv: bool = False,
    video_out: str | None = None,
    plot: str | None = None,
) -> None:
    """Prints one result a clip; one that cannot be read does not stop the rest.

    Args:
        words: names of files and folders, and patterns.
        settings: say the models and the hop.
        jobs: clips to look at at a time; one a core where None.
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
    with filter_native_stderr(), explain_missing_libraries():
        from dancetype.stream.offline.clip_job import Task
        from dancetype.stream.offline.progress import ClipProgress

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


def _in_order(clips: list[Clip], results: Iterator[tuple[Path, "Result"]]) -> Iterator["Result"]:
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
    """Results in any order."""
    if len(tasks) == 1:
        # Its decoder has the other cores.
        with clip_worker(settings, threads=0) as work:
            yield tasks[0].file, work(tasks[0], partial(progress.told, tasks[0].file))
        return
    worker = partial(clip_worker, clip_settings(settings), threads=1)
    pool = Pool(worker, processes=jobs or allowed_cores())
    broken_off: set[Task] = set()
    try:
        for event in pool.run(tasks):
            task = tasks[event.index]
            match event:
                case Began():
                    broken_off.add(task)
                case Told(note=note):
                    progress.told(task.file, note)
                case Done(result=result):
                    broken_off.remove(task)
                    progress.over(task.file)
                    yield task.file, result
                case Failed(reason=reason):
                    progress.over(task.file)
                    line = printable(f"{task.file}: {reason}")
                    yield task.file, {"file": str(task.file), "error": line}
    finally:
        # A process that is killed leaves half a film.
        pool.close()
        for task in broken_off:
            for file in filter(None, (task.film, task.plot)):
                sweep(file)
