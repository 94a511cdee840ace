from collections.abc import Callable
from functools import partial
from pathlib import Path

from dancetype.engine.classifier import Classifier
from dancetype.engine.media.video import Video
from dancetype.stream.offline.clip_job import ClipJob, FrameProgress, Task
from tests.stream.offline.clips import NoPersonEstimator

MakeVideo = Callable[..., Path]


def test_estimator_is_reset_before_each_clip(make_video: MakeVideo) -> None:
    estimator, clip = NoPersonEstimator(), make_video(frames=4, fps=20)
    now = iter(range(100))
    job = ClipJob(
        Classifier(device="cpu"),
        estimator,
        hop=0.25,
        open_clip=partial(Video, fps=10),
        clock=lambda: float(next(now)),
    )
    progress: list[FrameProgress] = []
    first = job(Task(clip), progress.append)
    assert (job(Task(clip), progress.append), first["frames"]) == (first, 2)
    assert estimator.calls == ["reset", "landmarks", "landmarks"] * 2
    assert progress[0] == FrameProgress("analysing", 1, 4)


def test_result_has_the_error_if_a_file_cannot_be_read_or_written(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    job = ClipJob(
        Classifier(device="cpu"),
        NoPersonEstimator(),
        hop=0.25,
        open_clip=Video,
        clock=lambda: 0.0,
        threads=1,
    )
    unread = job(Task(tmp_path / "gone.mp4"), lambda progress: None)
    assert (set(unread), unread["error"]) == (
        {"file", "error"},
        f"{tmp_path}/gone.mp4: no such file",
    )
    unwritten = job(Task(make_video(), video=tmp_path / "no" / "out.mp4"), lambda progress: None)
    assert (unwritten["frames"], "video" in unwritten) == (10, False)
    assert "out.mp4: cannot be written: No such file" in unwritten["error"]
