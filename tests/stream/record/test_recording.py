from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import SourceError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, read_track
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.frames import Frame
from dancetype.stream.record.recording import Recording, record_file
from dancetype.stream.sources.file import FileSource

MakeVideo = Callable[..., Path]


def frame(time: float, *, index: int = 0, epoch: int = 0, brightness: int = 9) -> Frame:
    return Frame(np.full((2, 2, 3), brightness, np.uint8), time, index, epoch)


class FakeEstimator:
    """Sees somebody in every frame that is not black."""

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.closed = True

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        somebody = np.full((33, 3), time, np.float32)
        return Landmarks(somebody, somebody, somebody[:, 0]) if image.any() else None

    def reset(self, reason: str) -> None:
        self.resets.append(reason)


def recorded(
    frames: Iterable[Frame],
) -> Track:
    recording = Recording()
    recording.record(frames, FakeEstimator())
    return recording.track("clip", genre="BR", dancer="Ann")


def test_a_track_has_a_row_a_frame_and_nan_where_nobody_was() -> None:
    track = recorded([frame(7.0), frame(7.1, brightness=0), frame(7.25)])
    assert (track.name, track.genre, track.dancer) == ("clip", "BR", "Ann")
    np.testing.assert_allclose(track.times, [0, 0.1, 0.25])
    np.testing.assert_allclose(track.world[:, 0, 0], [7, np.nan, 7.25])
    assert (track.image.shape, track.visibility.shape) == ((3, 33, 3), (3, 33))


def test_a_frame_that_is_not_after_the_last_has_no_place() -> None:
    track = recorded([frame(1.0), frame(1.2), frame(1.2), frame(1.1), frame(1.3)])
    np.testing.assert_allclose(track.times, [0, 0.2, 0.3])


def test_every_frame_of_a_file_is_recorded_and_told(make_video: MakeVideo) -> None:
    told: list[tuple[int, int | None]] = []
    recording = Recording()
    record_file(
        make_video(frames=10, fps=25),
        recording,
        FakeEstimator(),
        on_frame=lambda done, of: told.append((done, of)),
    )
    np.testing.assert_allclose(recording.track("clip").times, np.arange(10) / 25, atol=1e-3)
    assert told == [(done, 10) for done in range(1, 11)]


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4: no such file"):
        record_file(Path("gone.mp4"), Recording(), FakeEstimator(), on_frame=lambda *_: None)


def test_real_people_are_seen_as_opencv_numbers_the_frames(
    shared: Path, pose_model: Path, tmp_path: Path
) -> None:
    clip = shared / "data" / "videos" / "solo_portrait_24fps.mp4"
    recording = Recording()
    with open_estimator(pose_model) as estimator, closing(FileSource(clip)) as source:
        recording.record(islice(iter(source.read, None), 48), estimator)
    recording.track("clip", genre="KR", dancer="Ann").save(tmp_path / "clip.npz")
    track = read_track(tmp_path / "clip.npz")
    np.testing.assert_allclose(track.times, np.arange(48) / 24, atol=1e-3)
    assert track.poses > 45
    reader = cv2.VideoCapture(str(clip))
    with open_estimator(pose_model) as estimator:
        for n in range(3):
            found = estimator.landmarks(reader.read()[1].astype(np.uint8), n / 24)
            assert found is not None
            np.testing.assert_array_equal(track.world[n], found.world)
            np.testing.assert_array_equal(track.image[n], found.image)
            np.testing.assert_array_equal(track.visibility[n], found.visibility)
