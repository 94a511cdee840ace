"""Rendering of clips in worker processes."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import torch

from dancetype.engine.workers import ReportProgress, Work, discard_output
from dancetype.training.synthetic.clip import ClipRenderer
from dancetype.training.synthetic.orders import Order

SAMPLES: Final = "samples"
"""Folder, beside the tracks, of the pictures that the contact sheet is made of."""

_MOST_SAMPLES: Final = 60


@contextmanager
def open_renderer(model: Path, out: Path, seed: int) -> Iterator[Work]:
    """Load what a process needs to render; an `OpenWorker` whose tasks are orders.

    Args:
        model: MediaPipe's pose model.
        out: Folder for tracks, with the folder `SAMPLES` in it.
        seed: Random seed.
    """
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
