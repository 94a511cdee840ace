from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dancetype.engine.errors import FileError, MissingFileError
from dancetype.engine.media.sampler import FrameSampler
from dancetype.engine.media.video import FrameTimes, Video

MakeVideo = Callable[..., Path]


def test_a_video_gives_every_frame_with_its_time(make_video: MakeVideo) -> None:
    with Video(make_video(frames=10, fps=25)) as video:
        assert video.frames == 10
        read = list(video)
        assert video.read() is None
    assert [time for time, _ in read] == pytest.approx(np.arange(10) / 25)
    assert {(image.shape, image.dtype) for _, image in read} == {((48, 64, 3), np.dtype(np.uint8))}
    brightness = [image[-1, -1].mean() for _, image in read]
    assert all(one < other for one, other in pairwise(brightness))


def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.mp4: no such file"):
        Video(tmp_path / "gone.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(FileError, match=r"text\.mp4: no video that can be read") as caught:
        Video(tmp_path / "text.mp4")
    assert not isinstance(caught.value, MissingFileError)


def test_times_are_taken_as_the_file_tells_them() -> None:
    times = FrameTimes(fps=25)
    told = (0.4, 0.44, 0.6, 0.61)
    assert [times.next(time) for time in told] == pytest.approx([0, 0.04, 0.2, 0.21])


@pytest.mark.parametrize(
    "told",
    [
        (0.0, 0.0, 0.0, 0.0),
        (float("nan"),) * 4,
        (9.0, 0.0, -1.0, -2.0),
        (0.0, 1e9, 1e9, 2e9),
        (0.0, 0.1, 0.1, 0.1),
        (0.0, float("inf"), 0.2, 0.3),
    ],
    ids=["missing", "not a number", "backwards", "leaping", "repeating", "infinite"],
)
def test_times_rise_by_sane_steps_whatever_the_file_tells(told: tuple[float, ...]) -> None:
    times = FrameTimes(fps=10)
    made = [times.next(time) for time in told]
    assert made == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e5])
def test_without_a_sane_rate_a_file_is_taken_to_have_thirty_frames_a_second(fps: float) -> None:
    times = FrameTimes(fps)
    assert [times.next(0.0), times.next(0.0)] == pytest.approx([0, 1 / 30])


def test_no_image_is_made_of_a_frame_that_is_not_wanted(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = cv2.VideoCapture
    made = 0

    class Watched:
        def __init__(self, *words: Any) -> None:
            self._reader = opened(*words)

        def __getattr__(self, name: str) -> Any:
            nonlocal made
            made += name == "retrieve"
            return getattr(self._reader, name)

    monkeypatch.setattr(cv2, "VideoCapture", Watched)
    asked: list[float] = []

    def wants(self: FrameSampler, time: float) -> bool:
        asked.append(time)
        return len(asked) % 3 == 1

    monkeypatch.setattr(FrameSampler, "wants", wants)
    with Video(make_video(frames=10, fps=25)) as video:
        times = [time for time, _ in video]
    assert asked == pytest.approx([index / 25 for index in range(10)])
    assert times == asked[::3]
    assert made == 4
