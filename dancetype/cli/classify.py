"""`dancetype classify`: the genre of whole video files, as fast as they can be read."""

import sys
from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from dancetype.clip_worker import clip_worker, portable
from dancetype.engine.classifier import Classifier
from dancetype.engine.cores import available_cores
from dancetype.engine.errors import ExpectedError, SettingsError, printable
from dancetype.engine.workers import WorkerPool
from dancetype.loading import estimator_maker, native_libraries
from dancetype.stream.settings import Settings
from dancetype.stream.system import chatter_dropped

if TYPE_CHECKING:
    from dancetype.stream.offline.clip_job import FrameProgress, Task
    from dancetype.stream.offline.files import Clip
    from dancetype.stream.offline.results import Result


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
    out, err = Console(), Console(stderr=True)
    with chatter_dropped(), native_libraries():
        from dancetype.stream.offline.clip_job import Task
        from dancetype.stream.offline.files import find_clips, places
        from dancetype.stream.offline.results import print_csv, print_json, print_table

        clips = find_clips(words)
        files = [clip.file for clip in clips if not clip.fault]
        films = places("--video-out", video_out, files, ".mp4")
        plots = places("--plot", plot, files, ".png")
        genres = Classifier(settings.model, device="cpu").contract.genres
        # Fetched once, before all workers look for it.
        estimator_maker(settings)
        tasks = [Task(file, films.get(file), plots.get(file)) for file in files]
        failed: list[Result] = []
        with closing(_in_order(clips, _results(tasks, settings, jobs, err), failed)) as results:
            if as_json:
                print_json(results)
            elif as_csv:
                print_csv(results, genres)
            else:
                print_table(results, genres, out, err)
    if failed:
        sys.exit(1)


def _in_order(
    clips: "list[Clip]", results: Generator[tuple[Path, "Result"]], failed: "list[Result]"
) -> Generator["Result"]:
    """Yield results in the order of the clips, and append those with an error to `failed`."""
    there: dict[Path, Result] = {}
    with closing(results):
        for clip in clips:
            while not clip.fault and clip.file not in there:
                there |= [next(results)]
            fault: Result = {"file": str(clip.file), "error": clip.fault}
            result = fault if clip.fault else there.pop(clip.file)
            if "error" in result:
                failed.append(result)
            yield result


def _results(
    tasks: list["Task"], settings: Settings, jobs: int | None, console: Console
) -> Generator[tuple[Path, "Result"]]:
    """Yield results in any order, and show the progress meanwhile."""
    from dancetype.engine.files import remove_partial
    from dancetype.engine.progress import progress_bar

    with progress_bar(console, unit="frames") as bar:
        numbers = {task: f"{number} of {len(tasks)}" for number, task in enumerate(tasks, 1)}
        lines = {task: bar.add_task("", visible=False) for task in tasks}

        def show(task: "Task", frames: "FrameProgress") -> None:
            text = f"{numbers[task]} {task.file.name}: {frames.stage}"
            bar.update(
                lines[task],
                visible=True,
                description=text,
                completed=frames.done,
                total=frames.total,
            )

        if len(tasks) == 1:
            # The decoder uses the other cores.
            with clip_worker(settings, threads=0) as work:
                yield tasks[0].file, work(tasks[0], partial(show, tasks[0]))
            return
        worker = partial(clip_worker, portable(settings), threads=1)
        unfinished = set(tasks)
        try:
            with WorkerPool(worker, processes=jobs or available_cores()) as pool:
                for task, outcome in pool.run(tasks, show):
                    bar.remove_task(lines.pop(task))
                    if isinstance(outcome, Exception):
                        expected = isinstance(outcome, ExpectedError)
                        reason = outcome if expected else f"{type(outcome).__name__}: {outcome}"
                        error = printable(f"{task.file}: {reason}")
                        yield task.file, {"file": str(task.file), "error": error}
                    else:
                        unfinished.remove(task)
                        yield task.file, outcome
        finally:
            # A process that is killed leaves partial files.
            for task in unfinished:
                for file in filter(None, (task.film, task.plot)):
                    remove_partial(file)
