import math
from collections.abc import Callable, Sequence
from threading import Barrier, Thread

import pytest

from dancetype.stream.pose_schedule import MAX_POSE_FPS, MIN_POSE_FPS, PoseRate, PoseTurns, Turn


class Load:
    """Source whose frames take `seconds(rate)` from arrival to the end of their processing."""

    def __init__(self, rate: PoseRate) -> None:
        self.rate = rate
        self.now = 100.0
        self.changes: list[tuple[float, float]] = []

    def run(self, duration: float, seconds: Callable[[float], float]) -> None:
        end = self.now + duration
        while self.now < end:
            taken = seconds(self.rate.value)
            start, self.now = self.now, self.now + max(1 / self.rate.value, taken)
            if self.rate.add(start, start + taken):
                self.changes.append((start, self.rate.value))


@pytest.fixture
def load() -> Load:
    return Load(PoseRate())


def test_rate_is_15_if_the_machine_has_time(load: Load) -> None:
    load.run(300, lambda rate: 0.03)
    assert load.rate.value == MAX_POSE_FPS == 15
    assert load.changes == []


def test_short_hiccup_does_not_change_the_rate(load: Load) -> None:
    load.run(5, lambda rate: 0.03)
    load.run(0.1, lambda rate: 0.5)
    load.run(5, lambda rate: 0.03)
    assert load.changes == []


def test_constant_overload_reduces_the_rate_to_8_within_ten_seconds_and_never_below(
    load: Load,
) -> None:
    load.run(10, lambda rate: 0.3)
    assert load.rate.value == MIN_POSE_FPS == 8
    load.run(300, lambda rate: 0.3)
    assert min(rate for _, rate in load.changes) == 8


def test_rate_stops_at_the_first_one_that_the_machine_can_carry(load: Load) -> None:
    load.run(60, lambda rate: 0.07)
    assert load.rate.value == 10


def test_rate_rises_again_when_the_load_has_ended(load: Load) -> None:
    load.run(10, lambda rate: 0.3)
    load.run(60, lambda rate: 0.03)
    assert load.rate.value == 15


def test_rate_rises_only_after_ten_seconds(load: Load) -> None:
    load.run(3, lambda rate: 0.064)
    (reduced_at, _), *_ = load.changes
    load.run(60, lambda rate: 0.03)
    risen_at = next(at for at, rate in load.changes if rate == 15)
    assert 10 <= risen_at - reduced_at < 15


def test_rate_does_not_oscillate_if_the_load_rises_steeply_with_it(load: Load) -> None:
    # The machine carries 10 poses per second easily and 12 not at all.
    load.run(1800, lambda rate: 0.02 if rate <= 10 else 0.2)
    assert load.rate.value in (10, 12)
    assert len([at for at, _ in load.changes if at > 700]) <= 2 * (1900 - 700) / 160 + 2


def test_pause_is_short_again_after_an_increase_that_lasted(load: Load) -> None:
    load.run(600, lambda rate: 0.02 if rate <= 10 else 0.2)
    load.run(400, lambda rate: 0.02)
    assert load.rate.value == 15
    load.run(4, lambda rate: 0.2)
    before = len(load.changes)
    load.run(30, lambda rate: 0.02)
    assert len(load.changes) > before


def test_pause_between_epochs_does_not_count_as_idle_time(load: Load) -> None:
    load.run(1.5, lambda rate: 0.3)
    load.rate.reset("a new epoch")
    load.now += 60
    load.run(2.5, lambda rate: 0.3)
    assert load.rate.value < 15


def turn_with(turns: PoseTurns, newest: float) -> Turn:
    return Turn(turns, lambda: newest)


def grant_all(turns: PoseTurns, running: Turn, waiting: Sequence[Turn]) -> list[int]:
    """Pass a turn on until no source waits; return the order in which those of `waiting` had it."""
    order: list[int] = []
    while True:
        turns.release(running)
        granted = [number for number, turn in enumerate(waiting) if turn.granted.is_set()]
        if not granted:
            return order
        order += granted
        running = waiting[granted[0]]


def test_turns_are_granted_in_the_order_of_request_to_equally_new_frames() -> None:
    turns = PoseTurns(1)
    running, *waiting = (turn_with(turns, 7.0) for _ in range(5))
    for turn in (running, *waiting):
        turns.request(turn)
    assert grant_all(turns, running, waiting) == [0, 1, 2, 3]


def test_newest_frame_is_next_among_the_sources_that_have_been_waiting_the_longest() -> None:
    turns = PoseTurns(1)
    running, *waiting = (turn_with(turns, newest) for newest in (0.0, 3.0, 5.0, 4.0, 6.0, 7.0))
    for turn in (running, *waiting):
        turns.request(turn)
    # The first three of five wait the longest, then two of four and so on.
    assert grant_all(turns, running, waiting) == [1, 2, 3, 0, 4]


@pytest.mark.parametrize("newest", [-math.inf, 0.0])
def test_source_whose_frames_are_never_the_newest_has_its_turn_too(newest: float) -> None:
    turns = PoseTurns(1)
    slow, *others = (turn_with(turns, time) for time in (newest, *range(1, 8)))
    running = others[0]
    for turn in (running, slow, *others[1:]):
        turns.request(turn)
    rounds = 0
    while not slow.granted.is_set():
        turns.release(running)
        turns.request(running)
        running = next(turn for turn in (slow, *others) if turn.granted.is_set())
        rounds += 1
    assert rounds <= 2 * len(others)


def test_turn_can_be_given_up_while_waiting_for_it() -> None:
    turns = PoseTurns(1)
    running, impatient, patient = (turn_with(turns, 1.0) for _ in range(3))
    for turn in (running, impatient, patient):
        turns.request(turn)
    turns.release(impatient)
    turns.release(running)
    assert [turn.granted.is_set() for turn in (running, impatient, patient)] == [False, False, True]


def test_as_many_turns_as_the_limit_are_granted_at_the_same_time() -> None:
    turns, together = PoseTurns(2), Barrier(2)

    def take() -> None:
        with turn_with(turns, 1.0):
            together.wait(timeout=10)

    threads = [Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert not together.broken


def test_source_that_hangs_in_its_turn_does_not_block_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dancetype.stream.pose_schedule._MAX_WAIT", 0.01)
    turns = PoseTurns(1)
    with turn_with(turns, 1.0):
        for _ in range(2):
            with turn_with(turns, 1.0):
                pass
    assert (turns._free, len(turns._queue)) == (1, 0)


def test_turn_is_passed_on_after_an_error() -> None:
    turns = PoseTurns(1)
    turn = turn_with(turns, 1.0)
    for _ in range(2):
        with pytest.raises(RuntimeError), turn:
            raise RuntimeError("a bug")
    assert turns._free == 1
