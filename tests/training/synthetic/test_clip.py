from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import WorkerError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import read_track
from dancetype.engine.skeleton import Array
from dancetype.training.synthetic.clip import Clip, ClipRenderer, Spoiler, at_times, frame_times

Picture = NDArray[np.uint8]
Times = NDArray[np.float64]


@pytest.mark.parametrize("seed", range(20))
def test_a_camera_takes_15_to_30_frames_a_second(seed: int) -> None:
    times = frame_times(361, np.random.default_rng(seed))
    assert times[0] == 0
    assert 5.7 < times[-1] < 6.05
    assert 14.5 < 1 / np.diff(times).mean() < 30.5
    assert np.diff(times).min() > 0.02


def test_between_two_frames_of_motion_capture_joints_move_straight() -> None:
    joints = np.arange(10, dtype=np.float32)[:, None, None] + np.zeros((17, 3), np.float32)
    at = at_times(joints, np.array([0, 0.025, 9 / 60, 1.0]))
    np.testing.assert_allclose(at[:, 0, 0], [0, 1.5, 9, 9], atol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_a_spoiled_picture_still_shows_the_same(seed: int) -> None:
    picture = np.full((120, 160, 3), 60, np.float32)
    cv2.circle(picture, (80, 60), 30, (200, 200, 200), -1)
    spoil = Spoiler(picture.shape, np.random.default_rng(seed))
    for _ in range(5):
        spoiled = spoil(picture)
        assert spoiled.shape == picture.shape
        assert spoiled.dtype == np.uint8
        assert spoiled[50:70, 70:90].mean() > spoiled[:20, :20].mean() + 60


@pytest.fixture(scope="module")
def studio(pose_model: Path) -> ClipRenderer:
    try:
        return ClipRenderer(pose_model)
    except (WorkerError, ModuleNotFoundError) as error:
        pytest.skip(str(error))


def test_mediapipe_finds_who_is_rendered_and_chance_follows_the_seed(
    studio: ClipRenderer, dance: Array, tmp_path: Path
) -> None:
    clip = Clip("sway", "WA", dance, dancer="d25", sequence="gWA_sBM_cAll_d25_mWA0_ch01", start=2)
    track, sample = studio.track(clip, seed=1)
    assert np.isfinite(track.world).all(axis=(1, 2)).mean() > 0.8
    assert sample.ndim == 3
    # Somebody who stands: the head is above the hips and the hips are above the feet.
    height = np.nanmedian(track.joints[..., 1], axis=0)
    assert height[0] > height[11] > height[15]

    again, _ = studio.track(clip, seed=1)
    np.testing.assert_allclose(again.world, track.world, atol=1e-4)
    other, _ = studio.track(clip, seed=2)
    assert other.world.shape != track.world.shape or not np.allclose(other.world, track.world)

    track.save(tmp_path / "sway.npz")
    kept = read_track(tmp_path / "sway.npz")
    assert (kept.genre, kept.dancer, kept.start) == ("WA", "d25", 2)


class FakeEstimator:
    """Finds a person in every frame, and logs what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def landmarks(self, image: Picture, time: float) -> Landmarks:
        self.calls.append("landmarks")
        person = np.full((33, 3), time, np.float32)
        return Landmarks(person, person, person[:, 0])

    def reset(self, reason: str) -> None:
        self.calls.append("reset")


def test_each_clip_has_its_own_track_its_labels_and_its_middle_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimator = FakeEstimator()
    monkeypatch.setattr("dancetype.training.synthetic.clip.open_estimator", lambda _: estimator)
    monkeypatch.setattr("dancetype.training.synthetic.clip.Renderer", lambda _: None)
    monkeypatch.setattr("dancetype.training.synthetic.clip.Bodies", lambda: None)

    def frames(self: ClipRenderer, clip: Clip, times: Times, rng: object) -> Iterator[Picture]:
        return (np.full((40, 60, 3), index, np.uint8) for index in range(len(times)))

    monkeypatch.setattr(ClipRenderer, "_frames", frames)
    renderer = ClipRenderer(Path("pose.task"))
    clip = Clip("sway", "WA", np.zeros((61, 17, 3), np.float32), "d25", "x", 2.0)
    for _ in range(2):
        estimator.calls.clear()
        track, sample = renderer.track(clip, seed=1)
        assert (track.name, track.genre, track.dancer) == ("sway", "WA", "d25")
        assert (track.sequence, track.start) == ("x", 2.0)
        np.testing.assert_array_equal(track.world[:, 0, 0], track.times.astype(np.float32))
        assert estimator.calls == ["reset", *["landmarks"] * len(track.times)]
        assert sample[20, 5, 0] == len(track.times) // 2 - 1
