from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
BURSTY = SourceState.BURSTY
ENDED, FAILED = SourceState.ENDED, SourceState.FAILED


def frame(index: int, *, time: float | None = None, epoch: int = 0) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index if time is None else time, index, epoch)


@dataclass(frozen=True)
class Silence:
    """Pause of a source: `seconds` of virtual time, until the watchdog has reported a state."""

    seconds: float
    until: SourceState


class FakeSource:
    """Source with scripted items: it returns frames, raises exceptions and waits in silences."""

    def __init__(self, items: Iterable[Frame | Exception | Silence], *, live: bool = False) -> None:
        self.live = live
        self.closed = Event()
        self.harness: Harness | None = None
        self._items = iter(items)

    def read(self) -> Frame | None:
        item = next(self._items, None)
        while isinstance(item, Silence):
            assert self.harness
            self.harness.now += item.seconds
            assert self.harness.wait_for_state(item.until)
            item = next(self._items, None)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed.set()


class Harness:
    """Watchdog on a virtual clock, with a thread that takes frames, and lists of all calls.

    Args:
        max_retries: Number of waits between retries after which the watchdog must stop.
    """

    def __init__(self, *, max_retries: int = 5) -> None:
        self.slot = FrameSlot()
        self.events: list[StateChanged] = []
        self.received: list[tuple[float, Frame]] = []
        self.waits: list[float] = []
        self.now = 0.0
        self._reported = {state: Event() for state in SourceState}
        self._max_retries = max_retries
        self._consumer = Thread(target=self._take_frames, daemon=True)
        self._consumer.start()

    def wait(self, seconds: float) -> bool:
        """Advance the clock; return True after `max_retries` waits between retries."""
        self.now += seconds
        if seconds >= 0.5:
            self.waits.append(seconds)
        return len(self.waits) >= self._max_retries

    def on_event(self, event: StateChanged) -> None:
        self.events.append(event)
        self._reported[event.state].set()

    def wait_for_state(self, state: SourceState) -> bool:
        """Wait until the watchdog has reported a state; return False after 10 s."""
        return self._reported[state].wait(timeout=10)

    def run(self, *sources: FakeSource | Exception, loop: bool = False) -> None:
        """Run the watchdog with one source per epoch; an exception is raised on opening."""
        remaining = iter(sources)

        def open_source(epoch: int) -> Source:
            source = next(remaining)
            if isinstance(source, Exception):
                raise source
            source.harness = self
            return source

        SourceWatchdog(
            open_source,
            self.slot,
            on_event=self.on_event,
            wait=self.wait,
            clock=lambda: self.now,
            loop=loop,
            backoff=Backoff(lambda: self.now, draw=lambda: 1.0),
        ).run()
        self.slot.close()
        self._consumer.join()

    @property
    def states(self) -> list[tuple[SourceState, int]]:
        return [(event.state, event.epoch) for event in self.events]

    def _take_frames(self) -> None:
        while frame := self.slot.take():
            self.received.append((self.now, frame))


def test_each_frame_of_a_file_is_taken_at_its_capture_time() -> None:
    harness = Harness()
    source = FakeSource([frame(0, time=0.0), frame(1, time=0.4), frame(2, time=0.5)])
    harness.run(source)
    assert [received.index for _, received in harness.received] == [0, 1, 2]
    assert all(now >= received.time for now, received in harness.received)
    assert harness.now == pytest.approx(0.5)
    assert source.closed.is_set()


def test_states_of_a_file_are_reported_in_order() -> None:
    harness = Harness()
    harness.run(FakeSource([frame(0), frame(1)]))
    assert harness.states == [(CONNECTING, 0), (RUNNING, 0), (ENDED, 0)]
    assert [event.final for event in harness.events] == [False, False, True]


def test_unreadable_file_fails_without_retry() -> None:
    harness = Harness()
    harness.run(SourceError("no such file", Fault.NOT_FOUND))
    assert harness.states == [(CONNECTING, 0), (FAILED, 0)]
    assert harness.events[-1] == StateChanged(
        FAILED, 0, "no such file", Fault.NOT_FOUND, final=True
    )


def test_looping_source_restarts_in_a_new_epoch() -> None:
    harness = Harness()
    first = FakeSource([frame(0)])
    harness.run(first, FakeSource([frame(0, epoch=1)]), SourceError("gone"), loop=True)
    assert first.closed.is_set()
    assert harness.states == [
        *((CONNECTING, 0), (RUNNING, 0), (ENDED, 0)),
        *((CONNECTING, 1), (RUNNING, 1), (ENDED, 1)),
        *((CONNECTING, 2), (FAILED, 2)),
    ]
    assert [event.final for event in harness.events] == [False] * 7 + [True]


def test_unavailable_camera_is_retried_forever_with_growing_delays() -> None:
    harness = Harness(max_retries=60)
    harness.run(*(SourceUnavailableError("no", Fault.REFUSED) for _ in range(60)))
    assert harness.states[:3] == [(CONNECTING, 0), (RECONNECTING, 0), (RECONNECTING, 1)]
    assert harness.events[1] == StateChanged(
        RECONNECTING, 0, "no; retrying in 0.5 s", Fault.REFUSED
    )
    assert not any(event.final for event in harness.events)
    assert harness.waits == sorted(harness.waits)
    assert harness.waits[-1] == 30


def test_disconnected_camera_resumes_in_a_new_epoch() -> None:
    harness = Harness()
    disconnected = FakeSource([frame(0), SourceUnavailableError("off", Fault.ENDED)], live=True)
    harness.run(disconnected, FakeSource([frame(0, epoch=1)], live=True))
    assert disconnected.closed.is_set()
    assert harness.states == [
        *((CONNECTING, 0), (RUNNING, 0), (RECONNECTING, 0)),
        *((RUNNING, 1), (ENDED, 1)),
    ]
    assert harness.events[2].fault is Fault.ENDED


@pytest.mark.parametrize("fault", [Fault.AUTHENTICATION, Fault.CODEC])
def test_permanent_fault_is_not_retried(fault: Fault) -> None:
    harness = Harness()
    harness.run(SourceUnavailableError("away", Fault.REFUSED), SourceError("no", fault))
    assert harness.states[-1] == (FAILED, 1)
    assert harness.events[-1].fault is fault
    assert harness.events[-1].final


def test_camera_with_a_short_pause_stalls_and_resumes_in_the_same_epoch() -> None:
    harness = Harness()
    harness.run(FakeSource([frame(0), Silence(2.5, STALLED), frame(1)], live=True))
    assert harness.states[:3] == [(CONNECTING, 0), (RUNNING, 0), (STALLED, 0)]
    assert harness.events[2].reason == "no frame for 2 s"
    assert harness.events[2].fault is Fault.TIMED_OUT
    assert [received.index for _, received in harness.received] == [0, 1]


def test_frames_in_bursts_are_reported_with_the_cause() -> None:
    harness = Harness()
    bursty = replace(frame(0), bursty=True)
    harness.run(FakeSource([bursty, Silence(0.1, BURSTY), Silence(2.5, STALLED)], live=True))
    assert harness.states[:4] == [(CONNECTING, 0), (RUNNING, 0), (BURSTY, 0), (STALLED, 0)]
    assert "frames arrive in bursts" in str(harness.events[2].reason)
    assert harness.events[2].fault is None


def test_camera_with_a_long_pause_is_abandoned_and_restarted() -> None:
    harness = Harness()
    silent = FakeSource([frame(0), Silence(9, ENDED), frame(7)], live=True)
    harness.run(silent, FakeSource([frame(0, epoch=1)], live=True))
    assert harness.states == [
        *((CONNECTING, 0), (RUNNING, 0), (RECONNECTING, 0)),
        *((RUNNING, 1), (ENDED, 1)),
    ]
    assert harness.events[2].fault is Fault.TIMED_OUT
    # The late frame of the abandoned source is dropped, and the source is closed.
    assert silent.closed.wait(timeout=10)
    assert [(received.epoch, received.index) for _, received in harness.received] == [
        (0, 0),
        (1, 0),
    ]


def test_camera_that_delivers_no_first_frame_is_restarted() -> None:
    harness = Harness()
    without_frames = FakeSource([Silence(13, RUNNING), frame(0)], live=True)
    harness.run(without_frames, FakeSource([frame(0, epoch=1)], live=True))
    assert harness.states == [
        *((CONNECTING, 0), (RECONNECTING, 0)),
        *((RUNNING, 1), (ENDED, 1)),
    ]
    assert "no frame within 12 s" in str(harness.events[1].reason)


def test_camera_that_blocks_every_attempt_does_not_accumulate_threads() -> None:
    harness = Harness(max_retries=8)
    blocked = [FakeSource([Silence(13, FAILED)], live=True) for _ in range(4)]
    harness.on_event(StateChanged(CONNECTING, 0))
    harness.run(*blocked)
    harness.on_event(StateChanged(FAILED, 0))
    reasons = [event.reason or "" for event in harness.events if event.state is RECONNECTING]
    still_blocked = ["still blocked" in reason for reason in reasons]
    assert still_blocked == [False] * 3 + [True] * (len(reasons) - 3)
    assert len(reasons) > 4


def test_long_pause_between_frames_of_a_file_is_not_a_stall() -> None:
    harness = Harness()
    slow = FakeSource([frame(0, time=0), frame(1, time=60), frame(2, time=61)])
    harness.run(slow)
    assert harness.states == [(CONNECTING, 0), (RUNNING, 0), (ENDED, 0)]


def test_closed_slot_ends_the_watchdog_without_another_event() -> None:
    harness = Harness()
    harness.slot.close()
    source = FakeSource([frame(0), frame(1)])
    harness.run(source)
    assert harness.states == [(CONNECTING, 0), (RUNNING, 0)]
    assert source.closed.is_set()


def test_newest_frame_replaces_waiting_frames_which_count_as_dropped() -> None:
    slot = FrameSlot()
    for index in range(5):
        assert slot.put(frame(index), replace=True)
    received = slot.take()
    assert received is not None
    assert received.index == 4
    assert slot.counts == (5, 4)


def test_frame_counts_restart_in_each_epoch() -> None:
    slot = FrameSlot()
    for index in range(3):
        slot.put(frame(index), replace=True)
    slot.take()
    slot.begin(1)
    slot.put(frame(0, epoch=1), replace=True)
    assert slot.counts == (1, 0)


def test_frame_of_another_epoch_is_rejected() -> None:
    slot = FrameSlot()
    slot.put(frame(0), replace=True)
    slot.begin(1)
    assert not slot.put(frame(1), replace=True)
    assert slot.put(frame(0, epoch=1), replace=True)
    assert slot.counts == (1, 0)


def test_new_epoch_wakes_up_a_waiting_put() -> None:
    slot = FrameSlot()
    slot.put(frame(0), replace=False)
    results: list[bool] = []
    thread = in_background(lambda: results.append(slot.put(frame(1), replace=False)))
    slot.begin(1)
    thread.join(timeout=5)
    assert results == [False]


def in_background(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_put_without_replace_waits_until_the_previous_frame_is_taken() -> None:
    slot = FrameSlot()
    slot.put(frame(0), replace=False)
    thread = in_background(lambda: slot.put(frame(1), replace=False))
    indices = [received.index for _ in range(2) if (received := slot.take())]
    thread.join(timeout=5)
    assert indices == [0, 1]
    assert slot.counts == (2, 0)


def test_drain_waits_until_the_last_frame_has_been_processed() -> None:
    slot = FrameSlot()
    steps: list[str] = []
    slot.put(frame(0), replace=False)
    slot.take()

    def drain() -> None:
        slot.drain()
        steps.append("drained")

    thread = in_background(drain)
    steps.append("processed")
    in_background(slot.take)
    thread.join(timeout=5)
    assert steps == ["processed", "drained"]


@pytest.mark.parametrize("method", ["put", "take", "drain"])
def test_closing_the_slot_wakes_up_waiting_calls(method: str) -> None:
    slot = FrameSlot()
    if method != "take":
        slot.put(frame(0), replace=False)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: slot.put(frame(1), replace=False),
        "take": slot.take,
        "drain": slot.drain,
    }
    thread = in_background(calls[method])
    slot.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert slot.take() is None
    assert not slot.put(frame(2), replace=True)
