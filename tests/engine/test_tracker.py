from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import pytest

from dancetype.engine.landmarks import Landmarks
from dancetype.engine.tracker import DancerTracker, SingleTracker, assign
from tests.engine.walkers import Walker, track_ids

ANN, BOB, CY = Walker(-2.0), Walker(2.0, size=1.2), Walker(0.0, size=0.8)

Route = Callable[[float], float]
"""Position at each time, in metres to the right of the centre of the image."""


def frame_times(start: float, end: float, rate: float = 30) -> list[float]:
    return [frame / rate for frame in range(round(start * rate), round(end * rate))]


Scene = list[tuple[float, list[Landmarks], list[int]]]
"""Time, visible people and their indices in the list of walkers, for each frame."""


def render_scene(
    routes: Sequence[tuple[Walker, Route]], end: float, *, rate: float = 30, width: float = 0.6
) -> Scene:
    """Return the visible people in each frame, in random order.

    People are hidden if they are nearer than `width` metres to one who is earlier in `routes`.
    """
    rng = np.random.default_rng(1)
    scene = []
    for time in frame_times(0, end, rate):
        positions = [route(time) for _, route in routes]
        visible = [
            n
            for n, x in enumerate(positions)
            if all(abs(x - other) >= width for other in positions[:n])
        ]
        visible = rng.permutation(visible).tolist()
        people = [routes[n][0].at(time, positions[n]) for n in visible]
        scene.append((time, people, visible))
    return scene


def constant_ids(tracker: DancerTracker, scene: Scene) -> list[int]:
    """Return the ids of the walkers, after asserting that each walker has only one."""
    frame_ids = track_ids(tracker, [(time, people) for time, people, _ in scene])
    walker_ids: dict[int, set[int | None]] = {}
    for ids, (_, _, visible) in zip(frame_ids, scene, strict=True):
        for track_id, walker in zip(ids, visible, strict=True):
            walker_ids.setdefault(walker, set()).add(track_id)
    assert all(len(ids) == 1 for ids in walker_ids.values()), walker_ids
    return [i for _, ids in sorted(walker_ids.items()) for i in ids if i is not None]


def walk(start: float, end: float, *, begin: float = 1.0, speed: float = 1.0) -> Route:
    """Return the route of a person who stands at `start` until `begin`, then walks to `end`."""
    return lambda time: float(
        start + np.sign(end - start) * np.clip((time - begin) * speed, 0, abs(end - start))
    )


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_ids_are_independent_of_order_of_people(rate: int) -> None:
    routes = [(walker, walk(walker.x, walker.x)) for walker in (ANN, BOB, CY)]
    assert sorted(constant_ids(DancerTracker(3), render_scene(routes, 3, rate=rate))) == [1, 2, 3]


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("rate", [15, 30, 60])
def test_ids_are_kept_if_two_cross_and_one_is_hidden(
    rate: int, speed: float, portrait: bool
) -> None:
    ann, bob = (ANN.portrait(), BOB.portrait()) if portrait else (ANN, BOB)
    routes = [(bob, walk(2, -2, speed=speed)), (ann, walk(-2, 2, speed=speed))]
    scene = render_scene(routes, 2 + 4 / speed, rate=rate)
    assert sorted(constant_ids(DancerTracker(2), scene)) == [1, 2]


def test_ids_are_kept_if_two_meet_and_turn_back() -> None:
    routes = [
        (BOB, lambda time: float(np.clip(abs(time - 3), 0.1, 2))),
        (ANN, lambda time: -float(np.clip(abs(time - 3), 0.1, 2))),
    ]
    assert sorted(constant_ids(DancerTracker(2), render_scene(routes, 6))) == [1, 2]


def test_ids_are_kept_if_person_of_same_size_walks_past() -> None:
    routes = [(Walker(), walk(-2, 2)), (Walker(), lambda time: 0.0)]
    assert sorted(constant_ids(DancerTracker(2), render_scene(routes, 7))) == [1, 2]


def test_hidden_dancer_keeps_id_for_longer() -> None:
    front = walk(-2, 0, speed=2)
    back = walk(0, 2, begin=4.5, speed=2)
    routes: list[tuple[Walker, Route]] = [
        (BOB, lambda time: front(time) if time < 4 else back(time)),
        (CY, lambda time: 0.0),
    ]
    scene = render_scene(routes, 7)
    hidden = [time for time, _, visible in scene if 1 not in visible]
    assert max(hidden) - min(hidden) > 2
    assert sorted(constant_ids(DancerTracker(2), scene)) == [1, 2]


@pytest.mark.parametrize(("gap", "track_id"), [(1.2, 1), (1.8, 3)])
def test_lost_dancer_keeps_id_for_one_and_a_half_seconds(gap: float, track_id: int) -> None:
    frames = [
        (t, [*([] if 2 <= t < 2 + gap else [ANN.at(t)]), BOB.at(t)]) for t in frame_times(0, 6)
    ]
    assert track_ids(DancerTracker(2), frames)[-1] == [track_id, 2]


def test_dancer_who_is_not_found_is_tracked_until_timeout() -> None:
    tracker = DancerTracker(2)
    tracker.update(0.0, [ANN.at(0.0), BOB.at(0.0)])
    bob = BOB.at(1.0)
    assert tracker.update(1.0, [bob]) == {1: None, 2: bob}
    bob = BOB.at(2.0)
    assert tracker.update(2.0, [bob]) == {2: bob}
    assert tracker.update(9.0, []) == {}


def test_people_at_the_start_get_ids_immediately() -> None:
    tracker = DancerTracker(3)
    assert tracker.update(0.0, []) == {}
    ann, bob = ANN.at(0.5), BOB.at(0.5)
    assert tracker.update(0.5, [ann, bob]) == {1: ann, 2: bob}


@pytest.mark.parametrize("rate", [5, 15, 30, 60])
def test_new_person_gets_id_after_a_fifth_of_a_second(rate: int) -> None:
    frames = [(t, [ANN.at(t), BOB.at(t)][: 1 + (t >= 1)]) for t in frame_times(0, 2, rate)]
    frame_ids = track_ids(DancerTracker(2), frames)
    delays = [time - 1 for (time, _), ids in zip(frames, frame_ids, strict=True) if 2 in ids]
    assert 0.2 - 1e-6 < delays[0] < 0.2 + 1 / rate + 1e-6
    assert len(delays) == pytest.approx((1 - delays[0]) * rate)


def test_brief_detections_get_no_id() -> None:
    frames = [(t, [ANN.at(t), BOB.at(t)][: 1 + (t % 0.5 < 0.1)]) for t in frame_times(0, 10)]
    tracker = DancerTracker(2)
    tracker.update(-1.0, [ANN.at(-1.0)])
    assert {i for ids in track_ids(tracker, frames) for i in ids} == {1, None}


def test_person_detected_twice_has_one_track() -> None:
    frames = [(t, [ANN.at(t), ANN.at(t + 0.01, -1.9)]) for t in frame_times(0, 2)]
    tracker = DancerTracker(2)
    assert {len(tracker.update(time, people)) for time, people in frames} == {1}


def test_ids_are_not_reused_after_reset() -> None:
    tracker = DancerTracker(2)
    tracker.update(5.0, [ANN.at(5.0), BOB.at(5.0)])
    tracker.reset("a new epoch")
    assert list(tracker.update(0.0, [ANN.at(0.0), BOB.at(0.0)])) == [3, 4]


def test_tracks_of_many_passing_people_are_dropped() -> None:
    tracker = DancerTracker(6)
    for number in range(60):
        for time in frame_times(number, number + 0.3, 15):
            crowd = [Walker(5 - 2 * n, size=1 + 0.1 * (number % 5)).at(time) for n in range(6)]
            assert len(tracker.update(time, crowd)) <= 18
    assert tracker.update(400.0, []) == {}


def test_body_without_extent_is_tracked() -> None:
    point = Landmarks(
        np.zeros((33, 3), np.float32), np.zeros((33, 3), np.float32), np.zeros(33, np.float32)
    )
    tracker = DancerTracker(2)
    for time in frame_times(0, 1):
        assert list(tracker.update(time, [point])) == [1]


def test_single_tracker_always_gives_first_person_id_1() -> None:
    tracker, ann, bob = SingleTracker(), ANN.at(0.0), BOB.at(0.0)
    assert tracker.update(0.0, []) == {1: None}
    assert tracker.update(0.1, [ann]) == {1: ann}
    tracker.reset("a new epoch")
    assert tracker.update(99.0, [bob, ann]) == {1: bob}


@pytest.mark.parametrize("seed", range(20))
def test_assignment_has_least_total_cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 5, 2).tolist()
    costs = rng.uniform(0, 60, (rows, columns))
    costs[rng.random(costs.shape) < 0.3] = np.inf
    # An additional column per row represents a new track, with its constant cost.
    extended = np.hstack([costs, np.full((rows, rows), 40.0)])

    def total_cost(assignment: Sequence[int]) -> float:
        return float(extended[range(rows), assignment].sum())

    result = assign(costs)
    known = [column for column in result if column >= 0]
    assert len(set(known)) == len(known)
    minimum = min(map(total_cost, permutations(range(rows + columns), rows)))
    assignment = [column if column >= 0 else columns + row for row, column in enumerate(result)]
    assert total_cost(assignment) == pytest.approx(minimum)


def test_number_of_people_must_be_positive() -> None:
    with pytest.raises(ValueError, match="people must be 1 or more"):
        DancerTracker(0)
