from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import WorkerError
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import NOT_DANCING, read_track
from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP, Array
from dancetype.training.data.idle import idle_motions
from dancetype.training.geometry import face_camera
from dancetype.training.synthetic.clip import (
    ClipRenderer,
    ImageDegrader,
    MotionClip,
    frame_times,
    interpolate_joints,
)

Frame = NDArray[np.uint8]
Times = NDArray[np.float64]


@pytest.mark.parametrize("seed", range(20))
def test_frame_rate_is_15_to_30_frames_per_second(seed: int) -> None:
    times = frame_times(361, np.random.default_rng(seed))
    assert times[0] == 0
    assert 5.7 < times[-1] < 6.05
    assert 14.5 < 1 / np.diff(times).mean() < 30.5
    assert np.diff(times).min() > 0.02


def test_joints_are_interpolated_linearly() -> None:
    joints = np.arange(10, dtype=np.float32)[:, None, None] + np.zeros((17, 3), np.float32)
    interpolated = interpolate_joints(joints, np.array([0, 0.025, 9 / 60, 1.0]))
    np.testing.assert_allclose(interpolated[:, 0, 0], [0, 1.5, 9, 9], atol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_degraded_image_keeps_its_content(seed: int) -> None:
    image = np.full((120, 160, 3), 60, np.float32)
    cv2.circle(image, (80, 60), 30, (200, 200, 200), -1)
    degrade = ImageDegrader(image.shape, np.random.default_rng(seed))
    for _ in range(5):
        degraded = degrade(image)
        assert degraded.shape == image.shape
        assert degraded.dtype == np.uint8
        assert degraded[50:70, 70:90].mean() > degraded[:20, :20].mean() + 60


@pytest.fixture(scope="module")
def clip_renderer(pose_model: Path) -> ClipRenderer:
    try:
        return ClipRenderer(pose_model)
    except (WorkerError, ModuleNotFoundError) as error:
        pytest.skip(str(error))


def test_mediapipe_detects_the_rendered_dancer_and_the_seed_determines_the_track(
    clip_renderer: ClipRenderer, dance: Array, tmp_path: Path
) -> None:
    clip = MotionClip(
        "sway", "WA", dance, dancer="d25", sequence="gWA_sBM_cAll_d25_mWA0_ch01", start=2.0
    )
    track, sample = clip_renderer.render_track(clip, seed=1)
    assert np.isfinite(track.world).all(axis=(1, 2)).mean() > 0.8
    assert sample.ndim == 3
    # The person stands: the head is above the hips, and the hips are above the feet.
    height = np.nanmedian(track.joints[..., 1], axis=0)
    assert height[0] > height[11] > height[15]

    same_seed, _ = clip_renderer.render_track(clip, seed=1)
    np.testing.assert_allclose(same_seed.world, track.world, atol=1e-4)
    other_seed, _ = clip_renderer.render_track(clip, seed=2)
    assert other_seed.world.shape != track.world.shape or not np.allclose(
        other_seed.world, track.world
    )

    track.save(tmp_path / "sway.npz")
    saved = read_track(tmp_path / "sway.npz")
    assert (saved.genre, saved.dancer, saved.start) == ("WA", "d25", 2)


class FakeEstimator:
    """Estimator that detects a person in every frame, and records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def landmarks(self, image: Frame, time: float) -> Landmarks:
        self.calls.append("landmarks")
        person = np.full((33, 3), time, np.float32)
        return Landmarks(person, person, person[:, 0])

    def reset(self, reason: str) -> None:
        self.calls.append("reset")


def test_track_has_the_labels_of_its_clip_and_sample_is_the_middle_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimator = FakeEstimator()
    monkeypatch.setattr("dancetype.training.synthetic.clip.open_estimator", lambda _: estimator)
    monkeypatch.setattr("dancetype.training.synthetic.clip.Renderer", lambda _: None)
    monkeypatch.setattr("dancetype.training.synthetic.clip.BodyFactory", lambda: None)

    def frames(self: ClipRenderer, clip: MotionClip, times: Times, rng: object) -> Iterator[Frame]:
        return (np.full((40, 60, 3), index, np.uint8) for index in range(len(times)))

    monkeypatch.setattr(ClipRenderer, "_render_frames", frames)
    renderer = ClipRenderer(Path("pose.task"))
    clip = MotionClip("sway", "WA", np.zeros((61, 17, 3), np.float32), "d25", "x", 2.0)
    for _ in range(2):
        estimator.calls.clear()
        track, sample = renderer.render_track(clip, seed=1)
        assert (track.name, track.genre, track.dancer) == ("sway", "WA", "d25")
        assert (track.sequence, track.start) == ("x", 2.0)
        np.testing.assert_array_equal(track.world[:, 0, 0], track.times.astype(np.float32))
        assert estimator.calls == ["reset", *["landmarks"] * len(track.times)]
        assert sample[20, 5, 0] == len(track.times) // 2 - 1


def test_turned_joints_have_the_heading_of_the_clip() -> None:
    (motion,) = idle_motions(1, seed=0, kinds=("standing",), seconds=1)
    clip = MotionClip("idle", NOT_DANCING, motion.joints, heading=90.0)
    hips = (clip.turned_joints[:, LEFT_HIP] - clip.turned_joints[:, RIGHT_HIP]).mean(axis=0)
    # The left hip of a person who faces the camera is on the right of the image.
    assert abs(hips[0]) < 0.02
    assert hips[2] < -0.1
    unturned = replace(clip, heading=0.0).turned_joints
    np.testing.assert_allclose(unturned, face_camera(motion.joints), atol=1e-6)
