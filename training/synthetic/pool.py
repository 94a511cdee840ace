"""Rendering of clips in several processes."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, Self

import cv2
import torch

from dancetype.engine.workers import ReportProgress, Work, WorkerPool, discard_output
from dancetype.training.synthetic.clip import ClipRenderer
from dancetype.training.synthetic.orders import Order

SAMPLES: Final = "samples"
"""Folder, beside the tracks, of the pictures that the contact sheet is made of."""

_MOST_SAMPLES: Final = 60


class RenderPool:
    """Processes that render; a context manager.

    Args:
        model: MediaPipe's pose model.
        out: Folder for tracks, with the folder `SAMPLES` in it.
        seed: Random seed.
        jobs: Number of processes.
    """

    def __init__(self, model: Path, out: Path, seed: int, *, jobs: int) -> None:
        self._pool = WorkerPool(partial(_renderer, model, out, seed), processes=jobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """End all processes; a clip that is not finished is not kept."""
        self._pool.close()

    def ready(self) -> None:
        """Load the renderer of one process; the first time on a computer that takes minutes.

        The other processes use what it keeps in anny's cache.

        Raises:
            WorkerError: There is nothing to draw with, or the process ended.
            ModelError: The pose model cannot be used.
            ModuleNotFoundError: The extra `synth` is not installed.
        """
        self._pool.start()

    def render(self, orders: Iterable[Order]) -> Iterator[tuple[Order, Exception | None]]:
        """Yield each order as it is done, with its error, if any.

        Raises:
            WorkerError: There is nothing to draw with, or a process ended.
            ModelError: The pose model cannot be used.
            ModuleNotFoundError: The extra `synth` is not installed.
        """
        for order, outcome in self._pool.outcomes(orders):
            yield order, outcome if isinstance(outcome, Exception) else None


@contextmanager
def _renderer(model: Path, out: Path, seed: int) -> Iterator[Work]:
    """Load what a process needs to render."""
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
    track, sample = renderer.track(order.clip(seed), seed)
    samples = out / SAMPLES
    if sum(1 for _ in samples.iterdir()) < _MOST_SAMPLES:
        cv2.imwrite(str(samples / f"{order.name}.jpg"), sample)
    track.save(out / f"{order.name}.npz")
