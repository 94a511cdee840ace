import numpy as np
import pytest

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.training.data.sampling import (
    TrainingClip,
    clips_from_tracks,
    idle_clips,
    sampling_probabilities,
)


def clip(
    genre: str, *, advanced: bool = False, seconds: float = 10.0, estimated: bool = False
) -> TrainingClip:
    times = np.array([0.0, seconds])
    return TrainingClip("clip", genre, advanced, times, np.zeros((2, 17, 3), np.float32), estimated)


def track(name: str, *, sequence: str = "", detected: float = 1.0, seconds: float = 6.0) -> Track:
    times = np.arange(round(seconds * 20)) / 20
    world = np.ones((len(times), 33, 3), np.float32)
    world[round(detected * len(times)) :] = np.nan
    return Track(name, "HO", times, world, world, world[..., 0], sequence=sequence)


def test_genres_are_equally_likely_for_any_number_of_clips() -> None:
    motion_capture = [clip("BR"), clip("BR"), clip("PO")]
    tracks = [clip("PO"), clip("PO")]
    probabilities = sampling_probabilities(
        [motion_capture, tracks], [0.5, 0.5], advanced=0.5, idle=0.0
    )
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[:2].sum() == pytest.approx(0.5)
    # The genre PO is in both groups, BR only in the first.
    assert probabilities[2] == pytest.approx(0.25)


def test_groups_are_sampled_by_their_shares() -> None:
    probabilities = sampling_probabilities(
        [[clip("BR")] * 9, [clip("BR")]], [0.3, 0.7], advanced=0.5, idle=0.0
    )
    assert probabilities[-1] == pytest.approx(0.7)


def test_share_of_tracks_does_not_depend_on_the_number_of_folders() -> None:
    groups = [
        [clip("BR"), clip(NOT_DANCING)],
        [clip("BR", estimated=True)],
        [clip(NOT_DANCING, estimated=True)],
    ]
    probabilities = sampling_probabilities(groups, [0.7, 0.15, 0.15], advanced=0.5, idle=0.5)
    np.testing.assert_allclose(probabilities, [0.35, 0.35, 0.15, 0.15])


def test_advanced_clips_have_their_share_and_longer_clips_are_likelier() -> None:
    group = [clip("BR", seconds=5), clip("BR", seconds=15), clip("BR", advanced=True)]
    probabilities = sampling_probabilities([group], [1.0], advanced=0.4, idle=0.0)
    np.testing.assert_allclose(probabilities, [0.15, 0.45, 0.4])


def test_idle_clips_have_the_requested_share() -> None:
    groups = [[clip("BR"), clip("PO")], [clip(NOT_DANCING)]]
    probabilities = sampling_probabilities(groups, [1.0, 1.0], advanced=0.5, idle=0.2)
    np.testing.assert_allclose(probabilities, [0.4, 0.4, 0.2])


def test_short_and_mostly_empty_tracks_are_excluded() -> None:
    tracks = [
        track("complete", sequence="gHO_sFM_cAll_d19_mHO1_ch01"),
        track("empty", detected=0.3),
        track("short", seconds=0.5),
    ]
    (only,) = clips_from_tracks(tracks, min_seconds=1.0)
    assert (only.name, only.advanced, only.estimated) == ("complete", True, True)


def test_idle_clips_have_no_genre_and_depend_on_the_seed_alone() -> None:
    clips, same_clips = idle_clips(0), idle_clips(0)
    assert {c.genre for c in clips} == {NOT_DANCING}
    assert all(np.isfinite(c.joints).all() for c in clips)
    np.testing.assert_array_equal(clips[0].joints, same_clips[0].joints)
