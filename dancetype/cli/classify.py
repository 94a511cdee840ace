"""`dancetype classify`: classify whole video files."""

import sys
from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError, SettingsError, printable
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries, filter_native_stderr

if TYPE_CHECKING:
    from dancetype.stream.offline.clip_job import FrameProgress, Task
    from dancetype.stream.offline.files import Clip
    from dancetype.stream.offline.results import Result


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
    console = Console(stderr=True)
    with filter_native_stderr(), explain_missing_libraries():
        from dancetype.app import estimator_maker
        from dancetype.engine.classifier import Classifier
        from dancetype.stream.offline.clip_job import Task
        from dancetype.stream.offline.files import find_clips, output_paths
        from dancetype.stream.offline.results import print_csv, print_json, print_table

        clips = find_clips(words)
        files = [clip.file for clip in clips if not clip.fault]
        videos = output_paths("--video-out", video_out, files, ".mp4")
        plots = output_paths("--plot", plot, files, ".png")
        genres = Classifier(settings.model, device="cpu").contract.genres
        # Fetched once, before all workers look for it.
        estimator_maker(settings)
        tasks = [Task(file, videos.get(file), plots.get(file)) for file in files]
        failed: list[Result] = []
        unordered = _results(tasks, settings, jobs, console)
        with closing(_in_order(clips, unordered, failed)) as results:
            if as_json:
                print_json(results)
            elif as_csv:
                print_csv(results, genres)
            else:
                print_table(results, genres, Console(), console)
    if failed:
        sys.exit(1)


def _in_order(
    clips: "list[Clip]", results: Generator[tuple[Path, "Result"]], failed: "list[Result]"
) -> Generator["Result"]:
    """Yield results in the order of the clips, and append those with an error to `failed`."""
    done: dict[Path, Result] = {
        clip.file: {"file": str(clip.file), "error": clip.fault} for clip in clips if clip.fault
    }
    with closing(results):
        for clip in clips:
            while clip.file not in done:
                done |= [next(results)]
            result = done.pop(clip.file)
            if "error" in result:
                failed.append(result)
            yield result


def _results(
    tasks: list["Task"], settings: Settings, jobs: int | None, console: Console
) -> Generator[tuple[Path, "Result"]]:
    """Yield results in any order, and show a progress bar for each clip in work."""
    from dancetype.app import clip_settings, clip_worker
    from dancetype.engine.cores import available_cores
    from dancetype.engine.files import remove_partial
    from dancetype.engine.progress import progress_bar
    from dancetype.engine.workers import WorkerPool

    with progress_bar(console, unit="frames") as bar:
        names = {task: f"{n} of {len(tasks)} {task.file.name}" for n, task in enumerate(tasks, 1)}
        lines = {task: bar.add_task("", visible=False) for task in tasks}

        def show(task: "Task", frames: "FrameProgress") -> None:
            bar.update(
                lines[task],
                visible=True,
                description=f"{names[task]}: {frames.stage}",
                completed=frames.done,
                total=frames.total,
            )

        if len(tasks) == 1:
            # The decoder uses the other cores.
            with clip_worker(settings, threads=0) as work:
                yield tasks[0].file, work(tasks[0], partial(show, tasks[0]))
            return
        worker = partial(clip_worker, clip_settings(settings), threads=1)
        unfinished = set(tasks)
        try:
            with WorkerPool(worker, processes=jobs or available_cores()) as pool:
                for task, outcome in pool.run(tasks, show):
                    bar.remove_task(lines.pop(task))
                    if isinstance(outcome, Exception):
                        expected = isinstance(outcome, ExpectedError)
                        reason = outcome if expected else f"{type(outcome).__name__}: {outcome}"
                        error = printable(f"{task.file}: {reason}")
                        outcome = {"file": str(task.file), "error": error}
                    else:
                        unfinished.remove(task)
                    yield task.file, outcome
        finally:
            # A process that is killed leaves partial files.
            for task in unfinished:
                for file in filter(None, (task.video, task.plot)):
                    remove_partial(file)
