from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.extraction import extract_track
from dancetype.engine.media.video import Video
from dancetype.engine.pose.opening import open_estimator

MakeVideo = Callable[..., Path]


class FakeEstimator:
    """Estimator that finds a person in every frame that is not black, and records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        self.calls.append("landmarks")
        person = np.full((33, 3), time, np.float32)
        return Landmarks(person, person, person[:, 0]) if image.any() else None

    def reset(self, reason: str) -> None:
        self.calls.append("reset")


def frame(time: float, *, brightness: int = 9) -> tuple[float, NDArray[np.uint8]]:
    return time, np.full((2, 4, 3), brightness, np.uint8)


def test_track_has_row_per_frame_and_nan_without_person() -> None:
    estimator = FakeEstimator()
    frames = [frame(0.0), frame(0.1, brightness=0), frame(0.25)]
    track = extract_track(frames, estimator, name="clip")
    assert (track.name, track.genre, track.dancer) == ("clip", "", "")
    assert track.image_size == (4, 2)
    np.testing.assert_array_equal(track.times, [0, 0.1, 0.25])
    np.testing.assert_allclose(track.world[:, 0, 0], [0, np.nan, 0.25])
    assert (track.image.shape, track.visibility.shape) == ((3, 33, 3), (3, 33))
    assert estimator.calls == ["reset", *["landmarks"] * 3]


def test_no_frames_give_empty_track() -> None:
    track = extract_track([], FakeEstimator(), name="clip")
    assert (len(track.times), track.world.shape) == (0, (0, 33, 3))


def test_every_frame_of_file_is_analysed_and_reported(make_video: MakeVideo) -> None:
    reported: list[tuple[int, int | None]] = []
    with Video(make_video(frames=10, fps=25)) as video:
        track = extract_track(
            video,
            FakeEstimator(),
            name="clip",
            on_frame=lambda: reported.append((video.position, video.frames)),
        )
    np.testing.assert_allclose(track.times, np.arange(10) / 25, atol=1e-3)
    assert reported == [(done, 10) for done in range(1, 11)]


def test_error_names_missing_file() -> None:
    with pytest.raises(FileError, match=r"missing\.mp4: no such file"), Video("missing.mp4"):
        pass


def test_landmarks_equal_those_of_new_estimator_on_opencv_frames(
    shared: Path, pose_model: Path
) -> None:
    clip = shared / "data" / "videos" / "solo_portrait_24fps.mp4"
    frames = []
    with Video(clip) as video:
        for _, timed_frame in zip(range(24), video, strict=False):
            frames.append(timed_frame)
    with open_estimator(pose_model) as estimator:
        tracks = [extract_track(frames, estimator, name="clip") for _ in range(2)]
    np.testing.assert_allclose(tracks[0].times, np.arange(24) / 24, atol=1e-3)
    assert tracks[0].poses > 22
    reader = cv2.VideoCapture(str(clip))
    with open_estimator(pose_model) as estimator:
        for n, time in enumerate(tracks[0].times):
            found = estimator.landmarks(reader.read()[1].astype(np.uint8), float(time))
            assert found is not None
            for track in tracks:
                np.testing.assert_array_equal(track.world[n], found.world)
                np.testing.assert_array_equal(track.image[n], found.image)
                np.testing.assert_array_equal(track.visibility[n], found.visibility)
                np.testing.assert_array_equal(track.joints[n], found.pose().joints)
