"""Renders clips in several processes, each with a studio of its own."""

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final, Self

import cv2
import torch

from dancetype.engine.errors import ModelError, WorkerError
from dancetype.training.synthetic.clip import Studio
from dancetype.training.synthetic.orders import Order

SAMPLES: Final = "samples"
"""Folder, beside the tracks, of the pictures that the contact sheet is made of."""

_MOST_SAMPLES: Final = 60

_FOR_ALL: Final = (WorkerError, ModelError, ModuleNotFoundError)
"""What goes wrong with one clip and would with every other."""


class StudioPool:
    """Some processes that render; to be used as a context.

    Args:
        model: MediaPipe's pose model.
        out: folder for tracks, with the folder `SAMPLES` in it.
        seed: of all chance.
        jobs: how many processes.
    """

    def __init__(self, model: Path, out: Path, seed: int, *, jobs: int) -> None:
        self._jobs = jobs
        self._task = (model, out, seed)
        # One thread each: more processes use more cores better than more threads do.
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        os.environ.setdefault("LP_NUM_THREADS", "0")
        # Forked, processes would share OpenGL's and MediaPipe's state.
        self._executor = ProcessPoolExecutor(
            jobs,
            mp_context=get_context("spawn"),
            initializer=_start,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Lets each process finish the clip it is at."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def ready(self) -> None:
        """Loads one process's studio; the first time on a computer that takes minutes.

        What it keeps in anny's cache the other processes need not make again.

        Raises:
            WorkerError: nothing to draw with.
            ModelError: the pose model cannot be used.
            ModuleNotFoundError: the extra `synth` is not installed.
            WorkerError: the process died.
        """
        try:
            self._executor.submit(_ready, self._task[0]).result()
        except BrokenProcessPool as error:
            raise WorkerError("a rendering process died while it started") from error

    def render(self, orders: Iterable[Order]) -> Iterator[tuple[Order, Exception | None]]:
        """Each order as it is done, and what went wrong with it.

        Raises:
            WorkerError: nothing to draw with.
            ModelError: the pose model cannot be used.
            ModuleNotFoundError: the extra `synth` is not installed.
            WorkerError: a process died.
        """
        waiting = iter(orders)
        running: dict[Future[None], Order] = {}
        try:
            while True:
                # None ahead, so that Ctrl-C has no more than these to wait for.
                while len(running) < self._jobs and (order := next(waiting, None)) is not None:
                    running[self._executor.submit(_render, order, *self._task)] = order
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), _what_went_wrong(future)
        except BrokenProcessPool as error:
            raise WorkerError(
                "a rendering process died, perhaps for want of memory: try fewer --jobs; the "
                "same command goes on where this one stopped"
            ) from error


def _what_went_wrong(future: Future[None]) -> Exception | None:
    try:
        future.result()
    except (BrokenProcessPool, *_FOR_ALL):
        raise
    except Exception as error:
        return error
    return None


def _start() -> None:
    """Readies a process of the pool."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    # MediaPipe and anny's warp write lines past Python that would tear the progress bar.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process if the one that started it is killed, which would else leave it waiting."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@lru_cache(maxsize=1)
def _studio(model: Path) -> Studio:
    return Studio(model)


def _ready(model: Path) -> None:
    _studio(model)


def _render(order: Order, model: Path, out: Path, seed: int) -> None:
    studio = _studio(model)
    # Ctrl-C is for the process that started this one; here a clip is brought to its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    track, sample = studio.track(order.clip(seed), seed)
    samples = out / SAMPLES
    if sum(1 for _ in samples.iterdir()) < _MOST_SAMPLES:
        cv2.imwrite(str(samples / f"{order.name}.jpg"), sample)
    track.save(out / f"{order.name}.npz")
