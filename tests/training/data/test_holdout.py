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


def test_of_each_genre_a_dancer_is_held_out_of_whom_nothing_is_learned() -> None:
    clips = [clip(genre, dancer, n) for genre in "AB" for dancer in ("ann", "bo") for n in range(3)]
    clips += [clip("B", "cy"), clip(NOT_DANCING, "cy"), clip(NOT_DANCING, "ann")]
    held = hold_out(clips, needed=4)
    learned = {one.track.dancer for one in held.learned}
    assert not learned & set(held.dancers)
    assert {one.track.genre for one in held.tested} == {"A", "B"}
    assert {one.track.genre for one in held.learned} == {"A", "B", NOT_DANCING}
    assert held.unseen
    assert held.name == f"unseen dancers {', '.join(held.dancers)}"
    assert (held.shared, held.missing) == ((), ())


def test_who_dances_several_genres_is_held_out_in_all_of_them_or_in_none() -> None:
    clips = [clip("A", "bo"), clip("B", "cy")]
    clips += [clip(genre, "ann", seconds=4) for genre in "AB"]
    held = hold_out(clips, needed=4)
    assert held.dancers == ("ann",)
    assert names(held.tested) == {"A-ann-0", "B-ann-0"}


def test_one_dancer_in_four_is_held_out_and_those_of_whom_there_is_least() -> None:
    clips = [clip("A", f"a{n}", seconds=10 + n) for n in range(8)]
    clips += [clip("B", f"b{n}", seconds=10 - n) for n in range(3)]
    assert hold_out(clips, needed=4).dancers == ("a0", "a1", "b2")


def test_the_same_clips_give_the_same_choice_in_whatever_order() -> None:
    clips = [clip(genre, dancer, n) for genre in "AB" for dancer in ("", "bo") for n in range(5)]
    one, other = hold_out(clips, needed=4), hold_out(clips[::-1], needed=4)
    assert names(one.tested) == names(other.tested)
    assert one.dancers == other.dancers


def test_where_nobody_is_named_whole_clips_are_held_out_and_the_split_says_so() -> None:
    held = hold_out([clip(genre, "", n) for genre in "AB" for n in range(8)], needed=4)
    assert Counter(one.track.genre for one in held.tested) == {"A": 2, "B": 2}
    assert len(held.learned) == 12
    assert (held.dancers, held.shared) == ((), ("A", "B"))
    assert not held.unseen
    assert held.name == "unseen clips, of dancers who may be known"


def test_a_lone_dancers_clips_are_held_out_one_by_one_beside_others_dancers() -> None:
    clips = [clip("A", "ann"), clip("A", "bo"), *(clip("B", "cy", n) for n in range(4))]
    held = hold_out(clips, needed=4)
    assert held.dancers == ("ann",)
    assert held.shared == ("B",)
    assert not held.unseen


def test_a_dance_without_a_name_might_be_anybodys_but_idling_without_one_does_no_harm() -> None:
    clips = [clip(genre, dancer) for genre in "AB" for dancer in ("ann", "bo", "cy")]
    assert hold_out([*clips, clip(NOT_DANCING, "")], needed=4).unseen
    assert not hold_out([*clips, clip("A", "", seconds=1)], needed=4).unseen


def test_what_is_needed_to_learn_from_is_never_held_out() -> None:
    clips = [clip("A", "ann", seconds=3), clip("A", "bo", seconds=6), clip("B", "cy", seconds=9)]
    clips += [clip("B", "di", seconds=9), clip("C", "ann", seconds=9), clip("C", "cy", seconds=9)]
    held = hold_out(clips, needed=4)
    for genre in "ABC":
        assert sum(one.seconds for one in held.learned if one.track.genre == genre) >= 4


def test_a_genre_with_too_little_is_not_tested_and_the_others_are() -> None:
    clips = [clip(genre, dancer) for genre in "AB" for dancer in ("ann", "bo")] + [clip("C", "cy")]
    held = hold_out(clips, needed=4)
    assert held.missing == ("C",)
    assert {one.track.genre for one in held.tested} == {"A", "B"}


def test_a_genre_of_which_others_have_enough_may_have_little_without_harm() -> None:
    clips = [clip(genre, dancer) for genre in "AB" for dancer in ("ann", "bo")]
    held = hold_out([*clips, clip("C", "cy", seconds=1)], needed=4)
    assert held.missing == ("C",)
    assert len(held.dancers) == 1


def test_where_fewer_than_two_genres_could_be_tested_nothing_is_held_out() -> None:
    clips = [clip("A", "ann"), clip("A", "bo"), clip("B", "cy")]
    held = hold_out(clips, needed=4)
    assert names(held.learned) == names(clips)
    assert (held.tested, held.dancers, held.missing) == ([], (), ("A", "B"))
