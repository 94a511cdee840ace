from itertools import islice

import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS
from dancetype.training.data.idle import idle_motions
from dancetype.training.data.mannequin import NEUTRAL, draw_lengths, pose_joints
from dancetype.training.data.moves import MOVES
from dancetype.training.data.moves.base import Channels, Move, grip, halt, mix, repetitions


@pytest.mark.parametrize("kind", MOVES)
def test_moves_are_endless_and_have_known_channels_of_the_right_size(kind: str) -> None:
    for seed in range(5):
        for seconds, _, targets in islice(MOVES[kind](np.random.default_rng(seed)), 60):
            assert seconds >= 0
            for name, target in targets.items():
                assert np.size(target) == len(NEUTRAL[name]), name
                assert np.isfinite(target).all()


@pytest.mark.parametrize("kind", MOVES)
def test_time_passes_in_moves(kind: str) -> None:
    moves = list(islice(MOVES[kind](np.random.default_rng(1)), 200))
    assert sum(seconds + pause for seconds, pause, _ in moves) > 8


def test_mix_interpolates_the_channels_of_its_end() -> None:
    start: Channels = {"lean": (0, 10), "turn": 3}
    end: Channels = {"lean": (20, 10), "head": (4, 0)}
    mixed = mix(start, end, 0.5)
    assert set(mixed) == {"lean", "head"}
    np.testing.assert_allclose(mixed["lean"], (10, 10))
    np.testing.assert_allclose(mixed["head"], (4, 0))


def test_hands_that_hold_one_object_meet() -> None:
    rng = np.random.default_rng(0)
    channels = {name: np.array([value] * 2, float) for name, value in NEUTRAL.items()}
    for name, target in grip(0.1, -0.5, 0.6, gap=0.1).items():
        channels[name][:] = target
    joints = pose_joints(channels, draw_lengths(rng), rng)[0]
    left, right = (joints[JOINTS.index(f"{side}_wrist")] for side in ("left", "right"))
    assert 0 < np.linalg.norm(left - right) < 0.12
    assert (left + right)[0] > 0


def test_repetitions_vary_in_duration_and_tire() -> None:
    durations: list[float] = []
    sizes: list[float] = []

    def repeat(seconds: float, size: float) -> list[Move]:
        durations.append(seconds)
        sizes.append(size)
        return [(seconds, 0, {})]

    for seed in range(40):
        rng = np.random.default_rng(seed)
        list(islice(repetitions(rng, 2.0, repeat, rest=lambda rng: (), count=(20, 20)), 20))
    by_person = np.reshape(durations, (-1, 20))
    assert 1 < by_person[:, 0].min() < 1.4
    assert 2.8 < by_person[:, 0].max() < 3.6
    assert (by_person.std(axis=1) > 0.01 * by_person.mean(axis=1)).all()
    assert by_person[:, -1].mean() > 1.05 * by_person[:, 0].mean()
    assert np.reshape(sizes, (-1, 20))[:, -1].mean() < np.reshape(sizes, (-1, 20))[:, 0].mean()


def test_walk_stops_before_the_feet_do() -> None:
    (stop, pause, targets), (_, _, last) = halt(0.3)
    assert "cadence" not in targets
    assert targets["speed"] == (0, 0)
    assert stop + pause > 0.5
    assert last == {"cadence": 0}


def test_knees_are_raised_above_the_floor() -> None:
    for motion in idle_motions(12, seed=4, kinds=("yoga",), seconds=30):
        assert motion.joints[:, [13, 14], 1].min() > 0.0
