from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.classifier import Classifier
from dancetype.engine.landmarks import Landmarks
from dancetype.stream.offline.clip_job import ClipJob, FrameProgress, Task

MakeVideo = Callable[..., Path]


class EmptyRoom:
    """Sees nobody."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        self.calls.append("look")
        return None

    def reset(self, reason: str) -> None:
        self.calls.append("reset")


def test_each_clip_is_looked_at_afresh_the_first_like_all_others(make_video: MakeVideo) -> None:
    estimator, clip = EmptyRoom(), make_video(frames=4, fps=20)
    now = iter(range(100))
    work = ClipJob(
        Classifier(device="cpu"), estimator, hop=0.25, fps=10, clock=lambda: float(next(now))
    )
    told: list[FrameProgress] = []
    first = work(Task(clip), told.append)
    assert (work(Task(clip), told.append), first["frames"]) == (first, 2)
    assert estimator.calls == ["reset", "look", "look"] * 2
    assert told[0] == FrameProgress("analyzing", 1, 4)


def test_what_cannot_be_read_or_written_is_an_error_of_that_clip(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    work = ClipJob(
        Classifier(device="cpu"), EmptyRoom(), hop=0.25, fps=None, clock=lambda: 0.0, threads=1
    )
    gone = work(Task(tmp_path / "gone.mp4"), lambda note: None)
    assert (set(gone), gone["error"]) == ({"file", "error"}, f"{tmp_path}/gone.mp4: no such file")
    nowhere = work(Task(make_video(), video=tmp_path / "no" / "film.mp4"), lambda note: None)
    assert (nowhere["frames"], "video" in nowhere) == (10, False)
    assert "film.mp4: cannot be written: No such file" in nowhere["error"]
