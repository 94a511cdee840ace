from collections import Counter

import numpy as np

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.training.data.holdout import CustomClip, hold_out


def clip(genre: str, dancer: str, number: int = 0, *, seconds: float = 10.0) -> CustomClip:
    times = np.array([0.0, seconds])
    world = np.zeros((2, 33, 3), np.float32)
    name = f"{genre}-{dancer}-{number}"
    track = Track(name, genre, times, world, world, world[..., 0], dancer)
    return CustomClip(track, [track])


def names(clips: list[CustomClip]) -> set[str]:
    return {clip.track.name for clip in clips}


def test_one_dancer_of_each_genre_is_held_out_of_training() -> None:
    clips = [clip(genre, dancer, n) for genre in "AB" for dancer in ("ann", "bo") for n in range(3)]
    clips += [clip("B", "cy"), clip(NOT_DANCING, "cy"), clip(NOT_DANCING, "ann")]
    split = hold_out(clips, required_seconds=4)
    assert not {c.track.dancer for c in split.train} & set(split.dancers)
    assert {c.track.genre for c in split.test} == {"A", "B"}
    assert {c.track.genre for c in split.train} == {"A", "B", NOT_DANCING}
    assert split.dancers_are_unseen
    assert split.name == f"unseen dancers {', '.join(split.dancers)}"
    assert (split.shared_genres, split.untested_genres) == ((), ())


def test_dancer_of_several_genres_is_held_out_in_all_of_them() -> None:
    clips = [clip("A", "bo"), clip("B", "cy")]
    clips += [clip(genre, "ann", seconds=4) for genre in "AB"]
    split = hold_out(clips, required_seconds=4)
    assert split.dancers == ("ann",)
    assert names(split.test) == {"A-ann-0", "B-ann-0"}


def test_a_quarter_of_the_dancers_with_the_least_material_is_held_out() -> None:
    clips = [clip("A", f"a{n}", seconds=10 + n) for n in range(8)]
    clips += [clip("B", f"b{n}", seconds=10 - n) for n in range(3)]
    assert hold_out(clips, required_seconds=4).dancers == ("a0", "a1", "b2")


def test_hold_out_does_not_depend_on_the_order_of_the_clips() -> None:
    clips = [clip(genre, dancer, n) for genre in "AB" for dancer in ("", "bo") for n in range(5)]
    split, reversed_split = (
        hold_out(clips, required_seconds=4),
        hold_out(clips[::-1], required_seconds=4),
    )
    assert names(split.test) == names(reversed_split.test)
    assert split.dancers == reversed_split.dancers


def test_single_clips_are_held_out_if_no_dancer_is_named() -> None:
    split = hold_out([clip(genre, "", n) for genre in "AB" for n in range(8)], required_seconds=4)
    assert Counter(c.track.genre for c in split.test) == {"A": 2, "B": 2}
    assert len(split.train) == 12
    assert (split.dancers, split.shared_genres) == ((), ("A", "B"))
    assert not split.dancers_are_unseen
    assert split.name == "unseen clips, of dancers who may be known"


def test_single_clips_are_held_out_of_a_genre_with_only_one_dancer() -> None:
    clips = [clip("A", "ann"), clip("A", "bo"), *(clip("B", "cy", n) for n in range(4))]
    split = hold_out(clips, required_seconds=4)
    assert split.dancers == ("ann",)
    assert split.shared_genres == ("B",)
    assert not split.dancers_are_unseen


def test_unnamed_dancer_counts_as_possibly_shared_unless_idle() -> None:
    clips = [clip(genre, dancer) for genre in "AB" for dancer in ("ann", "bo", "cy")]
    assert hold_out([*clips, clip(NOT_DANCING, "")], required_seconds=4).dancers_are_unseen
    assert not hold_out([*clips, clip("A", "", seconds=1)], required_seconds=4).dancers_are_unseen


def test_each_genre_keeps_the_seconds_needed_for_training() -> None:
    clips = [clip("A", "ann", seconds=3), clip("A", "bo", seconds=6), clip("B", "cy", seconds=9)]
    clips += [clip("B", "di", seconds=9), clip("C", "ann", seconds=9), clip("C", "cy", seconds=9)]
    split = hold_out(clips, required_seconds=4)
    for genre in "ABC":
        assert sum(c.seconds for c in split.train if c.track.genre == genre) >= 4


def test_genre_with_one_clip_is_not_tested() -> None:
    clips = [clip(genre, dancer) for genre in "AB" for dancer in ("ann", "bo")] + [clip("C", "cy")]
    split = hold_out(clips, required_seconds=4)
    assert split.untested_genres == ("C",)
    assert {c.track.genre for c in split.test} == {"A", "B"}


def test_genre_with_less_material_than_needed_does_not_prevent_a_test_of_the_others() -> None:
    clips = [clip(genre, dancer) for genre in "AB" for dancer in ("ann", "bo")]
    split = hold_out([*clips, clip("C", "cy", seconds=1)], required_seconds=4)
    assert split.untested_genres == ("C",)
    assert len(split.dancers) == 1


def test_nothing_is_held_out_if_fewer_than_two_genres_can_be_tested() -> None:
    clips = [clip("A", "ann"), clip("A", "bo"), clip("B", "cy")]
    split = hold_out(clips, required_seconds=4)
    assert names(split.train) == names(clips)
    assert (split.test, split.dancers, split.untested_genres) == ([], (), ("A", "B"))
