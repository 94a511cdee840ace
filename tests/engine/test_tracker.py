from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import pytest

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.tracker import DancerTracker, SingleTracker, assign
from tests.engine.walkers import Walker, ids

ANN, BOB, CY = Walker(-2.0), Walker(2.0, size=1.2), Walker(0.0, size=0.8)

Route = Callable[[float], float]


def times(start: float, end: float, rate: float = 30) -> list[float]:
    return [frame / rate for frame in range(round(start * rate), round(end * rate))]


def stage(
    routes: Sequence[tuple[Walker, Route]], end: float, *, rate: float = 30, hidden: float = 0.6
) -> list[tuple[float, list[Landmarks], list[int]]]:
    """Of each frame who is seen, in any order, and which of `routes` each is.

    Whoever is nearer than `hidden` metres to somebody earlier in `routes` is not seen.
    """
    rng = np.random.default_rng(1)
    frames = []
    for time in times(0, end, rate):
        places = [route(time) for _, route in routes]
        seen = [
            n for n, x in enumerate(places) if all(abs(x - other) >= hidden for other in places[:n])
        ]
        seen = rng.permutation(seen).tolist()
        frames.append((time, [routes[n][0].at(time, places[n]) for n in seen], seen))
    return frames


def owners(
    tracker: DancerTracker, frames: list[tuple[float, list[Landmarks], list[int]]]
) -> list[int]:
    """The one id of each who is on stage."""
    said = ids(tracker, [(time, seen) for time, seen, _ in frames])
    of: dict[int, set[int | None]] = {}
    for given, (_, _, who) in zip(said, frames, strict=True):
        for key, owner in zip(given, who, strict=True):
            of.setdefault(owner, set()).add(key)
    assert all(len(each) == 1 for each in of.values()), of
    return [key for _, each in sorted(of.items()) for key in each if key is not None]


def walk(start: float, end: float, *, begin: float = 1.0, speed: float = 1.0) -> Route:
    """Stands at `start`, and from `begin` on walks to `end`."""
    return lambda time: float(
        start + np.sign(end - start) * np.clip((time - begin) * speed, 0, abs(end - start))
    )


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_ids_stay_in_whatever_order_people_are_found(rate: int) -> None:
    frames = stage([(each, walk(each.x, each.x)) for each in (ANN, BOB, CY)], 3, rate=rate)
    assert sorted(owners(DancerTracker(3), frames)) == [1, 2, 3]


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("rate", [15, 30, 60])
def test_ids_stay_when_two_cross_and_the_one_behind_is_lost(
    rate: int, speed: float, portrait: bool
) -> None:
    ann, bob = (ANN.portrait(), BOB.portrait()) if portrait else (ANN, BOB)
    routes = [(bob, walk(2, -2, speed=speed)), (ann, walk(-2, 2, speed=speed))]
    assert sorted(owners(DancerTracker(2), stage(routes, 2 + 4 / speed, rate=rate))) == [1, 2]


def test_ids_stay_when_two_meet_and_turn_back() -> None:
    routes = [
        (BOB, lambda time: float(np.clip(abs(time - 3), 0.1, 2))),
        (ANN, lambda time: -float(np.clip(abs(time - 3), 0.1, 2))),
    ]
    assert sorted(owners(DancerTracker(2), stage(routes, 6))) == [1, 2]


def test_ids_stay_when_somebody_of_the_same_size_walks_past() -> None:
    routes = [(Walker(), walk(-2, 2)), (Walker(), lambda time: 0.0)]
    assert sorted(owners(DancerTracker(2), stage(routes, 7))) == [1, 2]


def test_who_stands_behind_somebody_is_remembered_for_longer() -> None:
    front = walk(-2, 0, speed=2)
    back = walk(0, 2, begin=4.5, speed=2)
    routes: list[tuple[Walker, Route]] = [
        (BOB, lambda time: front(time) if time < 4 else back(time)),
        (CY, lambda time: 0.0),
    ]
    frames = stage(routes, 7)
    unseen = [time for time, _, who in frames if 1 not in who]
    assert max(unseen) - min(unseen) > 2
    assert sorted(owners(DancerTracker(2), frames)) == [1, 2]


@pytest.mark.parametrize(("away", "key"), [(1.2, 1), (1.8, 3)])
def test_an_id_is_kept_for_a_second_and_a_half(away: float, key: int) -> None:
    frames = [(t, [BOB.at(t), *([] if 2 <= t < 2 + away else [ANN.at(t)])]) for t in times(0, 6)]
    tracker = DancerTracker(2)
    assert ids(tracker, [(time, seen[::-1]) for time, seen in frames])[-1] == [key, 2]


def test_who_is_not_seen_is_still_followed_until_given_up() -> None:
    tracker = DancerTracker(2)
    tracker.update(0.0, [ANN.at(0.0), BOB.at(0.0)])
    bob = BOB.at(1.0)
    assert tracker.update(1.0, [bob]) == {1: None, 2: bob}
    bob = BOB.at(2.0)
    assert tracker.update(2.0, [bob]) == {2: bob}
    assert tracker.update(9.0, []) == {}


def test_those_who_are_there_at_the_start_are_followed_at_once() -> None:
    tracker = DancerTracker(3)
    assert tracker.update(0.0, []) == {}
    ann, bob = ANN.at(0.5), BOB.at(0.5)
    assert tracker.update(0.5, [ann, bob]) == {1: ann, 2: bob}


@pytest.mark.parametrize("rate", [5, 15, 30, 60])
def test_somebody_new_is_followed_after_a_fifth_of_a_second(rate: int) -> None:
    frames = [(t, [ANN.at(t), BOB.at(t)][: 1 + (t >= 1)]) for t in times(0, 2, rate)]
    said = ids(DancerTracker(2), frames)
    since = [time - 1 for (time, _), given in zip(frames, said, strict=True) if 2 in given]
    assert 0.2 - 1e-6 < since[0] < 0.2 + 1 / rate + 1e-6
    assert len(since) == pytest.approx((1 - since[0]) * rate)


def test_what_flashes_up_gets_no_id() -> None:
    frames = [(t, [ANN.at(t), BOB.at(t)][: 1 + (t % 0.5 < 0.1)]) for t in times(0, 10)]
    tracker = DancerTracker(2)
    tracker.update(-1.0, [ANN.at(-1.0)])
    assert {key for given in ids(tracker, frames) for key in given} == {1, None}


def test_somebody_seen_twice_is_one() -> None:
    frames = [(t, [ANN.at(t), ANN.at(t + 0.01, -1.9)]) for t in times(0, 2)]
    tracker = DancerTracker(2)
    assert {len(tracker.update(time, seen)) for time, seen in frames} == {1}


def test_ids_are_not_given_twice_even_after_a_reset() -> None:
    tracker = DancerTracker(2)
    tracker.update(5.0, [ANN.at(5.0), BOB.at(5.0)])
    tracker.reset("a new epoch")
    assert list(tracker.update(0.0, [ANN.at(0.0), BOB.at(0.0)])) == [3, 4]


def test_strangers_in_passing_leave_nothing_behind() -> None:
    tracker = DancerTracker(6)
    for number in range(60):
        for time in times(number, number + 0.3, 15):
            crowd = [Walker(5 - 2 * n, size=1 + 0.1 * (number % 5)).at(time) for n in range(6)]
            assert len(tracker.update(time, crowd)) <= 18
    assert tracker.update(400.0, []) == {}


def test_a_body_without_any_extent_is_borne() -> None:
    nothing = Landmarks(
        np.zeros((33, 3), np.float32), np.zeros((33, 3), np.float32), np.zeros(33, np.float32)
    )
    tracker = DancerTracker(2)
    for time in times(0, 1):
        assert list(tracker.update(time, [nothing])) == [1]


def test_alone_the_first_is_always_number_one() -> None:
    alone, ann, bob = SingleTracker(), ANN.at(0.0), BOB.at(0.0)
    assert alone.update(0.0, []) == {1: None}
    assert alone.update(0.1, [ann]) == {1: ann}
    alone.reset("a new epoch")
    assert alone.update(99.0, [bob, ann]) == {1: bob}


@pytest.mark.parametrize("seed", range(20))
def test_no_other_way_of_giving_columns_costs_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 5, 2).tolist()
    costs = rng.uniform(0, 60, (rows, columns))
    costs[rng.random(costs.shape) < 0.3] = np.inf
    # A stranger is a column of its own for each row, at the cost that the function has for one.
    wide = np.hstack([costs, np.full((rows, rows), 40.0)])

    def spent(given: Sequence[int]) -> float:
        return float(wide[range(rows), given].sum())

    given = assign(costs)
    taken = [column for column in given if column >= 0]
    assert len(set(taken)) == len(taken)
    cheapest = min(map(spent, permutations(range(rows + columns), rows)))
    own = [column if column >= 0 else columns + row for row, column in enumerate(given)]
    assert spent(own) == pytest.approx(cheapest)


def test_nobody_to_follow_is_refused() -> None:
    with pytest.raises(ValueError, match="one person or more"):
        DancerTracker(0)
