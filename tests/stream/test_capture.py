from collections.abc import Callable, Iterable
from threading import Thread

import numpy as np
import pytest

from stream.capture import Capture
from stream.events import StateChanged
from stream.frames import Frame
from stream.handover import FrameSlot
from stream.messages import SourceState
from stream.sources.base import Source, SourceError, SourceUnavailableError

CONNECTING, RUNNING = SourceState.CONNECTING, SourceState.RUNNING
ENDED, FAILED = SourceState.ENDED, SourceState.FAILED


def frame(index: int, *, time: float | None = None, epoch: int = 0) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index if time is None else time, index, epoch)


class FakeSource:
    """Yields what it is given; an exception in it is raised."""

    def __init__(self, items: Iterable[Frame | Exception], *, live: bool = False) -> None:
        self.live = live
        self.closed = False
        self._items = iter(items)

    def read(self) -> Frame | None:
        item = next(self._items, None)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed = True


class World:
    """A slot that somebody empties, a virtual clock, and a list of what happened."""

    def __init__(self, *, patience: int = 5) -> None:
        self.slot = FrameSlot()
        self.events: list[StateChanged] = []
        self.taken: list[tuple[float, Frame]] = []
        self.waits: list[float] = []
        self.now = 0.0
        self._patience = patience
        self._reader = Thread(target=self._take, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> bool:
        """Passes time; it is time to stop after a few long waits."""
        self.now += seconds
        if seconds >= 1:
            self.waits.append(seconds)
        return len(self.waits) >= self._patience

    def capture(self, *sources: Source | Exception, loop: bool = False) -> None:
        opening = iter(sources)

        def open_source(epoch: int) -> Source:
            source = next(opening)
            if isinstance(source, Exception):
                raise source
            return source

        Capture(
            open_source,
            self.slot,
            on_event=self.events.append,
            wait=self.wait,
            clock=lambda: self.now,
            loop=loop,
        ).run()
        self.slot.close()
        self._reader.join()

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
    assert source.closed


def test_the_states_of_a_file_are_told_in_order() -> None:
    world = World()
    world.capture(FakeSource([frame(0), frame(1)]))
    assert world.states == [(CONNECTING, 0), (RUNNING, 0), (ENDED, 0)]
    assert [event.final for event in world.events] == [False, False, True]


def test_a_file_that_cannot_be_read_is_given_up() -> None:
    world = World()
    world.capture(SourceError("no such file"))
    assert world.states == [(CONNECTING, 0), (FAILED, 0)]
    assert world.events[-1] == StateChanged(FAILED, 0, "no such file", final=True)


def test_a_source_that_loops_starts_over_in_a_new_epoch() -> None:
    world = World()
    first = FakeSource([frame(0)])
    world.capture(first, FakeSource([frame(0, epoch=1)]), SourceError("gone"), loop=True)
    assert first.closed
    assert world.states == [
        *((CONNECTING, 0), (RUNNING, 0), (ENDED, 0)),
        *((CONNECTING, 1), (RUNNING, 1), (ENDED, 1)),
        *((CONNECTING, 2), (FAILED, 2)),
    ]
    assert [event.final for event in world.events] == [False] * 7 + [True]


def test_a_camera_that_is_not_there_is_tried_again_with_growing_delays() -> None:
    world = World(patience=6)
    world.capture(*(SourceUnavailableError("refused") for _ in range(6)))
    assert world.waits == [1, 2, 4, 8, 15, 15]
    assert world.events[1].reason == "refused; trying again in 1 s"
    assert not any(event.final for event in world.events)


def test_a_camera_that_breaks_off_comes_back_in_a_new_epoch() -> None:
    world = World()
    broken = FakeSource([frame(0), SourceUnavailableError("broken off")], live=True)
    world.capture(broken, FakeSource([frame(0, epoch=1)], live=True))
    assert broken.closed
    assert world.states == [
        *((CONNECTING, 0), (RUNNING, 0), (FAILED, 0)),
        *((CONNECTING, 1), (RUNNING, 1), (ENDED, 1)),
    ]


def test_a_camera_that_has_come_back_is_soon_tried_again() -> None:
    world = World(patience=4)
    refused = SourceUnavailableError("refused")
    back = FakeSource([frame(0), SourceUnavailableError("broken off")], live=True)
    world.capture(refused, refused, back, refused)
    assert world.waits == [1, 2, 1, 2]


def test_a_closed_slot_ends_the_capture_without_a_word() -> None:
    world = World()
    world.slot.close()
    source = FakeSource([frame(0), frame(1)])
    world.capture(source)
    assert world.states == [(CONNECTING, 0), (RUNNING, 0)]
    assert source.closed


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
    slot.put(frame(0, epoch=1), overtake=True)
    assert slot.counts == (1, 0)


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
