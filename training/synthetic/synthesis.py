"""Rendering of many clips in several processes, for the command `synth`."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import torch

from dancetype.engine.cores import available_cores
from dancetype.engine.media.track import NOT_DANCING, read_tracks
from dancetype.engine.progress import console, progress_bar
from dancetype.engine.workers import FATAL_ERRORS, ReportProgress, Work, WorkerPool, discard_output
from dancetype.training.data.extract import find_pose_model
from dancetype.training.data.idle import TRAINED_KINDS, idle_motions
from dancetype.training.data.splits import find_split
from dancetype.training.synthetic.clip import ClipRenderer, MotionClip
from dancetype.training.synthetic.renderer import usable_platform
from dancetype.training.synthetic.report import summarise
from dancetype.training.synthetic.tasks import (
    RenderTask,
    SequenceTask,
    negative_clips,
    sequence_tasks,
    shuffle,
)

_SAMPLES: Final = "samples"  # subfolder with the images for the contact sheet
_MAX_SAMPLES: Final = 60


def synthesise(
    *,
    data: Path | None,
    split: str,
    out: Path,
    seconds: float,
    advanced_clips: int,
    negatives: Path | None,
    idle: int,
    paired: Path | None,
    pose_model: Path | None,
    jobs: int | None,
    seed: int,
) -> None:
    """Render clips, then write the contact sheet and the report.

    The arguments are the options of the command `synth`.
    """
    model = find_pose_model(pose_model)
    tasks = create_tasks(
        data,
        split,
        seconds=seconds,
        advanced_clips=advanced_clips,
        negatives=negatives,
        idle=idle,
        seed=seed,
    )
    real = [] if paired is None else read_tracks(paired)
    failed = render_tasks(tasks, out=out, model=model, jobs=jobs or available_cores(), seed=seed)
    with console.status("measuring pose errors"):
        report = summarise(
            out,
            out / _SAMPLES,
            read_tracks(out),
            data=data,
            paired=real,
            failed=failed,
            on_drop=lambda line: console.print(f"not measured: {line}"),
        )
    console.print(
        f"{out}: {report['tracks']} tracks, a person detected in {report['detection']:.1%} of the "
        "frames; see report.md and contact.png"
    )


def create_tasks(
    data: Path | None,
    split: str,
    *,
    seconds: float,
    advanced_clips: int,
    negatives: Path | None,
    idle: int,
    seed: int,
) -> list[RenderTask]:
    """Return all clips to render in random order, so that the first ones are a sample of all.

    Args:
        data: AIST++ folder; None for people who do not dance only.
        split: Split of the dances.
        seconds: Length of a clip.
        advanced_clips: Number of clips of each advanced sequence.
        negatives: Folder of captured motion of people who do not dance, as in `read_negatives`.
        idle: Number of clips of synthetic people who do not dance.
        seed: Random seed.

    Raises:
        FileError: The data or the split does not exist, or the negatives cannot be used.
    """
    tasks: list[RenderTask] = []
    if data is not None:
        names = find_split(data, split).sequences
        tasks += sequence_tasks(data, names, seconds=seconds, advanced_clips=advanced_clips)
    if negatives is not None:
        tasks += negative_clips(negatives)
    # Held-out kinds are not rendered, so that a model trained on the tracks can be tested on them.
    motions = idle_motions(idle, seed=seed, kinds=TRAINED_KINDS, seconds=seconds)
    tasks += [
        MotionClip(f"idle_{motion.name}", NOT_DANCING, motion.joints, heading=motion.heading)
        for motion in motions
    ]
    return shuffle(tasks, seed)


def render_tasks(
    tasks: Sequence[RenderTask], *, out: Path, model: Path, jobs: int, seed: int
) -> list[str]:
    """Render the clips that are not in a folder yet, and return a line for each that failed.

    An interrupted run can be continued and gives the same tracks: each track is written atomically,
    and the randomness of a clip depends only on the seed and its name.

    Args:
        tasks: Clips in the order of rendering.
        out: Folder of the tracks.
        model: MediaPipe's pose model.
        jobs: Number of processes.
        seed: Random seed.

    Raises:
        WorkerError: Neither OSMesa nor EGL can be used, or a process ended.
        ModelError: `model` cannot be used.
        ModuleNotFoundError: The extra `synth` is not installed.
    """
    (out / _SAMPLES).mkdir(parents=True, exist_ok=True)
    missing = [task for task in tasks if not (out / f"{task.name}.npz").exists()]
    failed: list[str] = []
    if not missing:
        return failed
    usable_platform()
    with WorkerPool(partial(open_renderer, model, out, seed), processes=jobs) as pool:
        with console.status("loading the body model; this takes minutes the first time"):
            pool.start()
        with progress_bar(console, unit="clips") as progress:
            done = len(tasks) - len(missing)
            bar = progress.add_task("rendering", total=len(tasks), completed=done)

            def pending_tasks() -> Iterator[RenderTask]:
                # Another run may have written the track in the meantime.
                for task in missing:
                    if (out / f"{task.name}.npz").exists():
                        progress.advance(bar)
                    else:
                        yield task

            for task, error in pool.run(pending_tasks()):
                if isinstance(error, FATAL_ERRORS):
                    raise error
                progress.advance(bar)
                if error is not None:
                    failed.append(f"{task.name}: {error}")
                    progress.console.print(f"skipped {failed[-1]}")
    return failed


@contextmanager
def open_renderer(model: Path, out: Path, seed: int) -> Iterator[Work]:
    """Open the renderer of a worker process; an `OpenWorker` for render tasks."""
    # One thread per process: more processes use the cores better than more threads.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.environ.setdefault("LP_NUM_THREADS", "0")
    # The native output of MediaPipe and of anny's warp would break the progress bar.
    discard_output()
    with closing(ClipRenderer(model)) as renderer:
        yield partial(_render, renderer, out, seed)


def _render(
    renderer: ClipRenderer, out: Path, seed: int, task: RenderTask, report: ReportProgress
) -> None:
    del report
    clip = task.clip(seed) if isinstance(task, SequenceTask) else task
    track, sample = renderer.render_track(clip, seed)
    samples = out / _SAMPLES
    if sum(1 for _ in samples.iterdir()) < _MAX_SAMPLES:
        cv2.imwrite(str(samples / f"{task.name}.jpg"), sample)
    track.save(out / f"{task.name}.npz")
