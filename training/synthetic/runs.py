"""What the verb `synth` does: many clips over several processes, with a progress bar."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from dancetype.engine.cores import available_cores
from dancetype.engine.media.track import read_tracks
from dancetype.engine.progress import progress_bar
from dancetype.engine.workers import FATAL, WorkerPool
from dancetype.training.data.extract import find_pose_model
from dancetype.training.data.idle import TRAINED_KINDS, idle_motions
from dancetype.training.data.splits import find_split
from dancetype.training.synthetic.orders import DanceOrder, IdleOrder, Order, dance_orders, shuffled
from dancetype.training.synthetic.pool import SAMPLES, open_renderer
from dancetype.training.synthetic.renderer import usable_platform
from dancetype.training.synthetic.report import summarise

_console = Console(stderr=True, highlight=False, markup=False)


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
    """Renders, and then writes the contact sheet and the report; as the verb has it."""
    model = find_pose_model(pose_model)
    orders = find_orders(
        data, split, seconds=seconds, advanced_clips=advanced_clips, idle=idle, seed=seed
    )
    real = [] if paired is None else read_tracks(paired)
    failed = render_all(orders, out=out, model=model, jobs=jobs or available_cores(), seed=seed)
    with _console.status("measuring"):
        report = summarise(
            out,
            out / SAMPLES,
            read_tracks(out),
            data=data,
            paired=real,
            failed=failed,
            on_drop=lambda line: _console.print(f"not measured: {line}"),
        )
    _console.print(
        f"{out}: {report['tracks']} tracks, somebody found in {report['detection']:.1%} of the "
        "frames; see report.md and contact.png"
    )


def find_orders(
    data: Path | None, split: str, *, seconds: float, advanced_clips: int, idle: int, seed: int
) -> list[DanceOrder | IdleOrder]:
    """All that is to be rendered, shuffled, so that what comes first is a sample of it all.

    Args:
        data: the AIST++ folder; no dances where None.
        split: of the dances.
        seconds: length of a clip.
        advanced_clips: stretches of each advanced sequence.
        idle: how many people who do not dance.
        seed: of all chance.

    Raises:
        FileError: no AIST++ data in the folder.
        FileError: no such split.
    """
    orders: list[DanceOrder | IdleOrder] = []
    if data is not None:
        names = find_split(data, split).sequences
        orders += dance_orders(data, names, seconds=seconds, advanced_clips=advanced_clips)
    # Not the kinds that are held out: a model that learns from these tracks can be tested on those.
    kinds = TRAINED_KINDS
    motions = idle_motions(idle, seed=seed, kinds=kinds, seconds=seconds) if idle else []
    orders += [IdleOrder(f"idle_{motion.name}", motion.joints) for motion in motions]
    return shuffled(orders, seed)


def render_all(
    orders: Sequence[Order], *, out: Path, model: Path, jobs: int, seed: int
) -> list[str]:
    """Renders what is not yet in a folder.

    A clip that fails is told and left out. A track is written whole or not at all, so a run that
    was broken off goes on where it stood and comes to the same tracks.

    Args:
        orders: in the order of rendering.
        out: folder of the tracks.
        model: MediaPipe's pose model.
        jobs: processes.
        seed: of all chance; a clip's own chance follows from it and the clip's name.

    Returns:
        one line for each clip that failed.

    Raises:
        WorkerError: nothing to draw with.
        ModelError: `model` cannot be used.
        WorkerError: a process died.
        ModuleNotFoundError: the extra `synth` is not installed.
    """
    (out / SAMPLES).mkdir(parents=True, exist_ok=True)
    missing = [order for order in orders if not (out / f"{order.name}.npz").exists()]
    failed: list[str] = []
    if not missing:
        return failed
    usable_platform()
    with WorkerPool(partial(open_renderer, model, out, seed), processes=jobs) as pool:
        with _console.status("readying the body; the first time takes minutes"):
            pool.start()
        with progress_bar(_console, unit="clips") as progress:
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
