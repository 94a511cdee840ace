import numpy as np
import pytest

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.training.data.sampling import (
    TrainingClip,
    sampling_probabilities,
    idle_clips,
    clips_from_tracks,
)


def dance(genre: str, *, advanced: bool = False, seconds: float = 10.0) -> TrainingClip:
    times = np.array([0.0, seconds])
    return TrainingClip(
        "dance", genre, advanced, times, np.zeros((2, 17, 3), np.float32), estimated=False
    )


def track(name: str, *, sequence: str = "", seen: float = 1.0, seconds: float = 6.0) -> Track:
    times = np.arange(round(seconds * 20)) / 20
    world = np.ones((len(times), 33, 3), np.float32)
    world[round(seen * len(times)) :] = np.nan
    return Track(name, "HO", times, world, world, world[..., 0], sequence=sequence)


def test_genres_come_up_equally_often_whatever_there_is_of_each() -> None:
    motion_capture = [dance("BR"), dance("BR"), dance("PO")]
    tracks = [dance("PO"), dance("PO")]
    chance = sampling_probabilities([motion_capture, tracks], [0.5, 0.5], advanced=0.5, idle=0.0)
    assert chance.sum() == pytest.approx(1)
    assert chance[:2].sum() == pytest.approx(0.5)
    # Where only one group has a genre, it has it alone.
    assert chance[2] == pytest.approx(0.25)


def test_groups_come_up_by_their_shares() -> None:
    chance = sampling_probabilities(
        [[dance("BR")] * 9, [dance("BR")]], [0.3, 0.7], advanced=0.5, idle=0.0
    )
    assert chance[-1] == pytest.approx(0.7)


def test_advanced_choreography_has_its_share_and_longer_dances_come_up_more_often() -> None:
    group = [dance("BR", seconds=5), dance("BR", seconds=15), dance("BR", advanced=True)]
    chance = sampling_probabilities([group], [1.0], advanced=0.4, idle=0.0)
    np.testing.assert_allclose(chance, [0.15, 0.45, 0.4])


def test_people_who_do_not_dance_have_a_share_of_their_own() -> None:
    groups = [[dance("BR"), dance("PO")], [dance(NOT_DANCING)]]
    chance = sampling_probabilities(groups, [1.0, 1.0], advanced=0.5, idle=0.2)
    np.testing.assert_allclose(chance, [0.4, 0.4, 0.2])


def test_tracks_in_which_hardly_anybody_is_seen_or_for_too_short_are_left_out() -> None:
    tracks = [
        track("whole", sequence="gHO_sFM_cAll_d19_mHO1_ch01"),
        track("empty", seen=0.3),
        track("short", seconds=0.5),
    ]
    dances = clips_from_tracks(tracks, min_seconds=1.0)
    assert [(dance.name, dance.advanced, dance.estimated) for dance in dances] == [
        ("whole", True, True)
    ]


def test_idlers_are_the_same_for_the_same_seed_and_dance_no_genre() -> None:
    one, other = idle_clips(0), idle_clips(0)
    assert {idler.genre for idler in one} == {NOT_DANCING}
    assert all(np.isfinite(idler.joints).all() for idler in one)
    np.testing.assert_array_equal(one[0].joints, other[0].joints)
