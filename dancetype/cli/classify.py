"""`dancetype classify`: classify whole video files."""

import sys
from collections import deque
from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError, SettingsError, printable
from dancetype.stream.output import OutputError
from dancetype.stream.settings import Settings
from dancetype.stream.system import explain_missing_libraries, filter_native_stderr

if TYPE_CHECKING:
    from dancetype.stream.offline.clip_job import FrameProgress, Task
    from dancetype.stream.offline.files import Clip
    from dancetype.stream.offline.results import Result

_OUTPUT_PANEL: Final = "Output"


@with_settings
def classify(
    settings: Settings,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help='Videos, folders of videos, or quoted patterns such as "clips/**/*.mp4".',
        ),
    ],
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Parallel processes (default: one per core)."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a line of JSON per clip.", rich_help_panel=_OUTPUT_PANEL
        ),
    ] = False,
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Print comma-separated values.", rich_help_panel=_OUTPUT_PANEL),
    ] = False,
    video_out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.mp4|DIR/",
            help="Write a copy of the clip with skeleton and predictions drawn in; a folder of "
            "NAME.mp4 files for several clips.",
            rich_help_panel=_OUTPUT_PANEL,
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.png|DIR/",
            help="Plot the probability of each genre over time; a folder of NAME.png files for "
            "several clips.",
            rich_help_panel=_OUTPUT_PANEL,
        ),
    ] = None,
    timeline: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.jsonl|.csv|.srt|DIR/",
            help="Write what a live run would report: each prediction (jsonl), segments with the "
            "same result (csv), or subtitles (srt); a folder of all three for several clips.",
            rich_help_panel=_OUTPUT_PANEL,
        ),
    ] = None,
) -> None:
    """Classify dance in video files.

    The probabilities of a clip are averaged over its windows. Long clips are analysed first, and
    results are printed in the order of the files. A clip that cannot be read is reported, the
    others are classified, and the exit status is 1.

    Examples:
        # One clip, as a table
        dancetype classify dance.mp4
        # All videos of a folder and its subfolders, as CSV
        dancetype classify clips/ --csv > genres.csv
        # An annotated copy and a plot
        dancetype classify dance.mp4 --video-out annotated.mp4 --plot plot.png
        # Subtitles that a player shows with the clip
        dancetype classify dance.mp4 --timeline dance.srt
        # Faster: find poses in 15 frames per second only
        dancetype classify "clips/**/*.mp4" --json --pose-fps 15
    """
    if as_json and as_csv:
        raise SettingsError("--json and --csv cannot be combined: give one of them")
    console = Console(stderr=True)
    with filter_native_stderr(), explain_missing_libraries():
        from dancetype.app import estimator_factory
        from dancetype.engine.classifier import Classifier
        from dancetype.stream.offline.clip_job import Task
        from dancetype.stream.offline.files import find_clips, output_groups, output_paths
        from dancetype.stream.offline.results import print_csv, print_json, print_table
        from dancetype.stream.offline.timeline import SUFFIXES

        clips = find_clips(paths)
        files = [clip.file for clip in clips if not clip.fault]
        videos = output_paths("--video-out", video_out, files, ".mp4")
        plots = output_paths("--plot", plot, files, ".png")
        timelines = output_groups("--timeline", timeline, files, SUFFIXES)
        genres = Classifier(settings.model, device="cpu").contract.genres
        # Download the pose model once, before the workers start.
        estimator_factory(settings)
        tasks = [
            Task(file, videos.get(file), plots.get(file), timelines.get(file, ())) for file in files
        ]
        failed: list[Result] = []
        completed = _classify_all(tasks, settings, jobs, console)
        with closing(_in_order(clips, completed, failed)) as results:
            try:
                if as_json:
                    print_json(results)
                elif as_csv:
                    print_csv(results, genres)
                else:
                    print_table(results, genres, Console(), console)
            except OutputError:
                if videos or plots or timelines:
                    deque(results, maxlen=0)  # Write the files of the other clips.
                raise
    if failed:
        sys.exit(1)


def _in_order(
    clips: "list[Clip]", completed: Generator[tuple[Path, "Result"]], failed: "list[Result]"
) -> Generator["Result"]:
    """Yield results in the order of the clips, and append those with an error to `failed`."""
    waiting: dict[Path, Result] = {
        clip.file: {"file": str(clip.file), "error": clip.fault} for clip in clips if clip.fault
    }
    with closing(completed):
        for clip in clips:
            while clip.file not in waiting:
                file, result = next(completed)
                waiting[file] = result
            result = waiting.pop(clip.file)
            if "error" in result:
                failed.append(result)
            yield result


def _classify_all(
    tasks: list["Task"], settings: Settings, jobs: int | None, console: Console
) -> Generator[tuple[Path, "Result"]]:
    """Yield results as they are completed, and show a progress bar for each clip in progress."""
    from dancetype.app import clip_settings, clip_worker
    from dancetype.engine.cores import available_cores
    from dancetype.engine.files import remove_partial
    from dancetype.engine.progress import progress_bar
    from dancetype.engine.workers import WorkerPool
    from dancetype.stream.offline.files import longest_first

    with progress_bar(console, unit="frames") as display:
        titles = {task: f"{n} of {len(tasks)} {task.file.name}" for n, task in enumerate(tasks, 1)}
        bars = {task: display.add_task("", visible=False) for task in tasks}

        def show(task: "Task", progress: "FrameProgress") -> None:
            display.update(
                bars[task],
                visible=True,
                description=f"{titles[task]}: {progress.stage}",
                completed=progress.done,
                total=progress.total,
            )

        if len(tasks) == 1:
            # Without worker processes, since the decoder uses the other cores.
            with clip_worker(settings, threads=0) as job:
                yield tasks[0].file, job(tasks[0], partial(show, tasks[0]))
            return
        processes = jobs or available_cores()
        threads = max(available_cores() // processes, 1)
        open_worker = partial(clip_worker, clip_settings(settings), threads=threads)
        unfinished = set(tasks)
        tasks_by_file = {task.file: task for task in tasks}
        queue = [tasks_by_file[file] for file in longest_first(list(tasks_by_file))]
        try:
            with WorkerPool(open_worker, processes=processes) as pool:
                for task, outcome in pool.run(queue, show):
                    display.remove_task(bars.pop(task))
                    if isinstance(outcome, Exception):
                        is_expected = isinstance(outcome, ExpectedError)
                        reason = outcome if is_expected else f"{type(outcome).__name__}: {outcome}"
                        error = printable(f"{task.file}: {reason}")
                        outcome = {"file": str(task.file), "error": error}
                    else:
                        unfinished.remove(task)
                    yield task.file, outcome
        finally:
            # A killed process cannot delete its partial files.
            for task in unfinished:
                for file in filter(None, (task.video, task.plot, *task.timeline)):
                    remove_partial(file)
