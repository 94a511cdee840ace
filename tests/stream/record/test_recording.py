from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Queue
from typing import Self

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import SourceError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, read_track
from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.record.recording import Recorder, Recording, record_file
from dancetype.stream.sources.base import Frame, SourceState, StateChanged

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
    recording: Recording | None = None,
    estimator: FakeEstimator | None = None,
) -> Track:
    recording = recording or Recording()
    recording.record(frames, estimator or FakeEstimator())
    return recording.track("clip", genre="BR", dancer="Ann")


def test_a_track_has_a_row_a_frame_and_nan_where_nobody_was() -> None:
    track = recorded([frame(7.0), frame(7.1, brightness=0), frame(7.25)])
    assert (track.name, track.genre, track.dancer) == ("clip", "BR", "Ann")
    np.testing.assert_allclose(track.times, [0, 0.1, 0.25])
    np.testing.assert_allclose(track.world[:, 0, 0], [7, np.nan, 7.25])
    assert (track.image.shape, track.visibility.shape) == ((3, 33, 3), (3, 33))


def test_the_start_is_left_out_and_the_end_cut_off_by_capture_time() -> None:
    frames = [frame(100 + n / 10) for n in range(40)]
    track = recorded(frames, Recording(delay=1.0, seconds=2.0))
    assert len(track.times) == 20
    assert track.world[0, 0, 0] == 101
    assert track.seconds == pytest.approx(2.0)


def test_nothing_is_taken_once_the_time_is_over() -> None:
    frames = iter([frame(n / 10) for n in range(40)])
    recorded(frames, Recording(seconds=1.0))
    assert next(frames).time == pytest.approx(1.1)


def test_a_recording_says_how_far_it_is() -> None:
    recording, said = Recording(delay=0.2), []

    def watched() -> Iterable[Frame]:
        for time in (5.0, 5.2, 5.3, 5.4):
            yield frame(time, brightness=0 if time == 5.3 else 9)
            said.append(
                (round(recording.lead, 3), recording.frames, recording.poses, recording.seconds)
            )

    recorded(watched(), recording)
    assert said == [
        (0.2, 0, 0, 0),
        (0, 1, 1, 0),
        (0, 2, 1, pytest.approx(0.1)),
        (0, 3, 2, pytest.approx(0.2)),
    ]


def test_a_frame_that_is_not_after_the_last_has_no_place() -> None:
    track = recorded([frame(1.0), frame(1.2), frame(1.2), frame(1.1), frame(1.3)])
    np.testing.assert_allclose(track.times, [0, 0.2, 0.3])


def test_a_new_epoch_goes_on_in_the_same_track_with_a_fresh_estimator() -> None:
    estimator = FakeEstimator()
    track = recorded([frame(1.0), frame(3.0, epoch=1), frame(3.1, epoch=1)], estimator=estimator)
    np.testing.assert_allclose(track.times, [0, 2, 2.1])
    assert estimator.resets == ["a new epoch"]


def test_no_frames_make_an_empty_track() -> None:
    recording = Recording()
    assert len(recorded([], recording).times) == 0
    assert (recording.frames, recording.poses, recording.seconds) == (0, 0, 0)


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
    recording = Recording(seconds=2.0)
    with open_estimator(pose_model) as estimator:
        record_file(clip, recording, estimator, on_frame=lambda *_: None)
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


class FakeFile:
    """Ten frames, none of which is overtaken."""

    live = False

    def __init__(self, epoch: int) -> None:
        self._times = iter([n / 10 for n in range(10)])

    def read(self) -> Frame | None:
        time = next(self._times, None)
        return None if time is None else frame(time, index=round(10 * time))

    def close(self) -> None:
        pass


def test_a_recorder_records_to_the_end_and_closes_its_estimator() -> None:
    events: Queue[StateChanged] = Queue()
    estimator = FakeEstimator()
    recorder = Recorder(
        "cam",
        Recording(),
        open_source=FakeFile,
        make_estimator=lambda: estimator,
        clock=lambda: 1e6,
    )
    recorder.start(events.put)
    states = [events.get(timeout=10).state for _ in range(3)]
    assert states == [SourceState.CONNECTING, SourceState.RUNNING, SourceState.ENDED]
    assert recorder.join(timeout=10)
    assert recorder.over
    assert recorder.recording.frames == 10
    assert estimator.closed


def test_a_recorder_whose_time_is_over_ends_its_threads() -> None:
    recorder = Recorder(
        "cam",
        Recording(seconds=0.5),
        open_source=FakeFile,
        make_estimator=FakeEstimator,
        clock=lambda: 1e6,
    )
    recorder.start(lambda event: None)
    assert recorder.join(timeout=10)
    assert recorder.recording.frames == 5
