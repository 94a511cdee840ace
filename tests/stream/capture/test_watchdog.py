from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np
import pytest

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.capture.frame_slot import FrameSlot
from dancetype.stream.capture.watchdog import SourceWatchdog
from dancetype.stream.sources.base import Frame, Source, SourceState, StateChanged

CONNECTING, RUNNING = SourceState.CONNECTING, SourceState.RUNNING
STALLED, RECONNECTING = SourceState.STALLED, SourceState.RECONNECTING
ENDED, FAILED = SourceState.ENDED, SourceState.FAILED


def frame(index: int, *, time: float | None = None, epoch: int = 0) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index if time is None else time, index, epoch)


@dataclass(frozen=True)
class Silence:
    """Seconds for which a source gives nothing, until somebody has been told of a state."""

    seconds: float
    until: SourceState


class FakeSource:
    """Yields what it is given; an exception in it is raised, and a silence is kept."""

    def __init__(self, items: Iterable[Frame | Exception | Silence], *, live: bool = False) -> None:
        self.live = live
        self.closed = Event()
        self.world: World | None = None
        self._items = iter(items)

    def read(self) -> Frame | None:
        item = next(self._items, None)
        while isinstance(item, Silence):
            assert self.world
            self.world.now += item.seconds
            assert self.world.told(item.until)
            item = next(self._items, None)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed.set()


class World:
    """A slot that somebody empties, a virtual clock, and a list of what happened."""

    def __init__(self, *, patience: int = 5) -> None:
        self.slot = FrameSlot()
        self.events: list[StateChanged] = []
        self.taken: list[tuple[float, Frame]] = []
        self.waits: list[float] = []
        self.now = 0.0
        self._told = {state: Event() for state in SourceState}
        self._patience = patience
        self._taker = Thread(target=self._take, daemon=True)
        self._taker.start()

    def wait(self, seconds: float) -> bool:
        """Passes time; it is time to stop after a few waits between tries."""
        self.now += seconds
        if seconds >= 0.5:
            self.waits.append(seconds)
        return len(self.waits) >= self._patience

    def hear(self, event: StateChanged) -> None:
        self.events.append(event)
        self._told[event.state].set()

    def told(self, state: SourceState) -> bool:
        """Waits until a state has been told."""
        return self._told[state].wait(timeout=10)

    def capture(self, *sources: FakeSource | Exception, loop: bool = False) -> None:
        opening = iter(sources)

        def open_source(epoch: int) -> Source:
            source = next(opening)
            if isinstance(source, Exception):
                raise source
            source.world = self
            return source

        SourceWatchdog(
            open_source,
            self.slot,
            on_event=self.hear,
            wait=self.wait,
            clock=lambda: self.now,
            loop=loop,
            backoff=Backoff(lambda: self.now, draw=lambda: 1.0),
        ).run()
        self.slot.close()
        self._taker.join()

    @property
    def states(self) -> list[tuple[SourceState, int]]:
        return [(event.state, event.epoch) for event in self.events]

    def _take(self) -> None:
        while frame := self.slot.take():
            self.taken.append((self.now, frame))


def test_a_file_gives_each_frame_at_its_time() -> None:
    world = World()
    source = FakeSource([frame(0, time=0.0), frame(1, time=0.4), frame(2, time=0.5)])
    world.capture(source)
    assert [taken.index for _, taken in world.taken] == [0, 1, 2]
    assert all(now >= taken.time for now, taken in world.taken)
    assert world.now == pytest.approx(0.5)
    assert source.closed.is_set()


def test_the_states_of_a_file_are_told_in_order() -> None:
    world = World()
    world.capture(FakeSource([frame(0), frame(1)]))
    assert world.states == [(CONNECTING, 0), (RUNNING, 0), (ENDED, 0)]
    assert [event.final for event in world.events] == [False, False, True]


def test_a_file_that_cannot_be_read_is_given_up() -> None:
    world = World()
    world.capture(SourceError("no such file", Fault.NOT_FOUND))
    assert world.states == [(CONNECTING, 0), (FAILED, 0)]
    assert world.events[-1] == StateChanged(FAILED, 0, "no such file", Fault.NOT_FOUND, final=True)


def test_a_source_that_loops_starts_over_in_a_new_epoch() -> None:
    world = World()
    first = FakeSource([frame(0)])
    world.capture(first, FakeSource([frame(0, epoch=1)]), SourceError("gone"), loop=True)
    assert first.closed.is_set()
    assert world.states == [
        *((CONNECTING, 0), (RUNNING, 0), (ENDED, 0)),
        *((CONNECTING, 1), (RUNNING, 1), (ENDED, 1)),
        *((CONNECTING, 2), (FAILED, 2)),
    ]
    assert [event.final for event in world.events] == [False] * 7 + [True]


def test_a_camera_that_is_not_there_is_tried_again_for_ever_with_growing_waits() -> None:
    world = World(patience=60)
    world.capture(*(SourceUnavailableError("no", Fault.REFUSED) for _ in range(60)))
    assert world.states[:3] == [(CONNECTING, 0), (RECONNECTING, 0), (RECONNECTING, 1)]
    assert world.events[1] == StateChanged(
        RECONNECTING, 0, "no; trying again in 0.5 s", Fault.REFUSED
    )
    assert not any(event.final for event in world.events)
    assert world.waits == sorted(world.waits)
    assert world.waits[-1] == 30


def test_a_camera_that_breaks_off_comes_back_in_a_new_epoch() -> None:
    world = World()
    broken = FakeSource([frame(0), SourceUnavailableError("off", Fault.ENDED)], live=True)
    world.capture(broken, FakeSource([frame(0, epoch=1)], live=True))
    assert broken.closed.is_set()
    assert world.states == [
        *((CONNECTING, 0), (RUNNING, 0), (RECONNECTING, 0)),
        *((RUNNING, 1), (ENDED, 1)),
    ]
    assert world.events[2].fault is Fault.ENDED


@pytest.mark.parametrize("fault", [Fault.AUTHENTICATION, Fault.CODEC])
def test_what_trying_again_would_not_mend_is_given_up(fault: Fault) -> None:
    world = World()
    world.capture(SourceUnavailableError("away", Fault.REFUSED), SourceError("no", fault))
    assert world.states[-1] == (FAILED, 1)
    assert world.events[-1].fault is fault
    assert world.events[-1].final


def test_a_camera_that_is_silent_for_a_moment_goes_on_in_its_epoch() -> None:
    world = World()
    world.capture(FakeSource([frame(0), Silence(2.5, STALLED), frame(1)], live=True))
    assert world.states[:3] == [(CONNECTING, 0), (RUNNING, 0), (STALLED, 0)]
    assert world.events[2].reason == "no frame for 2 s"
    assert world.events[2].fault is Fault.TIMED_OUT
    assert [taken.index for _, taken in world.taken] == [0, 1]


def test_a_camera_that_is_silent_for_long_is_left_behind_and_started_anew() -> None:
    world = World()
    silent = FakeSource([frame(0), Silence(9, ENDED), frame(7)], live=True)
    world.capture(silent, FakeSource([frame(0, epoch=1)], live=True))
    assert world.states == [
        *((CONNECTING, 0), (RUNNING, 0), (RECONNECTING, 0)),
        *((RUNNING, 1), (ENDED, 1)),
    ]
    assert world.events[2].fault is Fault.TIMED_OUT
    # What it gives in the end is nobody's, and it lets go of its camera.
    assert silent.closed.wait(timeout=10)
    assert [(taken.epoch, taken.index) for _, taken in world.taken] == [(0, 0), (1, 0)]


def test_a_camera_that_shows_no_picture_is_started_anew() -> None:
    world = World()
    blind = FakeSource([Silence(13, RUNNING), frame(0)], live=True)
    world.capture(blind, FakeSource([frame(0, epoch=1)], live=True))
    assert world.states == [
        *((CONNECTING, 0), (RECONNECTING, 0)),
        *((RUNNING, 1), (ENDED, 1)),
    ]
    assert "no picture" in str(world.events[1].reason)


def test_a_camera_that_never_lets_go_does_not_pile_up_threads() -> None:
    world = World(patience=8)
    held = [FakeSource([Silence(13, FAILED)], live=True) for _ in range(4)]
    world.hear(StateChanged(CONNECTING, 0))
    world.capture(*held)
    world.hear(StateChanged(FAILED, 0))
    reasons = [event.reason or "" for event in world.events if event.state is RECONNECTING]
    assert ["holds on" in reason for reason in reasons] == [False] * 3 + [True] * (len(reasons) - 3)
    assert len(reasons) > 4


def test_a_file_may_take_its_time() -> None:
    world = World()
    slow = FakeSource([frame(0, time=0), frame(1, time=60), frame(2, time=61)])
    world.capture(slow)
    assert world.states == [(CONNECTING, 0), (RUNNING, 0), (ENDED, 0)]


def test_a_closed_slot_ends_the_capture_without_a_word() -> None:
    world = World()
    world.slot.close()
    source = FakeSource([frame(0), frame(1)])
    world.capture(source)
    assert world.states == [(CONNECTING, 0), (RUNNING, 0)]
    assert source.closed.is_set()


def test_the_newest_frame_of_a_live_source_wins_and_the_others_are_counted() -> None:
    slot = FrameSlot()
    for index in range(5):
        assert slot.put(frame(index), overtake=True)
    taken = slot.take()
    assert taken is not None
    assert taken.index == 4
    assert slot.counts == (5, 4)


def test_frames_are_counted_anew_in_each_epoch() -> None:
    slot = FrameSlot()
    for index in range(3):
        slot.put(frame(index), overtake=True)
    slot.take()
    slot.begin(1)
    slot.put(frame(0, epoch=1), overtake=True)
    assert slot.counts == (1, 0)


def test_a_frame_of_another_epoch_is_turned_away() -> None:
    slot = FrameSlot()
    slot.put(frame(0), overtake=True)
    slot.begin(1)
    assert not slot.put(frame(1), overtake=True)
    assert slot.put(frame(0, epoch=1), overtake=True)
    assert slot.counts == (1, 0)


def test_who_waits_to_put_a_frame_is_freed_by_a_new_epoch() -> None:
    slot = FrameSlot()
    slot.put(frame(0), overtake=False)
    put: list[bool] = []
    waiting = in_background(lambda: put.append(slot.put(frame(1), overtake=False)))
    slot.begin(1)
    waiting.join(timeout=5)
    assert put == [False]


def in_background(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_frame_of_a_file_waits_until_the_one_before_is_taken() -> None:
    slot = FrameSlot()
    slot.put(frame(0), overtake=False)
    putting = in_background(lambda: slot.put(frame(1), overtake=False))
    indices = [taken.index for _ in range(2) if (taken := slot.take())]
    putting.join(timeout=5)
    assert indices == [0, 1]
    assert slot.counts == (2, 0)


def test_draining_waits_until_the_last_frame_is_done_with() -> None:
    slot = FrameSlot()
    done: list[str] = []
    slot.put(frame(0), overtake=False)
    slot.take()

    def drain() -> None:
        slot.drain()
        done.append("drained")

    draining = in_background(drain)
    done.append("worked")
    in_background(slot.take)
    draining.join(timeout=5)
    assert done == ["worked", "drained"]


@pytest.mark.parametrize("what", ["put", "take", "drain"])
def test_closing_the_slot_frees_whoever_waits(what: str) -> None:
    slot = FrameSlot()
    if what != "take":
        slot.put(frame(0), overtake=False)
    wait: dict[str, Callable[[], object]] = {
        "put": lambda: slot.put(frame(1), overtake=False),
        "take": slot.take,
        "drain": slot.drain,
    }
    waiting = in_background(wait[what])
    slot.close()
    waiting.join(timeout=5)
    assert not waiting.is_alive()
    assert slot.take() is None
    assert not slot.put(frame(2), overtake=True)
