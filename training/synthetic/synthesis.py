"""The command `synth`: render many clips in several processes, with a progress bar."""

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
from dancetype.engine.workers import FATAL, ReportProgress, Work, WorkerPool, discard_output
from dancetype.training.data.extract import find_pose_model
from dancetype.training.data.idle import TRAINED_KINDS, idle_motions
from dancetype.training.data.splits import find_split
from dancetype.training.synthetic.clip import Clip, ClipRenderer
from dancetype.training.synthetic.renderer import usable_platform
from dancetype.training.synthetic.report import summarise
from dancetype.training.synthetic.tasks import DanceOrder, Order, dance_orders, shuffled

_SAMPLES: Final = "samples"  # folder, beside the tracks, of the pictures for the contact sheet
_MOST_SAMPLES: Final = 60


def synthesise(
    *,
    data: Path | None,
    split: str,
    out: Path,
    seconds: float,
    advanced_clips: int,
    idle: int,
    paired: Path | None,
    pose_model: Path | None,
    jobs: int | None,
    seed: int,
) -> None:
    """Render clips, then write the contact sheet and the report; arguments as of the command."""
    model = find_pose_model(pose_model)
    orders = find_orders(
        data, split, seconds=seconds, advanced_clips=advanced_clips, idle=idle, seed=seed
    )
    real = [] if paired is None else read_tracks(paired)
    failed = render_all(orders, out=out, model=model, jobs=jobs or available_cores(), seed=seed)
    with console.status("measuring"):
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
        f"{out}: {report['tracks']} tracks, somebody found in {report['detection']:.1%} of the "
        "frames; see report.md and contact.png"
    )


def find_orders(
    data: Path | None, split: str, *, seconds: float, advanced_clips: int, idle: int, seed: int
) -> list[Order]:
    """Return everything to render, shuffled, so that the first clips are a sample of all.

    Args:
        data: AIST++ folder; no dances if None.
        split: Split of the dances.
        seconds: Length of a clip.
        advanced_clips: Number of clips of each advanced sequence.
        idle: Number of clips of people who do not dance.
        seed: Random seed.

    Raises:
        FileError: No such data or split.
    """
    orders: list[Order] = []
    if data is not None:
        names = find_split(data, split).sequences
        orders += dance_orders(data, names, seconds=seconds, advanced_clips=advanced_clips)
    # Not the kinds that are held out: a model that learns from these tracks can be tested on those.
    motions = idle_motions(idle, seed=seed, kinds=TRAINED_KINDS, seconds=seconds)
    orders += [Clip(f"idle_{motion.name}", NOT_DANCING, motion.joints) for motion in motions]
    return shuffled(orders, seed)


def render_all(
    orders: Sequence[Order], *, out: Path, model: Path, jobs: int, seed: int
) -> list[str]:
    """Render the clips that are not yet in a folder, and return a line for each that failed.

    An interrupted run can be continued and gives the same tracks: each is written completely or
    not at all, and a clip's randomness follows from the seed and its name.

    Args:
        orders: Clips in the order of rendering.
        out: Folder of the tracks.
        model: MediaPipe's pose model.
        jobs: Number of processes.
        seed: Random seed.

    Raises:
        WorkerError: Nothing to draw with, or a process ended.
        ModelError: `model` cannot be used.
        ModuleNotFoundError: The extra `synth` is not installed.
    """
    (out / _SAMPLES).mkdir(parents=True, exist_ok=True)
    missing = [order for order in orders if not (out / f"{order.name}.npz").exists()]
    failed: list[str] = []
    if not missing:
        return failed
    usable_platform()
    with WorkerPool(partial(open_renderer, model, out, seed), processes=jobs) as pool:
        with console.status("readying the body; the first time takes minutes"):
            pool.start()
        with progress_bar(console, unit="clips") as progress:
            done = len(orders) - len(missing)
            task = progress.add_task("rendering", total=len(orders), completed=done)

            def still_missing() -> Iterator[Order]:
                # Another run may be at work in the same folder.
                for order in missing:
                    if (out / f"{order.name}.npz").exists():
                        progress.advance(task)
                    else:
                        yield order

            for order, error in pool.run(still_missing()):
                if isinstance(error, FATAL):
                    raise error
                progress.advance(task)
                if error is not None:
                    failed.append(f"{order.name}: {error}")
                    progress.console.print(f"left out {failed[-1]}")
    return failed


@contextmanager
def open_renderer(model: Path, out: Path, seed: int) -> Iterator[Work]:
    """Load what a process needs to render; an `OpenWorker` whose tasks are orders."""
    # One thread each: more processes use more cores better than more threads do.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.environ.setdefault("LP_NUM_THREADS", "0")
    # What MediaPipe and anny's warp write past Python would tear the progress bar.
    discard_output()
    with closing(ClipRenderer(model)) as renderer:
        yield partial(_render, renderer, out, seed)


def _render(
    renderer: ClipRenderer, out: Path, seed: int, order: Order, report: ReportProgress
) -> None:
    del report
    clip = order.clip(seed) if isinstance(order, DanceOrder) else order
    track, sample = renderer.track(clip, seed)
    samples = out / _SAMPLES
    if sum(1 for _ in samples.iterdir()) < _MOST_SAMPLES:
        cv2.imwrite(str(samples / f"{order.name}.jpg"), sample)
    track.save(out / f"{order.name}.npz")
