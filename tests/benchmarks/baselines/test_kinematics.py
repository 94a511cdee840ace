from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.baselines.kinematics import (
    KINEMATIC_NAMES,
    kinematic_features,
    train_boosted_trees,
)
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.skeleton import JOINTS, Array, mirrored
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.batches import RandomWindows
from dancetype.training.data.aist import AistSequence
from dancetype.training.data.motion import one_hot_targets
from dancetype.training.evaluate import evaluate_sequences
from dancetype.training.recipe import Recipe

SPEC = WindowSpec(4.0, 1.0, 60)
STANDING = {
    "nose": (0.0, 0.65),
    "eye": (0.03, 0.68),
    "ear": (0.07, 0.66),
    "shoulder": (0.18, 0.45),
    "elbow": (0.22, 0.2),
    "wrist": (0.24, -0.05),
    "hip": (0.1, 0.0),
    "knee": (0.1, -0.42),
    "ankle": (0.1, -0.84),
}
Dance = Callable[[NDArray[np.float64], Array], None]


def still(times: NDArray[np.float64], joints: Array) -> None:
    """Stand still."""


def bounce(times: NDArray[np.float64], joints: Array) -> None:
    """Move up and down twice a second, by the distance of the ankles from the hips."""
    for side in ("left", "right"):
        joints[:, JOINTS.index(f"{side}_ankle"), 1] += 0.1 * np.sin(4 * np.pi * times)


def wave(times: NDArray[np.float64], joints: Array) -> None:
    """Move the left hand from side to side once a second."""
    joints[:, JOINTS.index("left_wrist"), 0] += 0.2 * np.sin(2 * np.pi * times)


def raise_hands(times: NDArray[np.float64], joints: Array) -> None:
    """Hold both arms straight up."""
    for side in ("left", "right"):
        for joint, height in (("elbow", 0.7), ("wrist", 0.95)):
            joints[:, JOINTS.index(f"{side}_{joint}"), 1] = height


def turn_round(times: NDArray[np.float64], joints: Array) -> None:
    """Turn the back to the camera."""
    joints[..., 0] *= -1


def window_of(
    dance: Dance, *, seconds: float = 4.0, rate: float = 60, size: float = 1, mirror: bool = False
) -> Array:
    """Return the last window (1, L, F) of a person who faces the camera and dances."""
    times = np.arange(round(seconds * rate) + 1) / rate
    joints = np.zeros((len(times), len(JOINTS), 3), np.float32)
    for index, name in enumerate(JOINTS):
        x, y = STANDING[name.split("_")[-1]]
        joints[:, index, :2] = (-x if name.startswith("right") else x), y
    dance(times, joints)
    joints = mirrored(joints) if mirror else joints
    features = cut_window(times, size * joints, SPEC, end=times[-1]).features
    assert features is not None
    return features[None]


def named_features(windows: Array) -> dict[str, float]:
    (values,) = kinematic_features(windows, SPEC)
    return dict(zip(KINEMATIC_NAMES, map(float, values), strict=True))


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        WindowSpec(4.0, 1.0, 60, axes="xyz"),
        WindowSpec(4.0, 1.0, 2, smooth=False),
        WindowSpec(4.0, 1.0, 60, trajectory=True),
    ],
)
def test_all_features_of_noise_and_of_zeros_are_finite(spec: WindowSpec) -> None:
    noise = np.random.default_rng(0).normal(0, 1, (5, spec.length, spec.features))
    windows = np.concatenate([noise, np.zeros((1, *noise.shape[1:]))]).astype(np.float32)
    features = kinematic_features(windows, spec)
    assert features.shape == (6, len(KINEMATIC_NAMES))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert len(set(KINEMATIC_NAMES)) == len(KINEMATIC_NAMES)
    np.testing.assert_array_equal(features[2:3], kinematic_features(windows[2:3], spec))


def test_person_standing_still_has_no_speed_and_no_beat() -> None:
    values = named_features(window_of(still))
    for name, value in values.items():
        if any(word in name for word in ("speed", "jerk", "acceleration", "beat", "regularity")):
            assert value == pytest.approx(0, abs=1e-3), name
    assert values["arms_share_mean"] == pytest.approx(0.5, abs=1e-3)
    assert values["legs_straight_mean"] == pytest.approx(1)
    assert values["asymmetry_max"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("rate", [15.0, 60.0])
@pytest.mark.parametrize("seconds", [2.0, 4.0])
def test_beat_does_not_depend_on_window_length_and_frame_rate(seconds: float, rate: float) -> None:
    values = named_features(window_of(bounce, seconds=seconds, rate=rate))
    assert values["stance_beat"] == pytest.approx(2, rel=0.1)
    assert values["stance_regularity"] > 0.5
    assert values["shoulder_speed_regularity"] < 0.1


def test_speed_does_not_depend_on_window_length() -> None:
    long, short = (named_features(window_of(wave, seconds=seconds)) for seconds in (4.0, 2.0))
    # Amplitude 0.2 m once a second, ankles 0.846 m from the pelvis, mean of two hands.
    expected = 0.2 * 2 * np.pi / 0.846 / 2
    assert long["hand_speed_max"] == pytest.approx(expected, rel=0.05)
    assert short["hand_speed_max"] == pytest.approx(expected, rel=0.05)
    assert long["hand_acceleration_max"] == pytest.approx(expected * 2 * np.pi, rel=0.1)
    assert long["foot_speed_max"] == pytest.approx(0, abs=0.05)
    assert long["arms_share_median"] > 0.9
    assert long["one_sidedness_mean"] > 0.05


def test_features_show_raised_hands_and_a_turned_back() -> None:
    standing, raised, turned = (
        named_features(window_of(dance)) for dance in (still, raise_hands, turn_round)
    )
    assert raised["hand_height_median"] > 0.4 > 0 > standing["hand_height_median"]
    assert raised["height_median"] > standing["height_median"]
    assert standing["shoulders_facing_low"] > 0.3
    assert turned["shoulders_facing_high"] < -0.3


@pytest.mark.parametrize("dance", [wave, bounce])
def test_features_do_not_depend_on_mirroring_and_size_of_the_dancer(dance: Dance) -> None:
    features = kinematic_features(window_of(dance), SPEC)
    for other in (window_of(dance, mirror=True), window_of(dance, size=1.3)):
        np.testing.assert_allclose(kinematic_features(other, SPEC), features, rtol=1e-2, atol=2e-2)


def test_features_do_not_depend_on_the_trajectory() -> None:
    windows = window_of(wave).reshape(1, SPEC.length, len(JOINTS), SPEC.channels)
    with_trajectory = np.pad(windows, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=9)
    features = kinematic_features(
        with_trajectory.reshape(1, SPEC.length, -1), replace(SPEC, trajectory=True)
    )
    np.testing.assert_array_equal(features, kinematic_features(window_of(wave), SPEC))


def test_windows_without_velocities_or_with_wrong_shape_are_rejected() -> None:
    without_velocity = WindowSpec(4.0, 1.0, 60, velocity=False)
    with pytest.raises(ValueError, match="velocities"):
        kinematic_features(np.zeros((1, 60, 34), np.float32), without_velocity)
    with pytest.raises(ValueError, match=r"\(1, 59, 68\), expected \(N, 60, 68\)"):
        kinematic_features(np.zeros((1, 59, 68), np.float32), SPEC)


def contract(spec: WindowSpec = SPEC) -> Contract:
    return Contract(CODES, spec, "camera", "trees", "dancers:A", ("d01",))


def two_genres(seed: int) -> tuple[Tensor, Tensor]:
    """Return noisy windows and their targets: house for bounces, lock for waves."""
    rng = np.random.default_rng(seed)
    house = rng.random(40) < 0.5
    windows = np.concatenate([window_of(bounce if is_house else wave) for is_house in house])
    windows += rng.normal(0, 0.02, windows.shape).astype(np.float32)
    genres = ["HO" if is_house else "LO" for is_house in house]
    return torch.from_numpy(windows), one_hot_targets(genres, CODES)


QUICK = {"max_iter": 10, "min_samples_leaf": 5}


def test_trees_learn_two_genres_and_give_the_others_probability_zero() -> None:
    trees = train_boosted_trees([two_genres(0), two_genres(1)], contract(), **QUICK)
    windows, targets = two_genres(2)
    probabilities = trees(windows.numpy())
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(probabilities.argmax(axis=1), targets.argmax(dim=1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert set(np.flatnonzero(probabilities.max(axis=0))) == {2, CODES.index("HO")}
    assert trees(windows.numpy()[:0]).shape == (0, 10)


def test_same_batches_and_seed_give_the_same_trees() -> None:
    windows = two_genres(2)[0].numpy()
    settings = {**QUICK, "max_features": 0.02}
    first, second = (train_boosted_trees([two_genres(0)], contract(), **settings) for _ in range(2))
    np.testing.assert_array_equal(first(windows), second(windows))
    other_seed = train_boosted_trees([two_genres(0)], contract(), **settings, random_state=1)
    assert not np.array_equal(first(windows), other_seed(windows))


def test_trees_trained_on_random_windows_can_be_evaluated_like_a_network(
    recipe: Recipe, sequences: list[AistSequence]
) -> None:
    batches = RandomWindows.of_recordings(sequences, recipe)
    trees = train_boosted_trees(
        [batches[step] for step in range(4)], contract(recipe.window.spec()), **QUICK
    )
    evaluation = evaluate_sequences(trees, sequences[:3])
    expected = [sequence.name.text for sequence in sequences[:3]]
    assert [clip.name for clip in evaluation.clips] == expected
    for clip in evaluation.clips:
        assert clip.result.genre in CODES
        np.testing.assert_allclose(clip.result.windows.sum(axis=1), 1, atol=1e-5)


def test_windows_without_a_genre_are_ignored() -> None:
    windows, targets = two_genres(0)
    noise = torch.randn_like(windows)
    idle = one_hot_targets([NOT_DANCING] * len(noise), CODES)
    with_noise = torch.cat([windows, noise]), torch.cat([targets, idle])
    dances_only = train_boosted_trees([(windows, targets)], contract(), **QUICK)
    all_windows = train_boosted_trees([with_noise], contract(), **QUICK)
    np.testing.assert_array_equal(all_windows(noise.numpy()), dances_only(noise.numpy()))


def test_training_without_batches_or_with_one_genre_is_an_error() -> None:
    with pytest.raises(ValueError, match="no batches to train on"):
        train_boosted_trees([], contract())
    windows, _ = two_genres(0)
    with pytest.raises(ValueError, match="at least two genres"):
        train_boosted_trees([(windows, one_hot_targets(["HO"] * len(windows), CODES))], contract())


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_iter": 0},
        {"learning_rate": 0},
        {"max_leaf_nodes": 1},
        {"max_features": 0.0},
        {"depth": 3},
    ],
)
def test_invalid_settings_of_trees_are_rejected(wrong: dict[str, float]) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        train_boosted_trees([two_genres(0)], contract(), **wrong)
