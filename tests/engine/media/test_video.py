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


def test_video_yields_every_frame_with_its_time(make_video: MakeVideo) -> None:
    with Video(make_video(frames=10, fps=25)) as video:
        assert video.frames == 10
        frames = list(video)
        assert video.read() is None
    assert [time for time, _ in frames] == pytest.approx(np.arange(10) / 25)
    assert {(image.shape, image.dtype) for _, image in frames} == {
        ((48, 64, 3), np.dtype(np.uint8))
    }
    brightness = [image[-1, -1].mean() for _, image in frames]
    assert all(earlier < later for earlier, later in pairwise(brightness))


def test_missing_file_and_unreadable_file_raise_different_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"missing\.mp4: no such file"):
        Video(tmp_path / "missing.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(FileError, match=r"text\.mp4: no video that can be read") as caught:
        Video(tmp_path / "text.mp4")
    assert not isinstance(caught.value, MissingFileError)


def test_valid_times_are_used_relative_to_the_first() -> None:
    times = FrameTimes(fps=25)
    stored = (0.4, 0.44, 0.6, 0.61)
    assert [times.next(time) for time in stored] == pytest.approx([0, 0.04, 0.2, 0.21])


@pytest.mark.parametrize(
    "stored",
    [
        (0.0, 0.0, 0.0, 0.0),
        (float("nan"),) * 4,
        (9.0, 0.0, -1.0, -2.0),
        (0.0, 1e9, 1e9, 2e9),
        (0.0, 0.1, 0.1, 0.1),
        (0.0, float("inf"), 0.2, 0.3),
    ],
    ids=["missing", "not a number", "backwards", "jumping", "repeating", "infinite"],
)
def test_invalid_times_are_replaced_at_frame_rate(stored: tuple[float, ...]) -> None:
    times = FrameTimes(fps=10)
    assert [times.next(time) for time in stored] == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e5])
def test_implausible_frame_rate_is_replaced_by_thirty(fps: float) -> None:
    times = FrameTimes(fps)
    assert [times.next(0.0), times.next(0.0)] == pytest.approx([0, 1 / 30])


def test_skipped_frames_are_not_converted_to_images(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = cv2.VideoCapture
    images = 0

    class CountingCapture:
        def __init__(self, *arguments: Any) -> None:
            self._reader = original(*arguments)

        def __getattr__(self, name: str) -> Any:
            nonlocal images
            images += name == "retrieve"
            return getattr(self._reader, name)

    monkeypatch.setattr(cv2, "VideoCapture", CountingCapture)
    checked: list[float] = []

    def accept(self: FrameSampler, time: float) -> bool:
        checked.append(time)
        return len(checked) % 3 == 1

    monkeypatch.setattr(FrameSampler, "accept", accept)
    with Video(make_video(frames=10, fps=25)) as video:
        times = [time for time, _ in video]
    assert checked == pytest.approx([index / 25 for index in range(10)])
    assert times == checked[::3]
    assert images == 4
